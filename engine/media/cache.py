"""Spoken texts on disk, under names that do not tell them: the least recently used go first."""

import asyncio
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from engine.core.speech import Manner
from engine.trouble import Trouble

FORMAT = 1  # another one when what is kept, or how it is made, changes
NAME = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{16})?")  # what is ours in the folder; the longer ones are half-written
DIGEST_BYTES = 32
ROOM = 0.9  # a full cache is emptied down to this share of its limit
# A file's time is set at most so often: that of a digit must not tell in whose password it has just been.
USED_SECONDS = 3600


def name_of(text: str, manner: Manner, voice: str) -> str:
    """The name under which the text, spoken in that manner by that voice, is kept."""
    return hashlib.sha256(json.dumps([FORMAT, voice, text, asdict(manner)]).encode()).hexdigest()


class Cache:
    """Keeps samples in a folder, up to `limit` bytes of them, in a thread of its own.

    A cache that can not be read or written is one that holds nothing; what is not its own it leaves alone.
    """

    def __init__(self, folder: Path, *, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._kept: int | None = None  # bytes; None before the first look
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="speech-cache")
        self._failing = Trouble("spoken texts can not be cached")

    async def get(self, name: str) -> bytes | None:
        """The samples of that name, if they are there and whole."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._get, name)

    async def put(self, name: str, samples: bytes) -> None:
        """Keep the samples; what was not used for longest makes room."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._put, name, samples)

    def _get(self, name: str) -> bytes | None:
        file = self._folder / name
        try:
            kept = file.read_bytes()
            digest, samples = kept[:DIGEST_BYTES], kept[DIGEST_BYTES:]
            if hashlib.sha256(samples).digest() != digest:
                file.unlink()
                return None
            if time.time() - file.stat().st_mtime > USED_SECONDS:
                os.utime(file)
        except OSError:
            return None
        return samples

    def _put(self, name: str, samples: bytes) -> None:
        draft = self._folder / f"{name}.{secrets.token_hex(8)}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(hashlib.sha256(samples).digest() + samples)
            draft.replace(self._folder / name)
            self._make_room(DIGEST_BYTES + len(samples))
            self._failing.is_over()
        except OSError as exc:
            with suppress(OSError):
                draft.unlink()
            self._failing.goes_on(error=str(exc.strerror), folder=str(self._folder))

    def _make_room(self, added: int) -> None:
        if self._kept is not None:
            self._kept += added
            if self._kept <= self._limit:
                return
        found = sorted(self._ours())
        self._kept = sum(size for _, size, _ in found)
        if self._kept <= self._limit:
            return
        for _, size, file in found:
            if self._kept <= self._limit * ROOM:
                break
            file.unlink(missing_ok=True)
            self._kept -= size

    def _ours(self) -> Iterator[tuple[float, int, Path]]:
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    facts = entry.stat(follow_symlinks=False)
                    yield facts.st_mtime, facts.st_size, Path(entry.path)
