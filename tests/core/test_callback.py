"""Callbacks: which second a wall-clock time is, in zones that are put forward, put back, and leave out a day."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from engine.core import callback
from engine.core.callback import (
    AHEAD_SECONDS,
    Callback,
    Due,
    dialable,
    request,
    require_ahead,
    resolve,
    spelt_wall,
    unrung,
)
from engine.core.causes import BY_US, Disposition
from engine.core.cdr import cdr
from engine.core.flows import FLOWS
from engine.core.refusal import InvalidRequest, NotPermitted
from engine.core.request import Limits
from engine.core.rows import due_row
from tests.core.test_request import ACCOUNT, ROUTES

LIMITS = Limits(ring_seconds=30, max_talk_seconds=7200)

# The zone, what is special, the wall time, the UTC time: by hand, from the zones' rules.
TIMES = [
    ("US/Eastern", "gap", "2026-03-08 02:30:00", "2026-03-08T07:30:00Z"),
    ("US/Eastern", "before the gap", "2026-03-08 01:59:59", "2026-03-08T06:59:59Z"),
    ("US/Eastern", "after the gap", "2026-03-08 03:00:00", "2026-03-08T07:00:00Z"),
    ("US/Eastern", "overlap", "2026-11-01 01:30:00", "2026-11-01T05:30:00Z"),
    ("US/Eastern", "year end", "2026-12-31 23:59:59", "2027-01-01T04:59:59Z"),
    ("Europe/London", "gap", "2026-03-29 01:30:00", "2026-03-29T01:30:00Z"),
    ("Europe/London", "overlap", "2026-10-25 01:30:00", "2026-10-25T00:30:00Z"),
    ("Europe/London", "year end", "2026-12-31 23:59:59", "2026-12-31T23:59:59Z"),
    ("Asia/Kolkata", "gap of the war", "1942-09-01 00:30:00", "1942-08-31T19:00:00Z"),
    ("Asia/Kolkata", "overlap of the war", "1945-10-14 23:30:00", "1945-10-14T17:00:00Z"),
    ("Asia/Kolkata", "the document's", "2023-08-15 12:55:00", "2023-08-15T07:25:00Z"),
    ("Asia/Kolkata", "year end", "2026-12-31 23:59:59", "2026-12-31T18:29:59Z"),
    ("Australia/Lord_Howe", "gap of half an hour", "2026-10-04 02:15:00", "2026-10-03T15:45:00Z"),
    ("Australia/Lord_Howe", "overlap of half an hour", "2026-04-05 01:45:00", "2026-04-04T14:45:00Z"),
    ("Australia/Lord_Howe", "year end", "2026-12-31 23:59:59", "2026-12-31T12:59:59Z"),
    ("Pacific/Apia", "gap of a day", "2011-12-30 12:00:00", "2011-12-30T22:00:00Z"),
    ("Pacific/Apia", "gap", "2020-09-27 03:30:00", "2020-09-26T14:30:00Z"),
    ("Pacific/Apia", "overlap", "2021-04-04 03:30:00", "2021-04-03T13:30:00Z"),
    ("Pacific/Apia", "year end of a year without a day", "2011-12-31 23:59:59", "2011-12-31T09:59:59Z"),
    ("Pacific/Apia", "year end", "2026-12-31 23:59:59", "2026-12-31T10:59:59Z"),
]


def at(utc: str) -> float:
    """Epoch seconds of an ISO time."""
    return datetime.fromisoformat(utc).timestamp()


@pytest.fixture(params=["the host's zones", "tzdata's zones"])
def zones(request: pytest.FixtureRequest) -> Iterator[None]:
    """Debian 13's tzdata has no US/Eastern: then the zones are those of the package of that name on PyPI."""
    if request.param == "tzdata's zones":
        zoneinfo.reset_tzpath(())
    zoneinfo.ZoneInfo.clear_cache()
    callback._zones.cache_clear()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()
    callback._zones.cache_clear()


@pytest.mark.usefixtures("zones")
@pytest.mark.parametrize(("zone", "what", "wall", "utc"), TIMES)
def test_a_wall_time_is_one_second(zone: str, what: str, wall: str, utc: str) -> None:
    assert datetime.fromtimestamp(resolve(wall, zone), UTC) == datetime.fromisoformat(utc), what


# "2023-12-1810:00:00", in the document's samples


def test_the_documents_spelling_without_the_space_is_the_same_time() -> None:
    assert resolve("2023-12-1810:00:00", "Asia/Kolkata") == at("2023-12-18T04:30:00Z")
    assert spelt_wall("2023-12-1810:00:00") == spelt_wall("2023-12-18 10:00:00") == "2023-12-18 10:00:00"


