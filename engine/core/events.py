"""What happened to a call: frozen facts, each with the time it happened.

`at` is seconds since the epoch, UTC, as Asterisk's own timestamp where the fact comes from there.
`leg` is the leg's name within its call: `a1`, `b1`, `b2` …
"""

from dataclasses import dataclass
from typing import Literal

from engine.core.commands import Command
from engine.core.permit import Verdict
from engine.core.request import Party, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact about a call."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEvent(Event):
    """A fact about one leg."""

    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Created(LegEvent):
    """The leg's channel is in our application and may be commanded (`StasisStart`); Asterisk calls it by `name`."""

    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rang(LegEvent):
    """The party's network said that it rings (180)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed(LegEvent):
    """The party's network sends early media (183)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(LegEvent):
    """The party answered (200)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed(LegEvent):
    """The party pressed a key."""

    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snooped(LegEvent):
    """There is a copy of what the party says, which may be listened to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AmdHeard(LegEvent):
    """Asterisk has told by its ear who answered: `status` and `cause` are its AMD's own words."""

    status: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoopEnded(LegEvent):
    """There is no copy of what the party says any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talked(LegEvent):
    """Something is to be heard of the party."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FellSilent(LegEvent):
    """Nothing has been heard of the party for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played(LegEvent):
    """What was played to the leg has come to its end, or was stopped; `playback` is its number within the call."""

    playback: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderEvent(LegEvent):
    """A fact about a recording of the leg, by its number within the call."""

    recording: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tapped(RecorderEvent):
    """There is a copy of the leg, which may be recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingBegan(RecorderEvent):
    """The copy is written into a file from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingEnded(RecorderEvent):
    """Its file is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailed(RecorderEvent):
    """Asterisk can not write it; `cause` is its word for why."""

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TapEnded(RecorderEvent):
    """There is no copy any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TapMissing(RecorderEvent):
    """Nobody listened for a while, and there is no copy now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingAsked(Event):
    """Somebody asked for the call to be recorded from now on, or not any more, or not for a while."""

    what: Literal["start", "stop", "pause", "resume"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(LegEvent):
    """The leg's channel is gone."""

    cause: int = 0
    sip_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed(LegEvent):
    """The leg's channel was found gone, `reason` says how that came; `at` is when it was last known to be there."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(LegEvent):
    """The leg has a channel still, though nobody listened for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPlaced(LegEvent):
    """The leg never had a channel: nothing was dialled."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden(NotPlaced):
    """The permit for the leg was refused: nothing was dialled."""

    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentsFree(Event):
    """The answer to `SeekAgent`: these targets of that side are free and held for this call; none if nobody is."""

    side: Side
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Event):
    """Asterisk did not carry a command out; `status` is its HTTP status, 0 when it did not answer."""

    command: Command
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed(Event):
    """One of the call's deadlines, by its name, has come."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Event):
    """Somebody asked us to end the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred(LegEvent):
    """The party's telephone asked for a transfer to what it dialled (REFER); "" for what is no number."""

    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThirdUnknown(LegEvent):
    """The answer to `FindThird`: nobody who may be rung is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferAsked(LegEvent):
    """Who talks on this leg is to hand the other party over; `attended`: after talking to the third party first.

    With `referred` it was his telephone that asked.
    """

    attended: bool
    party: Party
    referred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSettled(Event):
    """Somebody decided what becomes of the transfer that is under way."""

    how: Literal["complete", "cancel", "swap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack(Event):
    """The call knows again all that Asterisk has of it; commands may have been lost.

    `members` are the legs found in its bridge, None where nobody looked.
    """

    members: frozenset[str] | None = None
