"""Calling hours: in how many seconds they begin where a number is."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.core import numbers
from engine.core.account import CallingHours

MINUTE_SECONDS = 60


def begin_in(digits: str, hours: CallingHours, now: float) -> float | None:
    """Seconds until they hold in all zones the number may be in; None where that is never: it is of no known zone."""
    at = _begin_at(numbers.zones(digits), hours, int(now // MINUTE_SECONDS))
    return None if at is None else max(0.0, at - now)


@lru_cache(maxsize=256)  # the numbers of a list share few zones
def _begin_at(zones: tuple[str, ...], hours: CallingHours, minute: int) -> float | None:
    utc = datetime.fromtimestamp(minute * MINUTE_SECONDS, UTC)
    places = [ZoneInfo(zone) for zone in zones]
    begins = sorted(at for place in places for at in _begins(place, hours, utc))
    return next((at.timestamp() for at in begins if all(_hold(place, hours, at) for place in places)), None)


def _begins(place: ZoneInfo, hours: CallingHours, utc: datetime) -> list[datetime]:
    """When they begin there next, and the day after."""
    hour, minute = (int(part) for part in hours.since.split(":"))
    local = utc.astimezone(place).replace(hour=hour, minute=minute)
    begins = [(local + timedelta(days=days)).astimezone(UTC) for days in range(3)]
    return [at for at in begins if at > utc]


def _hold(place: ZoneInfo, hours: CallingHours, at: datetime) -> bool:
    return hours.hold(at.astimezone(place).strftime("%H:%M"))
