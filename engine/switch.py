"""The live calls of this node: one look-up from event to call, deadlines kept, calls adopted."""

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from engine import crash
from engine.ari.client import Ari
from engine.ari.codec import decode
from engine.census import Census, answered_at
from engine.clock import AlarmClock
from engine.core import events as e
from engine.core.call import ASTERISK_RESTART, RING, Call
from engine.core.flows import FLOWS
from engine.core.idempotency import KeptAnswer
from engine.core.ids import leg_id, split
from engine.core.reconcile import UP
from engine.core.request import CallRequest
from engine.core.rows import restore
from engine.counts import Counts
from engine.errors import AsteriskAway, Draining, IdTaken, NotOwner, StoreAway, Unavailable
from engine.gate import Gate
from engine.line import Line, Node
from engine.store.postgres import Store
from engine.sweep import Sweep

ID_BYTES = 5
ID_ATTEMPTS = 5
ORPHAN_SECONDS = 5.0  # so long nobody may own a channel before it is hung up
DRAIN_GRACE_SECONDS = 5.0

log = structlog.get_logger()


class Switch:
    """All live calls of one node."""

    def __init__(self, ari: Ari, store: Store, tasks: asyncio.TaskGroup, *, node: str, gate: Gate) -> None:
        self._ari = ari
        self._store = store
        self._tasks = tasks
        self._node = node
        self._gate = gate
        self._sweep = Sweep(ari, store, owned=self._owns)
        self._lines: dict[str, Line] = {}
        self._live: Counter[str] = Counter()
        self.counts = Counts()
        self._clock = AlarmClock(self._deadline)
        self._restored = False
        self._asterisk_started_at: float | None = None
        self.draining = False
        self._quiet = asyncio.Event()  # no new calls, and none rings any more
        self._working: set[asyncio.Task[None]] = set()
        self._here = Node(
            name=node,
            ari=ari,
            writer=store.writer,
            spawn=self._spawn,
            permit=gate.leg,
            owns=self._owns,
            changed=self._line_changed,
        )

    @property
    def ready(self) -> bool:
        """Whether new calls may be dialled."""
        return self._ari.ready and self._store.writer.lock.ours and not self.draining

    def live_calls(self, account_id: str) -> int:
        """How many calls of that account are on."""
        return self._live[account_id]

    def on_the_line(self) -> tuple[int, int]:
        """How many calls are on, and how many channels they have."""
        return len(self._lines), sum(len(line.channels) for line in self._lines.values())

    async def start(self, request: CallRequest, *, keep: Callable[[str], KeptAnswer] | None = None) -> str:
        """Begin a call, if the gate lets it: its id, once it is committed with what `keep` makes of that id.

        Raises `Refusal`.
        """
        self._require_ready()
        asking = call = self._new_call(request)
        try:
            await self._gate.admit(asking, live_calls=self.live_calls(request.account_id))
            self._require_ready()  # it may have waited its turn
            for _ in range(ID_ATTEMPTS):
                _save, *commands = call.start(call.requested_at)  # its first order is to save its intent
                self._live[request.account_id] += 1
                try:
                    await self._store.writer.accept(call, keep(call.call_id) if keep else None)
                except IdTaken:
                    call = self._new_call(request)
                    continue
                finally:
                    self._live[request.account_id] -= 1
                line = self._open(call)  # from here on it is adopted with the others
                self.counts.calls_started[request.kind] += 1
                log.info("call accepted", call=call.call_id, kind=request.kind, account=request.account_id)
                line.post(commands)
                return call.call_id
            raise Unavailable
        finally:
            self._gate.leave(asking)

    def _require_ready(self) -> None:
        if not self.ready:
            raise Draining if self.draining else AsteriskAway if self._store.writer.lock.ours else NotOwner

    def cancel(self, call_id: str) -> None:
        """End a call, if it is on."""
        line = self._lines.get(call_id)
        if line is not None:
            line.note(e.Cancelled(at=time.time()))

    def note(self, message: dict[str, Any]) -> None:
        """Take in one message of Asterisk's."""
        arrived = time.monotonic()
        try:
            decoded = decode(message, node=self._node)
            if decoded is not None:
                self._note(*decoded, arrived=arrived)
        except Exception:  # one message that we do not understand must not end the others' calls
            log.exception("message not taken in", type=message.get("type"))

    async def adopt(self) -> None:
        """Take back the calls Asterisk still has, and end those it has not. Raises `ConnectionError`.

        The one way back after a cut socket, a crash of ours, a deploy, or a restart of Asterisk.
        """
        crash.reached("adopt.connected")
        census = await Census.take(self._ari, node=self._node)
        self._require_owner()
        crash.reached("adopt.listed")
        seen_at, started_at = self._ari.heard_at, self._asterisk_started_at
        if not self._restored:
            await self._restore()
            crash.reached("adopt.restored")
            left = self._store.writer.predecessor
            newest = max((line.call.newest for line in self._lines.values()), default=0.0)
            seen_at, started_at = max(newest, left.seen_at or 0.0) or None, left.asterisk_started_at
        self._asterisk_started_at = census.started_at
        restarted = started_at is not None and abs(census.started_at - started_at) >= 1
        missed = ASTERISK_RESTART if restarted else "end_not_seen"
        states = census.states()
        answered = await answered_at(self._ari, self._node, self._unheard(states))
        self._require_owner()
        channels, bridges = census.orphans(self._owns)
        log.info(
            "calls adopted", calls=len(self._lines), orphans=len(channels), stale_bridges=len(bridges), missed=missed
        )
        for line in list(self._lines.values()):
            call_id = line.call.call_id
            found = {"answered_at": answered.get(call_id, {}), "members": census.members(call_id), "missed": missed}
            line.take_back(states.get(call_id, {}), seen_at=seen_at or time.time(), **found)
        self.counts.adopt_runs += 1
        self._store.writer.note_asterisk(census.started_at)
        self._spawn(self._sweep.after(ORPHAN_SECONDS, census), "sweep")
        crash.reached("adopt.reconciled")

    def _require_owner(self) -> None:
        """After a wait within adopt: what was read is worth nothing if another engine has the lock by now."""
        if not self._store.writer.lock.ours:
            self.close()
            self._restored = False
            raise ConnectionError("another engine owns this Asterisk")

    def step_down(self) -> None:
        """Forget every call: another engine owns this Asterisk, and they are its calls now."""
        log.error("ownership lost", calls=len(self._lines), fix="another engine runs for this Asterisk: stop one")
        self._ari.leave()
        self.close()
        self._restored = False
        self._asterisk_started_at = None

    async def drain(self) -> None:
        """Take no new calls, and wait until no call rings any more: at most the longest ring time + 5 s."""
        self.draining = True
        rings = [party.ring_seconds for line in self._ringing() for party in line.call.request.parties]
        log.info("engine drains", calls=len(self._lines), ringing=len(self._ringing()))
        if rings:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(rings) + DRAIN_GRACE_SECONDS):
                    await self._quiet.wait()

    async def audit(self) -> None:
        """Compare Asterisk's list, the calls in memory and the rows, twice; what is wrong both times is ended.

        What waits for Postgres is newer than the rows: these are not looked at then. Raises `ConnectionError`,
        `StoreAway`.
        """
        first = await Census.take(self._ari, node=self._node)
        away = self._store.writer.away
        rows = [each for each in await self._store.live_calls() if not away and each[0]["call_id"] not in self._lines]
        suspects = [leg for leg in self._channels() if leg not in first.channels]
        await self._sweep.after(ORPHAN_SECONDS, first)
        second = await Census.take(self._ari, node=self._node)
        live = set() if self._store.writer.away else {row["call_id"] for row, _ in await self._store.live_calls()}
        leaked = [(row, legs) for row, legs in rows if row["call_id"] in live - self._lines.keys()]
        gone = [leg for leg in suspects if leg in self._channels() and leg not in second.channels]
        if leaked or gone:
            log.error("audit found leaks", rows=[row["call_id"] for row, _ in leaked], legs=gone)
        for row, legs in leaked:
            if line := self._take_over(row, legs):
                line.take_back({}, seen_at=time.time())
        for leg in gone:
            call_id, name = split(self._node, leg) or ("", "")
            if call_id in self._lines:
                self._lines[call_id].note(e.Missed(leg=name, at=time.time(), reason="end_not_seen"))

    def close(self) -> None:
        """Stop commanding; live calls stay in Asterisk for the next engine."""
        for task in self._working:
            task.cancel()
        for line in list(self._lines.values()):
            line.leave()
            self._close(line)

    # -- lines -------------------------------------------------------------------------------

    def _new_call(self, request: CallRequest) -> Call:
        call_id = secrets.token_hex(ID_BYTES)
        while call_id in self._lines:
            call_id = secrets.token_hex(ID_BYTES)
        now = time.time()
        return Call(call_id=call_id, request=request, flow=FLOWS[request.kind], requested_at=now, now=now)

    def _open(self, call: Call) -> Line:
        line = self._lines[call.call_id] = Line(call, self._here)
        self._live[call.request.account_id] += 1
        return line

    def _close(self, line: Line) -> None:
        del self._lines[line.call.call_id]
        self._live[line.call.request.account_id] -= 1
        self._clock.set(line.call.call_id, None)

    def _line_changed(self, line: Line) -> None:
        call = line.call
        self._clock.set(call.call_id, call.deadline)
        if call.over:
            self._close(line)
            self.counts.note_ended(call)
            line.log_end()
        if self.draining and not self._ringing():
            self._quiet.set()

    def _note(self, call_id: str, event: e.LegEvent, *, arrived: float) -> None:
        line = self._lines.get(call_id)
        leg = line.call.legs.get(event.leg) if line else None
        if line is not None and leg is not None and not leg.over:
            line.note(event, arrived=arrived)
        elif isinstance(event, e.Created) and not self.draining:  # created too late: nobody waits for it any more
            self._spawn(self._sweep.hang_up([leg_id(self._node, call_id, event.leg)]), "late leg")

    def _deadline(self, call_id: str) -> None:
        line = self._lines.get(call_id)
        if line is None:
            return
        now, wait_seconds = time.time(), 0.0
        for event in line.call.due(now):
            # One that rings may have been answered: what is not read yet will tell.
            deaf_seconds = self._ari.deaf_seconds if event.name.startswith(RING) else 0.0
            wait_seconds = max(wait_seconds, deaf_seconds)
            if not deaf_seconds:
                line.note(event, arrived=time.monotonic())
        self._clock.set(call_id, now + wait_seconds if wait_seconds else line.call.deadline)

    # -- all of Asterisk ---------------------------------------------------------------------

    async def _restore(self) -> None:
        """Take the calls of the engine before us over from their rows."""
        try:
            await self._store.writer.recover()
            for row, legs in await self._store.live_calls():
                self._take_over(row, legs)
        except StoreAway as exc:
            raise ConnectionError("the store is away: nothing is adopted without it") from exc
        self._restored = True

    def _take_over(self, row: dict[str, Any], legs: list[dict[str, Any]]) -> Line | None:
        try:
            call = restore(row, legs, flow=FLOWS[row["kind"]], now=time.time())
        except (KeyError, TypeError, ValueError) as exc:  # of another version: its channels are orphans
            log.error("call not restored", call=row["call_id"], error=repr(exc))
            return None
        line = self._open(call)
        self._clock.set(call.call_id, call.deadline)
        return line

    def _owns(self, call_id: str) -> bool:
        return call_id in self._lines

    def _unheard(self, states: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
        """The call and leg of each that is up though nobody heard it answer."""
        return [
            (call_id, name)
            for call_id, line in self._lines.items()
            for name, leg in line.call.legs.items()
            if leg.answered_at is None and states.get(call_id, {}).get(name) == UP
        ]

    def _channels(self) -> set[str]:
        return {channel for line in self._lines.values() for channel in line.channels}

    def _ringing(self) -> list[Line]:
        """The lines where not both talk."""
        return [line for line in self._lines.values() if line.call.bridged_at is None]

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._tasks.create_task(work, name=name)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
