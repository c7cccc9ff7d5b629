"""Which announcement files `apply` takes, and what it says of the others."""

import wave
from array import array
from pathlib import Path
from random import Random

import pytest

from engine import applied
from engine.accounts import Accounts
from engine.core.account import Announcement
from engine.errors import WrongConfig
from engine.seal import Seal
from engine.sound import look

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT = """
[[account]]
id = "account_1"
name = "Demo shop"
region = "IN"
"""


def recorded(path: Path, *, bits: int = 16, channels: int = 1, rate: int = 8000, frames: int = 12000) -> Path:
    """A WAV file of silence."""
    with wave.open(str(path), "wb") as sound:
        sound.setsampwidth(bits // 8)
        sound.setnchannels(channels)
        sound.setframerate(rate)
        sound.writeframes(bytes(bits // 8 * channels * frames))
    return path


def announcement(name: str, file: Path | str, more: str = "") -> str:
    return f'[[account.announcement]]\nid = "{name}"\nfile = "{file}"\n{more}\n'


def known(folder: Path, *tables: str) -> dict[str, Announcement]:
    """The announcements an engine knows of an accounts file with these tables."""
    path = folder / "accounts.toml"
    path.write_text(ACCOUNT + "".join(tables))
    accounts = Accounts()
    accounts.replace(applied.read(path, Seal()))
    return dict(accounts.accounts["account_1"].announcements)


# "alertAudio integer … example alertAudio=1610448601_84.wav,1610448601_85.wav"
def test_the_ids_of_the_document_are_each_a_name_and_a_number(tmp_path: Path) -> None:
    one, two = recorded(tmp_path / "one.wav"), recorded(tmp_path / "two.wav", frames=800)
    found = known(tmp_path, announcement("1610448601_84.wav", one), announcement("1610448601_85.wav", two))
    first = Announcement(media=f"sound:{tmp_path}/one", seconds=1.5)
    second = Announcement(media=f"sound:{tmp_path}/two", seconds=0.1)
    assert found == {"1610448601_84.wav": first, "84": first, "1610448601_85.wav": second, "85": second}


@pytest.mark.parametrize(
    ("name", "more", "names"),
    [
        ("welcome", "", {"welcome"}),
        ("welcome_2024-01-05.wav", "", {"welcome_2024-01-05.wav"}),
        ("7.wav", "", {"7.wav", "7"}),
        ("7", "", {"7"}),
        ("1610448601_84.wav", 'alias = "3"', {"1610448601_84.wav", "3"}),
        ("1610448601_84.wav", 'alias = ""', {"1610448601_84.wav"}),
    ],
)
def test_the_number_is_the_one_the_id_ends_with_or_the_alias(
    tmp_path: Path, name: str, more: str, names: set[str]
) -> None:
    assert known(tmp_path, announcement(name, recorded(tmp_path / "one.wav"), more)).keys() == names


def test_two_announcements_never_share_a_name(tmp_path: Path) -> None:
    one = recorded(tmp_path / "one.wav")
    for other in (
        announcement("1699999999_84.wav", one),
        announcement("84", one),
        announcement("x", one, 'alias="84"'),
    ):
        with pytest.raises(WrongConfig, match=r"1610448601_84\.wav is called 84 too: give one of them an alias"):
            known(tmp_path, announcement("1610448601_84.wav", one), other)


def test_a_file_is_named_from_the_working_directory_and_kept_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(tmp_path / "one.wav")
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path / "etc")
    assert known(tmp_path, announcement("x", "../one.wav"))["x"].media == f"sound:{tmp_path}/one"


@pytest.mark.parametrize(
    ("bits", "channels", "rate", "words"),
    [
        (8, 1, 8000, "8 bits, 1 channels, 8000 Hz"),
        (24, 1, 8000, "24 bits, 1 channels, 8000 Hz"),
        (16, 2, 8000, "16 bits, 2 channels, 8000 Hz"),
        (16, 1, 44100, "16 bits, 1 channels, 44100 Hz"),
    ],
)
def test_another_form_is_refused_with_what_it_is_and_how_to_convert_it(
    tmp_path: Path, bits: int, channels: int, rate: int, words: str
) -> None:
    file = recorded(tmp_path / "one.wav", bits=bits, channels=channels, rate=rate)
    with pytest.raises(WrongConfig) as wrong:
        known(tmp_path, announcement("x", file))
    convert = f"wanted is a 16-bit mono WAV of 8000 Hz: sox {file} -r 8000 -c 1 -b 16 NEW.wav"
    assert wrong.value.message == f"announcement x of account_1: {file}: {words}; {convert}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no WAV of PCM samples (it ends too early)"),
        (b"ID3\x04 an mp3 under another name", "no WAV of PCM samples (file does not start with RIFF id)"),
        ("empty", "it is empty"),
        ("cut", "it is cut short"),
    ],
)
def test_what_is_no_sound_is_refused(tmp_path: Path, content: bytes | str, words: str) -> None:
    file = recorded(tmp_path / "one.wav", frames=0 if content == "empty" else 800)
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WrongConfig) as wrong:
        known(tmp_path, announcement("x", file))
    assert words in wrong.value.message
    assert "sox " in wrong.value.message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing.wav", "no file /"),
        ("one two.wav", "only letters, digits and / . _ - in it"),
        ("one&sound:two.wav", "only letters, digits and / . _ - in it"),
        ("één.wav", "only letters, digits and / . _ - in it"),
        ("one.wav\\n", "only letters, digits and / . _ - in it"),
        ("folder.wav", "no file /"),
        ("one.gsm", "its name does not end in .wav"),
    ],
)
def test_a_path_that_asterisk_can_not_be_given_is_refused(tmp_path: Path, name: str, words: str) -> None:
    for each in ("one two.wav", "één.wav", "one.gsm"):
        recorded(tmp_path / each)
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(WrongConfig, match="announcement x of account_1: ") as wrong:
        known(tmp_path, announcement("x", f"{tmp_path}/{name}"))
    assert words in wrong.value.message


