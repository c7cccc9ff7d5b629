"""One live call on this node: events in, commands out, one behind the other."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from engine import crash
from engine.ari.client import Ari
from engine.ari.orders import encode
from engine.ari.socket import NO_ANSWER, Reply
from engine.core import commands as c
from engine.core import events as e
from engine.core import transfer
from engine.core.call import Call
from engine.core.ids import bridge_id, channel_id, leg_id
from engine.core.leg import Leg
from engine.core.permit import Verdict
from engine.core.reconcile import reconcile
from engine.core.recording import NO_ROOM
from engine.errors import Refusal
from engine.store.writer import Writer

MICRO = 1_000_000
SETTLE_LOOKS = 2
SETTLE_SECONDS = 1.0
DISK_FULL = "the disk for recordings is full"

log = structlog.get_logger()

Spawn = Callable[[Coroutine[Any, Any, None], str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every line of a node works with.

    `permit` says whether a leg may be dialled now, `owns` whether a call is on here and ours still, `has_room` whether
    another recording may begin, `ask` takes what is not for Asterisk, `changed` is told of each line that took an
    event in.
    """

    name: str
    ari: Ari
    writer: Writer
    spawn: Spawn
    permit: Callable[[Call, Leg], Verdict]
    owns: Callable[[str], bool]
    has_room: Callable[[], bool]
    ask: Callable[[Call, c.SeekAgent | c.KeepPair | c.FindThird], None]
    changed: Callable[["Line"], None]


