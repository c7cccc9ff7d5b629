"""The whole story of one request: a plain object that takes one event at a time and answers with commands.

Facts are noted the same way for every kind of call; what they mean is the flow's to decide.
"""

from dataclasses import dataclass, field, replace
from typing import Protocol

from engine.core import commands as c
from engine.core import events as e
from engine.core import recording, talk
from engine.core.causes import CAUSE_NORMAL, HANGUP_CAUSES
from engine.core.ivr import Visit
from engine.core.leg import Leg
from engine.core.permit import ALLOWED, Verdict
from engine.core.recording import Recording, What
from engine.core.refused import HANGUP, once_more, refused
from engine.core.request import CallRequest, Party, RecordingOption, Side
from engine.core.third import Transfer

ASTERISK_RESTART = "asterisk_restart"
# Names of deadlines: that leg's ring time is over; that party is rung again; it is not waited for any longer.
RING = "ring:"
PAUSE = "pause:"
QUEUE = "queue:"
QUEUE_TIMEOUT = "queue_timeout"  # why a party could not be reached
GRACE_SECONDS = 60  # how much later than ours Asterisk's own limits fire


class Flow(Protocol):
    """What one kind of call does."""

    def start(self, call: "Call") -> list[c.Command]:
        """The first commands of a new call."""

    def decide(self, call: "Call", event: e.Event) -> list[c.Command]:
        """What the event, already noted, means for the call."""


