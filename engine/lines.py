"""The lines of a node: its live calls, the clock that keeps their deadlines, the agents they ring."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import structlog

from engine.ari.client import Ari
from engine.clock import AlarmClock
from engine.core import commands as c
from engine.core import events as e
from engine.core import hearing, menu
from engine.core.call import PAUSE, RING, Call
from engine.core.flows import FLOWS
from engine.core.reconcile import UP
from engine.core.request import Limits, Side
from engine.core.rows import restore
from engine.core.speaking import SILENCE, SPEECH
from engine.counts import Counts
from engine.errors import Refusal, StoreAway
from engine.gate import Gate
from engine.line import Line, Node
from engine.staff import Staff
from engine.store.postgres import Store

# Deadlines by which something is to be heard of Asterisk, by their beginnings.
HEARD = (RING, PAUSE, SPEECH, SILENCE, *hearing.DEADLINES, menu.WRONG, menu.PROMPT, menu.KEY, menu.UNHEARD)

log = structlog.get_logger()


class Lines:
    """By call id. `changed` is called whenever a call has taken an event in, after all else has kept up with it.

    `ended` is told of each call that is over; `has_room` says whether another may be recorded.
    """

    def __init__(
        self,
        ari: Ari,
        store: Store,
        tasks: asyncio.TaskGroup,
        *,
        node: str,
        gate: Gate,
        limits: Limits,
        has_room: Callable[[], bool],
        changed: Callable[[], None],
        ended: Callable[[Call], None],
    ) -> None:
        self._ari = ari
        self._store = store
        self._gate = gate
        self._limits = limits
        self._tasks = tasks
        self._changed = changed
        self._ended = ended
        self._lines: dict[str, Line] = {}
        self.came_in: dict[str, tuple[str, str]] = {}  # call id and leg, by Asterisk's own id of the channel
        self._live: Counter[str] = Counter()
        self._clock = AlarmClock(self._deadline)
        self._working: set[asyncio.Task[None]] = set()
        self.staff = Staff(gate.accounts, self._agents_free, ready=lambda: ari.ready)
        self.counts = Counts()
        self._node = Node(
            name=node,
            ari=ari,
            writer=store.writer,
            spawn=self.spawn,
            permit=gate.leg,
            owns=self.__contains__,
            has_room=has_room,
            ask=self._ask,
            changed=self._line_changed,
        )

    def __contains__(self, call_id: object) -> bool:
        return call_id in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(list(self._lines.values()))

    def get(self, call_id: str) -> Line | None:
        """That call's line, if it is on."""
        return self._lines.get(call_id)

    def live(self, account_id: str) -> int:
        """How many calls of that account are on, those being accepted included."""
        return self._live[account_id]

    def reserve(self, account_id: str, calls: int) -> None:
        """Count calls that are being accepted, or count them no longer."""
        self._live[account_id] += calls

    def ringing(self) -> list[Line]:
        """The lines where somebody is still to be reached."""
        return [line for line in self._lines.values() if not line.call.connected]

    def channels(self) -> set[str]:
        """The channels there should be of all of them."""
        return {channel for line in self._lines.values() for channel in line.channels}

    def unheard(self, states: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
        """The call, leg and own channel of each that is up, by these states, though nobody heard it answer."""
        return [
            (call_id, name, leg.channel)
            for call_id, line in self._lines.items()
            for name, leg in line.call.legs.items()
            if leg.answered_at is None and states.get(call_id, {}).get(name) == UP
        ]

    def open(self, call: Call) -> Line:
        """Lead this call from now on."""
        line = self._lines[call.call_id] = Line(call, self._node)
        self.came_in.update({channel: (call.call_id, leg) for leg, channel in line.foreign.items()})
        self._live[call.request.account_id] += 1
        self.staff.note(call)
        self._clock.set(call.call_id, call.deadline)
        return line

    def take_over(self, row: dict[str, Any], legs: list[dict[str, Any]]) -> Line | None:
        """Lead the call of these rows from now on, as it is in them; None where they are not understood."""
        try:
            call = restore(row, legs, flow=FLOWS[row["kind"]], now=time.time())
        except (KeyError, TypeError, ValueError) as exc:  # of another version: its channels are orphans
            log.error("call not restored", call=row["call_id"], error=repr(exc))
            return None
        return self.open(call)

    def close(self) -> None:
        """Command nothing more: live calls stay in Asterisk for the next engine."""
        for task in self._working:
            task.cancel()
        for line in self:
            line.leave()
            self._close(line)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do that beside everything else, until `close`."""
        task = self._tasks.create_task(work, name=name)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    def _close(self, line: Line) -> None:
        del self._lines[line.call.call_id]
        for channel in line.foreign.values():
            self.came_in.pop(channel, None)
        self._live[line.call.request.account_id] -= 1
        self.staff.forget(line.call)
        self._clock.set(line.call.call_id, None)

    def _line_changed(self, line: Line) -> None:
        call = line.call
        if call.call_id not in self._lines:  # what followed from the event has ended it already
            return
        self.staff.note(call)
        self._clock.set(call.call_id, call.deadline)
        if call.over:
            self._close(line)
            self.counts.note_ended(call)
            line.log_end()
            self._ended(call)
        self._changed()

    def _deadline(self, call_id: str) -> None:
        line = self._lines.get(call_id)
        if line is None:
            return
        now, wait_seconds = time.time(), 0.0
        for event in line.call.due(now):
            # One that rings may have been answered, what is played may be over: what is not read yet will tell.
            # Nobody can be rung by the deaf.
            deaf_seconds = self._ari.deaf_seconds if event.name.startswith(HEARD) else 0.0
            wait_seconds = max(wait_seconds, deaf_seconds)
            if not deaf_seconds:
                line.note(event, arrived=time.monotonic())
        self._clock.set(call_id, now + wait_seconds if wait_seconds else line.call.deadline)

    # -- what a call asks for that Asterisk does not have --------------------------------------

    def _ask(self, call: Call, order: c.SeekAgent | c.KeepPair | c.FindThird) -> None:
        if isinstance(order, c.SeekAgent):
            self.staff.seek(call, order)
        elif isinstance(order, c.FindThird):
            self.spawn(self._find_third(call, order), "find third")
        else:
            self.spawn(self._keep_pair(call, order), "keep pair")

    async def _find_third(self, call: Call, order: c.FindThird) -> None:
        """Whom a telephone that asked for a transfer means, if that one may be rung."""
        event: e.Event
        try:
            party = await self._gate.third(call, order, limits=self._limits)
        except Refusal as exc:
            log.warning("transfer declined", call=call.call_id, leg=order.leg, reason=exc.message)
            event = e.ThirdUnknown(leg=order.leg, at=time.time())
        else:
            event = e.TransferAsked(leg=order.leg, at=time.time(), attended=False, party=party, referred=True)
        line = self._lines.get(call.call_id)
        if line is not None:
            line.note(event)

    async def _keep_pair(self, call: Call, order: c.KeepPair) -> None:
        try:
            await self._store.pair(call.request.account_id, order.number, order.agent_id, order.seconds)
        except StoreAway:
            log.warning("sticky pair not kept: the store is away", call=call.call_id)

    def _agents_free(self, call_id: str, side: Side, targets: tuple[int, ...]) -> None:
        line = self._lines.get(call_id)
        if line is not None:
            line.note(e.AgentsFree(at=time.time(), side=side, targets=targets))
