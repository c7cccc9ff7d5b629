"""Click to call: ring the agent; when the agent answers, ring the customer; bridge the two.

The agent is bridged to the customer's leg before it is dialled, so that it hears what the
customer's network sends, and is muted until the answer, so that the customer's network hears nothing.
"""

from engine.core.call import RING, Call
from engine.core.causes import Disposition
from engine.core.commands import Command, Mute, PlayTone, StopRing, Unmute
from engine.core.events import Answered, Created, DeadlinePassed, Ended, Event, Missed, NotPlaced, TakenBack
from engine.core.hunt import next_endpoint
from engine.core.leg import Leg

TONE_SECONDS = 3.0
TONE = {Disposition.BUSY: "busy"}


def start(call: Call) -> list[Command]:
    """Ring the agent."""
    return call.place("agent", endpoint=call.request.agent.endpoints[0])


def decide(call: Call, event: Event) -> list[Command]:
    """What the event means for a click-to-call."""
    agent, customer = call.latest("agent"), call.latest("customer")
    assert agent is not None  # a call starts with its agent
    match event:
        case Created(leg=agent.name):
            return call.dial(agent)
        case Answered(leg=agent.name):
            save, create = call.place("customer", endpoint=call.request.customer.endpoints[0], originator=agent)
            return [save, *call.open_bridge(), Mute(leg=agent.name), create]
        case Created(leg=name) if customer and name == customer.name:
            return [*call.add_to_bridge(agent, customer), *call.dial(customer)]
        case Answered(leg=name) if customer and name == customer.name:
            call.mark_bridged(agent, customer)
            return [Unmute(leg=agent.name)]
        case TakenBack():
            both = customer is not None and agent.usable and customer.usable
            joined = call.add_to_bridge(agent, customer) if both and call.bridge_open and customer else []
            return [*joined, Unmute(leg=agent.name)] if call.bridged_at is not None else joined
        case DeadlinePassed(name="talk"):
            return call.release("max_talk")
        case DeadlinePassed(name="tone"):
            return call.release("customer_not_reached")
        case DeadlinePassed(name=name):
            return call.hang_up(call.legs[name.removeprefix(RING)], "ring_time")
        case Ended(leg=name) | Missed(leg=name) | NotPlaced(leg=name):
            return _ended(call, call.legs[name], agent)
        case _:
            return []


def _ended(call: Call, leg: Leg, agent: Leg) -> list[Command]:
    following = next_endpoint(call, leg)
    if leg.side == "customer" and call.bridged_at is None:
        if following:
            return call.place("customer", endpoint=following, originator=agent)
        return _say_failure(call, leg, agent)
    if leg.side == "agent" and leg.answered_at is None and following:
        return call.place("agent", endpoint=following)
    ended_by = leg.side if leg.ended_by == "party" else leg.ended_by
    reason = "hung_up" if leg.answered_at else "agent_not_reached"
    return call.release(leg.hangup_reason or reason if leg.estimated else reason, ended_by=ended_by)


def _say_failure(call: Call, leg: Leg, agent: Leg) -> list[Command]:
    """The customer can not be reached: no dead air, a tone for the agent, then the end."""
    call.deadlines["tone"] = call.now + TONE_SECONDS
    tone = TONE.get(leg.outcome.disposition, "congestion")
    return [StopRing(leg=agent.name), PlayTone(leg=agent.name, tone=tone)]
