"""A program of the host at work for us: bytes in, bytes out, never through a shell, never for long."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from engine.errors import VoiceAway, VoiceFailed

PROGRAM_SECONDS = 10.0


async def run(command: Sequence[str], given: bytes, *, seconds: float = PROGRAM_SECONDS) -> bytes:
    """What the program writes when it is given these bytes to read.

    Raises `VoiceFailed` if it fails or takes longer, `VoiceAway` if it is not there. It never outlives this call.
    """
    name = command[0]
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    except OSError as exc:
        raise VoiceAway(f"{name} can not be started: {exc.strerror}") from exc
    try:
        async with asyncio.timeout(seconds):
            written, _ = await process.communicate(given)
    except TimeoutError as exc:
        raise VoiceFailed(f"{name} takes longer than {seconds:g} s") from exc
    finally:
        await _end(process)
    if process.returncode:
        raise VoiceFailed(f"{name} failed with exit code {process.returncode}")
    return written


async def _end(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):  # it has just ended
            process.kill()
        await process.wait()
