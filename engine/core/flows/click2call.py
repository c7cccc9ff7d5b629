"""Click to call: reach the agent's party; when one of it answers, reach the customer's; bridge the two."""

from engine.core import meeting, transfer
from engine.core.call import Call
from engine.core.commands import Command
from engine.core.events import (
    AgentsFree,
    Answered,
    Created,
    DeadlinePassed,
    Ended,
    Event,
    Missed,
    NotPlaced,
    Played,
    TakenBack,
)
from engine.core.reach import found, reach, won


def start(call: Call) -> list[Command]:
    """Ring the agent's party."""
    return reach(call, "agent") or []


def decide(call: Call, event: Event) -> list[Command]:
    """What the event means for a click-to-call."""
    orders = transfer.decide(call, event)
    if orders is not None:
        return orders
    match event:
        case Created(leg=name):
            return meeting.met(call, call.legs[name]) + call.dial(call.legs[name])
        case Answered(leg=name):
            leg = call.legs[name]
            return won(call, leg) + (meeting.begin(call, leg) if leg.side == "agent" else meeting.bridge(call, leg))
        case AgentsFree(side=side):
            return meeting.go_on(call, side, found(call, event))
        case Ended(leg=name) | Missed(leg=name) | NotPlaced(leg=name):
            return meeting.ended(call, call.legs[name])
        case DeadlinePassed(name=name):
            return meeting.deadline(call, name)
        case Played(playback=playback):
            return meeting.played(call, playback)
        case TakenBack():
            return meeting.taken_back(call)
        case _:
            return []
