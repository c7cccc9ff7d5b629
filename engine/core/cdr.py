"""The record of an ended request: one for each, however many legs it took."""

from dataclasses import dataclass
from typing import Any

from engine.core.call import QUEUE_TIMEOUT, Call
from engine.core.causes import BY_US, CANCELLED, Disposition, Outcome
from engine.core.ids import channel_id
from engine.core.leg import Leg
from engine.core.request import Side, Speech


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdr:
    """A call detail record. Times are seconds since the epoch, spans seconds; None is "never"."""

    request_id: str
    account_id: str
    node: str
    kind: str
    agent_number: str
    customer_number: str
    dialed_number: str
    caller_id: str
    disposition: Disposition
    reason: str
    ended_by: str
    call_date: float
    created_at: float | None
    answered_at: float | None
    ended_at: float | None
    billsec: float | None
    duration: float | None
    channel: str
    digits: str
    heard_seconds: float | None
    announcement_seconds: float | None
    campaign_id: str | None = None
    campaign_type: int | None = None
    list_id: str | None = None
    unique_id: str | None = None
    is_dnd: bool = False
    answers: dict[str, str] | None = None
    amd_status: str | None = None
    amd_reason: str | None = None


def number_of(call: Call, side: Side) -> str:
    """Whom a CDR names for that side: who answered, else the last one tried, else the first one asked for.

    "" where nobody of that side was. Who is transferred to is neither agent nor customer.
    """
    leg = call.talker(side) or call.latest(side)
    party = call.request.parties.get(side)
    return leg.number if leg else party.number if party else ""


def key_leg(call: Call) -> Leg | None:
    """The leg a CDR tells of: the customer's that was answered, else the last one rung, else the agent's, if any."""
    customer = [leg for leg in call.legs_of("customer") if leg.dialed_at is not None]
    agent = [leg for leg in (call.talker("agent"), call.latest("agent")) if leg]
    return call.talker("customer") or next(iter([*reversed(customer), *agent]), None)


def in_vain(call: Call) -> bool:
    """Whether the agent's leg tells of the call though it was answered: the customer was never rung."""
    leg = key_leg(call)
    return leg is None or (leg.side == "agent" and leg.answered_at is not None)


def outcome_of(call: Call) -> Outcome:
    """How an ended call came out."""
    if call.gave_up == QUEUE_TIMEOUT and call.talker("customer") is None:
        return BY_US[QUEUE_TIMEOUT]
    leg = call.latest("customer") if in_vain(call) else key_leg(call)
    return leg.outcome if leg is not None else BY_US.get(call.gave_up, CANCELLED)


def cdr(call: Call, *, node: str) -> Cdr:
    """The CDR of an ended call.

    `duration` runs from the leg's creation and `billsec` from its answer, both to its end; a leg
    that was dialled in vain has a `billsec` of 0.0, one that was never dialled has neither. `heard_seconds`
    of `announcement_seconds` were played to who answered, where something was to be spoken. An agent
    that answered without the customer being rung was not answered to: the outcome is the customer's. Who called in
    dialled a number of ours, and is its own caller id.
    """
    leg = key_leg(call)
    dialed = leg if leg is not None and leg.dialed_at is not None else None
    outcome = outcome_of(call)
    first = next(iter(call.request.parties.values()))
    ended_at = call.ended_at if leg is None else leg.ended_at
    assert ended_at is not None
    answered_at = leg.answered_at if leg is not None and not in_vain(call) else None
    speech = call.request.speech
    return Cdr(
        request_id=call.call_id,
        account_id=call.request.account_id,
        node=node,
        kind=call.request.kind,
        agent_number=number_of(call, "agent"),
        customer_number=number_of(call, "customer"),
        dialed_number=call.request.did or (leg.number if leg else first.number),
        caller_id=number_of(call, "customer") if call.request.did else leg.caller_id if leg else first.caller_id,
        disposition=outcome.disposition,
        reason=outcome.words,
        ended_by=call.ended_by or (leg.ended_by if leg else "us"),
        call_date=ended_at,
        created_at=leg.created_at if leg else None,
        answered_at=answered_at,
        ended_at=ended_at if dialed else None,
        billsec=_span(answered_at, ended_at) if dialed else None,
        duration=_span(dialed.created_at, ended_at) if dialed else None,
        channel=channel_id(node, call.call_id, dialed.name, dialed.channel) if dialed else "",
        digits=call.digits,
        heard_seconds=_heard(call, leg, speech) if speech else None,
        announcement_seconds=round(speech.seconds * speech.times, 3) if speech else None,
        **_of_campaign(call, outcome, leg),
    )


def _of_campaign(call: Call, outcome: Outcome, leg: Leg | None) -> dict[str, Any]:
    attempt = call.request.campaign
    if attempt is None:
        return {}
    return {
        "campaign_id": attempt.campaign_id,
        "campaign_type": attempt.campaign_type,
        "list_id": attempt.list_id,
        "unique_id": attempt.unique_id,
        "is_dnd": outcome.disposition == Disposition.DND,
        "answers": dict(call.visit.answers) if call.visit else None,
        "amd_status": leg.amd_status if leg and leg.amd_status else None,
        "amd_reason": leg.amd_reason if leg and leg.amd_status else None,
    }


def _heard(call: Call, leg: Leg | None, speech: Speech) -> float:
    """How much was played to who answered, what its end cut short included."""
    last = leg.ended_at - call.played_at if call.played_at and leg and leg.ended_at else 0.0
    heard = call.heard_seconds + min(max(last, 0.0), speech.seconds)
    return round(min(heard, speech.seconds * speech.times), 3)  # what is played after it is none of it


def _span(start: float | None, end: float) -> float:
    return 0.0 if start is None else round(max(0.0, end - start), 3)
