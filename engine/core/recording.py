"""Recording a call: which leg is listened to, from when to when, whatever its flow is.

What is recorded is a copy of one leg (Asterisk's snoop), never the bridge: the talk does not notice it, and it outlives
every move of that leg. The customer's holds both parties, as it is made of what the customer says and hears; one party
alone is the copy of what its own leg says. Where a leg that is recorded is gone and the talk goes on, so does the
recording, of the next leg and under the next name.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.core import commands as c
from engine.core import events as e
from engine.core.ids import recorder
from engine.core.request import RecordingOption

if TYPE_CHECKING:
    from engine.core.call import Call
    from engine.core.leg import Leg

What = Literal["start", "stop", "pause", "resume"]

TOO_EARLY = "there is nothing to be recorded: the parties do not talk"
REFUSED = "refused"  # why a recording failed
# Asterisk's answers where it has a recording of that name, which is ours and got no answer; or where the copy is not
# quite there, which it will tell.
NOT_AGAIN = (409, 422)


@dataclass(slots=True, kw_only=True)
class Recording:
    """One recording of a call. Times are epoch seconds; `number` tells it from the call's others.

    It holds the `leg` and what that hears (side `both`), or the leg alone. `failed` is why nothing came of it.
    """

    number: int
    leg: str
    side: RecordingOption
    asked_at: float
    started_at: float | None = None
    ended_at: float | None = None
    paused: bool = False
    failed: str = ""

    @property
    def name(self) -> str:
        """Its name within the call, which its copy has, too."""
        return recorder(self.leg, self.number)

    @property
    def on(self) -> bool:
        """It has not ended."""
        return self.ended_at is None


def running(call: "Call") -> Recording | None:
    """The recording that is on."""
    return next((each for each in call.recordings if each.on), None)


def wish(call: "Call") -> RecordingOption:
    """What is to be recorded now."""
    return call.request.recording if call.recorded is None else call.recorded


def reason_against(call: "Call", what: What) -> str:
    """Why that can not be done now; "" where it can."""
    on = running(call)
    if call.bridged_at is None or call.releasing:
        return TOO_EARLY
    match what:
        case "start" if on is not None:
            return "this call is recorded already"
        case "start" if _leg(call, call.request.recording or "both") is None:
            return TOO_EARLY
        case "stop" | "pause" | "resume" if on is None:
            return "this call is not recorded"
        case "pause" if on is not None and on.paused:
            return "the recording is paused already"
        case "resume" if on is not None and not on.paused:
            return "the recording is not paused"
        case _:
            return ""


def _asked(call: "Call", what: What) -> list[c.Command]:
    """Do that with the call's recording; nothing, where it can not be done."""
    if reason_against(call, what):
        return []
    on = running(call)
    if on is None:
        call.recorded = call.request.recording or "both"
        return []  # what is not yet, begins
    match what:
        case "stop":
            call.recorded = ""
            return _end(call, on)
        case "pause" | "resume":
            on.paused = what == "pause"
            return _paused(call, on)
        case _:
            return []


def follow(call: "Call", event: e.Event) -> list[c.Command]:
    """What the event, which its flow has seen, means for its recording: what is to be recorded and is not yet begins.

    Of what went on while nobody listened, what may have been lost and is safe to repeat is repeated.
    """
    match event:
        case e.TapMissing():
            return _heard(call, event)  # the next one is begun when all is known again
        case e.RecorderEvent():
            orders = _heard(call, event)
        case e.RecordingAsked(what=what):
            orders = _asked(call, what)
        case e.TakenBack():
            orders = _again(call)
        case _:
            orders = []
    return [*orders, *_begin(call)]


def _begin(call: "Call") -> list[c.Command]:
    option = wish(call)
    if not option or call.bridged_at is None or call.releasing or running(call):
        return []
    leg = _leg(call, option)
    if leg is None:
        return []
    begun = Recording(number=len(call.recordings) + 1, leg=leg.name, side=option, asked_at=call.now)
    call.recordings.append(begun)
    # A second copy could not have its id: whoever comes after us has to know of it.
    return [c.SaveIntent(legs=()), c.Tap(leg=leg.name, recording=begun.number, both=option == "both")]


def _heard(call: "Call", event: e.RecorderEvent) -> list[c.Command]:
    """What Asterisk tells of a recording."""
    known = next((each for each in call.recordings if each.number == event.recording), None)
    if known is None or not known.on:
        return [c.StopTap(leg=event.leg, recording=event.recording)] if isinstance(event, e.Tapped) else []
    match event:
        case e.Tapped() if known.started_at is None:
            return [_record(call, known)]
        case e.RecordingBegan(at=at) if known.started_at is None:
            known.started_at = at
            return _paused(call, known) if known.paused else []
        case e.RecordingFailed(cause=cause):
            return _fail(call, known, cause)
        case e.RecordingEnded() | e.TapEnded():
            known.ended_at = event.at
            call.recorded = ""  # it is not begun again: whatever ended it would end the next one
        case e.TapMissing():
            known.ended_at = event.at
    return []


def _again(call: "Call") -> list[c.Command]:
    on = running(call)
    if on is None:
        return []
    return _paused(call, on) if on.started_at is not None else []


def refused(call: "Call", command: c.Tap | c.Record, status: int) -> list[c.Command]:
    """Asterisk did not carry the command out; 0 is no answer."""
    known = next(each for each in call.recordings if each.number == command.recording)
    if status in (0, *NOT_AGAIN) or not known.on:
        return []
    return _fail(call, known, REFUSED)


def leg_ended(call: "Call", leg: "Leg", at: float) -> None:
    """What is recorded of a leg ends with it."""
    for each in call.recordings:
        if each.on and each.leg == leg.name:
            each.ended_at = max(at, each.asked_at)


def _leg(call: "Call", option: RecordingOption) -> "Leg | None":
    """The leg that is listened to."""
    agents = "agent", "third"  # whom the customer is handed over to speaks for the account from then on
    sides = agents if option == "agent" else ("customer",) if option == "customer" else ("customer", *agents)
    talking = (leg for leg in call.legs.values() if leg.answered_at is not None and leg.usable)
    found = [leg for leg in talking if leg.side in sides]
    return min(found, key=lambda leg: sides.index(leg.side), default=None)


def _record(call: "Call", begun: Recording) -> c.Command:
    return c.Record(leg=begun.leg, recording=begun.number, account_id=call.request.account_id)


def _paused(call: "Call", on: Recording) -> list[c.Command]:
    order = c.PauseRecording if on.paused else c.ResumeRecording
    return [order(leg=on.leg, recording=on.number, account_id=call.request.account_id)]


def _end(call: "Call", on: Recording) -> list[c.Command]:
    on.ended_at = call.now
    return [c.StopTap(leg=on.leg, recording=on.number)]


def _fail(call: "Call", on: Recording, reason: str) -> list[c.Command]:
    on.failed = reason
    call.recorded = ""
    return _end(call, on)
