"""A campaign's call: reach the customer, find out who answered, speak, then ask or connect.

Where an answering machine is listened for, it alone may be hung up on: whoever is not known to be one is spoken to.
A machine is left the speech at most, and connected to nobody.
"""

from engine.core import amd, hearing, meeting, menu, speaking, transfer
from engine.core.call import Call
from engine.core.commands import Command, StopSnoop
from engine.core.events import (
    AgentsFree,
    AmdHeard,
    Answered,
    Created,
    DeadlinePassed,
    Ended,
    Event,
    FellSilent,
    Missed,
    NotPlaced,
    Played,
    Pressed,
    Snooped,
    SnoopEnded,
    TakenBack,
    Talked,
)
from engine.core.leg import Leg
from engine.core.reach import found, reach, won
from engine.core.refused import INTERRUPTED, UNPLAYABLE

ANNOUNCED = "announced"
MACHINE = "machine"
HUNG_UP = "hung_up"  # why nobody knows who it was


def start(call: Call) -> list[Command]:
    """Ring the customer's party."""
    return reach(call, "customer") or []


def decide(call: Call, event: Event) -> list[Command]:
    """What the event means for a campaign's call."""
    orders = transfer.decide(call, event)
    if orders is not None:
        return orders
    match event:
        case Created(leg=name):
            return meeting.met(call, call.legs[name]) + call.dial(call.legs[name])
        case Answered(leg=name):
            leg = call.legs[name]
            return won(call, leg) + (_answered(call, leg) if leg.side == "customer" else meeting.bridge(call, leg))
        case Snooped(leg=name) | AmdHeard(leg=name) | SnoopEnded(leg=name) | Talked(leg=name) | FellSilent(leg=name):
            return _heard(call, call.legs[name], event)
        case Played(leg=name, playback=playback) if playback == call.plays:
            return _played(call, call.legs[name])
        case Pressed(leg=name, digit=digit) if menu.visiting(call) and call.legs[name].side == "customer":
            return menu.pressed(call, call.legs[name], digit)
        case AgentsFree(side=side):
            return meeting.go_on(call, side, found(call, event))
        case Ended(leg=name) | Missed(leg=name) | NotPlaced(leg=name):
            return _ended(call, call.legs[name])
        case DeadlinePassed(name=name):
            return _deadline(call, name)
        case TakenBack():
            return _taken_back(call)
        case _:
            return []


def _answered(call: Call, leg: Leg) -> list[Command]:
    return hearing.begin(call, leg) if call.request.amd else _speak(call, leg)


def _heard(call: Call, leg: Leg, event: Event) -> list[Command]:
    if call.request.amd is None:
        return []
    before = leg.amd_status
    orders = hearing.follow(call, leg, event)
    if orders is not None:
        return orders
    return _known(call, leg) if leg.amd_status != before else _leave_word(call, leg)


def _known(call: Call, leg: Leg) -> list[Command]:
    """It is known now who answered, as far as it ever will be."""
    on_machine = call.request.amd.on_machine if call.request.amd else "hangup"
    if leg.amd_status == MACHINE and (on_machine == "hangup" or call.request.speech is None):
        return call.release(MACHINE)
    if leg.amd_status == MACHINE and on_machine == "beep":
        return hearing.await_beep(call, leg)
    return _leave_word(call, leg)


def _leave_word(call: Call, leg: Leg) -> list[Command]:
    """Nobody is listened to any more: speak."""
    return [StopSnoop(leg=leg.name), *_speak(call, leg)]


def _speak(call: Call, leg: Leg) -> list[Command]:
    return speaking.speak(call, leg) if call.request.speech else _then(call, leg)


def _then(call: Call, leg: Leg) -> list[Command]:
    """What comes after the speech."""
    if leg.amd_status == MACHINE:
        return call.release(ANNOUNCED)
    if call.request.ivr:
        return menu.begin(call, leg)
    return meeting.connect(call, leg, call.request.connect_to)


def _played(call: Call, leg: Leg) -> list[Command]:
    if speaking.SPEECH in call.deadlines:
        orders = speaking.played(call, leg)
        return _then(call, leg) if orders is None else orders
    return menu.played(call, leg) if menu.visiting(call) else meeting.played(call, call.plays)


def _deadline(call: Call, name: str) -> list[Command]:
    leg = call.talker("customer")
    match name:
        case speaking.SPEECH | speaking.SILENCE | menu.UNHEARD:
            return call.release(UNPLAYABLE)
        case amd.SNOOP | amd.AMD if leg:
            hearing.give_up(call, leg)
            return _known(call, leg)
        case hearing.BEEP | hearing.QUIET if leg:
            hearing.stop(call)
            return _leave_word(call, leg)
        case menu.WRONG | menu.PROMPT | menu.KEY | menu.VISIT if leg:
            return menu.deadline(call, leg, name)
        case _:
            return meeting.deadline(call, name)


def _ended(call: Call, leg: Leg) -> list[Command]:
    if leg.side == "customer" and leg.answered_at is not None and call.request.amd and not leg.amd_status:
        hearing.settle(call, leg, "unsure", leg.hangup_reason or HUNG_UP)
    if leg.side == "customer" and leg.answered_at is None and leg.hangup_reason == INTERRUPTED:
        return call.release(INTERRUPTED)  # it may have been stopped meanwhile: the lead is queued again, if not
    return meeting.ended(call, leg)


def _taken_back(call: Call) -> list[Command]:
    """Say or ask again what was on; a verdict, or the end of a greeting, is waited for no longer than before."""
    leg = call.talker("customer")
    if leg is None or not leg.usable or call.connecting:
        return meeting.taken_back(call)
    if speaking.speaking(call):
        return speaking.again(call, leg)
    if menu.visiting(call):
        return menu.again(call, leg)
    hearing.again(call)
    return []
