"""Which characters are spoken where in a recording: held against what each sounds like."""

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.core.speech import Manner, Pause, Text
from engine.media.cache import Cache
from engine.media.espeak import Espeak
from engine.media.studio import Studio
from tests.live.lab import RATE

STEP = 4  # samples between two places tried
NEAR_SECONDS = 0.06  # a packet or two late
LOUD = 600
HEADER_BYTES = 44


@dataclass(frozen=True, slots=True)
class Reference:
    """What a speech of these texts and pauses sounds like: each text's samples, and where it begins (s)."""

    sounds: Mapping[str, Sequence[int]]
    places: Sequence[tuple[str, float]]

    @classmethod
    async def of(cls, parts: Iterable[Text | Pause], texts: Iterable[str], folder: Path) -> "Reference":
        """Rendered anew by the local voice, text by text; `texts` are those that may have been said instead."""
        studio = Studio((Espeak(),), Cache(folder, limit=1 << 24), at_once=2)
        parts = list(parts)
        wanted = dict.fromkeys([*(part.text for part in parts if isinstance(part, Text)), *texts])
        sounds = {text: samples(await studio.render((Text(text),), Manner())) for text in wanted}
        places, at = [], 0.0
        for part in parts:
            if isinstance(part, Text):
                places.append((part.text, at))
            at += len(sounds[part.text]) / RATE if isinstance(part, Text) else part.seconds
        return cls(sounds, places)


def samples(sound: bytes) -> list[int]:
    """Of a 16-bit mono WAV of ours."""
    return memoryview(sound[HEADER_BYTES:]).cast("h").tolist()


def onset(recording: Sequence[int]) -> float:
    """The second at which something is said first."""
    return next(place for place, sample in enumerate(recording) if abs(sample) > LOUD) / RATE


def likeness(recording: Sequence[int], sound: Sequence[int], at: float) -> float:
    """How alike (1: the same but for loudness, 0: not at all) the sound is to what is heard about that second."""
    length, about, near = len(sound), round(at * RATE), round(NEAR_SECONDS * RATE)
    power = math.sqrt(sum(map(operator.mul, sound, sound)))
    best = 0.0
    for start in range(max(0, about - near), about + near, STEP):
        heard = recording[start : start + length]
        own = math.sqrt(sum(map(operator.mul, heard, heard)))
        if len(heard) == length and own:
            best = max(best, sum(map(operator.mul, heard, sound)) / (own * power))
    return best
