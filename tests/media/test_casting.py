"""Which voices speak, by the setting and by what keys there are."""

from pathlib import Path

import pytest

from engine import config
from engine.errors import WrongConfig
from engine.media.casting import Setting, cast, has_key

KEY = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}


def names(setting: Setting, environment: dict[str, str], home: Path) -> list[str]:
    return [voice.name for voice in cast(setting, region="", at_once=4, environment=environment, home=home)]


def test_polly_comes_first_where_there_is_a_key(tmp_path: Path) -> None:
    assert names("auto", {}, tmp_path) == ["espeak"]
    assert names("auto", KEY, tmp_path) == ["polly", "espeak"]
    assert names("espeak", KEY, tmp_path) == ["espeak"]
    assert names("polly", {}, tmp_path) == ["polly", "espeak"]


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}, False),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, False),
        (KEY, True),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/x", "AWS_ROLE_ARN": "arn"}, True),
        ({"AWS_REGION": "eu-west-1", "AWS_CA_BUNDLE": "/x"}, False),
    ],
)
def test_a_key_in_the_environment(tmp_path: Path, environment: dict[str, str], found: bool) -> None:
    assert has_key(environment, tmp_path) is found


def test_a_key_in_the_shared_files(tmp_path: Path) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "config").write_text(
        "[default]\nregion = eu-west-1\ns3 =\n  max_queue_size = 1\n[profile sso]\nsso_session = x\n"
    )
    assert not has_key({}, tmp_path)
    assert has_key({"AWS_PROFILE": "sso"}, tmp_path)
    (folder / "credentials").write_text("[work]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = x\n")
    assert not has_key({}, tmp_path)
    assert has_key({"AWS_PROFILE": "work"}, tmp_path)
    (tmp_path / "elsewhere").write_text("[default]\naws_access_key_id = AKIDEXAMPLE\n")
    assert has_key({"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "elsewhere")}, tmp_path)


@pytest.mark.parametrize("content", ["", "no section = x", "[default\n", "\x00\xff", "[default]\nx"])
def test_a_broken_file_holds_no_key(tmp_path: Path, content: str) -> None:
    (tmp_path / "broken").write_text(content)
    assert not has_key({"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "broken")}, tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00[default]\naws_access_key_id=x")
    assert not has_key({"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "bytes")}, tmp_path)


def test_the_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config.load()
    assert (settings.voices, settings.aws_region) == ("auto", "")
    assert (settings.speech_cache_megabytes, settings.speech_at_once) == (256, 4)
    monkeypatch.setenv("LEGWORK_VOICES", "espeak")
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    monkeypatch.setenv("LEGWORK_SPEECH_CACHE_MEGABYTES", "10")
    monkeypatch.setenv("LEGWORK_SPEECH_AT_ONCE", "2")
    settings = config.load()
    assert (settings.voices, settings.aws_region) == ("espeak", "ap-south-1")
    assert (settings.speech_cache_megabytes, settings.speech_at_once) == (10, 2)


@pytest.mark.parametrize(
    ("name", "value"), [("VOICES", "piper"), ("SPEECH_CACHE_MEGABYTES", "0"), ("SPEECH_AT_ONCE", "0")]
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"LEGWORK_{name}", value)
    with pytest.raises(WrongConfig, match=name.lower()):
        config.load()
