"""The live calls of this node: one look-up from event to call, deadlines kept, calls adopted."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from engine import crash
from engine.ari.client import Ari
from engine.ari.codec import decode
from engine.clock import AlarmClock
from engine.core import events as e
from engine.core.call import Call
from engine.core.flows import FLOWS
from engine.core.idempotency import KeptAnswer
from engine.core.ids import leg_id, split
from engine.core.reconcile import reconcile
from engine.core.request import CallRequest
from engine.core.rows import restore
from engine.counts import Counts
from engine.errors import AsteriskAway, IdTaken, KeyTaken, Refusal, StoreAway, Unavailable
from engine.line import Line, Node
from engine.store.postgres import Store

ID_BYTES = 5
ID_ATTEMPTS = 5
ORPHANS_AT_ONCE = 10  # a mass hang-up drops SIP requests: so many, then a pause
ORPHANS_PAUSE_SECONDS = 0.1

log = structlog.get_logger()


class Switch:
    """All live calls of one node."""

    def __init__(self, ari: Ari, store: Store, tasks: asyncio.TaskGroup, *, node: str) -> None:
        self._ari = ari
        self._store = store
        self._tasks = tasks
        self._node = node
        self._lines: dict[str, Line] = {}
        self._live: Counter[str] = Counter()
        self.counts = Counts()
        self._clock = AlarmClock(self._deadline)
        self._restored = False
        self._working: set[asyncio.Task[None]] = set()
        self._here = Node(name=node, ari=ari, writer=store.writer, spawn=self._spawn, changed=self._line_changed)

    @property
    def ready(self) -> bool:
        """Whether new calls may be dialled."""
        return self._ari.ready

    def live_calls(self, account_id: str) -> int:
        """How many calls of that account are on."""
        return self._live[account_id]

    def on_the_line(self) -> tuple[int, int]:
        """How many calls are on, and how many legs with a channel."""
        legs = (leg for line in self._lines.values() for leg in line.call.legs.values())
        return len(self._lines), sum(leg.created_at is not None and not leg.over for leg in legs)

    async def start(self, request: CallRequest, *, keep: Callable[[str], KeptAnswer] | None = None) -> str:
        """Begin a call: its id, once its intent is committed, with the answer that `keep` makes of the id.

        Raises `Unavailable`, `KeyTaken`.
        """
        if not self.ready:
            raise AsteriskAway
        for _ in range(ID_ATTEMPTS):
            line = self._open(self._new_call(request))
            call = line.call
            _save, *commands = call.start(call.requested_at)  # its first order is to save its intent
            try:
                await self._store.writer.commit(call, keep(call.call_id) if keep else None)
            except Refusal as exc:
                self._close(line)
                if isinstance(exc, IdTaken):
                    continue
                if not isinstance(exc, KeyTaken):  # then nothing of it was written
                    self._store.writer.forget(call)
                raise
            self.counts.calls_started[request.kind] += 1
            log.info("call accepted", call=call.call_id, kind=request.kind, account=request.account_id)
            line.post(commands)
            return call.call_id
        raise Unavailable

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
        """Take back the calls Asterisk still has, and end those it has not. Raises `ConnectionError`."""
        crash.reached("adopt.connected")
        channels = {each["id"]: each["state"] for each in await self._list("channels")}
        bridges = [each["id"] for each in await self._list("bridges")]
        crash.reached("adopt.listed")
        seen_at = self._ari.heard_at or time.time()
        if not self._restored:
            seen_at = await self._restore()
            crash.reached("adopt.restored")
        states: dict[str, dict[str, str]] = {}
        for channel, state in channels.items():
            owner = split(self._node, channel)
            if owner is not None:
                states.setdefault(owner[0], {})[owner[1]] = state
        orphans = [channel for channel in channels if self._is_orphan(channel)]
        stale = [bridge for bridge in bridges if self._is_orphan(bridge)]
        log.info("calls adopted", calls=len(self._lines), orphans=len(orphans), stale_bridges=len(stale))
        self._spawn(self._sweep(orphans, stale), "sweep")
        for line in list(self._lines.values()):
            for event in reconcile(line.call, states.get(line.call.call_id, {}), at=time.time(), seen_at=seen_at):
                line.note(event)
        self.counts.adopt_runs += 1
        crash.reached("adopt.reconciled")

    def close(self) -> None:
        """Stop commanding; live calls stay in Asterisk for the next engine."""
        for task in self._working:
            task.cancel()

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
        if call.call_id not in self._lines:
            return
        self._clock.set(call.call_id, call.deadline)
        if call.over:
            self._close(line)
            self.counts.note_ended(call)
            line.log_end()

    def _note(self, call_id: str, event: e.LegEvent, *, arrived: float) -> None:
        line = self._lines.get(call_id)
        leg = line.call.legs.get(event.leg) if line else None
        if line is not None and leg is not None and not leg.over:
            line.note(event, arrived=arrived)
        elif isinstance(event, e.Created):  # created too late: nobody waits for it any more
            self._spawn(self._hang_up_orphans([leg_id(self._node, call_id, event.leg)]), "late leg")

    def _deadline(self, call_id: str) -> None:
        line = self._lines.get(call_id)
        if line is None:
            return
        for event in line.call.due(time.time()):
            line.note(event, arrived=time.monotonic())
        self._clock.set(call_id, line.call.deadline)

    # -- all of Asterisk ---------------------------------------------------------------------

    async def _restore(self) -> float:
        """Take the calls of the engine before us over from their rows; when it was last alive."""
        try:
            rows = await self._store.live_calls()
            seen_at = await self._store.last_beat()
        except StoreAway as exc:
            raise ConnectionError("the store is away: nothing is adopted without it") from exc
        for row, legs in rows:
            try:
                call = restore(row, legs, flow=FLOWS[row["kind"]], now=time.time())
            except (KeyError, TypeError, ValueError) as exc:  # of another version: its channels are orphans
                log.error("call not restored", call=row["call_id"], error=repr(exc))
                continue
            self._open(call)
            self._clock.set(call.call_id, call.deadline)
        self._restored = True
        return seen_at or time.time()

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

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._tasks.create_task(work, name=name)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
