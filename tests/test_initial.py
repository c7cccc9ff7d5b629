"""What `legwork init` writes: for whom it is readable, what stays secret, what is never overwritten."""

import os
import pwd
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine import config, initial
from engine.errors import WrongConfig
from engine.secret import weakness

LEGWORK = Path(__file__).resolve().parents[1] / ".venv/bin/legwork"


def choices(folder: Path, **more: object) -> initial.Choices:
    values: dict[str, Any] = {"group": "", "user": "", **more}
    return initial.Choices(asterisk=folder / "asterisk", engine=folder / "etc", **values)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_each_file_is_for_those_who_need_it(tmp_path: Path) -> None:
    written = initial.write(choices(tmp_path))
    assert {path.relative_to(tmp_path).as_posix(): oct(mode(path)) for path in written} == {
        "asterisk/ari.conf": "0o640",
        "asterisk/globals.conf": "0o640",
        "asterisk/http.conf": "0o640",
        "asterisk/pjsip.conf": "0o640",
        "asterisk/rtp.conf": "0o640",
        "etc/legwork.env": "0o644",
        "etc/credentials/DATABASE_URL": "0o600",
        "etc/credentials/LEGWORK_ARI_PASSWORD": "0o600",
        "etc/credentials/LEGWORK_SECRET_KEY": "0o600",
    }
    assert oct(mode(tmp_path / "etc/credentials")) == "0o700"
    assert oct(mode(tmp_path / "asterisk")) == "0o750"
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert files == set(written)  # no draft is left


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_secrets_are_the_engines_users_who_asks_the_doctor_too(tmp_path: Path) -> None:
    for _ in range(2):
        initial.write(choices(tmp_path, user="nobody"), force=True)
        nobody = pwd.getpwnam("nobody").pw_uid
        folder = tmp_path / "etc/credentials"
        assert {path.stat().st_uid for path in (folder, *folder.iterdir())} == {nobody}
        assert (tmp_path / "etc/legwork.env").stat().st_uid == 0


def test_secrets_are_new_strong_and_in_no_file_that_others_read(tmp_path: Path) -> None:
    for name in ("one", "two"):
        initial.write(choices(tmp_path / name))
    secrets = {
        (tmp_path / name / "etc/credentials" / secret).read_text().strip()
        for name in ("one", "two")
        for secret in ("LEGWORK_ARI_PASSWORD", "LEGWORK_SECRET_KEY")
    }
    assert len(secrets) == 4
    assert not [secret for secret in secrets if weakness(secret)]
    for path in (path for path in tmp_path.rglob("*") if path.is_file() and mode(path) & 0o004):
        assert not [secret for secret in secrets if secret in path.read_text()], path


def test_the_engine_reads_what_asterisk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    initial.write(choices(tmp_path, http_port=8099, node="n7"))
    for name in [name for name in os.environ if name.startswith("LEGWORK_")]:
        monkeypatch.delenv(name)
    for line in (tmp_path / "etc/legwork.env").read_text().splitlines():
        if not line.startswith("#"):
            monkeypatch.setenv(*line.split("=", 1))
    settings = config.load()
    password = settings.ari_password.get_secret_value()
    assert f"password = {password}\n" in (tmp_path / "asterisk/ari.conf").read_text()
    assert "bindport = 8099\n" in (tmp_path / "asterisk/http.conf").read_text()
    assert "\nLEGWORK_NODE = n7\n" in (tmp_path / "asterisk/globals.conf").read_text()
    assert (settings.ari_url, settings.node) == ("http://127.0.0.1:8099", "n7")
    assert len(settings.secret_key.get_secret_value()) == 64
    assert settings.database_url == "postgresql://legwork@/legwork?host=/var/run/postgresql"


def test_systemds_folder_of_secrets_comes_before_ours_and_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ours", "systemd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "LEGWORK_ARI_PASSWORD").write_text(f"of {name}\n")
    monkeypatch.setenv("ARI_PASSWORD", "of the environment")
    assert config.load().ari_password.get_secret_value() == "of the environment"
    monkeypatch.setenv("LEGWORK_CREDENTIALS_DIR", str(tmp_path / "ours"))
    assert config.load().ari_password.get_secret_value() == "of ours"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "systemd"))
    assert config.load().ari_password.get_secret_value() == "of systemd"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "nothing"))
    with pytest.raises(WrongConfig, match="nothing can not be read"):
        config.load()


