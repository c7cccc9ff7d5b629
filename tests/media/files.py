"""Sound files made for a test, and what is in those that come out."""

import io
import math
import subprocess
import wave
from array import array
from collections.abc import Sequence

from docker.tones import RATE


def sound(
    kind: str = "wav",
    *,
    hz: int = 600,
    seconds: float = 1.0,
    gain: float = -12,
    rate: int = 44100,
    channels: int = 2,
    coding: Sequence[str] = (),
    effects: Sequence[str] = (),
) -> bytes:
    """A sine as a file of that kind, its peak so many dB below full scale."""
    made_by = ["sox", "-R", "-n", "-r", str(rate), "-c", str(channels), *coding, "-t", kind, "-"]
    effects = ("synth", str(seconds), "sine", str(hz), "gain", str(gain), *effects)
    return subprocess.run([*made_by, *effects], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def samples_of(wav: bytes) -> list[int]:
    """The samples of a 16-bit mono 8 kHz WAV."""
    with wave.open(io.BytesIO(wav)) as opened:
        assert (opened.getnchannels(), opened.getsampwidth(), opened.getframerate()) == (1, 2, RATE)
        return array("h", opened.readframes(opened.getnframes())).tolist()


def decibel(amplitude: float) -> float:
    """To full scale."""
    return 20 * math.log10(amplitude / 32768)