@dataclass(slots=True, kw_only=True)
class Call:
    """One call. `deadlines` maps a deadline's name to the time it comes."""

    call_id: str
    request: CallRequest
    flow: Flow
    requested_at: float
    now: float
    legs: dict[str, Leg] = field(default_factory=dict)
    deadlines: dict[str, float] = field(default_factory=dict)
    bridge: int = 0
    bridge_open: bool = False
    members: set[str] = field(default_factory=set)  # legs put into the bridge
    bridged_at: float | None = None
    release_reason: str | None = None
    ended_by: str | None = None
    digits: str = ""
    seeking: dict[Side, float] = field(default_factory=dict)  # whose free agents are waited for, since when
    sought_since: dict[Side, float] = field(default_factory=dict)  # when an agent of that side was first asked for
    gave_up: str = ""  # why a party could not be reached, where no leg would tell
    hears: str = ""  # what is played to the agent's party while it waits (`core.waiting`)
    plays: int = 0  # playbacks so far
    played_at: float = 0.0  # when the latest began
    heard_seconds: float = 0.0  # of the request's speech, before the playback that is on since `played_at`
    permit: Verdict = ALLOWED  # the latest refusal, if a leg was refused
    visit: Visit | None = None  # of the customer to the request's IVR
    connecting: str = ""  # which of the request's choices is the agent's party now
    transfer: Transfer | None = None  # the latest; it stays when it is over
    recordings: list[Recording] = field(default_factory=list)
    recorded: RecordingOption | None = None  # what is to be recorded now; None: what the request says
    pressed: set[tuple[str, float]] = field(default_factory=set)  # by whom and when, to know a key told twice

    # -- what a flow asks ------------------------------------------------------------------

    def latest(self, side: Side) -> Leg | None:
        """The latest leg of that side."""
        return next(reversed(self.legs_of(side)), None)

    def legs_of(self, side: Side) -> list[Leg]:
        """That side's legs, as they were placed."""
        return [leg for leg in self.legs.values() if leg.side == side]

    def hunted(self, side: Side) -> list[Leg]:
        """Those that were placed for the party which is that side's now: of each transfer there is another third."""
        legs = self.legs_of(side)
        return legs[self.transfer.since :] if side == "third" and self.transfer else legs

    def party(self, side: Side) -> Party:
        """The party of that side, which is one of those to be reached."""
        return self.transfer.party if side == "third" and self.transfer else self.request.party(side)

    def talker(self, side: Side) -> Leg | None:
        """The leg of that side that was answered."""
        for leg in self.legs.values():
            if leg.answered_at is not None and leg.side == side and leg.target >= 0:
                return leg
        return None

    @property
    def waiter(self) -> Leg | None:
        """Who was reached first, or called in and may not be answered yet: the other party is reached for this leg."""
        side = self.request.first
        return self.latest(side) if self.request.did else self.talker(side)

    @property
    def connected(self) -> bool:
        """Who was to be reached has been: both parties talk, or the only one listens."""
        alone = self.request.agent is None and self.talker("customer") is not None
        return self.bridged_at is not None or alone

    @property
    def releasing(self) -> bool:
        """The call is being ended."""
        return self.release_reason is not None

    @property
    def over(self) -> bool:
        """Nothing of the call is left in Asterisk, and nothing will come."""
        return self.release_reason is not None and all(leg.ended_at is not None for leg in self.legs.values())

    @property
    def ended_at(self) -> float | None:
        """When the last leg ended, once the call is over."""
        return max((leg.ended_at or 0.0 for leg in self.legs.values()), default=self.now) if self.over else None

    def can_record(self, what: What) -> str:
        """Why its recording can not be started, stopped, paused or resumed now; "" where it can."""
        return recording.reason_against(self, what)

    @property
    def newest(self) -> float:
        """When the last thing happened that is known of it."""
        return max([self.requested_at, *(time for leg in self.legs.values() for time in leg.times)])

    # -- what a flow does ------------------------------------------------------------------

    def dial(self, leg: Leg) -> list[c.Command]:
        """Ring a created leg; its ring time counts from now."""
        ring_seconds = self.party(leg.side).ring_seconds
        leg.dialed_at = self.now
        self.deadlines[RING + leg.name] = self.now + ring_seconds
        return [c.Dial(leg=leg.name, ring_seconds=ring_seconds + GRACE_SECONDS)]

    def open_bridge(self) -> list[c.Command]:
        """Make the call's next bridge."""
        self.bridge += 1
        self.bridge_open = True
        return [c.OpenBridge(bridge=self.bridge)]

    def add_to_bridge(self, *legs: Leg) -> list[c.Command]:
        """Put those of the legs that are not in it yet into the open bridge."""
        names = tuple(leg.name for leg in legs if leg.name not in self.members)
        self.members.update(names)
        return [c.AddToBridge(bridge=self.bridge, legs=names)] if names else []

    def close_bridge(self) -> list[c.Command]:
        """Destroy the bridge, if one is open; whoever is in it is hung up or has gone."""
        if not self.bridge_open:
            return []
        self.bridge_open = False
        return [c.CloseBridge(bridge=self.bridge)]

    def hang_up(self, leg: Leg, reason: str) -> list[c.Command]:
        """Give a leg up; one that is not created yet goes as soon as it is."""
        if leg.over or leg.hangup_reason is not None:
            return []
        leg.hangup_reason, leg.hangup_at = reason, self.now
        self.deadlines.pop(RING + leg.name, None)
        if leg.created_at is None:
            return []
        return [c.Hangup(leg=leg.name, cause=HANGUP_CAUSES.get(reason, CAUSE_NORMAL))]

    def connect(self, name: str) -> None:
        """From now on that one of the request's choices is the agent's party."""
        self.connecting = name
        self.request = replace(self.request, agent=self.request.choices[name])

    def mark_bridged(self, *legs: Leg) -> None:
        """Both parties talk from now on; talk time counts from here."""
        self.bridged_at = self.now
        for leg in legs:
            leg.bridged_at = self.now
        self.deadlines |= talk.deadlines(self.request, self.now)

    def release(self, reason: str, *, ended_by: str = "us") -> list[c.Command]:
        """End the call: hang up whatever is left of it."""
        if self.releasing:
            return []
        self.release_reason = reason
        self.ended_by = ended_by
        self.seeking.clear()
        self.deadlines = {name: at for name, at in self.deadlines.items() if name.startswith(HANGUP)}
        hangups = [order for leg in self.legs.values() for order in self.hang_up(leg, reason)]
        return hangups + self.close_bridge()

    # -- what the switch asks --------------------------------------------------------------

    def start(self, at: float) -> list[c.Command]:
        """The first commands; the first of all saves the intent."""
        self.now = at
        return self.flow.start(self)

    def note(self, event: e.Event) -> list[c.Command]:
        """Take a fact in and answer with what to do. A fact already known, or come too late, is nothing."""
        self.now = event.at
        match event:
            case e.LegEvent(leg=name):
                leg = self.legs.get(name)
                if leg is None or not self._note_leg(leg, event):
                    return []
                if leg.hangup_reason is not None and not leg.over:
                    there = isinstance(event, e.Created | e.Found)
                    return [c.Hangup(leg=name, cause=CAUSE_NORMAL)] if there else []
            case e.DeadlinePassed(name=name):
                if self.deadlines.pop(name, None) is None:
                    return []
                if (orders := once_more(self, name)) is not None:
                    return orders
            case e.Refused(command=command, status=status):
                return refused(self, command, status)
            case e.AgentsFree(side=side) if side not in self.seeking:
                return []
            case e.Cancelled():
                return self.release("cancelled")
        if isinstance(event, e.TakenBack) and event.members is not None:
            self.members = set(event.members)
        if self.releasing:
            again = isinstance(event, e.TakenBack) and self.bridge > 0
            return [c.CloseBridge(bridge=self.bridge)] if again else []
        return [*self.flow.decide(self, event), *recording.follow(self, event)]

    def due(self, now: float) -> list[e.DeadlinePassed]:
        """The deadlines that have come, earliest first."""
        names = sorted((at, name) for name, at in self.deadlines.items() if at <= now)
        return [e.DeadlinePassed(at=now, name=name) for _, name in names]

    @property
    def deadline(self) -> float | None:
        """The earliest deadline."""
        return min(self.deadlines.values(), default=None)

    def still(self, command: c.Command) -> bool:
        """Whether a command that waited its turn is still to be carried out."""
        match command:
            case c.SaveIntent(legs=names):
                return not names or any(self.legs[name].hangup_reason is None for name in names)
            case c.SeekAgent(side=side):
                return side in self.seeking
            case c.CreateLeg(leg=name):
                return self.legs[name].hangup_reason is None
            case c.Hangup(leg=name):
                return not self.legs[name].over
            case c.LegCommand(leg=name):
                return self.legs[name].usable
            case c.OpenBridge() | c.PlayToBridge():
                return not self.releasing
            case c.AddToBridge(legs=names):
                return any(self.legs[name].usable for name in names)  # Asterisk says that one is gone
            case _:
                return True

    # -- facts -----------------------------------------------------------------------------

    def _note_leg(self, leg: Leg, event: e.LegEvent) -> bool:
        """Whether the event told something new; order and repetition do not matter.

        An answer that crosses our own hang-up is no answer: our facts come first.
        """
        if leg.over:
            return False
        if leg.hangup_reason is not None and isinstance(event, e.Rang | e.Progressed | e.Answered):
            leg.rang_at = leg.rang_at or event.at  # enough to never ring that number again
            return False
        match event:
            case e.Created(at=at, name=channel_name):
                if leg.created_at is not None:
                    return False
                leg.created_at, leg.channel_name = at, channel_name
            case e.Found(at=at):
                # It may have been dialled without our knowing: it never is again.
                leg.created_at = leg.created_at or at
                if leg.dialed_at is None and leg.hangup_reason is None:
                    self.dial(leg)
            case e.Rang(at=at) | e.Progressed(at=at):
                if leg.rang_at is not None or leg.answered_at is not None:
                    return False
                leg.rang_at = at
            case e.Answered(at=at):
                if leg.answered_at is not None:
                    return False
                leg.answered_at = at
                self.deadlines.pop(RING + leg.name, None)
            case e.Pressed(at=at, digit=digit):
                if (leg.name, at) in self.pressed:
                    return False
                self.pressed.add((leg.name, at))
                self.digits += digit if leg.side == "customer" else ""
            case e.Ended(at=at, cause=cause, sip_code=sip_code):
                leg.cause, leg.sip_code = cause, sip_code
                self._end(leg, at)
            case e.Missed(at=at, reason=reason):
                leg.estimated = True
                # What we ended was there until then, unless Asterisk went first.
                told_at = 0.0 if reason == ASTERISK_RESTART else leg.hangup_at or 0.0
                leg.hangup_reason = leg.hangup_reason or reason
                self._end(leg, max(at, told_at))
            case e.NotPlaced(at=at, reason=reason):
                leg.hangup_reason = leg.hangup_reason or reason
                self.permit = event.verdict if isinstance(event, e.Forbidden) else self.permit
                self._end(leg, at)
        return True

    def _end(self, leg: Leg, at: float) -> None:
        known = (leg.created_at, leg.dialed_at, leg.answered_at)
        leg.ended_at = max(at, *(time for time in known if time is not None), 0.0)
        recording.leg_ended(self, leg, leg.ended_at)
        self.deadlines.pop(RING + leg.name, None)
        self.deadlines.pop(HANGUP + leg.name, None)