def test_nothing_is_overwritten_unless_told_and_secrets_stay(tmp_path: Path) -> None:
    initial.write(choices(tmp_path))
    (tmp_path / "asterisk/rtp.conf").write_text("mine\n")
    (tmp_path / "etc/legwork.env").unlink()
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(WrongConfig, match=r"already there: .*rtp.conf.* --force"):
        initial.write(choices(tmp_path))
    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == before
    initial.write(choices(tmp_path), force=True)
    assert "rtpstart = 10000\n" in (tmp_path / "asterisk/rtp.conf").read_text()
    for path in (tmp_path / "etc/credentials").iterdir():
        assert path.read_text() == before[path]


def test_a_database_that_was_chosen_stays_until_another_one_is(tmp_path: Path) -> None:
    file = tmp_path / "etc/credentials/DATABASE_URL"
    for told, expected in (
        (None, initial.DATABASE_URL),
        ("postgresql://db.example.net/calls", "postgresql://db.example.net/calls"),
        (None, "postgresql://db.example.net/calls"),
        ("", ""),  # an embedded one
        (None, ""),
    ):
        initial.write(choices(tmp_path, database_url=told), force=True)
        assert file.read_text() == f"{expected}\n"


def test_a_trunk_is_an_endpoint_that_is_qualified_and_transfers_nothing_by_itself(tmp_path: Path) -> None:
    initial.write(choices(tmp_path, trunks=("carrier=sip.example.net:5060",)))
    text = (tmp_path / "asterisk/pjsip.conf").read_text()
    assert "[carrier](legwork-line)\n" in text
    assert "contact = sip:sip.example.net:5060\nqualify_frequency = 30" in text
    assert "match = sip.example.net:5060\n" in text
    assert "set_var = PJSIP_TRANSFER_HANDLING()=ari-only\n" in text


def test_trunks_and_telephones_arrive_in_the_contexts_of_the_dialplan(tmp_path: Path) -> None:
    initial.write(choices(tmp_path))
    text = (tmp_path / "asterisk/pjsip.conf").read_text()
    trunk, phone = text.split("[legwork-line](!)\n")[1].split("[legwork-phone](!,legwork-line)\n")
    dialplan = (LEGWORK.parents[2] / "dialplan/legwork.conf").read_text()
    for lines, context in ((trunk, "legwork-inbound"), (phone, "legwork-phones")):
        assert f"context = {context}\n" in lines
        assert f"\n[{context}]\n" in dialplan


@pytest.mark.parametrize(
    "more",
    [
        {"trunks": ("carrier",)},
        {"trunks": ("a\n[b]=host:5060",)},
        {"trunks": ("carrier=host;x:5060",)},
        {"rtp_start": 20000, "rtp_end": 10000},
        {"rtp_end": 70000},
        {"group": "no-such-group"},
        {"user": "no-such-user"},
        {"trunks": ("carrier=host:99999",)},
        {"trunks": ("carrier=host:0",)},
        {"node": "N 2!"},
        {"node": "n1\nx"},
        {"node": "a-node-of-too-many-letters"},
        {"sip_bind": "0.0.0.0"},
        {"sip_bind": "0.0.0.0:99999"},
        {"sip_bind": "0.0.0.0:5060\nx"},
    ],
)
def test_what_makes_no_sense_writes_nothing(tmp_path: Path, more: dict[str, object]) -> None:
    with pytest.raises(WrongConfig):
        initial.write(choices(tmp_path, **more))
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_to_include_and_does_it_once(tmp_path: Path) -> None:
    told = [
        str(LEGWORK),
        "init",
        "--dir",
        f"{tmp_path}/a",
        "--engine-dir",
        f"{tmp_path}/e",
        "--group",
        "",
        "--user",
        "",
    ]
    first = subprocess.run(told, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    for name, into in {"http": "http", "ari": "ari", "rtp": "rtp", "pjsip": "pjsip", "globals": "extensions"}.items():
        assert re.search(rf'/etc/asterisk/{into}.conf .*#include "{tmp_path}/a/{name}.conf"', first.stdout), name
    for step in (
        "systemctl enable --now legwork",
        "cp /opt/legwork/sounds/en/*.wav /usr/share/asterisk/sounds/en/legwork",
        "install -d -o asterisk -g asterisk -m 2770 /var/spool/asterisk/recording",
        r"printf '[Service]\nUMask=0007\n'",
        "createuser legwork",
    ):
        assert step in first.stdout
    password = (tmp_path / "e/credentials/LEGWORK_ARI_PASSWORD").read_text().strip()
    assert password not in first.stdout + first.stderr
    nobody = subprocess.run([*told[:-1], "no-such-user"], capture_output=True, text=True, check=False)
    assert "there is no user no-such-user for the engine: useradd --system " in " ".join(nobody.stderr.split())
    again = subprocess.run(told, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "already there" in again.stderr
