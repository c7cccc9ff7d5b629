"""Which tone is heard in which stretch of a recording."""

import math
import sys
import wave
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RATE = 8000
FRAME = 160  # samples: 20 ms, so that tones on multiples of 50 Hz do not leak into each other
CARRIER_TONES = tuple(range(400, 900, 50))  # rows 00-09 of the carrier's table
LOUD_ENOUGH = 300  # amplitude of 32767
EPSILON = 1e-6
SHARE = 0.2  # of a frame's power: two tones and some speech may share it


@dataclass(frozen=True, slots=True)
class Stretch:
    """One tone, from one second of the audio to another."""

    hz: int
    start_seconds: float
    end_seconds: float

    @property
    def seconds(self) -> float:
        return self.end_seconds - self.start_seconds


def read(path: Path | str) -> list[int]:
    """The samples of a 16-bit mono 8 kHz WAV."""
    with wave.open(str(path)) as audio:
        shape = (audio.getnchannels(), audio.getsampwidth(), audio.getframerate())
        if shape != (1, 2, RATE):
            raise ValueError(f"{path} is not 16-bit mono 8 kHz: {shape}")
        samples = array("h", audio.readframes(audio.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tolist()


def amplitude(frame: Sequence[int], hz: int) -> float:
    """How strong this frequency is in the frame (Goertzel's algorithm)."""
    turn = 2 * math.cos(2 * math.pi * hz / RATE)
    last = before = 0.0
    for sample in frame:
        last, before = sample + turn * last - before, last
    power = last * last + before * before - turn * last * before
    return 2 * math.sqrt(max(power, 0.0)) / len(frame)


def loudness(frame: Sequence[int]) -> float:
    """The root mean square of the samples: 0 for silence."""
    return math.sqrt(sum(sample * sample for sample in frame) / len(frame)) if frame else 0.0


def holds(frame: Sequence[int], hz: int) -> bool:
    """Whether this tone is in the frame, alone or among others."""
    found = amplitude(frame, hz)
    return found >= LOUD_ENOUGH and found * found / 2 >= SHARE * loudness(frame) ** 2


def tones(
    samples: Sequence[int], candidates: Iterable[int] = CARRIER_TONES, *, gap_seconds: float = 0.04
) -> list[Stretch]:
    """Each stretch of each tone, in order of their beginnings; good to one frame (20 ms).

    A gap no longer than `gap_seconds` (a lost packet or two) does not end a stretch.
    """
    frames = [samples[at : at + FRAME] for at in range(0, len(samples) - FRAME + 1, FRAME)]
    found: list[Stretch] = []
    for hz in candidates:
        held = [index * FRAME / RATE for index, frame in enumerate(frames) if holds(frame, hz)]
        found += stretches(hz, held, gap_seconds)
    return sorted(found, key=lambda stretch: (stretch.start_seconds, stretch.hz))


def stretches(hz: int, held: Sequence[float], gap_seconds: float) -> Iterator[Stretch]:
    """The frames that hold a tone, joined where they follow one another."""
    frame_seconds = FRAME / RATE
    for index, start in enumerate(held):
        if index == 0 or start - held[index - 1] > frame_seconds + gap_seconds + EPSILON:
            first = start
        if index + 1 == len(held) or held[index + 1] - start > frame_seconds + gap_seconds + EPSILON:
            yield Stretch(hz, first, start + frame_seconds)


def heard(path: Path | str, hz: int) -> float:
    """For how many seconds in all a recording holds this tone."""
    return sum(stretch.seconds for stretch in tones(read(path), [hz]))
