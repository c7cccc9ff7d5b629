"""A sound file that Asterisk can play: where it is, and how long it lasts."""

import os
import re
import shlex
import wave
from dataclasses import dataclass

from engine.errors import WrongConfig

RATE = 8000
PLAYABLE = re.compile(r"/[A-Za-z0-9/._-]+")
WANTED = "wanted is a 16-bit mono WAV of 8000 Hz"


@dataclass(frozen=True, slots=True)
class Sound:
    """A 16-bit mono WAV of 8 kHz under an absolute path that Asterisk may be given."""

    file: str
    seconds: float


def look(file: str) -> Sound:
    """The sound of this file, named from the working directory. Raises `WrongConfig` that says how to convert it."""
    path = os.path.abspath(file)
    if not PLAYABLE.fullmatch(path):
        raise WrongConfig(f"{path}: a path that Asterisk is given has only letters, digits and / . _ - in it")
    if not os.path.isfile(path):
        raise WrongConfig(f"no file {path}")
    if not path.endswith(".wav"):
        raise _wrong(path, "its name does not end in .wav")
    try:
        with wave.open(path) as sound:
            seconds = _seconds(path, sound)
    except OSError as exc:
        raise WrongConfig(f"{path}: {exc.strerror}") from exc
    except (wave.Error, EOFError, RuntimeError) as exc:  # the last: chunks that do not fit into each other
        raise _wrong(path, f"no WAV of PCM samples ({str(exc) or 'it ends too early'})") from exc
    return Sound(path, seconds)


def _seconds(path: str, sound: wave.Wave_read) -> float:
    if (sound.getsampwidth(), sound.getnchannels(), sound.getframerate()) != (2, 1, RATE):
        is_now = f"{sound.getsampwidth() * 8} bits, {sound.getnchannels()} channels, {sound.getframerate()} Hz"
        raise _wrong(path, is_now)
    count = sound.getnframes()
    if not count:
        raise _wrong(path, "it is empty")
    if len(sound.readframes(count)) != 2 * count:
        raise _wrong(path, "it is cut short")
    return count / RATE


def _wrong(path: str, is_now: str) -> WrongConfig:
    return WrongConfig(f"{path}: {is_now}; {WANTED}: sox {shlex.quote(path)} -r {RATE} -c 1 -b 16 NEW.wav")
