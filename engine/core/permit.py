"""The permit: may this number be dialled now, and why not. The one gate in front of every dial.

`CHECKS` is the order in which reasons are looked for; the first one found is told. An extension of the account's
own comes before the rules about numbers (101 is an emergency number in India), which are then not asked.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from engine.core import dialstring, numbers
from engine.core.account import Account, Route
from engine.core.refusal import InvalidRequest

DESTINATION_SECONDS = 600  # what `requests_per_destination` is counted over
DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it may be dialled, a reason that programs can tell apart, and the same in words."""

    allowed: bool
    reason: str
    words: str


ALLOWED = Verdict(True, "allowed", "it may be dialled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Who would be dialled: a number as somebody wrote it, or in its one spelling (`spelt`).

    With `heeds_dnd` the account's do-not-disturb lists are heeded.
    """

    number: str
    caller_id: str
    side: Literal["agent", "customer", "third"] = "customer"
    kind: str = "click2call"
    spelt: bool = False
    heeds_dnd: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What holds at the time of dialling. What is not known yet is left out, and then refuses nothing."""

    account: Account
    routes: Sequence[Route]
    now: float = 0.0
    stopped: str | None = None  # the kill switch: that it is on, in words
    live_calls: int = 0
    to_destination: int = 0  # requests of the last ten minutes
    today: int = 0  # requests of the last 24 hours


@dataclass(frozen=True, slots=True)
class Case:
    """A target at a moment, its number read; `found` is None for an extension."""

    target: Attempt
    moment: Moment
    found: numbers.Number | InvalidRequest | None

    @property
    def number(self) -> numbers.Number | None:
        """The number, if it is one."""
        return self.found if isinstance(self.found, numbers.Number) else None

    @property
    def digits(self) -> str:
        """The number in its one spelling."""
        return self.number.digits if self.number else self.target.number

    @property
    def exempt(self) -> bool:
        """It is one of the account's own people, not somebody it calls."""
        own = self.found is None or self.digits in self.moment.account.agent_numbers
        return own or self.target.side == "agent"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: why it refuses (None: it does not), and what is said where it holds."""

    reason: str
    refuse: Callable[[Case], str | None]
    holds: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of a case; `holds` is None for what can not be asked of something that is no number."""

    reason: str
    holds: bool | None
    words: str


def verdict(target: Attempt, moment: Moment) -> Verdict:
    """Whether the target may be dialled at that moment."""
    case = _read(target, moment)
    for check in CHECKS:
        words = check.refuse(case)
        if words is not None:
            return Verdict(False, check.reason, words)
    return ALLOWED


def explain(target: Attempt, moment: Moment) -> Iterator[Finding]:
    """Every check, in order, with what it says."""
    case = _read(target, moment)
    refused = None
    for check in CHECKS:
        if refused in READING and check.reason not in WITHOUT_NUMBER:
            yield Finding(check.reason, None, "not asked")
            continue
        words = check.refuse(case)
        refused = refused if refused in READING or words is None else check.reason
        yield Finding(
            check.reason, words is None, words or (_read_as(case) if check.reason == "number" else check.holds)
        )


def shown(account: Account, text: str) -> str:
    """The caller id somebody wrote, as digits the account owns. Raises `InvalidRequest`."""
    if text in account.caller_ids:
        return text
    digits = numbers.parse(text, account.region).digits
    if digits not in account.caller_ids:
        raise InvalidRequest("this account does not own this caller id")
    return digits


def spelt(account: Account, text: str) -> str:
    """The one spelling of an extension or of a number. Raises `InvalidRequest`."""
    return text if text in account.extensions else numbers.parse(text, account.region).digits


def _read(target: Attempt, moment: Moment) -> Case:
    account = moment.account
    if target.number in account.extensions or target.number in account.endpoints:
        return Case(target, moment, None)
    read = numbers.of_digits if target.spelt else numbers.parse
    try:
        return Case(target, moment, read(target.number, account.region))
    except InvalidRequest as exc:
        return Case(target, moment, exc)


def _read_as(case: Case) -> str:
    return f"{case.number.digits}, region {case.number.region}" if case.number else "an extension of the account"


# -- the rules ---------------------------------------------------------------------------------


def _stopped(case: Case) -> str | None:
    return case.moment.stopped


def _shape(case: Case) -> str | None:
    return case.found.message if isinstance(case.found, numbers.WrongShape) else None


def _emergency(case: Case) -> str | None:
    return case.found.message if isinstance(case.found, numbers.EmergencyNumber) else None


def _number(case: Case) -> str | None:
    return case.found.message if isinstance(case.found, InvalidRequest) else None


def _premium(case: Case) -> str | None:
    return f"{case.number.dear} is not called" if case.number and case.number.dear else None


def _region(case: Case) -> str | None:
    if case.number is None or case.number.region in case.moment.account.allowed_regions:
        return None
    return f"this account may not call region {case.number.region}"


def _route(case: Case) -> str | None:
    extensions = case.moment.account.extensions
    if case.target.number in case.moment.account.endpoints:
        return None
    if dialstring.endpoints(case.digits, extensions=extensions, routes=case.moment.routes):
        return None
    return "no route leads to this number"


def _caller_id(case: Case) -> str | None:
    account = case.moment.account
    if case.target.kind == "inbound" and (_inside(case) or case.target.caller_id in account.dids):
        return None  # our own telephones see who calls, whatever that says; a trunk is shown the number called
    try:
        shown(account, case.target.caller_id)
    except InvalidRequest as exc:
        return exc.message
    return None


def _inside(case: Case) -> bool:
    account, number = case.moment.account, case.target.number
    dialled = f"PJSIP/{number}" if number in account.extensions else account.endpoints.get(number)
    return dialled is not None and dialstring.inside(dialled)


def _dnd(case: Case) -> str | None:
    listed = case.target.heeds_dnd and case.digits in case.moment.account.dnd_numbers and not case.exempt
    return "this number is on the account's do-not-disturb list" if listed else None


def _calling_hours(case: Case) -> str | None:
    hours = case.moment.account.calling_hours
    if hours is None or case.target.kind != "campaign" or case.exempt:
        return None
    zones = numbers.zones(case.digits)
    if not zones:
        return "calling hours: the number's time zone is not known"
    utc = datetime.fromtimestamp(case.moment.now, UTC)
    for zone in zones:
        clock = utc.astimezone(ZoneInfo(zone)).strftime("%H:%M")
        if not hours.hold(clock):
            return f"it is {clock} in {zone}, and calling hours are {hours.since} to {hours.until}"
    return None


def _live_calls(case: Case) -> str | None:
    if case.moment.live_calls < case.moment.account.max_live_calls:
        return None
    return "the account has as many live calls as it may have"


def _per_destination(case: Case) -> str | None:
    cap = case.moment.account.requests_per_destination
    if not cap or case.exempt or case.moment.to_destination < cap:
        return None
    return f"{case.moment.to_destination} requests for this number in 10 minutes, and the account may make {cap}"


def _per_day(case: Case) -> str | None:
    cap = case.moment.account.attempts_per_day
    if not cap or case.moment.today < cap:
        return None
    return f"{case.moment.today} requests in 24 hours, and the account may make {cap}"


CHECKS = (
    Check("stopped", _stopped, "dialling is not stopped"),
    Check("shape", _shape, "made of digits"),
    Check("emergency", _emergency, "no emergency number, or an extension of the account"),
    Check("number", _number, "a valid number, or an extension"),
    Check("premium", _premium, "no premium rate, no satellite"),
    Check("region", _region, "its region is one the account may call"),
    Check("route", _route, "a route leads there"),
    Check("caller_id", _caller_id, "the caller id is the account's own"),
    Check("dnd", _dnd, "not on the account's do-not-disturb list, or one of its own people"),
    Check("calling_hours", _calling_hours, "within calling hours, or they do not apply"),
    Check("live_calls", _live_calls, "the account has room for another live call"),
    Check("requests_per_destination", _per_destination, "not asked for too often, or no cap applies"),
    Check("attempts_per_day", _per_day, "today's calls are not used up, or there is no cap"),
)
READING = ("shape", "emergency", "number")
WITHOUT_NUMBER = ("stopped", "shape", "caller_id", "live_calls", "attempts_per_day")
