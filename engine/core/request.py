"""What any API may ask for, checked once: after this a request can be dialled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.core import dialstring, permit
from engine.core.account import Account, Route
from engine.core.refusal import InvalidRequest, NotPermitted

Side = Literal["agent", "customer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who is to be reached: an extension or E.164 digits, and the endpoints that lead there."""

    number: str
    endpoints: tuple[str, ...]
    ring_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """One request for one call. `caller_id` is what both parties are shown, E.164 digits."""

    account_id: str
    kind: str
    caller_id: str
    agent: Party
    customer: Party
    max_talk_seconds: int

    @property
    def parties(self) -> tuple[Party, ...]:
        """All that are to be reached."""
        return self.agent, self.customer

    def party(self, side: Side) -> Party:
        """The party of that side."""
        return self.agent if side == "agent" else self.customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a party may ring and two parties may talk, in seconds."""

    ring_seconds: int
    max_talk_seconds: int


def click2call(
    account: Account,
    *,
    agent_number: str,
    customer_number: str,
    caller_id: str,
    routes: Sequence[Route],
    limits: Limits,
) -> CallRequest:
    """A checked request to ring the agent, then the customer. Raises `InvalidRequest` naming the parameter."""
    try:
        shown = permit.shown(account, caller_id)
    except InvalidRequest as exc:
        raise InvalidRequest(f"caller_id: {exc.message}", param="caller_id") from exc
    moment = permit.Moment(account=account, routes=routes)
    agent = permit.Target(number=agent_number, caller_id=shown, side="agent")
    customer = permit.Target(number=customer_number, caller_id=shown)
    return CallRequest(
        account_id=account.account_id,
        kind="click2call",
        caller_id=shown,
        agent=_party("agent_number", agent, moment, limits),
        customer=_party("destination_number", customer, moment, limits),
        max_talk_seconds=limits.max_talk_seconds,
    )


def _party(param: str, target: permit.Target, moment: permit.Moment, limits: Limits) -> Party:
    verdict = permit.verdict(target, moment)
    if not verdict.allowed:
        raise NotPermitted(f"{param}: {verdict.words}", param=param)
    number = permit.spelt(moment.account, target.number)
    endpoints = dialstring.endpoints(number, extensions=moment.account.extensions, routes=moment.routes)
    return Party(number=number, endpoints=endpoints, ring_seconds=limits.ring_seconds)
