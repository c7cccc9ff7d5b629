"""The CPaaS dialect, held against its document's own samples (`cpaas/*.json`, verbatim)."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.dialect import Surroundings
from engine.api.dialects import cpaas, cpaas_cdrs
from engine.core.account import Route
from engine.core.asks import CdrByRequestId, CdrsByDate, StartCall
from engine.core.refusal import InvalidRequest, Refusal
from engine.core.request import Limits
from engine.errors import NotFound, OverCapacity, StoreAway, Unauthorised
from tests.core.test_request import ACCOUNT

AROUND = Surroundings(
    account=ACCOUNT,
    routes=(Route("91", ("PJSIP/{number}@carrier",)),),
    limits=Limits(ring_seconds=30, max_talk_seconds=7200),
)
CALL = {"agent_number": "919979270001", "caller_id": "15168148111", "destination_number": "918000680001"}


def sample(name: str) -> Any:
    """A reply as the document shows it."""
    return json.loads((Path(__file__).parent / "cpaas" / f"{name}.json").read_text())


def operation(path: str) -> Any:
    """The dialect's operation at that path."""
    return next(each for each in cpaas.DIALECT.operations if each.path == path)


# "URL: http://localhost/api/click2call  Method: POST"


def test_routes_and_methods_are_the_documents() -> None:
    assert [(each.method, each.path) for each in cpaas.DIALECT.operations] == [
        ("POST", "/api/click2call"),
        ("POST", "/api/outbound_call"),
        ("POST", "/api/callback"),
        ("PATCH", "/api/callback"),
        ("DELETE", "/api/callback"),
        ("POST", "/api/create_campaign_list"),
        ("POST", "/api/add_contact_to_list"),
        ("POST", "/api/import_broadcast_contacts_csv"),
        ("POST", "/api/create_campaign_dnd_list"),
        ("POST", "/api/add_dnd_contact_to_list"),
        ("POST", "/api/import_dnd_contacts_csv"),
        ("POST", "/api/create_campaign"),
        ("POST", "/api/stop_campaign"),
        ("POST", "/stop_campaign"),
        ("GET", "/api/get_campaign_details"),
        ("POST", "/api/get_cdr_by_request_id"),
        ("POST", "/api/get_cdr_by_date"),
        ("POST", "/api/get_cdr_by_campaign_id"),
        ("GET", "/api/get_cdr_statistics"),
        ("POST", "/api/get_campaign_cdr_statistics"),
        ("GET", "/api/get_live_call_statistics"),
        ("POST", "/api/modify_call"),
    ]


# "account : Provide account_id for the API user / auth : Provide the account_auth for the API user"


def test_the_headers_say_who_asks() -> None:
    identity = cpaas.identify({"account": "account_1", "auth": "secret"}, {})
    assert (identity.account_id, identity.secret) == ("account_1", "secret")
    assert cpaas.identify({}, {}).account_id == ""


# "it generates an outbound call to the agent number first, when the agent answers the call the second
#  call initiated to destination number"


def test_click2call_asks_for_one_call_agent_first() -> None:
    ask = operation("/api/click2call").parse(CALL, AROUND)
    assert isinstance(ask, StartCall)
    assert ask.request.kind == "click2call"
    assert ask.request.party("agent").number == "919979270001"
    assert ask.request.customer.number == "918000680001"
    assert ask.request.customer.caller_id == "15168148111"


def test_click2call_replies_as_the_document_shows() -> None:
    assert operation("/api/click2call").reply("57362de4f0") == sample("click2call")


# the document's own request body: "agent_number":"91997927XXXX"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agent_number": "91997927XXXX"}, "agent_number: only digits"),
        ({"destination_number": "91800068XXXX"}, "destination_number: only digits"),
        ({"agent_number": None}, "agent_number is required"),
        ({"agent_number": "  "}, "agent_number is required"),
        ({"caller_id": ""}, "caller_id is required"),
        ({"destination_number": ["919979270001"]}, "destination_number must be a string"),
        ({"destination_number": True}, "destination_number must be a string"),
        ({"destination_number": "9" * 101}, "destination_number is longer than 100 characters"),
        ({"caller_id": "919910099999"}, "caller_id: this account does not own this caller id"),
        ({"destination_number": "15168148112"}, "destination_number: no route leads to this number"),
        ({"recording_option": "sometimes"}, "recording_option must be one of both, agent, customer, on, off"),
        (
            {"recording_option": "off", "transcript": "on"},
            "transcript: what is not recorded is not written down",
        ),
        ({"transcript": "maybe"}, "transcript must be one of on, off"),
    ],
)
def test_what_is_wrong_is_said_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        cpaas.parse_click2call(CALL | change, AROUND)
    assert refused.value.message.startswith(message)


