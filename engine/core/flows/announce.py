"""Announce: reach the customer's party; to who answers the speech is played, so many times; then hang up."""

from engine.core import speaking
from engine.core.call import PAUSE, RING, Call
from engine.core.commands import Command
from engine.core.events import Answered, Created, DeadlinePassed, Ended, Event, Missed, NotPlaced, Played, TakenBack
from engine.core.leg import Leg
from engine.core.reach import reach, won
from engine.core.refused import UNPLAYABLE

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
            return [*won(call, leg), *speaking.speak(call, leg)]
        case Played(leg=name, playback=playback) if playback == call.plays and call.played_at:
            orders = speaking.played(call, call.legs[name])
            return call.release(ANNOUNCED) if orders is None else orders
        case Ended(leg=name) | Missed(leg=name) | NotPlaced(leg=name):
            return _ended(call, call.legs[name])
        case DeadlinePassed(name=name):
            return _deadline(call, name)
        case TakenBack():
            heard = call.talker("customer")
            return speaking.again(call, heard) if heard and heard.usable else []
        case _:
            return []


def _deadline(call: Call, name: str) -> list[Command]:
    if name in (speaking.SPEECH, speaking.SILENCE):
        return call.release(UNPLAYABLE)
    if name.startswith(RING):
        return call.hang_up(call.legs[name.removeprefix(RING)], "ring_time")
    if name == f"{PAUSE}customer":
        return _go_on(call, call.latest("customer"))
    return []


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
