"""The live calls of this node: one look-up from event to call, deadlines kept, calls adopted."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog

from engine import crash
from engine.ari.client import Ari
from engine.ari.codec import arrival, decode
from engine.arrivals import Arrivals
from engine.census import Census, answered_at
from engine.core import commands as c
from engine.core import events as e
from engine.core.call import ASTERISK_RESTART, Call
from engine.core.callback import Due
from engine.core.campaign import Claim
from engine.core.flows import FLOWS
from engine.core.idempotency import KeptAnswer
from engine.core.ids import leg_id, of_callback, split
from engine.core.request import CallRequest, Limits, Side
from engine.errors import AsteriskAway, Draining, IdTaken, NotOwner, StoreAway, Unavailable
from engine.gate import Gate
from engine.lines import Lines
from engine.logins import Logins, Voice
from engine.store.postgres import Store
from engine.sweep import Sweep

ID_BYTES = 5
ID_ATTEMPTS = 5
ORPHAN_SECONDS = 5.0  # so long nobody may own a channel before it is hung up
DRAIN_GRACE_SECONDS = 5.0

log = structlog.get_logger()


class Switch:
    """All live calls of one node. `ended` is told of each that is over; `has_room`: to be recorded."""

    def __init__(
        self,
        ari: Ari,
        store: Store,
        tasks: asyncio.TaskGroup,
        *,
        node: str,
        gate: Gate,
        limits: Limits,
        voice: Voice,
        ended: Callable[[Call], None] = lambda _: None,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._ari = ari
        self._store = store
        self._tasks = tasks
        self._node = node
        self._gate = gate
        self.check_transfer = gate.transfer
        changed = self._line_changed
        self._lines = Lines(
            ari, store, tasks, node=node, gate=gate, limits=limits, has_room=has_room, changed=changed, ended=ended
        )
        self._arrivals = Arrivals(
            ari,
            store,
            self._lines,
            Logins(ari, store, gate.accounts, node=node, spawn=self._lines.spawn, voice=voice),
            gate=gate,
            limits=limits,
            voice=voice,
            ready=lambda: self.ready,
            new_id=self._new_id,
        )
        self._sweep = Sweep(ari, store, owned=self._owns)
        self.counts = self._lines.counts
        self._restored = False
        self._asterisk_started_at: float | None = None
        self.draining = False
        self._quiet = asyncio.Event()  # no new calls, and none rings any more

    @property
    def ready(self) -> bool:
        """Whether new calls may be dialled."""
        return self._ari.ready and self._store.writer.lock.ours and not self.draining

    def live_calls(self, account_id: str) -> int:
        """How many calls of that account are on."""
        return self._lines.live(account_id)

    def on_the_line(self) -> tuple[int, int]:
        """How many calls are on, and how many channels they have."""
        return len(self._lines), sum(len(line.channels) for line in self._lines)

    def speeches(self) -> set[str]:
        """The media URIs of what is spoken in the calls that are on."""
        return {line.call.request.speech.media for line in self._lines if line.call.request.speech}

    async def start(
        self, request: CallRequest, *, keep: Callable[[str], KeptAnswer] | None = None, due: Due | Claim | None = None
    ) -> str:
        """Begin a call, if the gate lets it: its id, once it is committed with what `keep` makes of that id.

        Of a callback that is `due` it is the call, with its id, of a lead the next attempt; or else `TooLate` is
        raised. Raises `Refusal`.
        """
        self._require_ready()
        asking = call = self._new_call(request, due if isinstance(due, Due) else None)
        try:
            await self._gate.admit(asking, live_calls=self.live_calls(request.account_id))
            self._require_ready()  # it may have waited its turn
            for _ in range(ID_ATTEMPTS):
                commands = call.start(call.requested_at)
                self._lines.reserve(request.account_id, 1)
                try:
                    await self._store.writer.accept(call, due or (keep(call.call_id) if keep else None))
                except IdTaken:
                    call = self._new_call(request)
                    continue
                finally:
                    self._lines.reserve(request.account_id, -1)
                line = self._lines.open(call)  # from here on it is adopted with the others
                self.counts.calls_started[request.kind] += 1
                log.info("call accepted", call=call.call_id, kind=request.kind, account=request.account_id)
                line.post([order for order in commands if not isinstance(order, c.SaveIntent)])  # that is done
                return call.call_id
            raise Unavailable
        finally:
            self._gate.leave(asking)

    def check(self, request: CallRequest) -> None:
        """Return if such a call may begin now, as far as can be said at once. Raises `Refusal`."""
        self._require_ready()
        self._gate.check(request, live_calls=self.live_calls(request.account_id))

    def _require_ready(self) -> None:
        if not self.ready:
            raise Draining if self.draining else AsteriskAway if self._store.writer.lock.ours else NotOwner

    def unavailable(self, request: CallRequest) -> Side | None:
        """The first side of whose agents none is free and none may be waited for."""
        return self._lines.staff.unavailable(request)

    def look_for_agents(self) -> None:
        """An agent may be free now who was not: serve who waits."""
        self._lines.staff.look()

    def ask(self, call_id: str, event: e.Event) -> str | None:
        """Let a call have what somebody asks of it: why it can not, "" if it can; None where it is not on here."""
        line = self._lines.get(call_id)
        if line is None:
            return None
        refusal = line.objection(event)
        if not refusal:
            line.note(event)
        return refusal

    def cancel(self, call_id: str) -> None:
        """End a call, if it is on."""
        self.ask(call_id, e.Cancelled(at=time.time()))

    def note(self, message: dict[str, Any]) -> None:
        """Take in one message of Asterisk's."""
        arrived = time.monotonic()
        try:
            if (came := arrival(message)) is not None:
                self._arrivals.take(*came)
                return
            owners = self._came_in if self._arrivals.owners else self._lines.came_in
            decoded = decode(message, node=self._node, owners=owners)
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
            newest = max((line.call.newest for line in self._lines), default=0.0)
            seen_at, started_at = max(newest, left.seen_at or 0.0) or None, left.asterisk_started_at
        census = census.known(self._came_in)
        self._asterisk_started_at = census.started_at
        restarted = started_at is not None and abs(census.started_at - started_at) >= 1
        missed = ASTERISK_RESTART if restarted else "end_not_seen"
        states = census.states()
        answered = await answered_at(self._ari, self._node, self._lines.unheard(states))
        self._require_owner()
        channels, bridges = census.orphans(self._owns)
        log.info(
            "calls adopted", calls=len(self._lines), orphans=len(channels), stale_bridges=len(bridges), missed=missed
        )
        for line in self._lines:
            call_id = line.call.call_id
            found = {"answered_at": answered.get(call_id, {}), "members": census.members(call_id), "missed": missed}
            line.take_back(states.get(call_id, {}), seen_at=seen_at or time.time(), **found)
        asyncio.get_running_loop().call_soon(self._lines.staff.look)  # once the events flow
        asyncio.get_running_loop().call_soon(self._arrivals.take_all, census.arrived)
        self._arrivals.listen_again()
        self.counts.adopt_runs += 1
        self._store.writer.note_asterisk(census.started_at)
        self._lines.spawn(self._sweep.after(ORPHAN_SECONDS, census), "sweep")
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
        rings = [party.ring_seconds for line in self._lines.ringing() for party in line.call.request.parties.values()]
        log.info("engine drains", calls=len(self._lines), ringing=len(self._lines.ringing()))
        if rings:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(rings) + DRAIN_GRACE_SECONDS):
                    await self._quiet.wait()

    async def audit(self) -> None:
        """Compare Asterisk's list, the calls in memory and the rows, twice; what is wrong both times is ended.

        What waits for Postgres is newer than the rows: these are not looked at then. Raises `ConnectionError`,
        `StoreAway`.
        """
        first = (await Census.take(self._ari, node=self._node)).known(self._came_in)
        away = self._store.writer.away
        rows = [each for each in await self._store.live_calls() if not away and each[0]["call_id"] not in self._lines]
        suspects = [leg for leg in self._lines.channels() if leg not in first.channels]
        await self._sweep.after(ORPHAN_SECONDS, first)
        second = (await Census.take(self._ari, node=self._node)).known(self._came_in)
        self._arrivals.take_all({name: each for name, each in second.arrived.items() if name in first.arrived})
        live = set() if self._store.writer.away else {row["call_id"] for row, _ in await self._store.live_calls()}
        leaked = [(row, legs) for row, legs in rows if row["call_id"] in live and row["call_id"] not in self._lines]
        gone = [leg for leg in suspects if leg in self._lines.channels() and leg not in second.channels]
        if leaked or gone:
            log.error("audit found leaks", rows=[row["call_id"] for row, _ in leaked], legs=gone)
        for row, legs in leaked:
            if line := self._lines.take_over(row, legs):
                line.take_back({}, seen_at=time.time())
        for leg in gone:
            call_id, name = split(self._node, leg) or ("", "")
            if line := self._lines.get(call_id):
                line.note(e.Missed(leg=name, at=time.time(), reason="end_not_seen"))

    def close(self) -> None:
        """Stop commanding; live calls stay in Asterisk for the next engine."""
        self._lines.close()
        self._arrivals.close()

    # -- one call ------------------------------------------------------------------------------

    def _new_call(self, request: CallRequest, due: Due | None = None) -> Call:
        call_id = due.request_id if due else self._new_id()
        now = time.time()
        return Call(call_id=call_id, request=request, flow=FLOWS[request.kind], requested_at=now, now=now)

    def _new_id(self) -> str:
        call_id = secrets.token_hex(ID_BYTES)
        while self._owns(call_id) or of_callback(call_id):
            call_id = secrets.token_hex(ID_BYTES)
        return call_id

    def _owns(self, call_id: str) -> bool:
        return call_id in self._lines or call_id in self._arrivals

    @property
    def _came_in(self) -> dict[str, tuple[str, str]]:
        """Who came in, by Asterisk's own ids of the channels."""
        return self._arrivals.owners | self._lines.came_in

    def _line_changed(self) -> None:
        if self.draining and not self._lines.ringing():
            self._quiet.set()

    def _note(self, call_id: str, event: e.LegEvent, *, arrived: float) -> None:
        if self._arrivals.note(call_id, event):
            return
        line = self._lines.get(call_id)
        leg = line.call.legs.get(event.leg) if line else None
        if line is not None and leg is not None and not leg.over:
            line.note(event, arrived=arrived)
        elif isinstance(event, e.Created) and not self.draining:  # created too late: nobody waits for it any more
            self._lines.spawn(self._sweep.hang_up([leg_id(self._node, call_id, event.leg)]), "late leg")

    # -- all of Asterisk ---------------------------------------------------------------------

    async def _restore(self) -> None:
        """Take the calls of the engine before us over from their rows."""
        try:
            await self._store.writer.recover()
            for row, legs in await self._store.live_calls():
                self._lines.take_over(row, legs)
        except StoreAway as exc:
            raise ConnectionError("the store is away: nothing is adopted without it") from exc
        self._restored = True
