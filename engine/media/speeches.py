"""The speeches of live calls: one file each, where Asterisk can read it, and gone when its call is over."""

import asyncio
import secrets
import time
import wave
from collections.abc import Collection
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import structlog

from engine.core.call import Call
from engine.core.request import Speech
from engine.errors import Unavailable, WrongConfig
from engine.media import folder
from engine.sound import PLAYABLE

NAME_BYTES = 8
YOUNG_SECONDS = 60.0  # so long a speech may wait for its call

log = structlog.get_logger()


class Speeches:
    """Files in a folder that Asterisk plays from. Their names are random: they tell nothing of what is said."""

    def __init__(self, kept_in: Path) -> None:
        self._folder = kept_in.absolute()
        if not PLAYABLE.fullmatch(str(self._folder)):
            where = f"LEGWORK_SPEECH_DIR {self._folder}"
            raise WrongConfig(f"{where}: a path that Asterisk is given has only letters, digits and / . _ - in it")

    async def keep(self, sound: bytes, *, times: int) -> Speech:
        """The WAV as something that can be played. Raises `Unavailable`."""
        file = self._folder / f"{secrets.token_hex(NAME_BYTES)}.wav"
        try:
            await asyncio.to_thread(folder.write, file, sound)
        except OSError as exc:
            log.error("speech not kept", error=str(exc))
            raise Unavailable from exc
        with wave.open(BytesIO(sound)) as opened:
            seconds = opened.getnframes() / opened.getframerate()
        return Speech(media=f"sound:{file.with_suffix('')}", seconds=seconds, times=times)

    def drop(self, speech: Speech) -> None:
        """Nobody hears it any more. What is no file of this folder, an announcement say, stays."""
        file = Path(f"{speech.media.removeprefix('sound:')}.wav")
        if file.parent != self._folder:
            return
        try:
            file.unlink(missing_ok=True)
        except OSError as exc:
            log.error("speech not dropped", error=str(exc))

    def forget(self, call: Call) -> None:
        """The call is over."""
        if call.request.speech is not None:
            self.drop(call.request.speech)

    async def sweep(self, heard: Collection[str]) -> None:
        """Drop whatever is none of these media URIs and has waited long enough: an engine that died left it.

        Raises `OSError`.
        """
        names = {Path(media).name for media in heard}
        dropped = await asyncio.to_thread(_sweep, self._folder, names)
        if dropped:
            log.warning("speeches of no call dropped", speeches=dropped)


def _sweep(kept_in: Path, names: Collection[str]) -> int:
    dropped = 0
    for file in kept_in.glob("*.*"):
        with suppress(FileNotFoundError):  # its call is over meanwhile
            if file.stem not in names and file.stat().st_mtime < time.time() - YOUNG_SECONDS:
                file.unlink()
                dropped += 1
    return dropped
