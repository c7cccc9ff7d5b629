"""The schedule: callbacks as they are kept, changed, claimed and looked up."""

from asyncio import Future
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

from engine.core import rows
from engine.core.callback import Callback
from engine.core.idempotency import KeptAnswer
from engine.errors import IdTaken, KeyTaken, OverCapacity, StoreAway
from engine.store.connection import to_database

MOST_SCHEDULED = 10_000  # of an account at once
FULL = f"the account has {MOST_SCHEDULED:,} callbacks scheduled, as many as it may have"
UNTOLD = "untold "  # before the id of one to be forgotten, which is also a call's

Row = dict[str, Any]


class Callbacks:
    """Methods raise `StoreAway`. Times are epoch seconds. What settles a callback is its call's first commit."""

    def __init__(self, named: Callable[..., Awaitable[list[Row]]], forget: Callable[[str], Future[None]]) -> None:
        self._named = named
        self._forget = forget

    async def schedule(self, callback: Callback, kept: KeptAnswer | None = None) -> None:
        """Keep a new one, and what its request is answered.

        Raises `IdTaken`, `KeyTaken`, `OverCapacity`: nothing of it stays. After `StoreAway`, too, as soon as Postgres
        is back, should it have come through; with a key, the same request again finds what stayed.
        """
        answers = [rows.kept_row(kept, call_id=callback.request_id)] if kept else []
        try:
            (row,) = await self._named("schedule", to_database(asdict(callback)), answers, MOST_SCHEDULED)
        except StoreAway:
            if kept is None:
                await self._forget(UNTOLD + callback.request_id)  # refused only once that outlives us
            raise
        if row["is_full"]:
            raise OverCapacity(FULL)
        if not row["is_made"]:
            raise KeyTaken if kept else IdTaken

    async def one(self, account_id: str, request_id: str) -> Callback | None:
        """That callback of that account."""
        return next(iter(_read(await self._named("callback", account_id, request_id))), None)

    async def of(self, account_id: str, *, state: str = "", after: str = "", count: int) -> list[Callback]:
        """An account's, the newest first: up to so many, in that state and from behind that one where given."""
        return _read(await self._named("callbacks", account_id, state, after, count))

    async def scheduled(self, count: int) -> list[Callback]:
        """Every account's that are scheduled, the next one first."""
        return _read(await self._named("all_callbacks", count))

    async def change(self, callback: Callback) -> bool:
        """Keep it so, if it is scheduled and was not changed since it was read."""
        c = callback
        where = c.account_id, c.request_id, c.version
        told = c.agent_number, c.customer_number, c.caller_id, c.wall, c.time_zone, c.due_at, c.recording
        return bool(await self._named("change_callback", *where, *told))

    async def delete(self, account_id: str, request_id: str, *, now: float) -> bool:
        """Delete it, if it is scheduled."""
        return bool(await self._named("delete_callback", account_id, request_id, now))

    async def next_due_at(self, *, without_accounts: Collection[str] = ()) -> float | None:
        """When the next one is due that no node is at."""
        (row,) = await self._named("next_callback", list(without_accounts))
        due_at: float | None = row["due_at"]
        return due_at

    async def claim(
        self, count: int, *, now: float, seconds: float, without_accounts: Collection[str] = ()
    ) -> list[Callback]:
        """Up to so many that are due by then, the first ones first: other nodes leave them alone for so long."""
        return _read(await self._named("claim_callbacks", now, count, list(without_accounts), seconds))

    async def put_off(self, seconds: Mapping[Callback, float]) -> None:
        """Have every node leave each alone for so long, but for those that were changed."""
        ids, versions = [each.request_id for each in seconds], [each.version for each in seconds]
        await self._named("put_off_callbacks", ids, versions, list(seconds.values()))

    async def delete_old(self, days: int, count: int) -> int:
        """Delete up to so many that were settled longer ago than that; how many."""
        return len(await self._named("delete_old_callbacks", days, count))


def _read(found: list[Row]) -> list[Callback]:
    return [Callback(**row) for row in found]
