"""A call that comes in: the caller hears ringing or music until somebody answers, or an IVR does.

Who calls is on the line from the start, as leg `b1`, and is answered when there is somebody to talk to. Where nobody
is, it is turned away unanswered: its own network says why.
"""

from engine.core import meeting, menu, refused, transfer, waiting
from engine.core.call import Call
from engine.core.commands import Answer, Command, SaveIntent, TakeIn
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
    Pressed,
    TakenBack,
)
from engine.core.leg import Leg
from engine.core.reach import found, life_seconds, won


def start(call: Call) -> list[Command]:
    """Reach somebody for who calls, or answer it where an IVR does."""
    caller, life = _caller(call), _take_in(call)
    if call.request.agent is None:
        return [SaveIntent(legs=()), life, Answer(leg=caller.name)]
    orders = meeting.begin(call, caller)
    after = next(place for place, order in enumerate(orders, start=1) if isinstance(order, SaveIntent))
    return [*orders[:after], life, *orders[after:]]


def decide(call: Call, event: Event) -> list[Command]:
    """What the event means for a call that came in."""
    if isinstance(event, DeadlinePassed) and event.name == refused.TAKE_IN:
        return [_take_in(call)]
    orders = transfer.decide(call, event)
    if orders is None:
        orders = _decide(call, event)
    return [_take_in(call), *orders] if isinstance(event, TakenBack) else orders


def _decide(call: Call, event: Event) -> list[Command]:
    match event:
        case Created(leg=name):
            return call.dial(call.legs[name])
        case Answered(leg=name):
            leg = call.legs[name]
            return _answered(call, leg) if leg.side == "customer" else won(call, leg) + _reached(call, leg)
        case Played(leg=name, playback=playback) if menu.visiting(call) and playback == call.plays:
            return menu.played(call, call.legs[name])
        case Played(playback=playback):
            return meeting.played(call, playback)
        case Pressed(leg=name, digit=digit) if menu.visiting(call) and call.legs[name].side == "customer":
            return menu.pressed(call, call.legs[name], digit)
        case AgentsFree(side=side):
            return meeting.go_on(call, side, found(call, event))
        case Ended(leg=name) | Missed(leg=name) | NotPlaced(leg=name):
            leg = call.legs[name]
            return _hung_up(call, leg) if leg.side == "customer" else meeting.ended(call, leg)
        case DeadlinePassed(name=waiting.QUEUED):
            return waiting.queued(call, _caller(call))
        case DeadlinePassed(name=menu.UNHEARD):
            return call.release(refused.UNPLAYABLE)
        case DeadlinePassed(name=(menu.WRONG | menu.PROMPT | menu.KEY | menu.VISIT) as name):
            return menu.deadline(call, _caller(call), name)
        case DeadlinePassed(name=name):
            return meeting.deadline(call, name)
        case TakenBack():
            return _taken_back(call)
        case _:
            return []


def _reached(call: Call, leg: Leg) -> list[Command]:
    """Somebody has answered: so does the caller's leg, and both talk once it has."""
    caller = _caller(call)
    if caller.answered_at is not None:
        return meeting.bridge(call, leg)
    return [*waiting.stop(call, caller), Answer(leg=caller.name)]


def _answered(call: Call, caller: Leg) -> list[Command]:
    agent = call.talker("agent")
    if agent is not None and agent.usable:
        return meeting.bridge(call, agent)
    return menu.begin(call, caller) if _to_be_asked(call) else []


def _to_be_asked(call: Call) -> bool:
    """Whether the IVR comes next: nobody is being reached."""
    reaching = "agent" in call.seeking or any(leg.target >= 0 for leg in call.legs_of("agent"))
    return call.request.ivr is not None and call.visit is None and not reaching


def _hung_up(call: Call, caller: Leg) -> list[Command]:
    ended_by = "customer" if caller.ended_by == "party" else caller.ended_by
    reason = caller.hangup_reason if caller.estimated and caller.hangup_reason else "hung_up"
    return call.release(reason, ended_by=ended_by)


def _taken_back(call: Call) -> list[Command]:
    """Answer, say or ask again what was on: it may have been lost."""
    caller, agent = _caller(call), call.talker("agent")
    if menu.visiting(call):
        return menu.again(call, caller)
    if caller.answered_at is not None and _to_be_asked(call):
        return menu.begin(call, caller)
    meant = (agent is not None and agent.usable) or _to_be_asked(call)
    answer: list[Command] = [Answer(leg=caller.name)] if caller.answered_at is None and meant else []
    return [*answer, *meeting.taken_back(call)]


def _take_in(call: Call) -> Command:
    """That the caller may stay: else the dialplan's dead-man ends the call, half a minute after it came."""
    return TakeIn(leg=_caller(call).name, account_id=call.request.account_id, life_seconds=life_seconds(call.request))


def _caller(call: Call) -> Leg:
    caller = call.latest("customer")
    assert caller is not None  # a call that came in has it from the start
    return caller
