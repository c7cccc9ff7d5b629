"""Writes calls, legs and CDRs: many calls to a commit, each call's newest state, nothing forgotten."""

import asyncio

import asyncpg
import structlog

from engine import crash
from engine.core import rows
from engine.core.call import Call
from engine.core.cdr import cdr
from engine.core.idempotency import KeptAnswer
from engine.errors import IdTaken, KeyTaken, StoreAway
from engine.store.connection import AWAY, UNWRITABLE, connect, to_database
from engine.store.queries import QUERIES

LAZY_SECONDS = 0.25  # how long a fact nobody waits for, or a CDR, may wait for company
RETRY_SECONDS = 0.5
BATCH_CALLS = 200

log = structlog.get_logger()


class Writer:
    """The one task that writes calls. A call is written as it is at that moment, however often it was noted."""

    def __init__(self, url: str, *, node: str) -> None:
        self._url = url
        self._node = node
        self._connection: asyncpg.Connection | None = None
        self._lazy: dict[str, Call] = {}  # noted, to be written within LAZY_SECONDS
        self._pending: dict[str, Call] = {}  # to be written now
        self._keyed: dict[str, KeptAnswer] = {}  # to be written with their calls' first commit
        self._forgotten: list[str] = []  # refused, though their write may have come through
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self.away = False

    @property
    def depth(self) -> int:
        """How many calls are to be written."""
        return len(self._lazy.keys() | self._pending.keys())

    def note(self, call: Call) -> None:
        """Write the call soon; with its CDR if it is over."""
        self._lazy[call.call_id] = call
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(LAZY_SECONDS, self._hurry)

    def commit(self, call: Call, kept: KeptAnswer | None = None) -> asyncio.Future[None]:
        """Write the call now, with what its request is answered: done once it is committed.

        Fails with `StoreAway`, `IdTaken`, `KeyTaken`.
        """
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.away:
            waiting.set_exception(StoreAway())
            return waiting
        if kept is not None:
            self._keyed[call.call_id] = kept
        self._waiting.setdefault(call.call_id, []).append(waiting)
        self._lazy.pop(call.call_id, None)
        self._pending[call.call_id] = call
        self._wake.set()
        return waiting

    def forget(self, call: Call) -> None:
        """Write nothing more of a call that was refused, and take back what may have been written."""
        self._lazy.pop(call.call_id, None)
        self._pending.pop(call.call_id, None)
        self._keyed.pop(call.call_id, None)
        self._forgotten.append(call.call_id)

    def _hurry(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._pending.update(self._lazy)
        self._lazy.clear()
        self._wake.set()

    async def run(self) -> None:
        """Write for ever; while the store is away, keep what is pending and try again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._write_pending()
            if self.away:
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()

    async def _write_pending(self) -> None:
        calls: list[Call] = []
        try:
            connection = await self._connected()
            while self._pending:
                calls = [self._pending.pop(call_id) for call_id in list(self._pending)[:BATCH_CALLS]]
                await self._write(connection, calls)
                calls = []
        except AWAY as exc:
            self._give_back(calls)
            self._mark_away(exc)
        except asyncio.CancelledError:
            self._give_back(calls)
            raise
        else:
            if self.away:
                log.info("store is back")
            self.away = False

    async def _connected(self) -> asyncpg.Connection:
        """A connection that works, after an outage; what was refused meanwhile is taken back first."""
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = self._connection = await connect(self._url)
        if self.away:
            await connection.execute("SELECT 1")
        if self._forgotten:
            await connection.execute(QUERIES["forget"], self._forgotten)
            self._forgotten.clear()
        return connection

    async def close(self) -> None:
        """Write what was noted, then disconnect; `run` is to have ended."""
        self._hurry()
        await self._write_pending()
        if self._connection is not None:
            await self._connection.close(timeout=1)

    async def _write(self, connection: asyncpg.Connection, calls: list[Call]) -> None:
        try:
            known = await self._insert(connection, calls)
        except Exception as exc:
            if isinstance(exc, AWAY) and not isinstance(exc, UNWRITABLE):
                raise
            if len(calls) > 1:  # one bad row must not take the others with it
                for call in calls:
                    await self._write(connection, [call])
                return
            log.error("call not written", call=calls[0].call_id, error=str(exc))
            known = set()
        crash.reached("write.committed")
        for call in calls:
            taken = KeyTaken if self._keyed.pop(call.call_id, None) else IdTaken
            self._answer(call, None if call.call_id in known else taken())

    async def _insert(self, connection: asyncpg.Connection, calls: list[Call]) -> set[str]:
        keyed = [call for call in calls if call.call_id in self._keyed] if self._keyed else []
        if keyed:
            written = await self._insert_keyed(connection, keyed)
            others = [call for call in calls if call.call_id not in self._keyed]
            return written | (await self._insert_calls(connection, others) if others else set())
        return await self._insert_calls(connection, calls)

    async def _insert_keyed(self, connection: asyncpg.Connection, calls: list[Call]) -> set[str]:
        written = await connection.fetch(
            QUERIES["write_keyed"],
            [to_database(rows.call_row(call, node=self._node)) for call in calls],
            [to_database(row) for call in calls for row in rows.leg_rows(call, node=self._node)],
            [rows.kept_row(self._keyed[call.call_id], call_id=call.call_id) for call in calls],
        )
        return {row["call_id"] for row in written}

    async def _insert_calls(self, connection: asyncpg.Connection, calls: list[Call]) -> set[str]:
        written = await connection.fetch(
            QUERIES["write"],
            [to_database(rows.call_row(call, node=self._node)) for call in calls],
            [to_database(row) for call in calls for row in rows.leg_rows(call, node=self._node)],
            [to_database(rows.cdr_row(cdr(call, node=self._node))) for call in calls if call.over],
        )
        return {row["call_id"] for row in written}

    def _give_back(self, calls: list[Call]) -> None:
        self._pending = {call.call_id: call for call in calls} | self._pending

    def _mark_away(self, exc: BaseException) -> None:
        if not self.away:
            log.error("store is away", error=str(exc) or type(exc).__name__, pending=len(self._pending))
        self.away = True
        for call in list(self._pending.values()):
            self._answer(call, StoreAway())

    def _answer(self, call: Call, error: Exception | None) -> None:
        for waiting in self._waiting.pop(call.call_id, []):
            if waiting.done():
                continue
            if error is None:
                waiting.set_result(None)
            else:
                waiting.set_exception(error)
