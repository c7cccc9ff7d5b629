"""Parameters of the CPaaS suite's requests: texts, mostly, each refused by its name."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from engine.api.dialect import Body
from engine.core.refusal import InvalidRequest
from engine.core.request import RECORDING_OPTIONS, RecordingOption

State = TypeVar("State", bound=str)

TEXT_LENGTH = 100
LIMIT, MOST = 100, 1000  # of a list
REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)


def id_of(body: Body) -> str:
    """An id that could be one of ours."""
    found = required(body, "request_id")
    if not REQUEST_ID.fullmatch(found):
        raise InvalidRequest("request_id is not valid", param="request_id")
    return found


def required(body: Body, name: str) -> str:
    """The text of a parameter that has to be there."""
    found = text(body, name)
    if not found:
        raise InvalidRequest(f"{name} is required", param=name)
    return found


def text(body: Body, name: str, *, most: int = TEXT_LENGTH) -> str:
    """The trimmed text of a parameter, "" where it is missing; a whole number is taken as its digits."""
    value: Any = body.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRequest(f"{name} must be a string", param=name)
    found = str(value).strip()
    if len(found) > most:
        raise InvalidRequest(f"{name} is longer than {most} characters", param=name)
    return found


def recording_option(body: Body) -> RecordingOption | None:
    """Who is to be recorded, "" for nobody; None where it is not said."""
    option = text(body, "recording_option").lower()
    if not option:
        return None
    if option not in RECORDING_OPTIONS:
        raise InvalidRequest(
            f"recording_option must be one of {', '.join(RECORDING_OPTIONS)}", param="recording_option"
        )
    return RECORDING_OPTIONS[option]


def part_of_list(query: Body, states: Sequence[State]) -> tuple[State | Literal[""], int]:
    """The `state` of those that are asked for, "" for any, and the `limit` of how many."""
    given = text(query, "state")
    state = next((each for each in states if each == given), None)
    if given and state is None:
        raise InvalidRequest(f"state must be one of {', '.join(states)}", param="state")
    count = whole(query, "limit", default=LIMIT)
    if not 1 <= count <= MOST:
        raise InvalidRequest(f"limit must be from 1 to {MOST}", param="limit")
    return state or "", count


def switched_on(body: Body, name: str) -> bool:
    """Whether it is `on`, and not `off` or missing."""
    option = text(body, name).lower() or "off"
    if option not in ("on", "off"):
        raise InvalidRequest(f"{name} must be one of on, off", param=name)
    return option == "on"


def date(body: Body, name: str) -> datetime:
    """A whole GMT day, from its beginning."""
    found = required(body, name)
    try:
        if DATE.fullmatch(found):
            return datetime.strptime(found, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        pass
    raise InvalidRequest(f"{name} must be a date like 2023-06-13", param=name)


def day_after(day: datetime) -> datetime:
    """The next one, or the end of time."""
    return day + timedelta(days=1) if day < LAST_DAY else datetime.max.replace(tzinfo=UTC)


def whole(body: Body, name: str, *, default: int) -> int:
    """A whole number in ASCII digits."""
    found = text(body, name)
    if not found:
        return default
    if not NUMBER.fullmatch(found):
        raise InvalidRequest(f"{name} must be a whole number", param=name)
    return int(found)
