"""Has what was said written down: jobs in Postgres, claimed by the node that has the file, tried again, given up."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import structlog

from engine.errors import StoreAway, TranscriptFailed
from engine.media.tapes import Tapes
from engine.store.postgres import Store
from engine.transcripts.engine import Transcriber, Transcript

POLL_SECONDS = 1.0
AGAIN_SECONDS, LONGEST_SECONDS = 10.0, 3600.0  # from an attempt that failed to the next one, doubled each time
SPARE_SECONDS = 60.0  # how much longer than an attempt may take it is claimed
REASON_LENGTH = 500

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Transcripts:
    """A node's transcripts: so many `at_once`, each tried so often, for so many `seconds` at most."""

    store: Store
    tapes: Tapes
    transcriber: Transcriber
    seconds: float
    attempts: int
    at_once: int = 1
    again_seconds: float = AGAIN_SECONDS
    _under_way: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Write down for ever."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    for row in await self._claimed():
                        self._under_way.add(row["name"])
                        tasks.create_task(self.attempt(row), name=f"transcript {row['name']}")
                except StoreAway:  # the writer tells
                    pass
                await asyncio.sleep(POLL_SECONDS)

    async def _claimed(self) -> list[dict[str, Any]]:
        room = self.at_once - len(self._under_way)
        if room <= 0 or not self.store.writer.lock.ours or self.store.writer.away:
            return []
        return await self.store.recordings.claim_transcripts(room, seconds=self.seconds + SPARE_SECONDS)

    async def attempt(self, row: dict[str, Any]) -> None:
        """Try this one, which was claimed."""
        try:
            await self._settle(row, await self._tried(row))
        except StoreAway:  # the claim will be over
            log.warning("transcript not kept: the store is away", recording=row["name"])
        finally:
            self._under_way.discard(row["name"])

    async def _tried(self, row: dict[str, Any]) -> Transcript | str:
        """The transcript, or why there is none."""
        account_id, name = row["account_id"], row["name"]
        file = self.tapes.file(account_id, name)
        if row["attempts"] > self.attempts:  # the last one has ended with its engine
            return row["reason"] or "the engine ended while it was written down"
        try:
            return await self.transcriber.transcribe(file, account_id=account_id, name=name)
        except TranscriptFailed as exc:
            return exc.message[:REASON_LENGTH]
        except Exception as exc:  # a fault of ours, or of a library, costs this one attempt
            log.exception("transcript failed", recording=name)
            return type(exc).__name__

    async def _settle(self, row: dict[str, Any], found: Transcript | str) -> None:
        name, attempt = row["name"], row["attempts"]
        if isinstance(found, Transcript):
            await self.store.recordings.finish_transcript(name, attempt, found.text, found.segments)
            log.info("transcript done", call=row["call_id"], recording=name, attempts=attempt)
            return
        last = attempt >= self.attempts
        if last:
            await self._forget(row["account_id"], name)
        again = None if last else min(self.again_seconds * 2 ** min(attempt - 1, 16), LONGEST_SECONDS)
        await self.store.recordings.fail_transcript(name, attempt, found, again_seconds=again)
        log.warning("transcript failed", call=row["call_id"], recording=name, attempts=attempt, last=last, reason=found)

    async def _forget(self, account_id: str, name: str) -> None:
        """It is given up: nobody else is to have anything of it. What can not be deleted now is with the recording."""
        try:
            await self.transcriber.forget(account_id=account_id, name=name)
        except TranscriptFailed as exc:
            log.warning("transcriber not tidied", recording=name, error=exc.message)
