"""What is in a sound, measured: its length, level, tones and silences."""

import io
import math
import subprocess
import wave
from array import array
from collections.abc import Sequence
from pathlib import Path

RATE = 8000


def samples_of(sound: bytes) -> "array[int]":
    """The samples of a WAV file, which has to be one that Asterisk plays."""
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        frames = file.readframes(file.getnframes())
        assert len(frames) == 2 * file.getnframes()
    return array("h", frames)


def peak_dbfs(samples: Sequence[int]) -> float:
    return 20 * math.log10(max(map(abs, samples)) / 32768)


def rms(samples: Sequence[int]) -> float:
    return math.sqrt(sum(each * each for each in samples) / len(samples))


def tone_share(samples: Sequence[int], hertz: float) -> float:
    """Which share of the sound's power is a tone of that frequency: near 1 of a pure one (Goertzel)."""
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    one = two = 0.0
    for each in samples:
        one, two = each + turn * one - two, one
    power = one * one + two * two - turn * one * two
    return 2 * power / (len(samples) * sum(each * each for each in samples))


def loudest_tone_share(samples: Sequence[int], hertz: float, *, seconds: float = 0.1) -> float:
    """The largest such share of any stretch of so many seconds that is loud enough to be heard."""
    step = round(seconds * RATE)
    stretches = [samples[place : place + step] for place in range(0, len(samples), step)]
    return max((tone_share(each, hertz) for each in stretches if max(map(abs, each)) > 1000), default=0.0)


def silences(samples: Sequence[int], *, seconds: float) -> list[float]:
    """How long each stretch of digital silence lasts that is at least so many seconds long."""
    found, run = [], 0
    for each in (*samples, 1):
        if each == 0:
            run += 1
            continue
        if run >= seconds * RATE:
            found.append(run / RATE)
        run = 0
    return found


def tone(file: Path, *, hertz: int, seconds: float, rate: int = 22050) -> Path:
    """A loud tone, as a WAV file."""
    wave_form = ["synth", str(seconds), "sine", str(hertz), "gain", "-n", "-1"]
    subprocess.run(["sox", "-n", "-r", str(rate), "-c", "1", "-b", "16", str(file), *wave_form], check=True)
    return file


def telephone(wav: bytes) -> bytes:
    """The samples of a WAV file, 16-bit mono of 8 kHz."""
    form = ["-t", "raw", "-r", "8000", "-c", "1", "-b", "16", "-e", "signed-integer", "-"]
    return subprocess.run(
        ["sox", "-V1", "-D", "-t", "wav", "-", *form], input=wav, capture_output=True, check=True
    ).stdout
