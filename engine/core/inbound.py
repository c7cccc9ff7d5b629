"""What a call that comes in is: who calls, on which number of ours, and whom it is for.

All that the caller's side sent is hostile. Of a caller id only digits are taken, and nothing of a name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.core import connect, numbers
from engine.core.account import Account, Route
from engine.core.call import Call
from engine.core.flows import FLOWS
from engine.core.ivr import Ivr, transfers
from engine.core.leg import Leg
from engine.core.refusal import InvalidRequest
from engine.core.request import CallRequest, Limits, Party, Target

KIND = "inbound"
ANONYMOUS = "anonymous"
NUMBER = re.compile(r"\+?([0-9]{2,15})", re.ASCII)
CALLER = "b1"  # the name of the caller's leg


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A channel that came in: Asterisk's id and name for it, when, and what its side says of both numbers."""

    channel: str
    name: str = ""
    at: float
    dialled: str
    caller: str
    endpoint: str = ""  # whose, as Asterisk's configuration names it: that is proven, as a caller id is not

    @property
    def did(self) -> str:
        """The number of ours that was dialled, "" where that is none."""
        return digits(self.dialled)


def digits(text: str) -> str:
    """The digits of a number, as it may stand in a request line; "" for anything else."""
    found = NUMBER.fullmatch(text)
    return found[1] if found else ""


def caller_of(account: Account, text: str) -> str:
    """Who calls, in the one spelling where it is a number, else as its digits; `ANONYMOUS` for anything else."""
    if not digits(text):
        return ANONYMOUS
    try:
        return numbers.of_caller(text, account.region).digits
    except InvalidRequest:
        return digits(text)


def ivr_of(account: Account, to: str) -> Ivr | None:
    """The IVR that answers the number that leads there, its texts not spoken yet."""
    kind, _, name = to.partition(":")
    return account.ivrs.get(name) if kind == connect.IVR else None


def request(
    account: Account,
    *,
    did: str,
    caller: str,
    routes: Sequence[Route],
    limits: Limits,
    sticky: str | None = None,
    ivr: Ivr | None = None,
) -> CallRequest:
    """The request that such a call is; `sticky` is the caller's own agent, `ivr` has its texts spoken.

    Telephones of our own see who calls, others the number that was called. Raises `InvalidRequest` where it leads
    nowhere any more.
    """
    shown = did if caller == ANONYMOUS else caller
    to = account.dids[did].to

    def party(written: str) -> Party:
        return connect.party(account, written, shown=shown, routes=routes, limits=limits)

    own = party(f"agent:{sticky}") if sticky in account.agents else None
    if to.startswith(f"{connect.IVR}:"):
        if ivr is None:
            raise InvalidRequest(f"{to}: there is no such IVR any more")
        agent = replace(own, queue_seconds=0) if own else None
    else:
        agent = _first(own, party(to)) if own else party(to)
    return CallRequest(
        account_id=account.account_id,
        kind=KIND,
        customer=Party(targets=(Target(number=caller, endpoints=()),), ring_seconds=0, caller_id=did),
        agent=agent,
        max_talk_seconds=limits.max_talk_seconds,
        retry_pause_seconds=limits.retry_pause_seconds,
        dnd_sides=(),
        ivr=ivr,
        choices={name: party(name) for name in sorted(transfers(ivr))} if ivr else {},
        did=did,
        recording=account.dids[did].recording,
    )


def call(asked: CallRequest, arrival: Arrival, *, call_id: str) -> Call:
    """The call, not started: its caller's leg is there."""
    begun = Call(call_id=call_id, request=asked, flow=FLOWS[KIND], requested_at=arrival.at, now=arrival.at)
    begun.legs[CALLER] = Leg(
        name=CALLER,
        side="customer",
        number=asked.customer.number,
        endpoint="",
        caller_id=asked.did,
        created_at=arrival.at,
        dialed_at=arrival.at,
        rang_at=arrival.at,
        channel=arrival.channel,
        channel_name=arrival.name,
    )
    return begun


def _first(own: Party, others: Party) -> Party:
    """The caller's own agent first, if free, then those the number leads to; where that is the same telephone, that."""
    (known,) = own.targets
    if any(target.number == known.number and not target.agent_id for target in others.targets):
        return others
    rest = tuple(target for target in others.targets if target.agent_id != known.agent_id)
    return replace(others, targets=(known, *rest), strategy="one_by_one")
