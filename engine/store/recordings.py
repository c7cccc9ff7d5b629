"""Recordings and transcripts as they are kept, looked up, settled and deleted."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Row = dict[str, Any]


class Recordings:
    """Methods raise `StoreAway`. Times are epoch seconds. A row is written with its call; this settles it."""

    def __init__(self, named: Callable[..., Awaitable[list[Row]]], *, node: str) -> None:
        self._named = named
        self._node = node

    async def one(self, name: str) -> Row | None:
        """That recording, whoever's."""
        return next(iter(await self._named("recording", name)), None)

    async def of_calls(self, call_ids: Iterable[str]) -> dict[str, list[Row]]:
        """The recordings of each of these calls."""
        found: dict[str, list[Row]] = {call_id: [] for call_id in call_ids}
        for row in await self._named("recordings_of", list(found)) if found else []:
            found[row["call_id"]].append(row)
        return found

    async def of(
        self, account_id: str, *, call_id: str = "", state: str = "", after: str = "", count: int
    ) -> list[Row]:
        """An account's, the newest first: up to so many, of that call, in that state, from behind that one."""
        return await self._named("recordings", account_id, call_id, state, after, count)

    async def unsettled(self, count: int) -> list[Row]:
        """Those of the node that have ended, some `ended_seconds` ago, and whose files nobody has looked at."""
        return await self._named("unsettled_recordings", self._node, count)

    async def settle(self, name: str, *, state: str, reason: str, seconds: float | None, size: int | None) -> None:
        """Keep what the file has shown; without a `size` there is none."""
        await self._named("settle_recording", name, state, reason, seconds, size)

    async def to_upload(self, count: int) -> list[Row]:
        """Those of the node that are to be put into the bucket now."""
        return await self._named("recordings_to_upload", self._node, count)

    async def note_upload(self, name: str) -> None:
        """It is in the bucket."""
        await self._named("note_upload", name)

    async def put_off(self, name: str, error: str, *, seconds: float) -> None:
        """What was to be done with it could not be done: leave it alone for so long."""
        await self._named("put_off_recording", name, error, seconds)

    async def to_remove(self, count: int) -> list[Row]:
        """Those in the bucket whose file on the node nobody needs."""
        return await self._named("recordings_to_remove", self._node, count)

    async def note_removed(self, name: str) -> None:
        """There is no file on the node any more."""
        await self._named("note_removed", name)

    async def old(self, days: int, count: int) -> list[Row]:
        """Those of the node that are older than that, and not deleted everywhere."""
        return await self._named("old_recordings", self._node, days, count)

    async def delete(self, name: str, *, uploaded: bool) -> None:
        """It is nowhere any more, nor what was said in it; unless it was not `uploaded`, and is since."""
        await self._named("delete_recording", name, uploaded)

    # -- transcripts -------------------------------------------------------------------------

    async def transcripts_of(self, account_id: str, call_id: str) -> list[Row]:
        """Those of that call of that account."""
        return await self._named("transcripts_of", account_id, call_id)

    async def claim_transcripts(self, count: int, *, seconds: float) -> list[Row]:
        """Up to so many of the node's that are due: nobody else is at them for so long."""
        return await self._named("claim_transcripts", self._node, count, seconds)

    async def finish_transcript(self, name: str, attempt: int, text: str, segments: list[Any] | None) -> None:
        """That attempt has come to this text."""
        await self._named("finish_transcript", name, attempt, text, segments)

    async def fail_transcript(self, name: str, attempt: int, reason: str, *, again_seconds: float | None) -> None:
        """That attempt has failed; the next one is so much later (None: there is none)."""
        await self._named("fail_transcript", name, attempt, reason, again_seconds)