def test_a_broken_file_is_refused_or_read_and_nothing_else(tmp_path: Path) -> None:
    random, whole = Random(4), recorded(tmp_path / "whole.wav", frames=20).read_bytes()
    file = tmp_path / "one.wav"
    refused = 0
    for _ in range(500):
        broken = bytearray(whole)
        for _ in range(random.randint(1, 3)):
            broken[random.randrange(44)] = random.randrange(256)
        file.write_bytes(broken)
        try:
            known(tmp_path, announcement("x", file))
        except WrongConfig:
            refused += 1
    assert refused > 300


def test_the_labs_own_sounds_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    files = sorted(Path("sounds/en").glob("*.wav"))
    found = known(tmp_path, *(announcement(file.stem, file) for file in files))
    assert found["alert-tone"].seconds == 3
    assert found["ring-tone"].seconds == 2
    assert {"one-minute-left", "please-hold"} <= found.keys()


def test_the_product_s_own_prompts_are_in_each_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for language in ("en", "hi"):
        for name in ("please-hold", "one-minute-left", "all-agents-busy", "goodbye"):
            file = f"sounds/{language}/{name}.wav"
            assert 1.5 < look(file).seconds < 6, file
            with wave.open(file) as sound:
                samples = array("h", sound.readframes(sound.getnframes()))
            loudest = max(samples), -min(samples)
            assert 0.45 < max(loudest) / 32768 < 0.55, file  # -6 dBFS
            assert max(map(abs, samples[:3600])) < 330, f"{file}: there is no time for the hand to reach the ear"


def test_what_an_older_version_applied_is_not_known_until_it_is_applied_again() -> None:
    accounts = Accounts()
    body = {"name": "x", "region": "IN", "allowed_ips": [], "credentials": {}}
    accounts.replace(
        [
            {"kind": "account", "account_id": "a", "id": "a", "body": body},
            {"kind": "announcement", "account_id": "a", "id": "x", "body": {"id": "x", "file": "sounds/x.wav"}},
        ]
    )
    assert accounts.accounts["a"].announcements == {}
