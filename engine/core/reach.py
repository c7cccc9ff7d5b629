"""Reaching a party of a call: the steps of its hunt as orders."""

import math
from collections.abc import Iterable, Iterator, Mapping

from engine.core import commands as c
from engine.core import dialstring, hunt
from engine.core.amd import BEEP_SECONDS, SNOOP_SECONDS, VERDICT_SECONDS
from engine.core.call import GRACE_SECONDS, PAUSE, QUEUE, Call
from engine.core.causes import ELSEWHERE
from engine.core.events import AgentsFree
from engine.core.ivr import IVR_SECONDS
from engine.core.leg import Leg
from engine.core.request import AGENT_CLI, AROUND_SPEECH_SECONDS, CallRequest, Party, Side

NO_AGENT_FREE = "no_agent_free"
LEG_LETTER: Mapping[Side, str] = {"agent": "a", "customer": "b", "third": "c"}


def reach(call: Call, side: Side) -> list[c.Command] | None:
    """Go on reaching that side's party; None if there is nobody left to try."""
    party = call.party(side)
    match _next_step(call, side):
        case hunt.Ring(tries):
            return _place(call, side, tries)
        case hunt.Seek(targets, every):
            since = call.seeking[side] = call.sought_since.setdefault(side, call.now)
            if party.queue_seconds:
                call.deadlines[QUEUE + side] = since + party.queue_seconds
            return [c.SeekAgent(side=side, targets=targets, every=every, since=since)]
        case hunt.Pause(until=until):
            call.deadlines[PAUSE + side] = until
            return []
        case hunt.Wait():
            return []
        case hunt.GiveUp():
            return None


def found(call: Call, event: AgentsFree) -> list[c.Command] | None:
    """Ring the agents that were found free; None if nobody is. An answer to an older question is none."""
    step = _next_step(call, event.side)
    asked = step.targets if isinstance(step, hunt.Seek) else ()
    if any(target not in asked for target in event.targets):
        return []
    stop_seeking(call, event.side)
    if not event.targets:
        call.gave_up = NO_AGENT_FREE
        return None
    return _place(call, event.side, hunt.found(call.party(event.side), event.targets).tries)


def stop_seeking(call: Call, side: Side) -> None:
    """Nobody is waited for any more."""
    call.seeking.pop(side, None)
    call.deadlines.pop(QUEUE + side, None)


def give_up(call: Call, side: Side) -> None:
    """That side's party is not reached any more: another may be, from the beginning."""
    for leg in call.legs_of(side):
        leg.target = -1
    call.sought_since.pop(side, None)
    call.gave_up = ""


def seek_again(call: Call) -> Iterator[c.Command]:
    """Ask once more for the agents that are waited for."""
    for side, since in call.seeking.items():
        match _next_step(call, side):
            case hunt.Seek(targets, every):
                yield c.SeekAgent(side=side, targets=targets, every=every, since=since)


def won(call: Call, winner: Leg) -> list[c.Command]:
    """One has answered: the others of its side are given up."""
    others = [leg for leg in call.hunted(winner.side) if leg is not winner]
    return [order for leg in others for order in call.hang_up(leg, ELSEWHERE)]


def held(call: Call) -> frozenset[str]:
    """The numbers this call keeps busy: of its legs, and of whom it is about to ring again."""
    numbers = {leg.number for leg in call.legs.values() if leg.ended_at is None}
    for name in call.deadlines:
        if not name.startswith(PAUSE):
            continue
        side: Side = next(each for each in LEG_LETTER if name == PAUSE + each)
        match _next_step(call, side):
            case hunt.Pause(targets=targets):
                numbers |= {call.party(side).targets[target].number for target in targets}
            case hunt.Ring(tries):  # it is due
                numbers |= {call.party(side).targets[each.target].number for each in tries}
    return frozenset(numbers)


def _place(call: Call, side: Side, tries: Iterable[hunt.Try]) -> list[c.Command]:
    creates = [_create(call, side, each) for each in tries]
    return [c.SaveIntent(legs=tuple(create.leg for create in creates)), *creates]


def _create(call: Call, side: Side, chosen: hunt.Try) -> c.CreateLeg:
    target = call.party(side).targets[chosen.target]
    leg = Leg(
        name=f"{LEG_LETTER[side]}{len(call.legs_of(side)) + 1}",
        side=side,
        number=target.number,
        endpoint=chosen.endpoint,
        caller_id=_shown_to(call, side, chosen.endpoint),
        target=chosen.target,
        attempt=chosen.attempt,
        agent_id=target.agent_id,
    )
    call.legs[leg.name] = leg
    waiting = _waiting(call, side)
    return c.CreateLeg(
        leg=leg.name,
        endpoint=leg.endpoint,
        caller_id=leg.caller_id,
        account_id=call.request.account_id,
        life_seconds=_rest_of(call) if side == "third" else life_seconds(call.request),
        originator=waiting.name if waiting else None,
    )


def _waiting(call: Call, side: Side) -> Leg | None:
    """Who is to talk to that side's party, if that one is on the line."""
    if side == "third" and call.transfer:
        return call.legs[call.transfer.other]
    if call.request.did:
        return call.waiter
    return call.talker("agent" if side == "customer" else "customer")


def _rest_of(call: Call) -> int:
    """How long a leg may live that comes to a talk that is on."""
    since = call.now if call.bridged_at is None else call.bridged_at
    return max(0, math.ceil(since + call.request.max_talk_seconds - call.now)) + GRACE_SECONDS


def _shown_to(call: Call, side: Side, endpoint: str) -> str:
    if call.request.did and not dialstring.inside(endpoint):
        return call.request.did  # nobody has proven the caller's number: it does not leave the house
    shown, agent = call.party(side).caller_id, call.talker("agent")
    if shown != AGENT_CLI or agent is None:
        return shown
    return call.request.party("agent").targets[agent.target].cli or agent.caller_id


def life_seconds(request: CallRequest) -> int:
    """How long a leg may live before Asterisk ends it by itself: longer than anything we would let happen."""
    reaching = sum(_longest(request, party) for party in request.parties.values())
    before = _before_talk(request) if request.campaign or request.did else 0
    return reaching + before + request.max_talk_seconds + GRACE_SECONDS


def _before_talk(request: CallRequest) -> int:
    """The seconds a customer may be on the line, at most, before it talks to anybody but a machine of ours."""
    analysis = request.amd.total_analysis_time / 1000 if request.amd else 0.0
    hearing = analysis + SNOOP_SECONDS + VERDICT_SECONDS + BEEP_SECONDS if request.amd else 0.0
    speech = request.speech.times * (request.speech.seconds + AROUND_SPEECH_SECONDS) if request.speech else 0.0
    visit = IVR_SECONDS if request.ivr else 0
    connecting = max((_longest(request, party) for party in request.choices.values()), default=0)
    return math.ceil(hearing + speech + visit) + connecting


def _longest(request: CallRequest, party: Party) -> int:
    """The seconds it may take, at most, until a party is reached."""
    rounds = (1 if party.strategy == "to_all" else len(party.targets)) * (1 + party.retries)
    pauses = party.retries * len(party.targets) * request.retry_pause_seconds
    return rounds * party.ring_seconds + math.ceil(pauses) + party.queue_seconds


def _next_step(call: Call, side: Side) -> hunt.Step:
    return hunt.next_step(
        call.party(side),
        [leg for leg in call.hunted(side) if leg.target >= 0],
        now=call.now,
        pause_seconds=call.request.retry_pause_seconds,
    )
