"""A campaign's attempt: what is said, to whom, what follows, and why nobody is rung."""

from dataclasses import asdict, replace
from typing import Any

import orjson
import pytest

from engine.core import campaign as campaigns
from engine.core.account import Agent, Announcement
from engine.core.amd import Amd
from engine.core.campaign import Lead, Settings
from engine.core.campaign_call import impossible, parts, refused, request, unrung
from engine.core.causes import Disposition
from engine.core.cdr import cdr
from engine.core.ivr import Choice, Ivr, Prompt, Step
from engine.core.refusal import InvalidRequest
from engine.core.request import Limits, Speech
from engine.core.speech import Manner, Pause, Text
from tests.core.test_request import ACCOUNT, ROUTES
from tests.services.campaign_rig import campaign_of

LIMITS = Limits(ring_seconds=30, max_talk_seconds=7200)
LEAD = Lead(campaign_id="CM00000001", position=7, number="919910000007", name="Asha", fields={"field1": "42"})
STEP = Step(
    name="first",
    prompt=Prompt(text="Press nine."),
    keys={"9": Choice(then="transfer", to="group:301")},
    otherwise=Choice(then="transfer", to="endpoint:bot"),
)
RICH = replace(
    ACCOUNT,
    announcements={"offer": Announcement(media="sound:/srv/offer", seconds=3.0)},
    agents={"201": Agent(agent_id="201", number="919910000201")},
    groups={"301": ("201",)},
    endpoints={"bot": "PJSIP/bot"},
    ivrs={"poll": Ivr(ivr_id="poll", steps=(STEP,))},
    default_ivr="poll",
)


def settings_of(**more: Any) -> Settings:
    return Settings(**{"campaign_type": 0, "caller_id": "15168148111", **more})


def asked(**more: Any) -> Any:
    return request(campaign_of(settings=settings_of(**more)), LEAD, RICH, routes=ROUTES, limits=LIMITS)


def test_settings_come_back_from_json_as_they_were() -> None:
    made = settings_of(text="Hi", manner=Manner(rate="slow"), amd=Amd(on_machine="beep"), retry_on=("BUSY",))
    assert campaigns.settings(orjson.loads(orjson.dumps(asdict(made)))) == made
    assert campaigns.settings(orjson.loads(orjson.dumps(asdict(settings_of())))) == settings_of()


def test_an_attempt_reaches_the_contact_and_knows_which_it_is() -> None:
    made = request(
        campaign_of(settings=settings_of(text="Hi", max_retries=2, amd=Amd())),
        replace(LEAD, attempts=1),
        RICH,
        routes=ROUTES,
        limits=LIMITS,
        speech=Speech(media="sound:/x", seconds=4.0, times=2),
    )
    assert (made.kind, made.agent, made.connect_to, made.choices) == ("campaign", None, "", {})
    assert made.customer.targets[0].endpoints == ("PJSIP/919910000007@carrier",)
    assert made.campaign is not None
    assert made.campaign.unique_id == "CM00000001_LS00000001_7-u2"
    assert made.max_talk_seconds == 2 * (4 + 5) + 60  # a machine may greet for long


@pytest.mark.parametrize(
    ("connect_to", "choices", "then"),
    [
        ("group:301", {"group:301"}, "group:301"),
        ("endpoint:bot", {"endpoint:bot"}, "endpoint:bot"),
        ("extension:101", {"extension:101"}, "extension:101"),
    ],
)
def test_who_answers_is_connected_to_whom_the_campaign_names(connect_to: str, choices: set[str], then: str) -> None:
    made = asked(campaign_type=1, connect_to=connect_to)
    assert (set(made.choices), made.connect_to, made.max_talk_seconds) == (choices, then, 7200)
    assert made.choices[then].caller_id == "15168148111"


def test_an_ivr_brings_all_with_it_that_it_may_transfer_to() -> None:
    """apis.md E5: "default = the account's `default_ivr`"."""
    campaign = campaign_of(settings=settings_of(campaign_type=1))
    made = request(campaign, LEAD, RICH, routes=ROUTES, limits=LIMITS, ivr=RICH.ivrs["poll"])
    assert (set(made.choices), made.connect_to) == ({"group:301", "endpoint:bot"}, "")
    assert made.ivr is not None


def test_a_text_is_said_with_the_contacts_fields_after_a_moment() -> None:
    campaign = campaign_of(settings=settings_of(text="{contact_name}: {field1}!"))
    assert parts(campaign, LEAD) == (Pause(0.5), Text("Asha: 42!"))
    long = replace(LEAD, fields={"field1": "a\x00b\n" + "x" * 500})
    (_, said) = parts(campaign, long)
    assert isinstance(said, Text)
    assert said.text == "Asha: a b " + "x" * 196 + "!"


@pytest.mark.parametrize("fields", [{}, {"field1": " \t"}, {"field2": "1"}])
def test_a_field_without_a_value_is_told(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        parts(campaign_of(settings=settings_of(text="{field1}")), replace(LEAD, fields=fields))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("919910000007", ""),
        ("101", ""),
        ("919910000008", "dnd"),
        ("18764567890", "region"),
        ("881612345678", "premium"),
        ("91123", "number"),
    ],
)
def test_the_permit_says_why_a_contact_is_not_called(number: str, reason: str) -> None:
    account = replace(RICH, dnd_numbers=frozenset({"919910000008"}))
    campaign = campaign_of(settings=settings_of(announcement="offer"))
    assert refused(campaign, replace(LEAD, number=number), account, routes=ROUTES, now=0.0) == reason


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"announcement": "offer"}, ""),
        ({"announcement": "x"}, "announcement x"),
        ({"campaign_type": 1, "connect_to": "ivr:x"}, "ivr:x"),
        ({"campaign_type": 1, "connect_to": "agent:9"}, "agent:9"),
        ({"caller_id": "919910000001"}, "this account does not own"),
    ],
)
def test_a_campaign_that_can_not_be_carried_out_says_why(settings: dict[str, Any], why: str) -> None:
    said = impossible(campaign_of(settings=settings_of(**settings)), RICH, routes=ROUTES, limits=LIMITS)
    assert said.startswith(why)
    assert bool(said) == bool(why)


@pytest.mark.parametrize(
    ("reason", "disposition", "is_dnd"),
    [
        ("dnd", Disposition.DND, True),
        ("missing_field", Disposition.CANCEL, False),
        ("region", Disposition.CANCEL, False),
    ],
)
def test_who_is_not_rung_has_a_row_without_a_call(reason: str, disposition: Disposition, is_dnd: bool) -> None:
    call = unrung(campaign_of(), LEAD, reason, call_id="0123456789", now=1000.0)
    assert call.over
    row = cdr(call, node="n1")
    assert (row.disposition, row.is_dnd, row.channel, row.call_date) == (disposition, is_dnd, "", 1000.0)
    assert (row.created_at, row.answered_at, row.ended_at, row.billsec, row.duration) == (None,) * 5
    assert (row.unique_id, row.customer_number) == ("CM00000001_LS00000001_7-u1", "919910000007")
