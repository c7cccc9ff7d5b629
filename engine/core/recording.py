"""Recording a call: which leg is listened to, from when to when, whatever its flow is.

What is recorded is a copy of one leg (Asterisk's snoop), never the bridge: the talk does not notice it, and it outlives
every move of that leg. The customer's holds both parties, as it is made of what the customer says and hears; one party
alone is the copy of what its own leg says. Where a leg that is recorded is gone and the talk goes on, so does the
recording, of the next leg and under the next name; so it does, a few times, where it broke off by itself. One that is
paused stays so under every name, and one that Asterisk does not pause ends: nobody is recorded who was told he is not.
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
# Why a recording failed.
REFUSED, BROKE_OFF, NOT_PAUSED, NOT_RESUMED = "refused", "broke_off", "not_paused", "not_resumed"
DISK_FULL = "disk_full"
# Names of deadlines, by the recording's number: its leg has had the time to end with it; tell Asterisk again.
BROKE, PAUSING = "recording_broke:", "recording_pause:"
BROKE_SECONDS, PAUSING_SECONDS = 1.0, 0.25
MOST_BROKEN = 3  # so often in one call one breaks off before it is left at that
MOST_REFUSALS = 4  # so often Asterisk does not pause it, or resume it, before it ends
# Asterisk's answers where it has a recording of that name, which is ours and got no answer; or where the copy is not
# quite there, which it will tell.
NOT_AGAIN = (409, 422)
NOT_THERE = 404
NO_ROOM = 507  # ours: Asterisk was not asked, as its disk is full


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
    broke_at: float | None = None  # it ended, and nobody asked for it: with its leg, which is not told yet, or alone
    refusals: int = 0  # of what it was told last: to pause, or to resume

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


def _asked_for(call: "Call") -> RecordingOption:
    """What is recorded when somebody asks for it now: what the request says, or else both."""
    return call.request.recording or "both"


def reason_against(call: "Call", what: What) -> str:
    """Why that can not be done now; "" where it can."""
    on = running(call)
    if call.bridged_at is None or call.releasing:
        return TOO_EARLY
    match what:
        case "start" if on is not None:
            return "this call is recorded already"
        case "start" if _leg(call, _asked_for(call)) is None:
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
        call.recorded = _asked_for(call)
        for each in call.recordings[-1:]:
            each.paused = False  # who asks for it anew wants to hear it
        return []  # what is not yet, begins
    match what:
        case "stop":
            call.recorded = ""
            return _end(call, on)
        case "pause" | "resume":
            on.paused, on.refusals = what == "pause", 0
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
        case e.DeadlinePassed(name=name):
            orders = _due(call, name)
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
    paused = any(each.paused for each in call.recordings[-1:])
    number = len(call.recordings) + 1
    begun = Recording(number=number, leg=leg.name, side=option, asked_at=call.now, paused=paused)
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
            _broke(call, known)
        case e.TapMissing() if known.started_at is not None:
            _break_off(call, known)  # there is no copy to end
        case e.TapMissing():
            _close(call, known, event.at)
    return []


def _again(call: "Call") -> list[c.Command]:
    on = running(call)
    if on is None or on.broke_at is not None:
        return []
    on.refusals = 0
    return _paused(call, on) if on.started_at is not None else []


def _broke(call: "Call", on: Recording) -> None:
    """It ended unasked: with its leg, which will tell in a moment, or by itself, which a full disk is told as, too."""
    if on.broke_at is None:
        on.broke_at = call.now
        call.deadlines[f"{BROKE}{on.number}"] = call.now + BROKE_SECONDS


def _due(call: "Call", name: str) -> list[c.Command]:
    kind, _, number = name.partition(":")
    on = running(call)
    if on is None or number != str(on.number):
        return []
    match f"{kind}:":
        case "recording_broke:":
            return _break_off(call, on)
        case "recording_pause:" if on.refusals < MOST_REFUSALS:
            return _paused(call, on)
        case "recording_pause:":
            return _fail(call, on, NOT_PAUSED if on.paused else NOT_RESUMED, for_good=on.paused)
        case _:
            return []


def _break_off(call: "Call", on: Recording) -> list[c.Command]:
    broken = sum(each.failed == BROKE_OFF for each in call.recordings)
    return _fail(call, on, BROKE_OFF, for_good=broken + 1 >= MOST_BROKEN)


def refused(call: "Call", command: c.RecorderCommand, status: int) -> list[c.Command]:
    """Asterisk did not carry the command out; 0 is no answer."""
    known = next(each for each in call.recordings if each.number == command.recording)
    if not known.on:
        return []
    match command:
        case c.Record() if status in NOT_AGAIN:
            return _paused(call, known)  # ours, perhaps: that it began is not told again
        case c.Tap() | c.Record() if status not in (0, *NOT_AGAIN):
            return _fail(call, known, DISK_FULL if status == NO_ROOM else REFUSED)
        case c.PauseRecording() | c.ResumeRecording() if known.paused == isinstance(command, c.PauseRecording):
            _not_paused(call, known, status)
    return []


def _not_paused(call: "Call", on: Recording, status: int) -> None:
    """Asterisk goes on as it was: it is told again soon, unless there is no recording it could be told of."""
    if status == NOT_THERE and on.started_at is not None:
        _broke(call, on)
    elif status not in (NOT_THERE, *NOT_AGAIN) or on.started_at is not None:
        on.refusals += 1
        call.deadlines[f"{PAUSING}{on.number}"] = call.now + PAUSING_SECONDS


def leg_ended(call: "Call", leg: "Leg", at: float) -> None:
    """What is recorded of a leg ends with it."""
    for each in call.recordings:
        if each.on and each.leg == leg.name:
            _close(call, each, at)


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
    _close(call, on, call.now)
    return [c.StopTap(leg=on.leg, recording=on.number)]


def _close(call: "Call", on: Recording, at: float) -> None:
    on.ended_at = max(at if on.broke_at is None else on.broke_at, on.asked_at)
    for kind in (BROKE, PAUSING):
        call.deadlines.pop(f"{kind}{on.number}", None)


def _fail(call: "Call", on: Recording, reason: str, *, for_good: bool = True) -> list[c.Command]:
    """It has failed, and `for_good`: whatever ended it would end the next one."""
    on.failed = reason
    if for_good:
        call.recorded = ""
    return _end(call, on)
