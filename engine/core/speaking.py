"""Playing a request's speech to who answered, so many times, whole each time."""

from engine.core import commands as c
from engine.core.call import Call
from engine.core.commands import Command, SaveIntent
from engine.core.leg import Leg
from engine.core.request import Speech

SPEECH = "speech"  # the deadline by which Asterisk has to have told that the speech was played
SILENCE = "silence"  # the deadline by which the end has to come of a leg to which no more is played
SLACK_SECONDS = 0.5  # how much sooner than its length a speech that was played whole may be over
LATE_SECONDS = 5.0  # longer than a command, and what it stands behind, may take
QUIET_SECONDS = 2.0
ROUNDING = 0.001


def speaking(call: Call) -> bool:
    """Whether the speech is on, or was cut short."""
    return SPEECH in call.deadlines or SILENCE in call.deadlines


def speak(call: Call, leg: Leg) -> list[Command]:
    """Play the speech from its beginning."""
    speech = _speech(call)
    call.plays += 1
    call.played_at = call.now
    call.deadlines[SPEECH] = call.now + speech.seconds + LATE_SECONDS
    # Whoever comes after us has to be able to stop it, and to use no playback's number twice.
    return [SaveIntent(legs=()), c.Play(leg=leg.name, media=speech.media, playback=call.plays, times=1)]


def played(call: Call, leg: Leg) -> list[Command] | None:
    """What follows when it is over: once more, or None where that was all.

    Cut short, the leg's end is on its way, or it can not be played.
    """
    speech = _speech(call)
    del call.deadlines[SPEECH]
    if call.now < call.played_at + speech.seconds - SLACK_SECONDS:
        call.heard_seconds += call.now - call.played_at
        call.played_at = 0.0
        call.deadlines[SILENCE] = call.now + QUIET_SECONDS
        return []
    call.heard_seconds += speech.seconds
    call.played_at = 0.0
    return speak(call, leg) if _times_heard(call) < speech.times else None


def again(call: Call, leg: Leg) -> list[Command]:
    """What was being played, from its beginning: it may have ended while nobody listened."""
    call.heard_seconds = _times_heard(call) * _speech(call).seconds  # what was cut short is said again
    call.deadlines.pop(SILENCE, None)
    return [c.StopPlay(leg=leg.name, playback=call.plays), *speak(call, leg)]


def _times_heard(call: Call) -> int:
    """How often the speech was heard whole."""
    return int(call.heard_seconds / _speech(call).seconds + ROUNDING)


def _speech(call: Call) -> Speech:
    assert call.request.speech is not None  # nobody asks otherwise
    return call.request.speech
