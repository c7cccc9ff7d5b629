"""Finding out by ear who answered: a copy of what the party says goes through Asterisk's AMD.

The leg itself stays where it is, and whatever becomes of the copy costs the call nothing but the verdict.
"""

from engine.core import commands as c
from engine.core.amd import AMD, BEEP_SECONDS, SNOOP, SNOOP_SECONDS, VERDICT_SECONDS, Amd, Status
from engine.core.call import Call
from engine.core.commands import Command
from engine.core.events import AmdHeard, Event, FellSilent, Snooped, SnoopEnded, Talked
from engine.core.leg import Leg

# Names of deadlines: the greeting is taken for over; it is, if nothing more was heard by then.
BEEP = "beep"
QUIET = "quiet"
DEADLINES = (SNOOP, AMD, BEEP, QUIET)
QUIET_SECONDS = 1.5
LOST_SECONDS = 0.5  # the leg's own end may be on its way
MISSED_SECONDS = 5.0  # longer than a greeting goes on, mostly, when it is known for one
NO_VERDICT = "no_verdict"


def begin(call: Call, leg: Leg) -> list[Command]:
    """Have the leg, which was answered, listened to."""
    call.deadlines[SNOOP] = call.now + SNOOP_SECONDS
    return [c.SaveIntent(legs=()), c.Snoop(leg=leg.name)]  # a second one could not have its id


def follow(call: Call, leg: Leg, event: Event) -> list[Command] | None:
    """What follows while it is listened to; None when all is known that was to be: `leg.amd_status`."""
    amd = call.request.amd
    assert amd is not None
    match event:
        case Snooped() if SNOOP in call.deadlines:
            del call.deadlines[SNOOP]
            call.deadlines[AMD] = call.now + amd.total_analysis_time / 1000 + VERDICT_SECONDS
            return [c.TuneAmd(leg=leg.name, amd=amd), c.Detect(leg=leg.name)]
        case Snooped():  # too late
            return [c.StopSnoop(leg=leg.name)]
        case AmdHeard(status=status, cause=cause) if AMD in call.deadlines:
            settle(call, leg, judge(amd, status, cause), cause)
            return None
        case AmdHeard():  # too late
            return [c.StopSnoop(leg=leg.name)]
        case SnoopEnded() if AMD in call.deadlines:
            leg.amd_reason = leg.amd_reason or "lost"
            call.deadlines[AMD] = min(call.deadlines[AMD], call.now + LOST_SECONDS)
        case SnoopEnded() if BEEP in call.deadlines:
            call.deadlines[BEEP] = min(call.deadlines[BEEP], call.now + LOST_SECONDS)
        case Talked() if BEEP in call.deadlines:
            call.deadlines.pop(QUIET, None)
        case FellSilent() if BEEP in call.deadlines:
            stop(call)
            return None
    return []


def give_up(call: Call, leg: Leg) -> None:
    """There is no verdict, and nobody is listened to any more."""
    settle(call, leg, "unsure", leg.amd_reason or NO_VERDICT)


def settle(call: Call, leg: Leg, status: Status, reason: str) -> None:
    """That is the verdict."""
    leg.amd_status, leg.amd_reason, leg.amd_at = status, reason, call.now
    stop(call)


def stop(call: Call) -> None:
    """Nothing more is waited for."""
    for name in DEADLINES:
        call.deadlines.pop(name, None)


def await_beep(call: Call, leg: Leg) -> list[Command]:
    """Wait until the machine's greeting and its beep are over."""
    call.deadlines |= {BEEP: call.now + BEEP_SECONDS, QUIET: call.now + QUIET_SECONDS}
    return [c.Listen(leg=leg.name)]


def again(call: Call) -> None:
    """Nobody listened to the copy for a while: the end of the greeting may be among what was missed."""
    if BEEP in call.deadlines:
        call.deadlines[BEEP] = min(call.deadlines[BEEP], call.now + MISSED_SECONDS)


def judge(amd: Amd, status: str, cause: str) -> Status:
    """Who it was, by Asterisk's words.

    It calls silence a machine. It is out of time where somebody talks on without the pause a human makes for an
    answer: who says nothing is silent, long before that.
    """
    match status, cause.partition("-")[0]:
        case "HUMAN", _:
            return "human"
        case "MACHINE", "INITIALSILENCE":
            return "silence"
        case "MACHINE", _:
            return "machine"
        case "NOTSURE", "TOOLONG" if amd.total_analysis_time > amd.initial_silence:
            return "machine"
        case _:
            return "unsure"
