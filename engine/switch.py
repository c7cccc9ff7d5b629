"""The live calls of this node: events in, commands out in order, deadlines kept, calls adopted."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from engine.ari.client import Ari
from engine.ari.codec import decode, encode
from engine.clock import AlarmClock
from engine.core import commands as c
from engine.core import events as e
from engine.core.call import Call
from engine.core.flows import FLOWS
from engine.core.ids import leg_id, split
from engine.core.reconcile import reconcile
from engine.core.request import CallRequest
from engine.core.rows import restore
from engine.errors import AsteriskAway, IdTaken, Refusal, StoreAway, Unavailable
from engine.store.postgres import Store

ID_BYTES = 5
ID_ATTEMPTS = 5
ORPHANS_AT_ONCE = 10  # a mass hang-up drops SIP requests: so many, then a pause
ORPHANS_PAUSE_SECONDS = 0.1
MICRO = 1_000_000

log = structlog.get_logger()

Order = tuple[c.Command, float | None]  # and when (monotonic) the event came that this is the first order upon


@dataclass(slots=True, eq=False)
class Line:
    """A live call, its commands on their way, and how fast they went."""

    call: Call
    orders: asyncio.Queue[Order | None] = field(default_factory=asyncio.Queue)
    arrived: float | None = None  # when the event came that the next command answers
    reaction_seconds: list[float] = field(default_factory=list)  # an event's arrival to the next command's send
    commit_seconds: list[float] = field(default_factory=list)  # waiting for Postgres before a leg is created


class Switch:
    """All live calls of one node. Nothing awaits between reading a call and changing it."""

    def __init__(self, ari: Ari, store: Store, tasks: asyncio.TaskGroup, *, node: str) -> None:
        self._ari = ari
        self._store = store
        self._tasks = tasks
        self._node = node
        self._lines: dict[str, Line] = {}
        self._live: Counter[str] = Counter()
        self._clock = AlarmClock(self._deadline)
        self._restored = False
        self._working: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether new calls may be dialled."""
        return self._ari.ready

    def live_calls(self, account_id: str) -> int:
        """How many calls of that account are on."""
        return self._live[account_id]

    async def start(self, request: CallRequest) -> str:
        """Begin a call: its id, once its intent is committed. Raises `AsteriskAway`, `StoreAway`."""
        if not self.ready:
            raise AsteriskAway
        for _ in range(ID_ATTEMPTS):
            line = self._open(self._new_call(request))
            _save, *commands = line.call.start(line.call.requested_at)  # its first order is to save its intent
            try:
                await self._store.writer.commit(line.call)
            except Refusal as exc:
                self._close(line)
                self._store.writer.forget(line.call)
                if isinstance(exc, IdTaken):
                    continue
                raise
            log.info("call accepted", call=line.call.call_id, kind=request.kind, account=request.account_id)
            self._post(line, commands, None)
            return line.call.call_id
        raise Unavailable

    def cancel(self, call_id: str) -> None:
        """End a call, if it is on."""
        line = self._lines.get(call_id)
        if line is not None:
            self._note(line, e.Cancelled(at=time.time()), time.monotonic())

    def note(self, message: dict[str, Any]) -> None:
        """Take in one message of Asterisk's."""
        decoded = decode(message, node=self._node)
        if decoded is None:
            return
        call_id, event = decoded
        line = self._lines.get(call_id)
        leg = line.call.legs.get(event.leg) if line else None
        if line is not None and leg is not None and not leg.over:
            self._note(line, event, time.monotonic())
        elif isinstance(event, e.Created):  # created too late: nobody waits for it any more
            self._spawn(self._hang_up_orphans([leg_id(self._node, call_id, event.leg)]), name="late leg")

    async def adopt(self) -> None:
        """Take back the calls Asterisk still has, and end those it has not. Raises `ConnectionError`."""
        channels = {each["id"]: each["state"] for each in await self._list("channels")}
        bridges = [each["id"] for each in await self._list("bridges")]
        if not self._restored:
            await self._restore()
        states: dict[str, dict[str, str]] = {}
        for channel, state in channels.items():
            owner = split(self._node, channel)
            if owner is not None:
                states.setdefault(owner[0], {})[owner[1]] = state
        orphans = [channel for channel in channels if self._is_orphan(channel)]
        stale = [bridge for bridge in bridges if self._is_orphan(bridge)]
        log.info("calls adopted", calls=len(self._lines), orphans=len(orphans), stale_bridges=len(stale))
        self._spawn(self._sweep(orphans, stale), name="sweep")
        for line in list(self._lines.values()):
            for event in reconcile(line.call, states.get(line.call.call_id, {}), at=time.time()):
                self._note(line, event, time.monotonic())

    def close(self) -> None:
        """Stop commanding; live calls stay in Asterisk for the next engine."""
        for task in self._working:
            task.cancel()

    # -- one call --------------------------------------------------------------------------

    def _new_call(self, request: CallRequest) -> Call:
        call_id = secrets.token_hex(ID_BYTES)
        while call_id in self._lines:
            call_id = secrets.token_hex(ID_BYTES)
        now = time.time()
        return Call(call_id=call_id, request=request, flow=FLOWS[request.kind], requested_at=now, now=now)

    def _open(self, call: Call) -> Line:
        line = self._lines[call.call_id] = Line(call)
        self._live[call.request.account_id] += 1
        self._spawn(self._work(line), name=f"call {call.call_id}")
        return line

    def _close(self, line: Line) -> None:
        if self._lines.pop(line.call.call_id, None) is not None:
            self._live[line.call.request.account_id] -= 1
            self._clock.set(line.call.call_id, None)
            line.orders.put_nowait(None)

    def _note(self, line: Line, event: e.Event, arrived: float | None) -> None:
        call = line.call
        states = {name: leg.state for name, leg in call.legs.items()}
        bridged = call.bridged_at
        commands = call.note(event)
        self._log_changes(call, states, newly_bridged=call.bridged_at != bridged)
        self._post(line, commands, arrived)
        self._store.writer.note(call)
        self._clock.set(call.call_id, call.deadline)
        if call.over:
            self._close(line)

    def _post(self, line: Line, commands: list[c.Command], arrived: float | None) -> None:
        for command in commands:
            line.orders.put_nowait((command, arrived))
            arrived = None

    def _deadline(self, call_id: str) -> None:
        line = self._lines.get(call_id)
        if line is None:
            return
        for event in line.call.due(time.time()):
            self._note(line, event, time.monotonic())
        self._clock.set(call_id, line.call.deadline)

    async def _work(self, line: Line) -> None:
        """Carry out the call's commands, one after the other, until the call is closed."""
        call = line.call
        while (order := await line.orders.get()) is not None:
            command, arrived = order
            if arrived is not None:
                line.arrived = arrived
            if not call.still(command):
                if isinstance(command, c.CreateLeg):
                    self._not_placed(line, command.leg, "not_dialled")
                continue
            try:
                await self._carry_out(line, command)
            except Exception:  # a fault of ours costs this one call, never the others
                log.exception("command failed", call=call.call_id, command=type(command).__name__)
                self._note(line, e.Refused(at=time.time(), command=command, status=0), None)
        if call.over:
            self._log_end(line)

    async def _carry_out(self, line: Line, command: c.Command) -> None:
        if isinstance(command, c.SaveIntent):
            await self._save_intent(line, command.leg)
            return
        if isinstance(command, c.CreateLeg) and not self.ready:
            self._not_placed(line, command.leg, "asterisk_away")
            return
        resource, nickname, arguments = encode(command, node=self._node, call_id=line.call.call_id, app=self._ari.app)
        if line.arrived is not None:
            line.reaction_seconds.append(time.monotonic() - line.arrived)
            line.arrived = None
        reply = await getattr(getattr(self._ari, resource), nickname)(**arguments)
        if not reply.done:
            await self._refused(line, command, reply.status)

    async def _save_intent(self, line: Line, leg: str) -> None:
        began = time.monotonic()
        try:
            await self._store.writer.commit(line.call)
        except Refusal as exc:
            self._not_placed(line, leg, exc.code)
        waited = time.monotonic() - began
        line.commit_seconds.append(waited)
        if line.arrived is not None:
            line.arrived += waited  # told apart

    async def _refused(self, line: Line, command: c.Command, status: int) -> None:
        log.info("command refused", call=line.call.call_id, command=type(command).__name__, status=status)
        if isinstance(command, c.CreateLeg):
            channel = leg_id(self._node, line.call.call_id, command.leg)
            if status == 0 and (await self._ari.channels.get(channelId=channel)).done:
                return  # only the answer was lost
            self._not_placed(line, command.leg, "unplaceable" if status else "asterisk_away")
        else:
            self._note(line, e.Refused(at=time.time(), command=command, status=status), None)

    def _not_placed(self, line: Line, leg: str, reason: str) -> None:
        self._note(line, e.NotPlaced(leg=leg, at=time.time(), reason=reason), None)

    # -- all calls -------------------------------------------------------------------------

    async def _restore(self) -> None:
        try:
            rows = await self._store.live_calls()
        except StoreAway as exc:
            raise ConnectionError("the store is away: nothing is adopted without it") from exc
        for row, legs in rows:
            call = restore(row, legs, flow=FLOWS[row["kind"]], now=time.time())
            self._open(call)
            self._clock.set(call.call_id, call.deadline)
        self._restored = True

    async def _list(self, resource: str) -> list[dict[str, Any]]:
        reply = await getattr(self._ari, resource).list()
        if not reply.done:
            raise ConnectionError(f"Asterisk does not list its {resource}: {reply.status}")
        found: list[dict[str, Any]] = reply.body or []
        return found

    def _is_orphan(self, thing_id: str) -> bool:
        owner = split(self._node, thing_id)
        return owner is not None and owner[0] not in self._lines

    async def _sweep(self, channels: list[str], bridges: list[str]) -> None:
        await self._hang_up_orphans(channels)
        for bridge in bridges:
            await self._ari.bridges.destroy(bridgeId=bridge)

    async def _hang_up_orphans(self, channels: list[str]) -> None:
        for position, channel in enumerate(channels, start=1):
            log.warning("orphan hung up", channel=channel)
            await self._ari.channels.hangup(channelId=channel)
            if position % ORPHANS_AT_ONCE == 0:
                await asyncio.sleep(ORPHANS_PAUSE_SECONDS)

    def _spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        task = self._tasks.create_task(work, name=name)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    # -- the log ---------------------------------------------------------------------------

    def _log_changes(self, call: Call, states: dict[str, str], *, newly_bridged: bool) -> None:
        for name, leg in call.legs.items():
            state = leg.state
            if states.get(name) == state:
                continue
            facts: dict[str, Any] = {"number": leg.number}
            if state == "ended":
                facts |= {"disposition": leg.outcome.disposition, "reason": leg.outcome.words}
                facts |= {"cause": leg.cause, "sip_code": leg.sip_code, "ended_by": leg.ended_by}
            log.info(f"leg {state}", call=call.call_id, leg=name, **facts)
        if newly_bridged:
            log.info("call bridged", call=call.call_id)

    def _log_end(self, line: Line) -> None:
        log.info(
            "call ended",
            call=line.call.call_id,
            reason=line.call.release_reason,
            ended_by=line.call.ended_by,
            reaction_us=[round(MICRO * seconds) for seconds in line.reaction_seconds],
            commit_us=[round(MICRO * seconds) for seconds in line.commit_seconds],
        )
