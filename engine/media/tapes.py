"""The files Asterisk records into: where each lies, how long it is, and whole again after a crash."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".wav"
RATE, SAMPLE_BYTES = 8000, 2  # what Asterisk writes as `wav`: one channel, 16 bit
HEADER_BYTES = 44
RIFF, WAVE, SIZE_AT = b"RIFF", b"WAVE", 4
DATA = b"data"


@dataclass(frozen=True, slots=True)
class Measured:
    """How much is in a recording's file."""

    seconds: float
    size: int  # bytes
    unrepaired: str = ""  # why its header still says something else


@dataclass(frozen=True, slots=True)
class Tapes:
    """Asterisk's folder of recordings as this engine sees it; each account's are in a folder of its own.

    Methods block, and raise `OSError`. What they are given are names of rows, never what somebody sent.
    """

    folder: Path

    def file(self, account_id: str, name: str) -> Path:
        """Where a recording lies."""
        return self.folder / account_id / (name + SUFFIX)

    def measure(self, account_id: str, name: str) -> Measured:
        """How long the file is, after its header says so, too.

        An Asterisk that died has written the sizes of an empty file there: the header is put right, where we may.
        """
        file = self.file(account_id, name)
        size = file.stat().st_size
        with file.open("rb") as opened:
            header = opened.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES or header[:4] != RIFF or header[8:12] != WAVE or header[36:40] != DATA:
            return Measured(0.0, size)
        right, unrepaired = size - HEADER_BYTES, ""
        if struct.unpack_from("<I", header, HEADER_BYTES - 4)[0] != right:
            try:
                _repair(file, size)
            except OSError as exc:
                unrepaired = str(exc)
        return Measured(right / (RATE * SAMPLE_BYTES), size, unrepaired)

    def remove(self, account_id: str, name: str) -> None:
        """Delete the file, if it is there."""
        self.file(account_id, name).unlink(missing_ok=True)


def _repair(file: Path, size: int) -> None:
    """Write the sizes that a WAV of so many bytes has."""
    with file.open("r+b") as opened:
        opened.seek(SIZE_AT)
        opened.write(struct.pack("<I", size - 8))
        opened.seek(HEADER_BYTES - 4)
        opened.write(struct.pack("<I", size - HEADER_BYTES))
        opened.flush()
        os.fsync(opened.fileno())
