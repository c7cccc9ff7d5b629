"""The store: what engines, APIs and operators read, and the writer they write through."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from engine.core.idempotency import Answer, Key
from engine.errors import DndAway, KeyReused, OverCapacity, StoreAway
from engine.store.callbacks import Callbacks
from engine.store.callers import Callers
from engine.store.campaigns import Campaigns
from engine.store.connection import AWAY, COMMAND_SECONDS, connect, from_database, prepare
from engine.store.leads import Leads
from engine.store.lists import Lists
from engine.store.live import LiveCalls
from engine.store.queries import QUERIES
from engine.store.recordings import Recordings
from engine.store.reports import Reports
from engine.store.spool import Spool
from engine.store.writer import Writer

POOL_SIZE = 8
WAIT_SECONDS = 0.5  # for a connection
SOUND_SECONDS = 15.0  # ten minutes are 9.6 MB, and Postgres may be far away
LONG_SECONDS = 20.0  # what counts an account's millions; a page, or one campaign, takes hundredths
LONG_AT_ONCE = 4  # of them, so that they never have all connections
LONG_WAIT_SECONDS = 10.0
LISTEN_RETRY_SECONDS = 1.0
LOOK_SECONDS = 5.0
DND_SECONDS = 1.0
LONGEST_PAIR_SECONDS = 100 * 365 * 86400  # a time Postgres can write; longer is for ever

Row = dict[str, Any]


class Store:
    """Reads raise `StoreAway` when Postgres does not answer in 2 s (a sound: 15 s). Times are epoch seconds."""

    def __init__(self, pool: asyncpg.Pool, writer: Writer, *, url: str, node: str) -> None:
        self._pool = pool
        self._url = url
        self._node = node
        self.writer = writer
        self.callbacks = Callbacks(self._named, writer.forget)
        self.callers = Callers(self._named)
        self.leads = Leads(self._named)
        self.lists = Lists(self._named, self._transaction)
        self.reports = Reports(self._named, self._long, self._cdrs)
        self.campaigns = Campaigns(self._named, self._long)
        self.live = LiveCalls(self._named, self._with_legs, node=node)
        self.recordings = Recordings(self._named, node=node)
        self._long_reads = asyncio.Semaphore(LONG_AT_ONCE)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, node: str = "", spool: Spool | None = None) -> AsyncIterator["Store"]:
        """A store for one node (none for an operator's tool, which is told at once that Postgres is away).

        Its writer has to be run.
        """
        async with asyncpg.create_pool(
            url,
            min_size=0 if node else 1,  # an engine's pool is not to try again, and say so, all through an outage
            max_size=POOL_SIZE,
            command_timeout=COMMAND_SECONDS,
            init=prepare,
            reset=_keep,
        ) as pool:
            yield cls(pool, Writer(url, node=node, spool=spool or Spool()), url=url, node=node)

    async def ping(self) -> None:
        """Return if Postgres answers. Raises `StoreAway`."""
        await self._fetch("SELECT 1")

    async def live_calls(self) -> list[tuple[Row, list[Row]]]:
        """The node's calls that have not ended, each with its legs."""
        return await self._with_legs(await self._named("live_calls", self._node))

    async def all_live_calls(self) -> list[tuple[Row, list[Row]]]:
        """Every node's live calls, each with its legs."""
        return await self._with_legs(await self._named("all_live_calls"))

    async def call(self, call_id: str, *, account_id: str | None = None) -> tuple[Row, list[Row]] | None:
        """One call with its legs; only that account's where one is given."""
        found = await self._named("call", account_id, call_id) if account_id else await self._named("any_call", call_id)
        return next(iter(await self._with_legs(found)), None)

    async def cdr(self, request_id: str, *, account_id: str | None = None) -> Row | None:
        """One CDR, with its `legs`; only that account's where one is given."""
        name, arguments = ("cdr", (account_id, request_id)) if account_id else ("any_cdr", (request_id,))
        return next(iter(await self._cdrs(await self._named(name, *arguments))), None)

    async def live_kinds(self, account_id: str) -> dict[str, int]:
        """How many calls of each kind an account has on the line."""
        return {row["kind"]: row["calls"] for row in await self._named("live_kinds", account_id)}

    async def replay(self, key: Key) -> Answer | None:
        """The answer kept under the key; None where there is none. Raises `KeyReused`, `StoreAway`."""
        if self.writer.away:  # what it has not taken back yet may still be there
            raise StoreAway
        for row in await self._named("replay", key.account_id, key.text):
            if row["fingerprint"] != key.fingerprint:
                raise KeyReused
            return Answer(row["status"], row["body"], replayed=True)
        return None

    async def delete_expired_keys(self, count: int) -> int:
        """Delete up to so many idempotency keys whose time is over; how many."""
        return len(await self._named("delete_expired_keys", count))

    async def delete_old_cdrs(self, days: int, count: int) -> int:
        """Delete up to so many CDRs older than that, with their calls and legs; how many."""
        return len(await self._named("delete_old_cdrs", days, count))

    async def order_hangup(self, call_id: str) -> Row | None:
        """Ask the engine that owns the call to end it: its node and silent_seconds, None where no such call is live."""
        return next(iter(await self._named("order_hangup", call_id)), None)

    async def hangups_asked(self) -> list[str]:
        """The node's live calls somebody asked to end."""
        return [row["call_id"] for row in await self._named("hangups_asked", self._node)]

    async def attempts(
        self, account_id: str, number: str, *, now: float, without: list[str], daily: bool, destination: bool
    ) -> Row:
        """How many requests an account made, `today` (24 hours) and `to_destination` (10 minutes), and since when."""
        (row,) = await self._named("attempts", account_id, number, now, without, daily, destination)
        return row

    async def stops(self) -> list[Row]:
        """Where dialling is stopped: account_id ('' for every account), reason, stopped_at."""
        return await self._named("stops")

    async def stop(self, account_id: str, reason: str) -> None:
        """Stop dialling for an account, or for every one (''), and tell running engines."""
        await self._named("stop", account_id, reason)

    async def resume(self, account_id: str) -> bool:
        """Take that stop back, and tell running engines; False where there was none."""
        return bool(await self._named("resume", account_id))

    async def applied(self) -> list[Row]:
        """All applied items: kind, account_id, id, body, and of an agent its `state` (log-ins, busy)."""
        return await self._named("applied")

    async def disabled_accounts(self) -> list[Row]:
        """The accounts that are not in the applied file any more: id, body."""
        return await self._named("disabled_accounts")

    async def apply(self, items: list[Row]) -> None:
        """Put these items in place of those applied before, and tell running engines."""
        await self._named("apply", items)
        await self._named("announce_applied")

    async def change_applied(self, kind: str, account_id: str, item_id: str, **settings: Any) -> bool:
        """Change an item's settings until the next `apply`, and tell running engines; False where there is none."""
        return bool(await self._named("change_applied", kind, account_id, item_id, settings))

    async def set_agent_state(
        self,
        account_id: str,
        agent_id: str,
        *,
        web_login: bool | None = None,
        call_login: bool | None = None,
        busy: bool | None = None,
    ) -> Row | None:
        """The agent's state after these changes, None where there is no such agent. Running engines are told."""
        changed = await self._named("set_agent_state", account_id, agent_id, web_login, call_login, busy)
        return next(iter(changed), None)

    async def dnd_listed(self, account_id: str, numbers: list[str]) -> set[str]:
        """Those of the numbers on one of the account's do-not-disturb lists. Raises `DndAway` after 1 s."""
        try:
            async with asyncio.timeout(DND_SECONDS):
                # Shielded: a query that is cancelled is waited for until Postgres says so, too.
                found = await asyncio.shield(self._named("dnd_listed", account_id, numbers))
        except (StoreAway, TimeoutError) as exc:
            raise DndAway from exc
        return {row["number"] for row in found}

    async def sticky(self, account_id: str, number: str) -> str | None:
        """The agent the number is paired with, unless that time is over."""
        return next((row["agent_id"] for row in await self._named("sticky", account_id, number)), None)

    async def pair(self, account_id: str, number: str, agent_id: str, seconds: int | None) -> None:
        """Pair the number with this agent, and no other, for so long from now (None: for ever)."""
        lasts = None if seconds is None or seconds > LONGEST_PAIR_SECONDS else seconds
        await self._named("pair", account_id, number, agent_id, lasts)

    async def delete_expired_pairs(self, count: int) -> int:
        """Delete up to so many sticky pairs whose time is over; how many."""
        return len(await self._named("delete_expired_pairs", count))

    async def announcements(self, account_id: str) -> list[Row]:
        """An account's announcements: id, number, name, seconds, source (file, upload), uploaded_at."""
        return await self._named("announcements", account_id)

    async def uploads(self, *, deleted_seconds: int) -> list[Row]:
        """Every account's uploaded announcements, and those deleted (`deleted_at`) within so many seconds."""
        return await self._named("uploads", deleted_seconds)

    async def sound(self, account_id: str, announcement_id: str) -> bytes | None:
        """The WAV of an uploaded announcement, None where there is none."""
        found = await self._fetch(QUERIES["sound"], account_id, announcement_id, seconds=SOUND_SECONDS)
        return next((row["sound"] for row in found), None)

    async def add_announcement(
        self, account_id: str, *, name: str, seconds: float, sound: bytes, most: int
    ) -> Row | None:
        """The new announcement, as `announcements` has it; None where the account has `most` of them already."""
        values = (account_id, name, seconds, sound, most)
        added = await self._fetch(QUERIES["add_announcement"], *values, seconds=SOUND_SECONDS)
        return next(iter(added), None)

    async def delete_announcement(self, account_id: str, announcement_id: str) -> bool:
        """Delete one that was uploaded; False where there is none."""
        return bool(await self._named("delete_announcement", account_id, announcement_id))

    async def listen(self) -> AsyncIterator[str]:
        """Hints that something changed: what others notified, and an empty one first and every 5 s, for ever."""
        while True:
            try:
                async with self._hints() as hints:
                    hint: str | None = ""
                    while hint is not None:
                        yield hint
                        try:
                            hint = await asyncio.wait_for(hints.get(), LOOK_SECONDS)
                        except TimeoutError:
                            hint = ""
            except AWAY:
                pass
            await asyncio.sleep(LISTEN_RETRY_SECONDS)

    @asynccontextmanager
    async def _hints(self) -> AsyncIterator[asyncio.Queue[str | None]]:
        """What others notify, and None when the connection is lost."""
        hints: asyncio.Queue[str | None] = asyncio.Queue()
        connection = await connect(self._url)
        try:
            await connection.add_listener("legwork", lambda *arguments: hints.put_nowait(str(arguments[3])))
            connection.add_termination_listener(lambda *_: hints.put_nowait(None))
            yield hints
        finally:
            connection.terminate()

    async def _with_legs(self, calls: list[Row]) -> list[tuple[Row, list[Row]]]:
        legs = await self._legs(row["call_id"] for row in calls)
        return [(row, legs[row["call_id"]]) for row in calls]

    async def _cdrs(self, cdrs: list[Row]) -> list[Row]:
        legs = await self._legs(row["request_id"] for row in cdrs)
        recordings = await self.recordings.of_calls(row["request_id"] for row in cdrs)
        return [{**row, "legs": legs[row["request_id"]], "recordings": recordings[row["request_id"]]} for row in cdrs]

    async def _legs(self, call_ids: Iterable[str]) -> dict[str, list[Row]]:
        legs: dict[str, list[Row]] = {call_id: [] for call_id in call_ids}
        for row in await self._named("legs_of", list(legs)) if legs else []:
            legs[row["call_id"]].append(row)
        return legs

    @asynccontextmanager
    async def _transaction(self, seconds: float) -> AsyncIterator[Any]:
        """A connection within a transaction that has so long."""
        try:
            async with (
                asyncio.timeout(seconds + WAIT_SECONDS),
                self._pool.acquire(timeout=WAIT_SECONDS) as connection,
                connection.transaction(),
            ):
                yield connection
        except AWAY as exc:
            raise StoreAway from exc

    async def _long(self, query: str, *arguments: object) -> list[Row]:
        """What may count millions of rows. Raises `OverCapacity` where others do so for too long."""
        try:
            async with asyncio.timeout(LONG_WAIT_SECONDS):
                await self._long_reads.acquire()
        except TimeoutError:
            raise OverCapacity("too many long reports are made at once, please try again") from None
        try:
            return await self._fetch(QUERIES[query], *arguments, seconds=LONG_SECONDS)
        finally:
            self._long_reads.release()

    async def _named(self, query: str, *arguments: object) -> list[Row]:
        return await self._fetch(QUERIES[query], *arguments)

    async def _fetch(self, statement: str, *arguments: object, seconds: float = COMMAND_SECONDS) -> list[Row]:
        try:
            async with asyncio.timeout(seconds + WAIT_SECONDS):  # a frozen Postgres holds all connections
                records = await self._pool.fetch(statement, *arguments, timeout=seconds)
            return [from_database(record) for record in records]
        except AWAY as exc:
            raise StoreAway from exc


async def _keep(_: object) -> None:
    """Leave a connection as it is when it goes back to the pool: no query of ours changes it."""
