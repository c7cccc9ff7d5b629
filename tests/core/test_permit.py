"""The permit as a table: a real number for each rule, and the order in which rules are asked."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.account import Account, Agent, CallingHours, Did, Route
from engine.core.numbers import zones
from engine.core.permit import ALLOWED, CHECKS, Attempt, Moment, Verdict, explain, verdict

ACCOUNT = Account(
    account_id="account_1",
    name="Demo shop",
    region="IN",
    allowed_regions=("IN", "US"),
    caller_ids=("15168148111",),
    extensions=("101", "108"),
    agents={"201": Agent(agent_id="201", number="919910020101")},
    dnd_numbers=frozenset({"919910000303", "919910020101"}),
    max_live_calls=10,
)
ROUTES = (Route("", ("PJSIP/{number}@carrier",)),)
MOMENT = Moment(account=ACCOUNT, routes=ROUTES)


def at(utc: str) -> float:
    return datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()


def reason(number: str, moment: Moment = MOMENT, **target: str) -> str:
    """Why a number may not be dialled, or `allowed`."""
    asked = Attempt(**{"number": number, "caller_id": "15168148111", **target})  # type: ignore[arg-type]
    return verdict(asked, moment).reason


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("919910000101", "allowed"),
        ("9910000101", "allowed"),
        ("+15168148112", "allowed"),
        ("101", "allowed"),  # ambulance in India, a telephone of this account
        ("108", "allowed"),
        ("100", "emergency"),  # police
        ("102", "emergency"),
        ("112", "emergency"),
        ("1001234567", "emergency"),  # an exchange connects it after three digits
        ("+91112", "emergency"),
        ("+1911", "emergency"),
        ("PJSIP/101", "shape"),
        ("919910000101@192.0.2.1", "shape"),
        ("٩١٩٩١٠٠٠٠١٠١", "shape"),
        ("11", "shape"),
        ("9910000", "number"),
        ("+19002345678", "premium"),  # +1 900
        ("+448712345678", "premium"),
        ("+979123456789", "premium"),  # international premium rate
        ("+881612345678", "premium"),  # Globalstar
        ("+88213300655", "premium"),
        ("+870773111632", "premium"),  # Inmarsat
        ("+8816", "number"),
        ("+18764567890", "region"),  # Jamaica, though it begins as a number of the US does
        ("+442079460000", "region"),
        ("+80012345678", "region"),  # of no region
        ("919910000303", "dnd"),
        ("9910000303", "dnd"),
    ],
)
def test_a_number_for_each_rule(number: str, why: str) -> None:
    assert reason(number) == why


def test_dear_numbers_stay_refused_where_their_region_is_allowed() -> None:
    everywhere = replace(MOMENT, account=replace(ACCOUNT, allowed_regions=("GB", "IN", "JM", "US", "001")))
    assert reason("+18764567890", everywhere) == "allowed"
    assert [reason(number, everywhere) for number in ("+19002345678", "+448712345678", "+881612345678")] == [
        "premium",
        "premium",
        "premium",
    ]


def test_digits_that_begin_with_an_emergency_number_need_a_plus() -> None:
    delhi = "911123456789"
    american = replace(MOMENT, account=replace(ACCOUNT, region="US"))
    assert reason(delhi, american) == "emergency"
    assert reason("+" + delhi, american) == "allowed"
    assert verdict(Attempt(number=delhi, caller_id="15168148111", spelt=True), american) == ALLOWED
    assert reason(delhi) == "allowed"


def test_where_no_route_leads_nobody_is_dialled() -> None:
    moment = replace(MOMENT, routes=(Route("91", ("PJSIP/{number}@carrier",)),))
    assert reason("919910000101", moment) == "allowed"
    assert reason("+15168148112", moment) == "route"


@pytest.mark.parametrize(
    ("caller_id", "why"),
    [("15168148111", "allowed"), ("+15168148111", "allowed"), ("919910099999", "caller_id"), ("x", "caller_id")],
)
def test_only_an_owned_caller_id_is_shown(caller_id: str, why: str) -> None:
    assert reason("919910000101", caller_id=caller_id) == why


def test_an_agents_number_is_disturbed_and_a_customers_is_not() -> None:
    assert reason("919910020101") == "allowed"  # an agent's, whichever side
    assert reason("919910000303") == "dnd"
    assert reason("919910000303", side="agent") == "allowed"  # the side that asked for the call


# Times of the zone table of tzdata, reckoned by hand: India is UTC+5:30, New York UTC-5 in winter and -4 in summer.
@pytest.mark.parametrize(
    ("number", "utc", "why"),
    [
        ("919910000101", "2026-01-15T03:29:59", "calling_hours"),
        ("919910000101", "2026-01-15T03:30:00", "allowed"),  # 09:00 in India
        ("919910000101", "2026-01-15T15:29:59", "allowed"),
        ("919910000101", "2026-01-15T15:30:00", "calling_hours"),  # 21:00
        ("+15168148112", "2026-01-15T13:30:00", "calling_hours"),  # 08:30 in New York
        ("+15168148112", "2026-07-15T13:30:00", "allowed"),  # 09:30, daylight saving
        ("+15168148112", "2026-03-08T13:00:00", "allowed"),  # the morning the clocks went forward
        ("+18002345678", "2026-01-15T15:00:00", "calling_hours"),  # toll-free: anywhere, Honolulu included
        ("101", "2026-01-15T00:00:00", "allowed"),
        ("919910020101", "2026-01-15T00:00:00", "allowed"),  # an agent
    ],
)
def test_campaigns_call_within_hours_where_the_callee_is(number: str, utc: str, why: str) -> None:
    account = replace(ACCOUNT, calling_hours=CallingHours(since="09:00", until="21:00"))
    moment = replace(MOMENT, account=account, now=at(utc))
    assert reason(number, moment, kind="campaign") == why
    assert reason(number, moment) == "allowed"  # somebody asked for this one call


def test_calling_hours_may_pass_midnight() -> None:
    hours = CallingHours(since="18:00", until="02:00")
    assert [clock for clock in ("17:59", "18:00", "23:59", "00:00", "01:59", "02:00") if hours.hold(clock)] == [
        "18:00",
        "23:59",
        "00:00",
        "01:59",
    ]


def test_a_zone_is_known_for_both_countries_of_the_lab() -> None:
    assert zones("919910000101") == ("Asia/Calcutta",)
    assert zones("15168148111") == ("America/New_York",)


def test_caps_refuse_from_their_number_on_and_0_is_none() -> None:
    for moment, why in (
        (replace(MOMENT, live_calls=9, today=999, to_destination=2), "allowed"),
        (replace(MOMENT, live_calls=10), "live_calls"),
        (replace(MOMENT, to_destination=3), "requests_per_destination"),
        (replace(MOMENT, today=1000), "attempts_per_day"),
    ):
        assert reason("919910000101", moment) == why
    uncapped = replace(ACCOUNT, attempts_per_day=0, requests_per_destination=0)
    assert reason("919910000101", replace(MOMENT, account=uncapped, today=10**6, to_destination=10**6)) == "allowed"


def test_an_agent_may_be_called_as_often_as_it_likes() -> None:
    moment = replace(MOMENT, to_destination=99)
    assert [reason(number, moment) for number in ("919910020101", "101", "919910000101")] == [
        "allowed",
        "allowed",
        "requests_per_destination",
    ]


EVERYTHING = Moment(
    account=replace(ACCOUNT, calling_hours=CallingHours(since="09:00", until="09:01"), max_live_calls=0),
    routes=(),
    stopped="dialling is stopped",
    today=1000,
    to_destination=3,
)


def test_the_first_reason_in_the_documented_order_is_told() -> None:
    names = [check.reason for check in CHECKS]
    for number in ("919910000303", "+18764567890", "112", "x", "+19002345678"):
        found = list(explain(Attempt(number=number, caller_id="x", kind="campaign"), EVERYTHING))
        assert [each.reason for each in found] == names
        refusing = [each for each in found if each.holds is False]
        assert verdict(Attempt(number=number, caller_id="x", kind="campaign"), EVERYTHING) == Verdict(
            False, "stopped", "dialling is stopped"
        )
        awake = replace(EVERYTHING, stopped=None)
        told = verdict(Attempt(number=number, caller_id="x", kind="campaign"), awake)
        assert (told.reason, told.words) == (refusing[1].reason, refusing[1].words)


def test_nothing_is_said_of_the_region_of_what_is_no_number() -> None:
    found = {each.reason: each.holds for each in explain(Attempt(number="x", caller_id="15168148111"), MOMENT)}
    assert (found["shape"], found["region"], found["caller_id"]) == (False, None, True)


@given(text=st.text(max_size=20) | st.from_regex(r"\+?[0-9]{1,16}", fullmatch=True), spelt=st.booleans())
def test_any_text_gets_a_verdict_and_what_is_allowed_is_a_number_or_an_extension(text: str, spelt: bool) -> None:
    target = Attempt(number=text, caller_id="15168148111", spelt=spelt)
    found = verdict(target, MOMENT)
    assert found.words
    if found.allowed:
        assert text.removeprefix("+").isascii()
        assert text.removeprefix("+").isdigit()
        assert text in ACCOUNT.extensions or len(text) >= 7
    assert found.allowed == all(each.holds for each in explain(target, MOMENT))


INBOUND = replace(
    MOMENT,
    account=replace(
        ACCOUNT,
        dids={"919910099997": Did(to="extension:101")},
        endpoints={"bot": "PJSIP/bot@carrier", "voicemail": "PJSIP/voicemail"},
    ),
)


@pytest.mark.parametrize(
    ("number", "shown", "why"),
    [
        ("101", "31337", "allowed"),  # our own telephone shows whatever the caller sent
        ("voicemail", "31337", "allowed"),
        ("bot", "31337", "caller_id"),
        ("bot", "919910099997", "allowed"),
        ("919910020101", "112", "caller_id"),
        ("919910020101", "919910099997", "allowed"),  # the number called
        ("919910020101", "15168148111", "allowed"),
    ],
)
def test_of_a_call_that_came_in_no_callers_word_leaves_over_a_trunk(number: str, shown: str, why: str) -> None:
    assert reason(number, INBOUND, kind="inbound", side="agent", caller_id=shown) == why


def test_a_number_of_ours_is_shown_to_no_other_calls() -> None:
    assert reason("919910000101", INBOUND, caller_id="919910099997") == "caller_id"
