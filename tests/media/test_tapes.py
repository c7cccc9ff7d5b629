"""Files of recordings: measured, whole again after a crash, deleted."""

import errno
import os
import struct
import wave
from pathlib import Path
from typing import Any

import pytest

from engine.media.tapes import Measured, Tapes

NAME = "n1-57362de4f0.b1.r1"


def taped(tapes: Tapes, *, seconds: float = 1.5, header: int | None = None, account_id: str = "account_1") -> Path:
    """A recording as Asterisk writes it; with `header`, one that says it has so many bytes of sound."""
    file = tapes.file(account_id, NAME)
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\x01\x02" * round(8000 * seconds))
    if header is not None:
        content = bytearray(file.read_bytes())
        content[4:8], content[40:44] = struct.pack("<I", header + 36), struct.pack("<I", header)
        file.write_bytes(content)
    return file


@pytest.fixture
def tapes(tmp_path: Path) -> Tapes:
    """Asterisk's folder."""
    return Tapes(tmp_path)


def test_how_long_a_recording_is_stands_in_its_file(tapes: Tapes) -> None:
    before = taped(tapes).read_bytes()
    assert tapes.measure("account_1", NAME) == Measured(1.5, 24044)
    assert tapes.file("account_1", NAME).read_bytes() == before


# "Asterisk `kill -9`: the WAV header still says 0 bytes" (audio.md 6)
@pytest.mark.parametrize("header", [0, 1600])
def test_a_header_that_asterisk_could_not_finish_is_put_right(tapes: Tapes, header: int) -> None:
    file = taped(tapes, header=header)
    assert tapes.measure("account_1", NAME) == Measured(1.5, 24044)
    with wave.open(str(file)) as sound:
        assert (sound.getnframes(), sound.getframerate()) == (12000, 8000)
    assert struct.unpack("<I", file.read_bytes()[4:8]) == (24036,)


def test_one_that_can_not_be_repaired_is_as_long_all_the_same_and_says_so(
    tapes: Tapes, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = taped(tapes, header=0)
    before = file.read_bytes()
    opened = Path.open

    def read_only(path: Path, mode: str = "r", **more: Any) -> Any:
        """As a file on a mount that may be read only."""
        if "+" in mode:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, mode, **more)

    monkeypatch.setattr(Path, "open", read_only)
    measured = tapes.measure("account_1", NAME)
    assert (measured.seconds, measured.size) == (1.5, 24044)
    assert "Read-only file system" in measured.unrepaired
    monkeypatch.undo()
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\0" * 4000, b"RIFF\0\0\0\0WAVEfmt " + b"\0" * 28])
def test_what_is_no_recording_has_no_sound(tapes: Tapes, content: bytes) -> None:
    file = taped(tapes)
    file.write_bytes(content)
    assert tapes.measure("account_1", NAME) == Measured(0.0, len(content))
    assert file.read_bytes() == content


def test_what_is_missing_is_missing_and_is_deleted_all_the_same(tapes: Tapes) -> None:
    with pytest.raises(FileNotFoundError):
        tapes.measure("account_1", NAME)
    tapes.remove("account_1", NAME)
    file = taped(tapes)
    tapes.remove("account_1", NAME)
    assert not file.exists()
