"""A callback: a call asked for now and to be made later, at a wall-clock time where somebody is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from engine.core.account import Account, Route
from engine.core.call import Call
from engine.core.flows import FLOWS
from engine.core.refusal import InvalidRequest
from engine.core.request import CallRequest, Limits, Party, RecordingOption, Target, click2call

KIND = "callback"
AHEAD_SECONDS = 366 * 86400  # what is asked for later than that is a slip of the pen
MISSED = "missed"

State = Literal["scheduled", "fired", "deleted", "missed", "refused"]
STATES: tuple[State, ...] = ("scheduled", "fired", "deleted", "missed", "refused")

# The vendor's document has it with the space and, in a sample, without.
WALL = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ?([0-9]{2}):([0-9]{2}):([0-9]{2})", re.ASCII)
NO_PLACE = {"Factory", "localtime", "posixrules"}  # files beside the zones, which are somewhere else on each host


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One callback. Times are epoch seconds; `wall` is what a clock in `time_zone` shows at `due_at`.

    Numbers are in their one spelling. `version` counts its changes; `reason` is why one was not rung, and
    `settled_at` when it was fired, deleted, found missed or refused.
    """

    request_id: str
    account_id: str
    agent_number: str
    customer_number: str
    caller_id: str
    wall: str
    time_zone: str
    due_at: float
    requested_at: float
    recording: RecordingOption = ""
    state: State = "scheduled"
    version: int = 1
    reason: str = ""
    settled_at: float | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A callback as it was read when its time had come, and what it becomes at `settled_at` if it still is so."""

    request_id: str
    version: int
    settled_at: float
    state: State = "fired"
    reason: str = ""


def resolve(wall: str, time_zone: str, *, param: str = "scheduled_at") -> float:
    """When a clock there shows that (epoch seconds). Raises `InvalidRequest` naming that parameter, or `time_zone`.

    Where clocks are put forward over it, the offset before that holds (RFC 5545, 3.3.5: "the local time … is
    interpreted using the UTC offset before the gap"); where they show it twice, the first time is meant.
    """
    zone = zone_of(time_zone)
    found = WALL.fullmatch(wall)
    try:
        shown = datetime(*map(int, found.groups())) if found else None  # type: ignore[arg-type]
    except ValueError:
        shown = None
    if shown is None:
        raise InvalidRequest(f"{param} must be a date and time like 2023-08-15 12:55:00", param=param)
    return shown.replace(tzinfo=zone, fold=0).timestamp()


def require_ahead(due_at: float, *, now: float) -> None:
    """Raise `InvalidRequest` for a time that is not to come, or too far away."""
    if due_at <= now:
        raise InvalidRequest("scheduled_at must be in the future", param="scheduled_at")
    if due_at > now + AHEAD_SECONDS:
        raise InvalidRequest(f"scheduled_at must be within {AHEAD_SECONDS // 86400} days", param="scheduled_at")


def spelt_wall(wall: str) -> str:
    """The wall time in the document's first spelling, with the space."""
    return WALL.sub(r"\1-\2-\3 \4:\5:\6", wall)


def dialable(number: str, account: Account) -> str:
    """A number in its one spelling so that it is read as nothing else."""
    return number if number in account.extensions else f"+{number}"


def request(callback: Callback, account: Account, *, routes: Sequence[Route], limits: Limits) -> CallRequest:
    """The call it is, checked by what holds now. Raises `InvalidRequest` naming the parameter."""
    return click2call(
        account,
        agent_number=dialable(callback.agent_number, account),
        customer_number=dialable(callback.customer_number, account),
        caller_id=callback.caller_id,
        routes=routes,
        limits=limits,
        kind=KIND,
        recording=callback.recording,
    )


def unrung(callback: Callback, reason: str, *, now: float) -> Call:
    """A call that is over and rang nobody: its CDR says why."""
    agent, customer = (
        Party(targets=(Target(number=number, endpoints=()),), ring_seconds=0, caller_id=callback.caller_id)
        for number in (callback.agent_number, callback.customer_number)
    )
    asked = CallRequest(account_id=callback.account_id, kind=KIND, agent=agent, customer=customer, max_talk_seconds=0)
    call = Call(call_id=callback.request_id, request=asked, flow=FLOWS[KIND], requested_at=callback.due_at, now=now)
    call.gave_up = reason
    call.release(reason)
    return call


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises `InvalidRequest` naming `time_zone`."""
    if name not in _zones():
        raise InvalidRequest("time_zone must be an IANA time zone such as Asia/Kolkata", param="time_zone")
    return ZoneInfo(name)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - NO_PLACE)
