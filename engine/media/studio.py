"""The studio: parts of a speech in, one WAV out, spoken by the first voice that can speak all of them."""

import asyncio
import io
import sys
import wave
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from engine.core.speech import Manner, Part, Text
from engine.errors import VoiceAway, VoiceFailed
from engine.media import sox
from engine.media.cache import Cache, name_of
from engine.media.voice import SAMPLE_BYTES, Voice
from engine.sound import RATE
from engine.trouble import Trouble

FAINTEST = 328  # a peak below -40 dBFS is nobody speaking
SHORTEST_SECONDS = 0.03  # less is a click
REST_SECONDS = 30.0  # a voice that is away is asked last for so long

log = structlog.get_logger()


class Studio:
    """Speaks with these voices, the first one first; each speaks `at_once` texts at the same time.

    A text that several ask for at once is spoken once, and no longer than anybody waits for it. Needs an event loop.
    """

    def __init__(self, voices: Sequence[Voice], cache: Cache, *, at_once: int) -> None:
        self._voices = voices
        self._cache = cache
        self._turns = {voice.name: asyncio.Semaphore(at_once) for voice in voices}
        self._away = {voice.name: Trouble(f"{voice.name} does not speak") for voice in voices}
        self._rests_until = {voice.name: 0.0 for voice in voices}
        self._speaking: dict[str, asyncio.Task[bytes]] = {}
        self._askers: Counter[str] = Counter()

    async def render(self, parts: Sequence[Part], manner: Manner) -> bytes:
        """The parts as one 16-bit mono WAV of 8000 Hz. Raises `VoiceFailed` that says why of each voice,
        `VoiceAway` if all are away: any other text would fail, too.

        One voice speaks them all: two in one sentence would be worse than the second best.
        """
        texts = tuple(dict.fromkeys(part.text for part in parts if isinstance(part, Text)))
        if not texts:
            raise VoiceFailed("there is nothing to say")
        why, failures = [], []
        for voice in self._in_turn():
            before, now = self._try_out(voice)
            try:
                takes = await self._takes(voice, texts, manner)
            except VoiceFailed as exc:
                self._failed(voice, exc)
                why.append(f"{voice.name}: {exc.message}")
                failures.append(exc)
            else:
                if self._rests_until[voice.name] == now:  # all of it was kept: the voice has not been tried
                    self._rests_until[voice.name] = before
                return assembled(parts, takes)
        away = [isinstance(each, VoiceAway) for each in failures]
        failed = VoiceAway("; ".join(why)) if away and all(away) else VoiceFailed("; ".join(why))
        failed.may_pass = any(away)
        raise failed

    def _in_turn(self) -> list[Voice]:
        now = asyncio.get_running_loop().time()
        return sorted(self._voices, key=lambda voice: self._rests_until[voice.name] > now)

    def _try_out(self, voice: Voice) -> tuple[float, float]:
        """Of a voice whose rest is over one request finds out, the others leave it alone. Its rest before, and now."""
        time, before = asyncio.get_running_loop().time(), self._rests_until[voice.name]
        if 0 < before <= time:
            self._rests_until[voice.name] = time + REST_SECONDS
        return before, self._rests_until[voice.name]

    def _is_back(self, voice: Voice) -> None:
        self._rests_until[voice.name] = 0.0
        self._away[voice.name].is_over()

    def _failed(self, voice: Voice, exc: VoiceFailed) -> None:
        if isinstance(exc, VoiceAway):
            self._rests_until[voice.name] = asyncio.get_running_loop().time() + REST_SECONDS
            self._away[voice.name].goes_on(why=exc.message)
        else:
            self._rests_until[voice.name] = 0.0  # another text can be spoken
            log.warning("a text could not be spoken", voice=voice.name, why=exc.message)

    async def _takes(self, voice: Voice, texts: Sequence[str], manner: Manner) -> dict[str, bytes]:
        """Each text's samples; the first that fails stops the others."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {text: group.create_task(self._take(voice, text, manner), name="take") for text in texts}
        except ExceptionGroup as failed:
            first = failed.exceptions[0]
            if isinstance(first, VoiceFailed):
                raise first from None
            raise
        return {text: task.result() for text, task in tasks.items()}

    async def _take(self, voice: Voice, text: str, manner: Manner) -> bytes:
        name = name_of(text, manner, voice.name)
        kept = await self._cache.get(name)
        return await self._once(name, lambda: self._speak(voice, text, manner)) if kept is None else kept

    async def _once(self, name: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """What `make` makes, made and kept once for all who ask meanwhile; given up when the last of them leaves."""
        if name not in self._speaking:
            self._speaking[name] = asyncio.create_task(self._kept(name, make), name="speak")
        task = self._speaking[name]
        self._askers[name] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._askers[name] -= 1
            if not self._askers[name]:
                task.cancel()
                del self._speaking[name], self._askers[name]

    async def _kept(self, name: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        samples = await make()
        await self._cache.put(name, samples)
        return samples

    async def _speak(self, voice: Voice, text: str, manner: Manner) -> bytes:
        async with self._turns[voice.name]:
            raw = await voice.speak(text, manner)
            if await asyncio.to_thread(peak, raw) < FAINTEST:
                raise VoiceFailed("it stays silent")
            samples = await sox.mastered(raw, manner.volume)
        if len(samples) < SHORTEST_SECONDS * RATE * SAMPLE_BYTES:
            raise VoiceFailed("it says nothing")
        self._is_back(voice)
        return samples


def peak(samples: bytes) -> int:
    """The largest distance of a 16-bit sample from silence."""
    numbers = array("h", samples)
    if sys.byteorder == "big":
        numbers.byteswap()
    return max(max(numbers), -min(numbers)) if numbers else 0


def assembled(parts: Sequence[Part], takes: Mapping[str, bytes]) -> bytes:
    """The parts one after the other as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(SAMPLE_BYTES)
        sound.setframerate(RATE)
        for part in parts:
            sound.writeframes(
                takes[part.text] if isinstance(part, Text) else bytes(round(part.seconds * RATE) * SAMPLE_BYTES)
            )
    return file.getvalue()
