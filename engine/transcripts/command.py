"""Transcripts by any program of the host: it is given the file's path, and writes JSON."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from engine.errors import TranscriptFailed
from engine.transcripts.engine import Transcript, checked

MOST_BYTES = 8 << 20  # of what it writes
CHUNK_BYTES = 1 << 16
WORDS_BYTES = 500  # of what it says when it fails
LAST_WORDS_SECONDS = 1.0
NICE = 10

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Runs `arguments`, then the path, niced, never through a shell, and never for longer than `seconds`.

    It is to write `{"text": "…", "segments": [{…}]}`, segments or none, and to end with exit code 0.
    """

    arguments: Sequence[str]
    seconds: float

    async def transcribe(self, file: Path, *, account_id: str, name: str) -> Transcript:
        """See `Transcriber`. What a program that fails says about it, the end of it, is in the log."""
        program, said = Path(self.arguments[0]).name, bytearray()
        try:
            return await self._run(program, file, said)
        except TranscriptFailed:
            words = said.decode("utf-8", "replace")
            log.warning("program failed", program=program, recording=name, said=words)
            raise

    async def _run(self, program: str, file: Path, said: bytearray) -> Transcript:
        try:
            # A group of its own: what the program starts ends with it.
            process = await asyncio.create_subprocess_exec(
                *self.arguments, str(file), stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True
            )
        except OSError as exc:
            raise TranscriptFailed(f"{program} can not be started: {exc.strerror}") from exc
        listening = asyncio.create_task(_listen(process, said), name=f"words of {program}")
        try:
            with suppress(ProcessLookupError):  # it has ended
                os.setpriority(os.PRIO_PGRP, process.pid, NICE)  # calls come first
            async with asyncio.timeout(self.seconds):
                written = await _written(process, program)
                code = await process.wait()
        except TimeoutError as exc:
            raise TranscriptFailed(f"{program} takes longer than {self.seconds:g} s") from exc
        finally:
            await _end(process)
            await asyncio.wait([listening], timeout=LAST_WORDS_SECONDS)
            listening.cancel()
        if code:
            raise TranscriptFailed(f"{program} failed with exit code {code}")
        try:
            found = await asyncio.to_thread(json.loads, written)
        except (ValueError, RecursionError) as exc:
            raise TranscriptFailed(f"{program} does not write JSON") from exc
        return checked(found)

    async def forget(self, *, account_id: str, name: str) -> None:
        """See `Transcriber`: the program was given a path, and nothing is anywhere else."""


async def _written(process: Process, program: str) -> bytes:
    assert process.stdout is not None
    written = bytearray()
    while chunk := await process.stdout.read(CHUNK_BYTES):
        written += chunk
        if len(written) > MOST_BYTES:
            raise TranscriptFailed(f"{program} writes more than {MOST_BYTES >> 20} MB")
    return bytes(written)


async def _listen(process: Process, said: bytearray) -> None:
    """Keep the end of what it says."""
    assert process.stderr is not None
    while chunk := await process.stderr.read(CHUNK_BYTES):
        said += chunk
        del said[:-WORDS_BYTES]


async def _end(process: Process) -> None:
    """End it, and whatever it has started."""
    with suppress(ProcessLookupError, PermissionError):  # it has ended, and all of its group
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
