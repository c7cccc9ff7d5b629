"""Prompts: what an IVR says, spoken once, in files of a node that stay as long as they are used."""

import asyncio
import time
import wave
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import structlog

from engine.core.ivr import Ivr, Prompt, Step
from engine.core.speech import Manner, manner, spoken
from engine.errors import Unavailable, WrongConfig
from engine.media import folder
from engine.media.cache import name_of
from engine.media.studio import Studio
from engine.sound import PLAYABLE

UNUSED_SECONDS = 30 * 86400.0
FRESH_SECONDS = 3600.0  # a prompt in use is made anew so often: a voice that was away then may be back

HASH_LENGTH = 16  # of what is heard, in a file's name

log = structlog.get_logger()


class Prompts:
    """Files in a folder that Asterisk plays from, named by what is said and how."""

    def __init__(self, kept_in: Path, studio: Studio) -> None:
        self._folder = kept_in.absolute()
        self._studio = studio
        self._speaking = asyncio.Lock()  # who asks for the same meanwhile finds it
        if not PLAYABLE.fullmatch(str(self._folder)):
            raise WrongConfig(
                f"{self._folder}: a path that Asterisk is given has only letters, digits and / . _ - in it"
            )

    async def spoken(self, ivr: Ivr) -> Ivr:
        """The IVR with all its texts spoken. Raises `VoiceFailed`, `Unavailable`, `InvalidRequest`."""
        asked, _ = manner(voice=ivr.voice or None, language_code=ivr.language_code or None)
        return replace(ivr, steps=tuple([await self._step(step, asked) for step in ivr.steps]))

    async def said(self, text: str) -> Prompt:
        """The text as a sound, in the manner that nobody asks for. Raises `VoiceFailed`, `Unavailable`."""
        return await self.prompt(text, manner()[0])

    async def prompt(self, text: str, asked: Manner) -> Prompt:
        """The text as a sound. Raises `VoiceFailed`, `Unavailable`, `InvalidRequest`."""
        name = name_of(text, asked, "prompt")
        file = await asyncio.to_thread(_latest, self._folder, name)
        if file is None or not _fresh(file):
            async with self._speaking:
                file = await asyncio.to_thread(_latest, self._folder, name)
                if file is None or not _fresh(file):
                    file = await self._again(file, name, text, asked)
        seconds = await asyncio.to_thread(_seconds, file)
        return Prompt(media=f"sound:{file.with_suffix('')}", seconds=seconds, text=text)

    async def sweep(self) -> int:
        """Remove what was not used for 30 days; how many files. Raises `OSError`."""
        return await asyncio.to_thread(_sweep, self._folder, time.time() - UNUSED_SECONDS)

    async def _again(self, file: Path | None, name: str, text: str, asked: Manner) -> Path:
        """The file it is in now; one that was made before is better than none."""
        try:
            return await self._speak(name, text, asked)
        except Unavailable:
            if file is None:
                raise
            return file

    async def _speak(self, name: str, text: str, asked: Manner) -> Path:
        """The file, of another name where it sounds otherwise than before: a call may be playing that one."""
        sound = await self._studio.render(spoken(text, {}), asked)
        file = self._folder / f"{name}-{sha256(sound).hexdigest()[:HASH_LENGTH]}.wav"
        try:
            await asyncio.to_thread(folder.write, file, sound)
        except OSError as exc:
            log.error("prompt not kept", error=str(exc))
            raise Unavailable from exc
        return file

    async def _step(self, step: Step, asked: Manner) -> Step:
        prompt = await self._made(step.prompt, asked)
        wrong = await self._made(step.wrong, asked) if step.wrong else None
        return replace(step, prompt=prompt, wrong=wrong)

    async def _made(self, prompt: Prompt, asked: Manner) -> Prompt:
        return prompt if prompt.media else await self.prompt(prompt.text, asked)


def _latest(kept_in: Path, name: str) -> Path | None:
    """The file that was made last under that name, if it is a sound."""
    for file in sorted(kept_in.glob(f"{name}-*.wav"), key=_made_at, reverse=True):
        with suppress(OSError, EOFError, wave.Error):
            _seconds(file)
            return file
    return None


def _made_at(file: Path) -> float:
    with suppress(OSError):
        return file.stat().st_mtime
    return 0.0


def _fresh(file: Path) -> bool:
    return time.time() - _made_at(file) < FRESH_SECONDS


def _seconds(file: Path) -> float:
    with wave.open(str(file)) as opened:
        seconds: float = opened.getnframes() / opened.getframerate()
    return seconds


def _sweep(kept_in: Path, before: float) -> int:
    removed = 0
    for file in kept_in.glob("*.*"):
        with suppress(FileNotFoundError):
            if file.stat().st_mtime < before:
                file.unlink()
                removed += 1
    return removed
