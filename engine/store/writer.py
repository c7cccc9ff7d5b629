"""Writes calls, legs and CDRs: to Postgres, many calls to a commit, or to the spool while it is away."""

import asyncio
from collections.abc import Iterator

import structlog

from engine import crash
from engine.core.call import Call
from engine.core.proviso import Proviso
from engine.errors import NotOwner, StoreAway
from engine.store import provided
from engine.store.connection import AWAY
from engine.store.ledger import BEAT_SECONDS, Ledger, Predecessor
from engine.store.lock import Lock
from engine.store.snapshot import Snapshot, loaded
from engine.store.spool import Spool, Spooled, SpoolRefused

LAZY_SECONDS = 0.25  # how long a fact nobody waits for, or a CDR, may wait for company
RETRY_SECONDS = 0.5
CLOCK_SECONDS = 0.001  # what Postgres's time and ours may differ by rounding
BATCH_CALLS = 200

log = structlog.get_logger()


class Writer:
    """The one task that writes calls. A call is written as it is at that moment, however often it was noted.

    From when Postgres goes away until it has everything the spool held, all goes to the spool: then
    no older snapshot can come after a newer one.
    """

    def __init__(self, url: str, *, node: str, spool: Spool) -> None:
        self._node = node
        self._ledger = Ledger(url, node=node)
        self._spool = spool
        self._lazy: dict[str, Call] = {}  # noted, to be written within LAZY_SECONDS
        self._pending: dict[str, Call] = {}  # to be written now
        self._new: set[str] = set()  # not accepted before they are in Postgres
        self._provisos: dict[str, Proviso] = {}  # what the commit of some of them depends on
        self._forgotten: set[str] = set()  # refused, though their write may have come through: ids, or `untold …`
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._recovering: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._lost = asyncio.Event()  # there is no connection, and one is wanted
        self._alarm: asyncio.TimerHandle | None = None
        self._drained = 0
        self.away = False

    @property
    def lock(self) -> Lock:
        """Who owns the node's Asterisk."""
        return self._ledger.lock

    @property
    def predecessor(self) -> Predecessor:
        """What the node's last owner left."""
        return self._ledger.predecessor

    @property
    def depth(self) -> int:
        """How many calls are in the spool."""
        return self._spool.depth

    def note(self, call: Call) -> None:
        """Write the call soon; with its CDR if it is over."""
        self._lazy[call.call_id] = call
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(LAZY_SECONDS, self._hurry)

    def accept(self, call: Call, proviso: Proviso | None = None) -> asyncio.Future[None]:
        """Write a new call now, if what it depends on holds: done once Postgres has it.

        Fails with `StoreAway`, `IdTaken`, `KeyTaken`, `TooLate`: nothing of it stays.
        """
        if self.away:
            refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            _settle(refused, StoreAway())
            return refused
        self._new.add(call.call_id)
        if proviso is not None:
            self._provisos[call.call_id] = proviso
        return self.commit(call)

    def commit(self, call: Call) -> asyncio.Future[None]:
        """Write the call now: done once Postgres has it, or the spool. Fails with `StoreAway`, `IdTaken`."""
        self._lazy.pop(call.call_id, None)
        self._pending[call.call_id] = call
        return self._awaited(call.call_id)

    def forget(self, name: str) -> asyncio.Future[None]:
        """Take back what may have come through: done once Postgres has, or the spool will. Fails with `StoreAway`."""
        self._forgotten.add(name)
        return self._awaited(name)

    def note_asterisk(self, started_at: float) -> None:
        """Keep, with the next beat, when the node's Asterisk was started."""
        self._ledger.asterisk_started_at = started_at

    async def own(self) -> None:
        """Connect and take the lock. Raises `NotOwner`, one of `AWAY`."""
        await self._ledger.reach()

    async def recover(self) -> None:
        """Return once Postgres has what an engine before us had to spool. Raises `StoreAway`."""
        if not self.away and not self._spool.left_over:
            return
        self._recovering.append(recovered := asyncio.get_running_loop().create_future())
        self.away = True
        self._lost.set()
        await recovered

    async def run(self) -> None:
        """Write for ever, wherever it can be written."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write(), name="writer: write")
            tasks.create_task(self._reconnect(), name="writer: reconnect")

    async def close(self) -> None:
        """Write or spool what was noted, then disconnect; `run` is to have ended."""
        self._hurry()
        if not self.away:
            await self._write_pending()
        if self.away:
            await self._spool_pending()
        if self._pending:
            log.error("calls not written", calls=list(self._pending))
        await self._spool.close()
        await self._ledger.close()

    def _hurry(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._pending.update(self._lazy)
        self._lazy.clear()
        self._wake.set()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            beat = loop.call_later(BEAT_SECONDS, self._wake.set)
            await self._wake.wait()
            beat.cancel()
            self._wake.clear()
            if not self.away:
                await self._write_pending()
            if not self.away:
                continue
            if not await self._spool_pending():
                self._wake_later()
            if self._ledger.there:
                await self._drain()

    # -- Postgres is there ---------------------------------------------------------------------

    async def _write_pending(self) -> None:
        try:
            await self._ledger.reach()
            await self._ledger.beat()
            await self._write_all()
        except (NotOwner, *AWAY) as exc:
            self._mark_away(exc)

    async def _write_all(self) -> None:
        if forgotten := list(self._forgotten):
            await self._ledger.forget(forgotten)
            self._forgotten.difference_update(forgotten)
            for name in forgotten:
                self._answer(name, None)
        while self._pending:
            calls = self._take()
            try:
                written = await self._ledger.write(list(self._snapshots(calls)))
            except BaseException:
                self._give_back(calls)
                raise
            crash.reached("write.committed")
            for call in calls:
                refusal = provided.refusal(self._provisos.get(call.call_id))
                self._answer(call.call_id, None if call.call_id in written else refusal)

    def _snapshots(self, calls: list[Call]) -> Iterator[Snapshot]:
        for call in calls:
            try:
                yield Snapshot.of(call, node=self._node, proviso=self._provisos.get(call.call_id))
            except Exception as exc:  # a fault of ours costs this one call, never the others
                log.error("call not written", call=call.call_id, error=repr(exc))

    def _take(self) -> list[Call]:
        return [self._pending.pop(call_id) for call_id in list(self._pending)[:BATCH_CALLS]]

    def _give_back(self, calls: list[Call]) -> None:
        self._pending = {call.call_id: call for call in calls} | self._pending

    # -- Postgres is away ----------------------------------------------------------------------

    def _mark_away(self, exc: BaseException) -> None:
        """From now on all goes to the spool, but what is not accepted yet: that is refused."""
        self._ledger.lose()
        if not self.away:
            log.error("store is away", error=str(exc) or type(exc).__name__, pending=len(self._pending))
        self.away = True
        for call_id in list(self._new):
            self._pending.pop(call_id, None)
            self._forgotten.add(call_id)
            self._answer(call_id, StoreAway())
        self._recovered(StoreAway())
        self._lost.set()

    def _recovered(self, error: StoreAway | None) -> None:
        recovering, self._recovering = self._recovering, []
        for waiting in recovering:
            _settle(waiting, error)

    async def _reconnect(self) -> None:
        while True:
            await self._lost.wait()
            try:
                await self._ledger.reach()
            except (NotOwner, *AWAY) as exc:
                self._recovered(StoreAway())
                if isinstance(exc, NotOwner):
                    await self._spool.release()  # the owner may have to read it
            else:
                self._lost.clear()
                self._wake.set()
            await asyncio.sleep(RETRY_SECONDS)

    async def _spool_pending(self) -> bool:
        """Whether all that was pending is on disk."""
        while self._pending or self._forgotten:
            calls = self._take()
            if not self.lock.ours:  # the other engine's rows of live calls are newer; how one ended stays a fact
                for call in [each for each in calls if not each.over]:
                    self._answer(call.call_id, StoreAway())
                calls = [each for each in calls if each.over]
            forgotten = list(self._forgotten)
            kept = [(each.call_id, each.dump()) for each in self._snapshots(calls)]
            try:
                await self._spool.put([*kept, *((call_id, None) for call_id in forgotten)])
            except BaseException as exc:
                self._give_back(calls)
                if not isinstance(exc, SpoolRefused):
                    raise
                for call_id in list(self._waiting):
                    self._answer(call_id, StoreAway())
                return False
            crash.reached("spool.written")
            self._forgotten.difference_update(forgotten)
            for call_id in (*forgotten, *(call.call_id for call in calls)):
                self._answer(call_id, None)
        return True

    def _wake_later(self) -> None:
        asyncio.get_running_loop().call_later(RETRY_SECONDS, self._wake.set)

    async def _drain(self) -> None:
        """Give Postgres the oldest of the spool; once it has all of it, the store is back."""
        try:
            if batch := await self._spool.oldest(BATCH_CALLS):
                await self._give(batch)
                crash.reached("spool.drained")
                await self._spool.remove(batch)
                self._drained += len(batch)
                self._wake.set()
                return
            await self._ledger.seen(0.0)
            await self._spool.clear()
            await self._write_all()  # what the spool refused
        except AWAY as exc:
            self._mark_away(exc)
        except SpoolRefused:
            self._recovered(StoreAway())
            self._wake_later()
        else:
            self._be_back()

    async def _give(self, batch: list[Spooled]) -> None:
        if forgotten := [each.call_id for each in batch if each.body is None]:
            await self._ledger.forget(forgotten)
        snapshots = list(loaded(batch))
        stale = self._stale(batch, snapshots)
        known = stale | await self._ledger.write([each for each in snapshots if each.call_id not in stale])
        if unwritten := [each for each in batch if each.body is not None and each.call_id not in known]:
            log.error("calls of the spool are set aside beside it", calls=[each.call_id for each in unwritten])
            await self._spool.set_aside(unwritten)
        await self._ledger.seen(batch[-1].spooled_at)

    def _stale(self, batch: list[Spooled], snapshots: list[Snapshot]) -> set[str]:
        """The live calls that another engine has had since they were spooled: its rows are newer."""
        live = {each.call_id for each in snapshots if each.cdr is None}
        until = self._ledger.superseded_at - CLOCK_SECONDS
        return {each.call_id for each in batch if each.call_id in live and each.spooled_at < until}

    def _be_back(self) -> None:
        self.away = False
        log.info("store is back", drained=self._drained)
        self._drained = 0
        self._wake.set()
        self._recovered(None)

    def _awaited(self, call_id: str) -> asyncio.Future[None]:
        self._waiting.setdefault(call_id, []).append(waiting := asyncio.get_running_loop().create_future())
        self._wake.set()
        return waiting

    def _answer(self, call_id: str, error: Exception | None) -> None:
        self._new.discard(call_id)
        self._provisos.pop(call_id, None)
        for waiting in self._waiting.pop(call_id, []):
            _settle(waiting, error)


def _settle(waiting: asyncio.Future[None], error: Exception | None) -> None:
    if error is not None and not waiting.done():
        waiting.set_exception(error)
    elif not waiting.done():
        waiting.set_result(None)