class Line:
    """A call while it lives. Nothing awaits between reading the call and changing it."""

    def __init__(self, call: Call, node: Node) -> None:
        self.call = call
        self._node = node
        self._orders: deque[tuple[c.Command, float | None]] = deque()
        self._waited_for: c.Command | None = None  # what those in `_orders` stand behind
        self._arrived: float | None = None  # when (monotonic) the event came that the next command answers
        self._reaction_seconds: list[float] = []  # an event's arrival to the next command's send
        self._commit_seconds: list[float] = []  # of Postgres, before a leg is created; told apart

    @property
    def channels(self) -> list[str]:
        """The channels there should be of it, as far as we know, by the ids of their legs."""
        legs = (leg for leg in self.call.legs.values() if leg.created_at is not None and not leg.over)
        return [leg_id(self._node.name, self.call.call_id, leg.name) for leg in legs]

    @property
    def foreign(self) -> dict[str, str]:
        """Asterisk's own ids of channels that came in, by leg."""
        if not self.call.request.did:
            return {}
        return {leg.name: leg.channel for leg in self.call.legs.values() if leg.channel}

    def _channel(self, leg: str) -> str:
        return channel_id(self._node.name, self.call.call_id, leg, self.call.legs[leg].channel)

    def objection(self, event: e.Event) -> str:
        """Why what somebody asks of the call can not be done now, in words; "" if it can."""
        refusal = transfer.objection(self.call, event)
        starts = isinstance(event, e.RecordingAsked) and event.what == "start"
        return refusal or (DISK_FULL if starts and not self._node.has_room() else "")

    def note(self, event: e.Event, *, arrived: float | None = None) -> None:
        """Take an event in: note it, log it, write it, do what follows from it."""
        try:
            self._take(event, arrived)
        except Exception:  # a fault of ours costs this one call, never the others
            log.exception("event not taken in", call=self.call.call_id, what=type(event).__name__)

    def _take(self, event: e.Event, arrived: float | None) -> None:
        call = self.call
        if not self._node.owns(call.call_id):
            return
        leg = call.legs.get(event.leg) if isinstance(event, e.LegEvent) else None
        state = leg.state if leg else None
        bridged = call.bridged_at
        commands = call.note(event)
        self._crash_points(event)
        if leg is not None and leg.state != state:
            self._log_leg(leg)
        if call.bridged_at != bridged:
            log.info("call bridged", call=call.call_id)
        self.post(commands, arrived=arrived)
        self._node.writer.note(call)
        self._node.changed(self)

    def take_back(self, states: Mapping[str, str], **found: Any) -> None:
        """Let the call know what Asterisk has of it, as `reconcile` tells it."""
        for event in reconcile(self.call, states, at=time.time(), **found):
            self.note(event)

    def leave(self) -> None:
        """Command nothing more: whoever owns the call next will."""
        self._orders.clear()

    def post(self, commands: list[c.Command], *, arrived: float | None = None) -> None:
        """Send these commands behind those already posted."""
        for command in commands:
            self._orders.append((command, arrived))
            arrived = None
        self._send_orders()

    # -- commands ----------------------------------------------------------------------------

    def _send_orders(self) -> None:
        """Send in order, up to a command that has to be waited for."""
        while self._orders and self._waited_for is None:
            command, arrived = self._orders.popleft()
            self._arrived = self._arrived if arrived is None else arrived
            if self.call.still(command):
                self._send(command)
            elif isinstance(command, c.CreateLeg):
                self._not_placed(command.leg, "not_dialled")

    def _send(self, command: c.Command) -> None:
        if isinstance(command, c.SaveIntent):
            crash.reached("place.asked")
            self._waited_for = command
            committed = self._node.writer.commit(self.call)
            committed.add_done_callback(partial(self._saved, command.legs, time.monotonic()))
            return
        if isinstance(command, c.SeekAgent | c.KeepPair | c.FindThird):
            self._node.ask(self.call, command)
            return
        if isinstance(command, c.CreateLeg) and not (self._node.ari.ready and self._node.writer.lock.ours):
            self._not_placed(command.leg, "asterisk_away")
            return
        if isinstance(command, c.CreateLeg) and not self._permitted(self.call.legs[command.leg]):
            return
        if isinstance(command, c.Tap) and not self._node.has_room():
            log.error("call not recorded: the disk is full", call=self.call.call_id)
            self.note(e.Refused(at=time.time(), command=command, status=NO_ROOM))
            return
        ari = self._node.ari
        resource, nickname, arguments = encode(
            command, node=self._node.name, call_id=self.call.call_id, app=ari.app, channels=self.foreign
        )
        if self._arrived is not None:
            self._reaction_seconds.append(time.monotonic() - self._arrived)
            self._arrived = None
        if isinstance(command, c.AddToBridge | c.RemoveFromBridge | c.TuneAmd | c.Answer):
            self._waited_for = command  # the rest has to find the legs in the bridge, the copy tuned
        if not ari.send(resource, nickname, arguments, partial(self._replied, command)):
            self._waited_for = command
            self._node.spawn(self._request(command, getattr(ari, resource), nickname, arguments), "request")
        if isinstance(command, c.CreateLeg | c.Dial):
            crash.reached("place.create_sent" if isinstance(command, c.CreateLeg) else "place.dial_sent")

    def _permitted(self, leg: Leg) -> bool:
        verdict = self._node.permit(self.call, leg)
        if not verdict.allowed:
            facts = {"call": self.call.call_id, "leg": leg.name, "reason": verdict.reason, "words": verdict.words}
            log.warning("leg not permitted", **facts)
            self.note(e.Forbidden(leg=leg.name, at=time.time(), reason=verdict.reason, verdict=verdict))
        return verdict.allowed

    def _saved(self, legs: tuple[str, ...], began: float, committed: asyncio.Future[None]) -> None:
        crash.reached("place.saved")
        waited = time.monotonic() - began
        self._commit_seconds.append(waited)
        if self._arrived is not None:
            self._arrived += waited
        if committed.cancelled():
            return
        refusal = committed.exception()
        if refusal is not None:
            for leg in legs:
                self._not_placed(leg, refusal.code if isinstance(refusal, Refusal) else "store_away")
        self._go_on()

    async def _request(self, command: c.Command, resource: Any, nickname: str, arguments: dict[str, object]) -> None:
        try:
            reply = await getattr(resource, nickname)(**arguments)
        except Exception:  # as above
            log.exception("command failed", call=self.call.call_id, command=type(command).__name__)
            reply = NO_ANSWER
        self._replied(command, reply)

    def _replied(self, command: c.Command, reply: Reply) -> None:
        if not reply.done:
            self._refused(command, reply.status)
        if command is self._waited_for:
            self._go_on()

    def _go_on(self) -> None:
        self._waited_for = None
        self._send_orders()

    def _refused(self, command: c.Command, status: int) -> None:
        log.info("command refused", call=self.call.call_id, command=type(command).__name__, status=status)
        if isinstance(command, c.AddToBridge) and not status:
            self._node.spawn(self._look_into(command), "look into bridge")
        elif not isinstance(command, c.CreateLeg):
            self.note(e.Refused(at=time.time(), command=command, status=status))
        elif status:
            self._not_placed(command.leg, "unplaceable")
        else:
            self._node.spawn(self._settle(command.leg), "settle")

    async def _look_into(self, command: c.AddToBridge) -> None:
        """No answer to an addition: if the legs are in the bridge, only the answer was lost.

        They are not added twice: Asterisk would take them out in between, and both would hear it.
        """
        bridge = bridge_id(self._node.name, self.call.call_id, command.bridge)
        reply = await self._node.ari.bridges.get(bridgeId=bridge)
        inside = reply.body["channels"] if reply.done else []
        if any(self._channel(leg) not in inside for leg in command.legs):
            self.note(e.Refused(at=time.time(), command=command, status=reply.status if not reply.done else 0))

    async def _settle(self, leg: str) -> None:
        """No answer to a create: if the channel is there, or was, only the answer was lost."""
        channel = self._channel(leg)
        for _ in range(SETTLE_LOOKS):
            seen = self.call.legs[leg].created_at is not None
            if seen or (await self._node.ari.channels.get(channelId=channel)).done:
                return
            await asyncio.sleep(SETTLE_SECONDS)
        if self.call.legs[leg].created_at is None:
            self._not_placed(leg, "asterisk_away")

    def _not_placed(self, leg: str, reason: str) -> None:
        self.note(e.NotPlaced(leg=leg, at=time.time(), reason=reason))

    def _crash_points(self, event: e.Event) -> None:
        match event:
            case e.Created():
                crash.reached("place.created")
            case e.Answered():
                crash.reached("call.bridged" if self.call.bridged_at == event.at else "call.answered")
            case e.Ended() if self.call.over:
                crash.reached("call.ended")

    # -- the log -----------------------------------------------------------------------------

    def _log_leg(self, leg: Leg) -> None:
        facts: dict[str, Any] = {"call": self.call.call_id, "leg": leg.name, "number": leg.number}
        if leg.over:
            outcome = leg.outcome
            facts |= {"disposition": outcome.disposition, "reason": outcome.words, "ended_by": leg.ended_by}
            facts |= {"cause": leg.cause, "sip_code": leg.sip_code}
        log.info(f"leg {leg.state}", **facts)

    def log_end(self) -> None:
        """Log that the call is over, and how fast we were."""
        log.info(
            "call ended",
            call=self.call.call_id,
            reason=self.call.release_reason,
            ended_by=self.call.ended_by,
            reaction_us=[round(MICRO * seconds) for seconds in self._reaction_seconds],
            commit_us=[round(MICRO * seconds) for seconds in self._commit_seconds],
        )