# "recording_option | String (Optional) Default: off | How you want to record calls, agent side only, customer side only
# or both sides. Available options: both, agent, customer, off"; the sample: "recording_option":"on","transcript":"on"
# "transcript | String | Possible values on, off. If on it will generate transcription of the call."


@pytest.mark.parametrize(
    ("change", "recording", "transcript"),
    [
        ({}, "", False),
        ({"recording_option": "off", "transcript": "off"}, "", False),
        ({"recording_option": "both"}, "both", False),
        ({"recording_option": " Agent "}, "agent", False),
        ({"recording_option": "customer"}, "customer", False),
        ({"recording_option": "on", "transcript": "on"}, "both", True),
        ({"transcript": "on"}, "both", True),
        ({"recording_option": "agent", "transcript": "on"}, "agent", True),
    ],
)
def test_who_is_recorded(change: dict[str, Any], recording: str, transcript: bool) -> None:
    ask = cpaas.parse_click2call(CALL | change, AROUND)
    assert isinstance(ask, StartCall)
    assert (ask.request.recording, ask.request.transcript) == (recording, transcript)


def test_a_missing_parameter_is_a_blank_one() -> None:
    for name in CALL:
        body = {key: value for key, value in CALL.items() if key != name}
        with pytest.raises(InvalidRequest, match=f"{name} is required"):
            cpaas.parse_click2call(body, AROUND)


def test_people_send_spaces_capitals_and_numbers() -> None:
    body = {"agent_number": 919979270001, "caller_id": " 15168148111 ", "destination_number": "+918000680001"}
    ask = cpaas.parse_click2call({**body, "recording_option": "OFF", "transcript": "off"}, AROUND)
    assert ask == cpaas.parse_click2call(CALL, AROUND)


@given(
    st.dictionaries(
        st.sampled_from(["agent_number", "caller_id", "destination_number", "recording_option", "transcript"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=2)),
    )
)
def test_whatever_is_sent_is_a_call_or_a_named_refusal(body: dict[str, Any]) -> None:
    try:
        cpaas.parse_click2call(body, AROUND)
    except InvalidRequest as refusal:
        named = refusal.param
    else:
        named = "agent_number"
    assert named in (*CALL, "recording_option", "transcript")


# "request_id | String | The request_id generated from API request like outbound_call, click2call"


def test_a_request_id_is_checked_before_it_is_looked_up() -> None:
    assert cpaas_cdrs.parse_by_request_id({"request_id": " 91da7c083f "}, AROUND) == CdrByRequestId("91da7c083f")
    for wrong in ("", "x" * 65, "91da7c083f'--", "../etc", "٩١"):
        with pytest.raises(InvalidRequest):
            cpaas_cdrs.parse_by_request_id({"request_id": wrong}, AROUND)


ROW = {
    "id": 328,
    "account_id": "ACvjfnvjnfs",
    "agent_number": "91800068XXXX",
    "answered_at": 1688448702.4,
    "billsec": 8.55722,
    "heard_seconds": None,
    "announcement_seconds": None,
    "call_date": 1688448711.0,
    "duration": 15.1364,
    "disposition": "ANSWER",
    "caller_id": "15168148111",
    "customer_number": "91997927XXXX",
    "kind": "click2call",
    "dialed_number": "91997927XXXX",
    "digits": "",
    "ended_at": 1688448711.0,
    "request_id": "91da7c083f",
    "channel": "1688448695.804",
    "reason": "answered",
    "legs": [],
    "recordings": [],
}


def test_a_cdr_is_the_documents_to_the_letter_with_legs_beside_it() -> None:
    reply = operation("/api/get_cdr_by_request_id").reply([ROW])
    assert reply["response"]["result"][0].pop("legs") == []
    assert reply["response"]["result"][0].pop("reason") == "answered"
    assert json.dumps(reply) == json.dumps(sample("get_cdr_by_request_id"))


