"""What the doctor sees of open ports and of ARI's password."""

import asyncio
import os
import socket
from collections.abc import Coroutine
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from engine import cli, doctor
from engine.config import Settings
from engine.doctor import exposure, speaking

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TAIL = "00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 100 0 0 10 0\n"


def settings(**values: object) -> Settings:
    return Settings.model_validate({"ari_url": "http://127.0.0.1:8088", **values})


def outcome(check: Coroutine[Any, Any, str]) -> tuple[str, str]:
    """What a check found, and what to do."""
    try:
        return asyncio.run(check), ""
    except doctor.Failed as exc:
        return exc.found, exc.fix


@pytest.mark.parametrize(
    ("family", "host"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::")],
)
def test_the_kernel_lists_what_listens(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            if family is socket.AF_INET:
                raise
            pytest.skip(f"this host has no IPv6: {host}")
        port = listener.getsockname()[1]
        assert (ip_address(host), port) not in exposure.listening(Path("/proc/net"))
        listener.listen()
        assert (ip_address(host), port) in exposure.listening(Path("/proc/net"))


@pytest.mark.parametrize(
    ("local", "state", "found", "fix"),
    [
        ("0100007F:1F98", "0A", "8088 and 5038 on loopback at most", ""),
        ("00000000:1F98", "0A", "port 8088 listens on 0.0.0.0", "bindaddr=127.0.0.1 in http.conf"),
        ("0A0200C0:1F98", "0A", "port 8088 listens on 192.0.2.10", "http.conf"),
        ("00000000:13AE", "0A", "port 5038 listens on 0.0.0.0", "manager.conf, or enabled=no"),
        ("00000000:13AE", "01", "8088 and 5038 on loopback at most", ""),  # a connection, nobody listening
        ("00000000:1F90", "0A", "8088 and 5038 on loopback at most", ""),  # another program's port
    ],
)
def test_an_open_port_is_named_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: str, state: str, found: str, fix: str
) -> None:
    (tmp_path / "tcp").write_text(f"{HEAD}   0: {local} 00000000:0000 {state} {TAIL}")
    (tmp_path / "tcp6").write_text(HEAD)
    ports = exposure.listening(tmp_path)
    monkeypatch.setattr(exposure, "listening", lambda _: ports)
    seen = outcome(exposure.ports(settings()))
    assert seen[0] == found
    assert fix in seen[1]


@pytest.mark.parametrize(
    ("password", "found"),
    [
        ("", "is shorter than 16 characters"),
        ("legwork", "is the user's name"),
        ("asterisk", "is a sample out of a document"),
        ("peekaboo", "is a sample out of a document"),
        ("hunter2", "is shorter than 16 characters"),
        ("5d0c2e0b7a9f4c1e5d0c2e0b7a9f4c1e", "32 characters"),
    ],
)
def test_a_weak_password_is_named_and_not_printed(password: str, found: str) -> None:
    seen = outcome(exposure.password(settings(ari_user="legwork", ari_password=password)))
    assert seen[0] == found
    assert bool(seen[1]) == (found != "32 characters")
    assert "32" not in seen[0] or "5d0c" not in seen[0]


def test_each_voice_says_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(speaking.voices(settings(voices="espeak"))) == ("espeak", "")
    monkeypatch.setattr("engine.media.espeak.COMMAND", ("no-such-espeak",))
    found, fix = outcome(speaking.voices(settings(voices="espeak")))
    assert found == "espeak: no-such-espeak can not be started: No such file or directory"
    assert fix == "apt-get install espeak-ng sox"


def test_a_voice_with_a_wrong_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_POLLY", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    found, fix = outcome(speaking.voices(settings(voices="polly", aws_region="eu-west-1")))
    assert found.startswith("polly: Polly can not be used: ")
    assert "LEGWORK_VOICES=espeak" in fix


@pytest.mark.parametrize(
    ("formats", "found", "fix"),
    [
        ("wav mp3 vorbis", "sox reads WAV, MP3 and Ogg Vorbis", ""),
        ("wav vorbis", "sox does not read mp3", "libsox-fmt-mp3"),
        ("wav", "sox does not read mp3 and vorbis", "libsox-fmt-mp3"),
        (None, "there is no sox", "apt-get install sox"),
    ],
)
def test_what_converts_announcements_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: str | None, found: str, fix: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if formats is not None:
        (tmp_path / "sox").write_text(f"#!/bin/sh\necho 'AUDIO FILE FORMATS: {formats}'\n")
        (tmp_path / "sox").chmod(0o755)
    said = outcome(speaking.sounds(settings()))
    assert said[0] == found
    assert fix in said[1]


def test_folders_that_asterisk_can_not_enter_are_told(tmp_path: Path) -> None:
    media, run = tmp_path / "media", tmp_path / "run"
    for folder in (media, run):
        folder.mkdir()
        folder.chmod(0o750)
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
    told = settings(media_dir=media, speech_dir=run)
    run.chmod(0o700)
    found, fix = outcome(speaking.folders(told))
    assert found == f"{run}: only its owner may enter {run}"
    assert "LEGWORK_SPEECH_DIR" in fix
    if os.geteuid() == 0:  # else what lies above is one's own, too
        run.chmod(0o750)
        assert outcome(speaking.folders(told)) == (f"{media}, {run}", "")


def test_sections_of_files_are_printed_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def examine(_: Settings) -> list[doctor.Finding]:
        return [doctor.Finding("calls", "none", "see [globals], [/x]")]

    monkeypatch.setattr(doctor, "examine", examine)
    with pytest.raises(SystemExit):
        cli.examine()
    assert "→ see [globals], [/x]" in capsys.readouterr().out
