"""Postgres as its writer sees it: one connection, lost and found again, behind which nothing old is left."""

import asyncio
import time
from dataclasses import dataclass, replace

import asyncpg
import structlog

from engine.store import provided
from engine.store.connection import AWAY, UNWRITABLE, connect, from_database
from engine.store.lock import Lock
from engine.store.queries import QUERIES
from engine.store.snapshot import Snapshot

CLOCK_SECONDS = 0.001  # what Postgres's time and ours may differ by rounding
BEAT_SECONDS = 1.0  # how often the node says that it is alive, and finds its connection cut

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Predecessor:
    """What the node's last owner left: when it was last alive, and when its Asterisk was started (epoch seconds)."""

    seen_at: float | None = None
    asterisk_started_at: float | None = None


class Ledger:
    """Takes snapshots of one node's calls, while this engine owns it. Methods raise one of `AWAY`."""

    def __init__(self, url: str, *, node: str) -> None:
        self._url = url
        self._node = node
        self._connection: asyncpg.Connection | None = None
        self._beat_at = 0.0
        self._seen_at = 0.0  # what we have said so far of when we were alive
        self.asterisk_started_at: float | None = None
        self.superseded_at = 0.0  # until then another engine had the calls
        self.lock = Lock(f"legwork-{node}")
        self.predecessor = Predecessor()

    @property
    def there(self) -> bool:
        """Whether it is connected, as far as we know."""
        return self._connection is not None and not self._connection.is_closed()

    async def reach(self) -> None:
        """Connect, where we are not, and take the lock with that connection. Raises `NotOwner`, too."""
        if self.there:
            return
        connection = await connect(self._url, name=self.lock.signature)
        try:
            left = await self._left_behind(connection)
            if self.lock.ours and (left.seen_at or 0.0) > self._seen_at + CLOCK_SECONDS:
                self.lock.lose()  # somebody else was alive here since: the calls were that engine's meanwhile
            new = not self.lock.ours
            await self.lock.take(connection)
            if new:
                self.predecessor, self.superseded_at = left, left.seen_at or 0.0
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection

    def lose(self) -> None:
        """Give the connection up, and with it whatever it was at."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def write(self, snapshots: list[Snapshot]) -> set[str]:
        """The ids of those that are written: not one that another call had before, nor one Postgres can not keep."""
        try:
            return await self._insert(snapshots) if snapshots else set()
        except Exception as exc:
            if isinstance(exc, AWAY) and not isinstance(exc, UNWRITABLE):
                raise
            if len(snapshots) > 1:  # one bad row must not take the others with it
                return {call_id for each in snapshots for call_id in await self.write([each])}
            log.error("call not written", call=snapshots[0].call_id, error=str(exc))
            return set()

    async def forget(self, call_ids: list[str]) -> None:
        """Take back calls that were refused, should they have been written."""
        await self._connected.execute(QUERIES["forget"], call_ids, self._node)

    async def beat(self) -> None:
        """Say that the node is alive, unless that was said in the last second."""
        now = asyncio.get_running_loop().time()
        if now >= self._beat_at + BEAT_SECONDS:
            self._seen_at = max(self._seen_at, time.time())  # before it is said: it may be heard without an answer
            await self._connected.execute(QUERIES["beat"], self._node, self._seen_at, self.asterisk_started_at)
            self._beat_at = now

    async def seen(self, at: float) -> None:
        """Note that the node was alive then, at least."""
        self._seen_at = max(self._seen_at, at)
        await self._connected.execute(QUERIES["seen"], self._node, at)
        self.predecessor = replace(self.predecessor, seen_at=max(at, self.predecessor.seen_at or 0.0) or None)

    async def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            await self._connection.close(timeout=1)
            self._connection = None

    async def _left_behind(self, connection: asyncpg.Connection) -> Predecessor:
        row = await connection.fetchrow(QUERIES["left_behind"], self._node)
        return Predecessor(**from_database(row)) if row else Predecessor()

    async def _insert(self, snapshots: list[Snapshot]) -> set[str]:
        depending = [each for each in snapshots if each.proviso is not None]
        if not depending:
            return await self._insert_calls(snapshots)
        others = [each for each in snapshots if each.proviso is None]
        return await self._insert_provided(depending) | (await self._insert_calls(others) if others else set())

    async def _insert_provided(self, snapshots: list[Snapshot]) -> set[str]:
        provisos = [(each.call_id, each.proviso) for each in snapshots if each.proviso]
        written = await self._connected.fetch(
            QUERIES["write_provided"],
            [each.call for each in snapshots],
            [leg for each in snapshots for leg in each.legs],
            provided.keys(provisos),
            provided.due(provisos),
            [each.cdr for each in snapshots if each.cdr is not None],
            provided.claims(provisos),
        )
        return {row["call_id"] for row in written}

    async def _insert_calls(self, snapshots: list[Snapshot]) -> set[str]:
        written = await self._connected.fetch(
            QUERIES["write"],
            [each.call for each in snapshots],
            [leg for each in snapshots for leg in each.legs],
            [each.cdr for each in snapshots if each.cdr is not None],
        )
        return {row["call_id"] for row in written}

    @property
    def _connected(self) -> asyncpg.Connection:
        if self._connection is None:
            raise ConnectionError("not connected")
        return self._connection
