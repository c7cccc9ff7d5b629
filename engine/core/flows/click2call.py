"""Click to call: reach the agent's party; when one of it answers, reach the customer's; bridge the two.

Where the customer's network is to be heard, the agent is bridged to the customer's leg before it is dialled, and muted
until the answer, so that the network hears nothing. Else a customer's leg enters the bridge when it has won.
"""

from engine.core import waiting
from engine.core.call import QUEUE_TIMEOUT, Call
from engine.core.causes import Disposition
from engine.core.commands import Command, KeepPair, Mute, PlayToBridge, PlayTone, SaveIntent, StopRing, Unmute
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
from engine.core.leg import Leg
from engine.core.reach import found, reach, seek_again, stop_seeking, won
from engine.core.request import Side

TONE_SECONDS = 3.0
TONE = {Disposition.BUSY: "busy"}


def start(call: Call) -> list[Command]:
    """Ring the agent's party."""
    return reach(call, "agent") or []


def decide(call: Call, event: Event) -> list[Command]:
    """What the event means for a click-to-call."""
    match event:
        case Created(leg=name):
            return _meet(call, call.legs[name]) + call.dial(call.legs[name])
        case Answered(leg=name):
            leg = call.legs[name]
            return won(call, leg) + (_agent_answered(call, leg) if leg.side == "agent" else _bridge(call, leg))
        case AgentsFree(side=side):
            return _go_on(call, side, found(call, event))
        case Ended(leg=name) | Missed(leg=name) | NotPlaced(leg=name):
            return _ended(call, call.legs[name])
        case DeadlinePassed(name=name):
            return _deadline(call, name)
        case Played(playback=playback):
            agent = call.talker("agent")
            latest = call.hears == waiting.RING_TONE and playback == call.plays
            return waiting.played(call, agent) if agent and latest else []
        case TakenBack():
            return _taken_back(call)
        case _:
            return []


def _deadline(call: Call, name: str) -> list[Command]:
    match name.split(":"):
        case ["talk"]:
            return call.release("max_talk")
        case ["tone"]:
            return call.release("customer_not_reached")
        case ["alert", place]:
            call.plays += 1
            media = call.request.alerts[int(place)].media
            return [SaveIntent(legs=()), PlayToBridge(bridge=call.bridge, media=media, playback=call.plays)]
        case ["ring", leg]:
            return call.hang_up(call.legs[leg], "ring_time")
        case ["pause", ("agent" | "customer") as side]:
            return _go_on(call, side, reach(call, side))
        case ["queue", ("agent" | "customer") as side]:
            stop_seeking(call, side)
            call.gave_up = QUEUE_TIMEOUT
            return _go_on(call, side, None)
        case _:
            return []


def _agent_answered(call: Call, agent: Leg) -> list[Command]:
    meeting = call.open_bridge()  # it has to be there when somebody answers
    if waiting.early(call.request):
        meeting.append(Mute(leg=agent.name))
    orders = _go_on(call, "customer", reach(call, "customer"))
    saves = [place for place, order in enumerate(orders, start=1) if isinstance(order, SaveIntent)]
    if not saves:
        return [SaveIntent(legs=()), *meeting, *orders]
    return [*orders[: saves[0]], *meeting, *orders[saves[0] :]]  # whoever comes after us has to know of the bridge


def _go_on(call: Call, side: Side, orders: list[Command] | None) -> list[Command]:
    """Carry out what comes next for that side's party, None if nobody is left; the agent waits meanwhile."""
    if orders is None:
        return _failed(call, side)
    agent = call.talker("agent")
    return [*(waiting.wait(call, agent) if agent else []), *orders]


def _meet(call: Call, leg: Leg) -> list[Command]:
    """Put a customer's leg to the agent before it is dialled, where its network is to be heard."""
    agent = call.talker("agent")
    if leg.side == "agent" or agent is None or not waiting.early(call.request):
        return []
    return call.add_to_bridge(agent, leg)


def _bridge(call: Call, customer: Leg) -> list[Command]:
    """Both talk from now on."""
    agent = call.talker("agent")
    assert agent is not None  # the customer is rung when one has answered
    call.mark_bridged(agent, customer)
    pair, staff = call.request.pair, next((leg for leg in (agent, customer) if leg.agent_id), None)
    keep = [KeepPair(number=pair.number, agent_id=staff.agent_id, seconds=pair.seconds)] if pair and staff else []
    if waiting.early(call.request):
        return [*waiting.stop(call, agent), Unmute(leg=agent.name), *keep]
    return [*waiting.stop(call, agent), *call.add_to_bridge(agent, customer), *keep]


def _ended(call: Call, leg: Leg) -> list[Command]:
    side, agent = leg.side, call.talker("agent")
    if leg.answered_at is None and call.talker(side) is not None:
        return []  # another of its side has answered
    if leg.answered_at is None and (orders := reach(call, side)) is not None:
        silence = [StopRing(leg=agent.name)] if agent and leg.rang_at and waiting.early(call.request) else []
        return [*silence, *_go_on(call, side, orders)]
    if side == "customer" and call.bridged_at is None:
        return _failed(call, side)
    reason = "hung_up" if leg.answered_at else "agent_not_reached"
    ended_by = side if leg.ended_by == "party" else leg.ended_by
    return call.release(leg.hangup_reason or reason if leg.estimated else reason, ended_by=ended_by)


def _failed(call: Call, side: Side) -> list[Command]:
    """The party can not be reached: no dead air for the agent, a tone, then the end."""
    agent, leg = call.talker("agent"), call.latest(side)
    if agent is None:
        fault = leg.ended_by if leg else "party"
        return call.release("agent_not_reached", ended_by=side if fault == "party" else fault)
    call.deadlines["tone"] = call.now + TONE_SECONDS
    tone = TONE.get(leg.outcome.disposition, "congestion") if leg else "busy"
    quiet = waiting.stop(call, agent) or [StopRing(leg=agent.name)]
    return [*quiet, PlayTone(leg=agent.name, tone=tone)]


def _taken_back(call: Call) -> list[Command]:
    """Repeat what may have been lost and is safe to repeat."""
    agent, customer = call.talker("agent"), call.talker("customer")
    both = [leg for leg in (agent, customer or call.latest("customer")) if leg and leg.usable]
    together = call.bridged_at is not None or waiting.early(call.request)
    joined = call.add_to_bridge(*both) if len(both) == 2 and call.bridge_open and together else []
    heard = [Unmute(leg=agent.name)] if agent and call.bridged_at and waiting.early(call.request) else []
    return [*joined, *heard, *(waiting.again(call, agent) if agent else []), *seek_again(call)]
