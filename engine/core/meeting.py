"""Bringing two parties together: whoever was reached first waits while the other is reached; then both talk.

Where the customer's network is to be heard, the agent is bridged to the customer's leg before it is dialled, and muted
until the answer, so that the network hears nothing. Else a leg enters the bridge when it has won.
"""

from engine.core import waiting
from engine.core.call import QUEUE_TIMEOUT, Call
from engine.core.causes import NOBODY_ANSWERED, NOBODY_FREE, NOBODY_REACHED, Disposition
from engine.core.commands import Answer, Command, KeepPair, Mute, PlayToBridge, PlayTone, SaveIntent, StopRing, Unmute
from engine.core.leg import Leg
from engine.core.reach import give_up, reach, seek_again, stop_seeking
from engine.core.request import Side

TONE_SECONDS = 3.0
TONE = {Disposition.BUSY: "busy"}
TURNED_AWAY = {Disposition.BUSY: NOBODY_FREE, Disposition.NOANSWER: NOBODY_ANSWERED}


def connect(call: Call, first: Leg, name: str) -> list[Command]:
    """Reach that one of the request's choices for this leg, which was answered; with none of that name that is all."""
    if name not in call.request.choices:
        return call.release("announced")
    call.connect(name)
    return begin(call, first)


def begin(call: Call, first: Leg) -> list[Command]:
    """Reach the other party for this leg, which was answered."""
    meeting = [] if call.bridge_open else call.open_bridge()  # it has to be there when somebody answers
    if waiting.early(call.request):
        meeting.append(Mute(leg=first.name))
    side = waiting.second(call.request)
    orders = go_on(call, side, reach(call, side))
    saves = [place for place, order in enumerate(orders, start=1) if isinstance(order, SaveIntent)]
    if not saves:
        return [SaveIntent(legs=()), *meeting, *orders]
    return [*orders[: saves[0]], *meeting, *orders[saves[0] :]]  # whoever comes after us has to know of the bridge


def go_on(call: Call, side: Side, orders: list[Command] | None) -> list[Command]:
    """Carry out what comes next for that side's party, None if nobody is left; who was reached waits meanwhile."""
    if orders is None:
        return _failed(call, side)
    first = call.waiter
    return [*(waiting.wait(call, first) if first else []), *orders]


def met(call: Call, leg: Leg) -> list[Command]:
    """Put a new leg to who waits before it is dialled, where its network is to be heard."""
    first = call.waiter
    if leg.side == call.request.first or first is None or not waiting.early(call.request):
        return []
    return call.add_to_bridge(first, leg)


def bridge(call: Call, leg: Leg) -> list[Command]:
    """The other party has answered on this leg: both talk from now on."""
    first = call.waiter
    assert first is not None  # the other one is rung when it has answered
    call.mark_bridged(first, leg)
    pair, staff = call.request.pair, next((each for each in (first, leg) if each.agent_id), None)
    keep = [KeepPair(number=pair.number, agent_id=staff.agent_id, seconds=pair.seconds)] if pair and staff else []
    if waiting.early(call.request):
        return [*waiting.stop(call, first), Unmute(leg=first.name), *keep]
    return [*waiting.stop(call, first), *call.add_to_bridge(first, leg), *keep]


def played(call: Call, playback: int) -> list[Command]:
    """What is played has come to its end: if it was the ring tone, it goes on."""
    first = call.waiter
    latest = call.hears == waiting.RING_TONE and playback == call.plays
    return waiting.played(call, first) if first and latest else []


def deadline(call: Call, name: str) -> list[Command]:
    """What a deadline means that has come."""
    match name.split(":"):
        case ["talk"]:
            return call.release("max_talk")
        case ["tone"]:
            return call.release(f"{waiting.second(call.request)}_not_reached")
        case ["alert", place]:
            call.plays += 1
            media = call.request.alerts[int(place)].media
            return [SaveIntent(legs=()), PlayToBridge(bridge=call.bridge, media=media, playback=call.plays)]
        case ["ring", leg]:
            return call.hang_up(call.legs[leg], "ring_time")
        case ["pause", ("agent" | "customer") as side]:
            return go_on(call, side, reach(call, side))
        case ["queue", ("agent" | "customer") as side]:
            stop_seeking(call, side)
            call.gave_up = QUEUE_TIMEOUT
            return go_on(call, side, None)
        case _:
            return []


def ended(call: Call, leg: Leg) -> list[Command]:
    """What follows from the end of a leg: the next one of its party, or the end of the call."""
    side, first = leg.side, call.waiter
    if leg.answered_at is None and (leg.target < 0 or call.talker(side) is not None):
        return []  # of a party that was given up; or another of its side has answered
    if leg.answered_at is None and (orders := reach(call, side)) is not None:
        silence = [StopRing(leg=first.name)] if first and leg.rang_at and waiting.early(call.request) else []
        return [*silence, *go_on(call, side, orders)]
    if side != call.request.first and call.bridged_at is None:
        return _failed(call, side)
    reason = "hung_up" if leg.answered_at else f"{side}_not_reached"
    ended_by = side if leg.ended_by == "party" else leg.ended_by
    return call.release(leg.hangup_reason or reason if leg.estimated else reason, ended_by=ended_by)


def _failed(call: Call, side: Side) -> list[Command]:
    """The party can not be reached: no dead air for who waits for it, a tone, then the end."""
    first, leg = call.waiter, call.latest(side)
    if first is None:
        fault = leg.ended_by if leg else "party"
        return call.release(f"{call.request.first}_not_reached", ended_by=side if fault == "party" else fault)
    if first.answered_at is None:
        return _turned_away(call, first, leg)
    call.deadlines["tone"] = call.now + TONE_SECONDS
    tone = TONE.get(leg.outcome.disposition, "congestion") if leg else "busy"
    quiet = waiting.stop(call, first) or [StopRing(leg=first.name)]
    return [*quiet, PlayTone(leg=first.name, tone=tone)]


def _turned_away(call: Call, first: Leg, leg: Leg | None) -> list[Command]:
    """Who called in was not answered yet: an IVR is left, or its own network tells it why nobody was reached."""
    if call.request.ivr:
        give_up(call, "agent")
        return [*waiting.stop(call, first), SaveIntent(legs=()), Answer(leg=first.name)]
    if leg is None or call.gave_up:
        return call.release(NOBODY_FREE)
    return call.release(TURNED_AWAY.get(leg.outcome.disposition, NOBODY_REACHED))


def taken_back(call: Call) -> list[Command]:
    """Repeat what may have been lost and is safe to repeat."""
    request = call.request
    first, other = call.waiter, call.talker(waiting.second(request))
    both = [leg for leg in (first, other or call.latest(waiting.second(request))) if leg and leg.usable]
    together = call.bridged_at is not None or waiting.early(request)
    joined = call.add_to_bridge(*both) if len(both) == 2 and call.bridge_open and together else []
    heard = [Unmute(leg=first.name)] if first and call.bridged_at and waiting.early(request) else []
    return [*joined, *heard, *(waiting.again(call, first) if first else []), *seek_again(call)]