@pytest.mark.parametrize(
    "zone",
    [
        *("IST", "", "../../etc/passwd", "/usr/share/zoneinfo/UTC", "America", "us/eastern", "right/UTC", "posix/UTC"),
        *("localtime", "Factory", "posixrules", "UTC\n", "UTC\0", "x" * 100, "Asia/Kolkata/..", "US\\Eastern", "٣"),
    ],
)
def test_what_is_no_zone_is_refused_by_name(zone: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        resolve("2026-03-08 02:30:00", zone)
    assert refused.value.param == "time_zone"


@pytest.mark.parametrize(
    "wall",
    [
        *("", "tomorrow", "2026-02-30 10:00:00", "2026-13-01 10:00:00", "2026-01-01 24:00:00", "2026-01-01 10:00:60"),
        *("2026-01-01", "2026-01-01 10:00", "2026-1-1 10:00:00", "2026-01-01T10:00:00Z", "0000-01-01 00:00:00"),
        *("2026-01-01  10:00:00", "2026-01-01 10:00:00\n", "٢٠٢٦-01-01 10:00:00", "26-01-01 10:00:00"),
    ],
)
def test_what_is_no_date_and_time_is_refused_by_name(wall: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        resolve(wall, "US/Eastern")
    assert refused.value.param == "scheduled_at"


def test_the_first_and_the_last_year_there_is_are_times_too() -> None:
    for year in ("0001-01-01", "9999-12-31"):
        resolve(f"{year} 00:00:00", "Pacific/Apia")
        resolve(f"{year} 23:59:59", "US/Eastern")


def test_only_what_is_to_come_within_a_year_can_be_scheduled() -> None:
    require_ahead(1000.001, now=1000.0)
    require_ahead(1000.0 + AHEAD_SECONDS, now=1000.0)
    for due_at in (999.0, 1000.0, 1000.001 + AHEAD_SECONDS):
        with pytest.raises(InvalidRequest) as refused:
            require_ahead(due_at, now=1000.0)
        assert refused.value.param == "scheduled_at"


# -- the call it is ----------------------------------------------------------------------------


def callback_of(request_id: str = "c7362de4f0", **more: object) -> Callback:
    """A callback of account_1, due at 1000."""
    facts: dict[str, object] = {
        "account_id": "account_1",
        "agent_number": "101",
        "customer_number": "919910000202",
        "caller_id": "15168148111",
        "wall": "1970-01-01 00:16:40",
        "time_zone": "Etc/UTC",
        "due_at": 1000.0,
        "requested_at": 900.0,
    }
    return Callback(request_id=request_id, **(facts | more))  # type: ignore[arg-type]


def test_it_is_a_click2call_of_another_kind() -> None:
    asked = request(callback_of(), ACCOUNT, routes=ROUTES, limits=LIMITS)
    assert (asked.kind, asked.party("agent").number, asked.customer.number) == ("callback", "101", "919910000202")
    assert asked.party("agent").targets[0].endpoints == ("PJSIP/101",)
    assert asked.customer.caller_id == "15168148111"
    assert FLOWS["callback"] is FLOWS["click2call"]


def test_a_kept_number_is_read_as_nothing_else() -> None:
    assert (dialable("101", ACCOUNT), dialable("919910000202", ACCOUNT)) == ("101", "+919910000202")
    with pytest.raises(NotPermitted) as refused:  # an extension that was, but an emergency number by itself
        request(callback_of(agent_number="102"), ACCOUNT, routes=ROUTES, limits=LIMITS)
    assert (refused.value.param, refused.value.reason in BY_US) == ("agent_number", True)


def test_one_that_is_not_rung_has_a_cdr_that_says_why() -> None:
    call = unrung(callback_of(), "missed", now=2000.5)
    assert (call.over, call.legs) == (True, {})
    record = cdr(call, node="n1")
    assert (record.request_id, record.kind, record.disposition) == ("c7362de4f0", "callback", Disposition.CANCEL)
    assert (record.reason, record.ended_by, record.call_date) == ("missed", "us", 2000.5)
    assert (record.agent_number, record.customer_number, record.dialed_number) == ("101", "919910000202", "101")
    assert (record.ended_at, record.answered_at, record.billsec, record.duration, record.channel) == (
        *(None, None, None, None),
        "",
    )
    assert cdr(unrung(callback_of(), "region", now=2000.5), node="n1").reason == BY_US["region"].words


def test_what_it_becomes_is_a_row() -> None:
    row = {"request_id": "c7362de4f0", "version": 2, "settled_at": 1000.5, "state": "missed", "reason": "missed"}
    assert due_row(Due("c7362de4f0", 2, 1000.5, "missed", "missed")) == row
