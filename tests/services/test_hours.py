"""Calling hours of numbers in one zone, in several, and in none that is known."""

from datetime import UTC, datetime

import pytest

from engine.core.account import CallingHours
from engine.leads.hours import begin_in

DAY = CallingHours(since="09:00", until="21:00")
INDIA, TOLL_FREE, NOWHERE = "919910000101", "18005550199", "88213300101"


def at(text: str) -> float:
    """That moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-11-21T15:30:00", 12.0),  # 21:00 there
        ("2026-11-21T03:00:00", 0.5),  # 08:30
        ("2026-11-21T03:29:30", 0.5 / 60),
        ("2026-11-21T18:29:00", 9 + 1 / 60),  # 23:59
        ("2026-11-21T18:31:00", 9 - 1 / 60),  # 00:01
    ],
)
def test_in_one_zone_they_begin_at_its_next_morning(now: str, hours: float) -> None:
    assert begin_in(INDIA, DAY, at(now)) == pytest.approx(3600 * hours)


def test_in_several_zones_they_begin_when_the_last_one_has_its_morning() -> None:
    """A toll-free number of North America may be answered anywhere from Guam to St John's."""
    seconds = begin_in(TOLL_FREE, DAY, at("2026-11-21T12:00:00"))
    assert seconds == 3600 * 11.0  # 09:00 of the 22nd in Guam, 18:00 in New York, 13:00 in Honolulu


def test_where_no_zone_is_known_or_they_share_no_hour_they_never_begin() -> None:
    assert begin_in(NOWHERE, DAY, at("2026-11-21T12:00:00")) is None
    assert begin_in(TOLL_FREE, CallingHours(since="10:00", until="11:00"), at("2026-11-21T12:00:00")) is None


def test_on_the_day_the_clocks_are_put_forward() -> None:
    """New York, 2026-03-08: 02:00 is 03:00."""
    assert begin_in("12127365000", DAY, at("2026-03-08T05:00:00")) == 3600 * 8
