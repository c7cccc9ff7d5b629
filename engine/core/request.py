"""What any API may ask for, checked once: after this a request can be dialled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.core import dialstring, numbers
from engine.core.account import Account, Route
from engine.core.refusal import InvalidRequest

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
    return CallRequest(
        account_id=account.account_id,
        kind="click2call",
        caller_id=_caller_id(account, caller_id),
        agent=_party(account, "agent_number", agent_number, routes, limits),
        customer=_party(account, "destination_number", customer_number, routes, limits),
        max_talk_seconds=limits.max_talk_seconds,
    )


def _party(account: Account, param: str, text: str, routes: Sequence[Route], limits: Limits) -> Party:
    number = text if text in account.extensions else _number(account, param, text)
    endpoints = dialstring.endpoints(number, extensions=account.extensions, routes=routes)
    if not endpoints:
        raise InvalidRequest(f"{param}: no route leads to this number", param=param)
    return Party(number=number, endpoints=endpoints, ring_seconds=limits.ring_seconds)


def _number(account: Account, param: str, text: str) -> str:
    number = _parse(account, param, text)
    if number.region not in account.allowed_regions:
        raise InvalidRequest(f"{param}: this account may not call region {number.region}", param=param)
    return number.digits


def _caller_id(account: Account, text: str) -> str:
    if text in account.caller_ids:
        return text
    digits = _parse(account, "caller_id", text).digits
    if digits not in account.caller_ids:
        raise InvalidRequest("caller_id: this account does not own this caller id", param="caller_id")
    return digits


def _parse(account: Account, param: str, text: str) -> numbers.Number:
    try:
        return numbers.parse(text, account.region)
    except InvalidRequest as exc:
        raise InvalidRequest(f"{param}: {exc.message}", param=param) from exc
