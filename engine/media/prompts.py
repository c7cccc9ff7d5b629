"""Prompts: what an IVR says, spoken once, in files of a node that stay as long as they are used."""

import asyncio
import os
import time
import wave
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
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
USED_SECONDS = 3600.0  # a file's time is set at most so often

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
        file = self._folder / f"{name_of(text, asked, 'prompt')}.wav"
        seconds = await asyncio.to_thread(_used, file)
        if seconds is None:
            async with self._speaking:
                seconds = await asyncio.to_thread(_used, file) or await self._speak(file, text, asked)
        return Prompt(media=f"sound:{file.with_suffix('')}", seconds=seconds, text=text)

    async def sweep(self) -> int:
        """Remove what was not used for 30 days; how many files. Raises `OSError`."""
        return await asyncio.to_thread(_sweep, self._folder, time.time() - UNUSED_SECONDS)

    async def _speak(self, file: Path, text: str, asked: Manner) -> float:
        sound = await self._studio.render(spoken(text, {}), asked)
        try:
            await asyncio.to_thread(folder.write, file, sound)
        except OSError as exc:
            log.error("prompt not kept", error=str(exc))
            raise Unavailable from exc
        return _seconds(sound)

    async def _step(self, step: Step, asked: Manner) -> Step:
        prompt = await self._made(step.prompt, asked)
        wrong = await self._made(step.wrong, asked) if step.wrong else None
        return replace(step, prompt=prompt, wrong=wrong)

    async def _made(self, prompt: Prompt, asked: Manner) -> Prompt:
        return prompt if prompt.media else await self.prompt(prompt.text, asked)


def _used(file: Path) -> float | None:
    """How long the sound of that file is, which is in use; None where there is none."""
    try:
        seconds = _seconds(file.read_bytes())
        if time.time() - file.stat().st_mtime > USED_SECONDS:
            os.utime(file)
    except (OSError, EOFError, wave.Error):
        return None
    return seconds


def _seconds(sound: bytes) -> float:
    with wave.open(BytesIO(sound)) as opened:
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
