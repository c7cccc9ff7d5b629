"""Announce: reach the customer's party; to who answers the speech is played, so many times; then hang up."""

from engine.core import commands as c
from engine.core.call import PAUSE, RING, Call
from engine.core.commands import Command, SaveIntent
from engine.core.events import Answered, Created, DeadlinePassed, Ended, Event, Missed, NotPlaced, Played, TakenBack
from engine.core.leg import Leg
from engine.core.reach import reach, won
from engine.core.refused import UNPLAYABLE
from engine.core.request import Speech

SPEECH = "speech"  # the deadline by which Asterisk has to have told that the speech was played
SILENCE = "silence"  # the deadline by which the end has to come of a leg to which no more is played
SLACK_SECONDS = 0.5  # how much sooner than its length a speech that was played whole may be over
LATE_SECONDS = 5.0  # longer than a command, and what it stands behind, may take
QUIET_SECONDS = 2.0
ROUNDING = 0.001
ANNOUNCED = "announced"


def start(call: Call) -> list[Command]:
    """Ring the customer's party."""
    return reach(call, "customer") or []


def decide(call: Call, event: Event) -> list[Command]:
    """What the event means for an announcement."""
    match event:
        case Created(leg=name):
            return call.dial(call.legs[name])
        case Answered(leg=name):
            leg = call.legs[name]
            return [*won(call, leg), *_speak(call, leg)]
        case Played(playback=playback) if playback == call.plays and call.played_at:
            return _played(call)
        case Ended(leg=name) | Missed(leg=name) | NotPlaced(leg=name):
            return _ended(call, call.legs[name])
        case DeadlinePassed(name=name):
            return _deadline(call, name)
        case TakenBack():
            return _taken_back(call)
        case _:
            return []


def _deadline(call: Call, name: str) -> list[Command]:
    if name in (SPEECH, SILENCE):
        return call.release(UNPLAYABLE)
    if name.startswith(RING):
        return call.hang_up(call.legs[name.removeprefix(RING)], "ring_time")
    if name == f"{PAUSE}customer":
        return _go_on(call, call.latest("customer"))
    return []


def _speak(call: Call, leg: Leg) -> list[Command]:
    """Play the speech from its beginning."""
    speech = _speech(call)
    call.plays += 1
    call.played_at = call.now
    call.deadlines[SPEECH] = call.now + speech.seconds + LATE_SECONDS
    # Whoever comes after us has to be able to stop it, and to use no playback's number twice.
    return [SaveIntent(legs=()), c.Play(leg=leg.name, media=speech.media, playback=call.plays, times=1)]


def _played(call: Call) -> list[Command]:
    """Whole: once more, or that was all. Cut short: the leg's end is on its way, or it can not be played."""
    speech, leg = _speech(call), call.talker("customer")
    del call.deadlines[SPEECH]
    if call.now < call.played_at + speech.seconds - SLACK_SECONDS:
        call.heard_seconds += call.now - call.played_at
        call.played_at = 0.0
        call.deadlines[SILENCE] = call.now + QUIET_SECONDS
        return []
    call.heard_seconds += speech.seconds
    call.played_at = 0.0
    if leg and leg.usable and _times_heard(call) < speech.times:
        return _speak(call, leg)
    return call.release(ANNOUNCED)


def _taken_back(call: Call) -> list[Command]:
    """What was being played, from its beginning: it may have ended while nobody listened."""
    leg = call.talker("customer")
    if leg is None or not leg.usable:
        return []
    call.heard_seconds = _times_heard(call) * _speech(call).seconds  # what was cut short is said again
    call.deadlines.pop(SILENCE, None)
    return [c.StopPlay(leg=leg.name, playback=call.plays), *_speak(call, leg)]


def _ended(call: Call, leg: Leg) -> list[Command]:
    if leg.answered_at is None:
        return [] if call.talker("customer") else _go_on(call, leg)
    return _release(call, leg, "hung_up")


def _go_on(call: Call, leg: Leg | None) -> list[Command]:
    """Ring who comes next; this leg was the last where nobody is left."""
    orders = reach(call, "customer")
    return _release(call, leg, "customer_not_reached") if orders is None else orders


def _release(call: Call, leg: Leg | None, reason: str) -> list[Command]:
    if leg is None:
        return call.release(reason)
    ended_by = "customer" if leg.ended_by == "party" else leg.ended_by
    return call.release(leg.hangup_reason or reason if leg.estimated else reason, ended_by=ended_by)


def _times_heard(call: Call) -> int:
    """How often the speech was heard whole."""
    return int(call.heard_seconds / _speech(call).seconds + ROUNDING)


def _speech(call: Call) -> Speech:
    assert call.request.speech is not None  # there is no call of this kind without one
    return call.request.speech
