"""The record of an ended request: one for each, however many legs it took."""

from dataclasses import dataclass

from engine.core.call import Call
from engine.core.causes import Disposition, Outcome
from engine.core.ids import leg_id
from engine.core.leg import Leg


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


def key_leg(call: Call) -> Leg:
    """The leg a CDR tells of: the customer's that was answered, else the last one rung, else the agent's."""
    customer = [leg for leg in call.legs.values() if leg.side == "customer" and leg.dialed_at is not None]
    answered = [leg for leg in customer if leg.answered_at is not None]
    agent = [leg for leg in call.legs.values() if leg.side == "agent"]
    return (answered or customer or agent)[-1]


def in_vain(call: Call) -> bool:
    """Whether the agent's leg tells of the call though the customer was tried: never rung."""
    return call.latest("customer") is not None and key_leg(call).side == "agent"


def outcome_of(call: Call) -> Outcome:
    """How an ended call came out."""
    customer = call.latest("customer")
    return customer.outcome if customer is not None and in_vain(call) else key_leg(call).outcome


def cdr(call: Call, *, node: str) -> Cdr:
    """The CDR of an ended call.

    `duration` runs from the leg's creation and `billsec` from its answer, both to its end; a leg
    that was dialled in vain has a `billsec` of 0.0, one that was never dialled has neither. An agent
    that answered without the customer being rung was not answered to: the outcome is the customer's.
    """
    leg = key_leg(call)
    assert leg.ended_at is not None
    dialed = leg.dialed_at is not None
    outcome = outcome_of(call)
    answered_at = None if in_vain(call) else leg.answered_at
    return Cdr(
        request_id=call.call_id,
        account_id=call.request.account_id,
        node=node,
        kind=call.request.kind,
        agent_number=call.request.agent.number,
        customer_number=call.request.customer.number,
        dialed_number=leg.number,
        caller_id=call.request.caller_id,
        disposition=outcome.disposition,
        reason=outcome.words,
        ended_by=call.ended_by or leg.ended_by,
        call_date=leg.ended_at,
        created_at=leg.created_at,
        answered_at=answered_at,
        ended_at=leg.ended_at if dialed else None,
        billsec=_span(answered_at, leg.ended_at) if dialed else None,
        duration=_span(leg.created_at, leg.ended_at) if dialed else None,
        channel=leg_id(node, call.call_id, leg.name) if dialed else "",
        digits=call.digits,
    )


def _span(start: float | None, end: float) -> float:
    return 0.0 if start is None else round(max(0.0, end - start), 3)