def test_a_cdr_names_its_recording_and_leads_to_all_of_them() -> None:
    """ "recording_name":"" where there is none; ours beside it: `recordings`."""
    one = {"name": "n1-57362de4f0.b1.r1", "side": "both", "state": "finished", "seconds": 7.26, "link": "/v1/x"}
    two = {**one, "name": "n1-57362de4f0.b1.r2", "state": "failed", "seconds": None, "link": ""}
    found = cpaas_cdrs.cdr(ROW | {"recordings": [one, two]})
    assert found["recording_name"] == "n1-57362de4f0.b1.r1"
    assert [(each["recording_name"], each["state"], each["link"]) for each in found["recordings"]] == [
        ("n1-57362de4f0.b1.r1", "finished", "/v1/x"),
        ("n1-57362de4f0.b1.r2", "failed", None),
    ]


def test_what_never_happened_is_the_1970_epoch_and_an_unanswered_call_has_no_status() -> None:
    unanswered = ROW | {"answered_at": None, "billsec": 0.0, "disposition": "NOANSWER"}
    reply = cpaas_cdrs.cdr(unanswered)
    assert (reply["answer"], reply["billsec"]) == ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)
    assert (reply["call_status"], reply["dial_status"]) == (None, "NOANSWER")
    never = cpaas_cdrs.cdr(ROW | {"answered_at": None, "ended_at": None, "billsec": None, "duration": None})
    assert (never["end"], never["billsec"], never["call_duration"]) == ("Thu, 01 Jan 1970 00:00:00 GMT", None, None)


def test_a_request_that_has_not_ended_has_no_cdr_yet() -> None:
    assert cpaas_cdrs.reply_cdrs([]) == {"response": {"message": "cdr not found", "result": [], "success": "true"}}


# {"start_call_date":"2023-06-13","end_call_date":"2023-06-17","record_count":"5","offset":"1"}


def test_dates_are_whole_gmt_days_both_inclusive() -> None:
    body = {"start_call_date": "2023-06-13", "end_call_date": "2023-06-17", "record_count": "5", "offset": "1"}
    assert cpaas_cdrs.parse_by_date(body, AROUND) == CdrsByDate(
        since=datetime(2023, 6, 13, tzinfo=UTC), until=datetime(2023, 6, 18, tzinfo=UTC), count=5, offset=1
    )


# "Number of CDR records you want in response"  "Optional) Default: 1000"; "Default: 0"


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"record_count": 1000, "offset": 0}, True),
        ({"record_count": "0"}, False),
        ({"record_count": "1001"}, False),
        ({"record_count": "-1"}, False),
        ({"record_count": "ten"}, False),
        ({"offset": "1e3"}, False),
        ({"offset": "99999999999"}, False),
        ({"end_call_date": "2023-06-12"}, False),
        ({"start_call_date": "13-06-2023"}, False),
        ({"start_call_date": "2023-02-30"}, False),
        ({"start_call_date": ""}, False),
        ({"end_call_date": "9999-12-31"}, True),
    ],
)
def test_a_range_that_is_none_is_refused(change: dict[str, Any], fits: bool) -> None:
    body = {"start_call_date": "2023-06-13", "end_call_date": "2023-06-13"} | change
    if fits:
        ask = cpaas_cdrs.parse_by_date(body, AROUND)
        assert isinstance(ask, CdrsByDate)
        assert (ask.count, ask.offset) == (1000, 0)
    else:
        with pytest.raises(InvalidRequest):
            cpaas_cdrs.parse_by_date(body, AROUND)


def test_statistics_are_arrays_of_one_number_and_the_total_holds_the_rest() -> None:
    counted = {"ANSWER": 248, "CANCEL": 13, "CHANUNAVAIL": 35, "NOANSWER": 13, "DND": 125}
    assert json.dumps(cpaas_cdrs.reply_statistics(counted)) == json.dumps(sample("get_cdr_statistics"))


def test_live_statistics_are_plain_numbers() -> None:
    assert json.dumps(cpaas.reply_live_statistics({})) == json.dumps(sample("get_live_call_statistics"))
    assert cpaas.reply_live_statistics({"click2call": 3})["response"]["result"]["live_calls_c2c"] == 3


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (InvalidRequest("agent_number is required"), 400),
        (Unauthorised(), 401),
        (NotFound(), 404),
        (OverCapacity(), 429),
        (StoreAway(), 503),
    ],
)
def test_a_refusal_has_a_true_status_and_the_documents_envelope(refusal: Refusal, status: int) -> None:
    expected = {"response": {"message": refusal.message, "success": "false"}}
    assert cpaas.refuse(refusal) == (status, expected)
