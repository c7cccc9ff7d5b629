"""The CPaaS dialect's campaigns, held against its document's own samples."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.dialects import cpaas_campaign
from engine.api.dialects.cpaas_campaign_params import AMD_RANGES
from engine.core.account import Agent
from engine.core.amd import Amd
from engine.core.campaign import RETRY_ON, Settings, State
from engine.core.campaign_asks import ChangeCampaign, CreateCampaign, Created
from engine.core.ivr import Ivr
from engine.core.refusal import InvalidRequest
from engine.core.speech import Manner
from tests.core.test_callback import at
from tests.core.test_progress import campaign_of
from tests.core.test_request import ACCOUNT
from tests.dialects.test_cpaas import AROUND

# The document's four bodies, its quotes made straight and its broken lines joined; the last one is its curl sample,
# whose `calls_per_min ute` is the document's own.
OPTION_1 = """{"list_id":"LS608c393614","dnd_list_id":"DNd2b09f8f80","campaign_name":"test_broadcast_campaign
_test_volume","campaign_type":"0","campaign_caller_id":"15168148111","dynamic_announcement":"
1","recorded_filename":"","announcement_text":"Dear, {field1} , {field2}, Your due balance is,, {field3},,
INR only","campaign_start_date":"2023-09-25 14:05:00","campaign_end_date":"2023-09-26
20:00:00","time_zone":"Asia/Kolkata","repeat":"2","max_retries":"1","retry_time":"60","calls_per_min
ute":"10","voice":"Matthew","volume":"soft","rate":"slow","pitch":"medium","language_code":"en-
US","tts_engine_type":"standard"}"""
OPTION_2 = """{"list_id":"LS5ac4d9833c","dnd_list_id":"DN4746f26296","campaign_name":"test_broadcast_campaign
_new1","campaign_type":"0","campaign_caller_id":"15168148111","dynamic_announcement":"0","rec
orded_filename":"quality_training-8khz.wav","announcement_text":"","campaign_start_date":"2023-
07-17 09:00:00","campaign_end_date":"2023-07-18
20:00:00","time_zone":"Asia/Kolkata","repeat":"3","max_retries":"1","retry_time":"60","calls_per_min
ute":"10"}"""
TYPE_1 = """{"list_id":"LS18ac9f0cb0","dnd_list_id":"DNbc4f9d9b5f","campaign_name":"campaign_type_new_one_
new1","campaign_type":"1","campaign_caller_id":"15168148111","dynamic_announcement":"1","reco
rded_filename":"","announcement_text":"abc","campaign_start_date":"2023-12-1810:00:00","campaign_end_date":"2023-12-18
20:00:00","time_zone":"Asia/Kolkata","repeat":"1","max_retries":"1","retry_time":"60","calls_per_min
ute":"10"}"""
CURL = (
    '{"list_id":"LS608c393614","dnd_list_id":"DNd2b09f8f80","campaign_name":"test_broadcast_campaign _test_volume",'
    '"campaign_type":"0","campaign_caller_id":"15168148111","dynamic_announcement":"1","recorded_filename":"",'
    '"announcement_text":"Dear, {field1} , {field2}, Your due balance is,, {field3},,INR only",'
    '"campaign_start_date":"2023-09-25 14:05:00","campaign_end_date":"2023-09-26 20:00:00",'
    '"time_zone":"Asia/Kolkata","repeat":"2","max_retries":"1","retry_time":"60","calls_per_min ute":"10",'
    '"voice":"Matthew","volume":"soft","rate":"slow","pitch":"medium"}'
)
SAMPLES = {"dynamic": OPTION_1, "recorded": OPTION_2, "ivr": TYPE_1, "curl": CURL}

SURVEY = replace(
    AROUND,
    account=replace(
        ACCOUNT,
        agents={"201": Agent(agent_id="201", number="919910020101")},
        groups={"301": ("201",), "empty": ()},
        endpoints={"bot": "PJSIP/bot"},
        ivrs={"survey": Ivr(ivr_id="survey", steps=()), "other": Ivr(ivr_id="other", steps=())},
        default_ivr="survey",
    ),
)


def body_of(sample: str, **changes: Any) -> dict[str, Any]:
    """A sample as JSON, its lines joined, with changes; None takes a parameter out."""
    body = json.loads(SAMPLES[sample].replace("-\n", "-").replace("\n", ""))
    return {name: value for name, value in (body | changes).items() if value is not None}


def asked(sample: str = "dynamic", around: Any = SURVEY, **changes: Any) -> CreateCampaign:
    """What a sample asks for, with changes."""
    ask = cpaas_campaign.parse_create(body_of(sample, **changes), around)
    assert isinstance(ask, CreateCampaign)
    return ask


def refused(sample: str = "dynamic", around: Any = SURVEY, **changes: Any) -> tuple[str | None, str]:
    with pytest.raises(InvalidRequest) as refusal:
        asked(sample, around, **changes)
    return refusal.value.param, refusal.value.message


# -- the document's samples ---------------------------------------------------------------------


def test_a_dynamic_announcement() -> None:
    ask = asked("dynamic")
    assert (ask.name, ask.list_id, ask.dnd_list_id) == (
        "test_broadcast_campaign_test_volume",
        "LS608c393614",
        "DNd2b09f8f80",
    )
    assert ask.settings == Settings(
        campaign_type=0,
        caller_id="15168148111",
        text="Dear, {field1} , {field2}, Your due balance is,, {field3},,INR only",
        manner=Manner(voice="Matthew", language_code="en-US", tts_engine="standard", volume="soft", rate="slow"),
        times=2,
        max_retries=1,
        retry_seconds=60,
        retry_on=tuple(map(str, RETRY_ON)),
        starts_wall="2023-09-25 14:05:00",
        ends_wall="2023-09-26 20:00:00",
        time_zone="Asia/Kolkata",
    )
    assert (ask.calls_per_minute, ask.warnings) == (10, ())
    assert (ask.starts_at, ask.ends_at) == (at("2023-09-25T08:35:00Z"), at("2023-09-26T14:30:00Z"))


def test_the_curl_sample_is_the_same_but_for_its_name_and_what_it_leaves_out() -> None:
    first, curl = asked("dynamic"), asked("curl")
    assert curl.name == "test_broadcast_campaign _test_volume"
    assert replace(curl, name=first.name) == first


def test_a_recorded_announcement() -> None:
    ask = asked("recorded")
    assert (ask.settings.announcement, ask.settings.text, ask.settings.times) == ("quality_training-8khz.wav", "", 3)
    assert (ask.starts_at, ask.ends_at) == (at("2023-07-17T03:30:00Z"), at("2023-07-18T14:30:00Z"))


# "campaign_start_date":"2023-12-1810:00:00"


def test_a_survey_is_the_accounts_default_and_its_announcement_comes_first() -> None:
    ask = asked("ivr")
    assert (ask.settings.campaign_type, ask.settings.connect_to, ask.settings.text) == (1, "ivr:survey", "abc")
    assert (ask.settings.starts_wall, ask.starts_at) == ("2023-12-18 10:00:00", at("2023-12-18T04:30:00Z"))
    assert refused("ivr", AROUND) == ("connect_to", "connect_to is required: the account has no default IVR")


# {"response": {"campaign_id": "CMcc0cb33a01","success": "true"}}


def test_the_reply_is_the_documents_and_what_its_dates_came_to() -> None:
    campaign = campaign_of("CMcc0cb33a01", starts_at=at("2023-09-25T08:35:00Z"), ends_at=at("2023-09-26T14:30:00Z"))
    reply = cpaas_campaign.reply_created(Created(campaign, ("pitch: …",)))
    assert reply["response"].pop("campaign_start_utc") == "2023-09-25T08:35:00Z"
    assert reply["response"].pop("campaign_end_utc") == "2023-09-26T14:30:00Z"
    assert reply["response"].pop("warnings") == ["pitch: …"]
    assert json.dumps(reply) == '{"response": {"campaign_id": "CMcc0cb33a01", "success": "true"}}'


# {“campaign_id”:” CM7b1b0f4c2f “}
# {"response": {"message": " campaign stopped successfully","success": "true"}}


@pytest.mark.parametrize("written", [" CM7b1b0f4c2f ", "“CM7b1b0f4c2f”", "CM7b1b0f4c2f"])
def test_stop_takes_the_id_as_it_is_printed_and_answers_with_the_space(written: str) -> None:
    ask = cpaas_campaign.parse_stop({"campaign_id": written}, AROUND)
    assert ask == ChangeCampaign("CM7b1b0f4c2f", "stop")
    reply = cpaas_campaign.reply_stopped(campaign_of())
    assert json.dumps(reply) == '{"response": {"message": " campaign stopped successfully", "success": "true"}}'


# "URL: http://localhost/stop_campaign" and "curl --location 'http://localhost/api/stop_campaign'"


def test_the_routes_are_the_documents() -> None:
    assert [(each.method, each.path) for each in cpaas_campaign.OPERATIONS] == [
        ("POST", "/api/create_campaign"),
        ("POST", "/api/stop_campaign"),
        ("POST", "/stop_campaign"),
        ("GET", "/api/get_campaign_details"),
    ]


DETAILS = """{"response":{"message":"campaign found","result":[{"calls_per_minute":"10","campaign_caller_id":\
"15168148111","campaign_end_date":"Wed, 12 Jul 2023 20:00:00 GMT","campaign_id":"CMf32a68bc63","campaign_name":\
"test_broadcast_campaign_max","campaign_start_date":"Tue, 11 Jul 2023 09:00:00 GMT","campaign_status":"3",\
"campaign_type":"0","max_retries":"1","repeat_announcement_count":"3","retry_time":"60"}],"success":"true"}}"""
OURS = ("campaign_number", "list_id", "dnd_list_id", "time_zone")


def test_details_are_the_documents_to_the_letter_and_then_ours() -> None:
    campaign = campaign_of(
        "CMf32a68bc63",
        name="test_broadcast_campaign_max",
        settings=Settings(campaign_type=0, caller_id="15168148111", max_retries=1, times=3, retry_seconds=60),
        starts_at=at("2023-07-11T09:00:00Z"),
        ends_at=at("2023-07-12T20:00:00Z"),
        state=State.COMPLETED,
    )
    reply = cpaas_campaign.reply_details([campaign])
    (result,) = reply["response"]["result"]
    assert {name: result.pop(name) for name in OURS} == {
        "campaign_number": "0",
        "list_id": "LS608c393614",
        "dnd_list_id": "",
        "time_zone": "UTC",
    }
    assert json.dumps(reply, separators=(",", ":")) == DETAILS
    open_ended = cpaas_campaign.details(replace(campaign, ends_at=None))
    assert open_ended["campaign_end_date"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    none = {"message": "campaign not found", "result": [], "success": "true"}
    assert cpaas_campaign.reply_details([]) == {"response": none}


# -- aliases and spellings ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["repeat", "repeat_count", "repeat_announcement_count"])
def test_repeat_goes_by_three_names(name: str) -> None:
    changes: dict[str, Any] = {"repeat": None, name: "4"}
    assert asked(**changes).settings.times == 4


@pytest.mark.parametrize("name", ["max_retries", "retry_attempts"])
def test_retries_go_by_two_names(name: str) -> None:
    changes: dict[str, Any] = {"max_retries": None, name: "4"}
    assert asked(**changes).settings.max_retries == 4


def test_two_names_may_say_the_same_but_nothing_else() -> None:
    assert asked(repeat_count="2", retry_attempts="01").settings.times == 2
    assert refused(repeat_count="3") == ("repeat_count", "repeat and repeat_count differ")
    assert refused(retry_attempts="2") == ("retry_attempts", "max_retries and retry_attempts differ")


# "On which status you need to re- dial the contact. E.g., NOANSER, BUSY etc."


@pytest.mark.parametrize(
    ("given", "statuses"),
    [
        ("NOANSER, BUSY", ("NOANSWER", "BUSY")),
        (["NOANSER", "BUSY"], ("NOANSWER", "BUSY")),
        ("busy", ("BUSY",)),
        ("BUSY,busy,,CHANUNAVAIL", ("BUSY", "CHANUNAVAIL")),
        ("", ("NOANSWER", "BUSY", "CONGESTION")),
        ([], ("NOANSWER", "BUSY", "CONGESTION")),
        (None, ("NOANSWER", "BUSY", "CONGESTION")),
    ],
)
def test_what_is_dialled_again(given: Any, statuses: tuple[str, ...]) -> None:
    assert asked(retry_on_statuses=given).settings.retry_on == statuses


# "Allowed values: 'silent','x- soft','soft','medium','loud','x- loud'"


def test_words_and_ids_may_be_written_as_the_document_prints_them() -> None:
    ask = asked(volume="x- soft", rate="x- fast", pitch="x- low", list_id=" LS608c393614", dnd_list_id="“DNd2b09f8f80″")
    assert (ask.settings.manner.volume, ask.settings.manner.rate, ask.settings.manner.pitch) == (
        "x-soft",
        "x-fast",
        "x-low",
    )
    assert (ask.list_id, ask.dnd_list_id) == ("LS608c393614", "DNd2b09f8f80")


def test_what_may_be_left_out() -> None:
    names = ("dnd_list_id", "campaign_type", "dynamic_announcement", "campaign_start_date", "campaign_end_date")
    more = ("time_zone", "repeat", "max_retries", "retry_time", "voice", "volume", "rate", "pitch", "recorded_filename")
    ask = asked("curl", **dict.fromkeys(names + more))
    assert (ask.dnd_list_id, ask.starts_at, ask.ends_at, ask.settings.time_zone) == ("", None, None, "UTC")
    settings = ask.settings
    assert (settings.campaign_type, settings.times, settings.max_retries, settings.retry_seconds) == (0, 1, 0, 60)
    assert (settings.manner.voice, settings.amd) == ("Joanna", None)


def test_who_can_not_speak_as_asked_is_told_and_only_where_somebody_speaks() -> None:
    neural = {"voice": "Joanna", "tts_engine_type": "neural", "pitch": "high"}
    assert asked(**neural).warnings == ("pitch: the neural engine has medium only",)
    assert asked("recorded", **neural).warnings == ()


# -- whom a survey connects to, and machines ----------------------------------------------------


@pytest.mark.parametrize(
    ("given", "connected"),
    [
        ({"ivr_id": "other"}, "ivr:other"),
        ({"connect_to": "ivr:other"}, "ivr:other"),
        ({"connect_to": "ivr:other", "ivr_id": "other"}, "ivr:other"),
        ({"connect_to": " group: 301"}, "group:301"),
        ({"connect_to": "agent:201"}, "agent:201"),
        ({"connect_to": "extension:101"}, "extension:101"),
        ({"connect_to": "endpoint:bot"}, "endpoint:bot"),
    ],
)
def test_a_survey_connects_to_what_it_names(given: dict[str, str], connected: str) -> None:
    assert asked("ivr", **given).settings.connect_to == connected
    silent = asked("ivr", announcement_text="", **given).settings
    assert (silent.text, silent.announcement, silent.connect_to) == ("", "", connected)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"ivr_id": "nothing"}, "ivr_id"),
        ({"connect_to": "ivr:nothing"}, "connect_to"),
        ({"connect_to": "ivr:other", "ivr_id": "survey"}, "connect_to"),
        ({"connect_to": "group:999"}, "connect_to"),
        ({"connect_to": "group:empty"}, "connect_to"),
        ({"connect_to": "endpoint:PJSIP/100@carrier"}, "connect_to"),
        ({"connect_to": "919910000202"}, "connect_to"),
        ({"connect_to": "PJSIP/bot"}, "connect_to"),
        ({"connect_to": ["ivr:survey"]}, "connect_to"),
    ],
)
def test_whom_nobody_knows_is_refused(given: dict[str, Any], param: str) -> None:
    named, words = refused("ivr", **given)
    assert named == param
    assert words.startswith((param, "ivr_id and connect_to differ"))


def test_an_announcement_connects_to_nobody() -> None:
    assert refused(ivr_id="survey") == ("ivr_id", "ivr_id is for a campaign_type of 1")


def test_machines_are_listened_for_as_asked() -> None:
    assert asked(amd="off").settings.amd is None
    assert asked(amd="Asterisk").settings.amd == Amd(on_machine="hangup")
    given = {f"amd_{name}": str(limits[1]) for name, limits in AMD_RANGES.items()}
    amd = asked(amd="asterisk", on_machine="beep", **given).settings.amd
    assert amd == Amd(on_machine="beep", **{name: limits[1] for name, limits in AMD_RANGES.items()})


def test_every_threshold_has_a_range_that_its_default_is_in() -> None:
    for name, value in [(name, getattr(Amd(), name)) for name in Amd.__slots__ if name != "on_machine"]:
        least, most = AMD_RANGES[name]
        assert least <= value <= most


# -- what is wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"list_id": None}, "list_id", "list_id is required"),
        ({"list_id": "LS'; --"}, "list_id", "list_id is not valid"),
        ({"dnd_list_id": "../x"}, "dnd_list_id", "dnd_list_id is not valid"),
        ({"campaign_name": " "}, "campaign_name", "campaign_name is required"),
        ({"campaign_name": "x" * 101}, "campaign_name", "campaign_name is longer than 100 characters"),
        ({"campaign_name": "a\x00b"}, "campaign_name", "campaign_name: it has characters that are none"),
        ({"campaign_type": "2"}, "campaign_type", "campaign_type must be from 0 to 1"),
        ({"campaign_caller_id": None}, "campaign_caller_id", "campaign_caller_id is required"),
        ({"campaign_caller_id": "919910000001"}, "campaign_caller_id", "campaign_caller_id: this account does not own"),
        ({"dynamic_announcement": "2"}, "dynamic_announcement", "dynamic_announcement must be 0 or 1"),
        ({"announcement_text": ""}, "announcement_text", "announcement_text is required"),
        ({"announcement_text": " ,,, "}, "announcement_text", "announcement_text: there is nothing to say"),
        ({"announcement_text": "x" * 3001}, "announcement_text", "announcement_text: it is longer than 3000"),
        ({"announcement_text": "x" * 6001}, "announcement_text", "announcement_text is longer than 6000"),
        ({"announcement_text": "Dear {field1"}, "announcement_text", "announcement_text: a brace has no other"),
        ({"announcement_text": "Dear {}"}, "announcement_text", "announcement_text: {} is no field's name"),
        (
            {"announcement_text": "Dear {first name}"},
            "announcement_text",
            "announcement_text: {first name} is no field's",
        ),
        ({"announcement_text": "{0.__class__[x]}"}, "announcement_text", "announcement_text: {0.__class__[x]} is no"),
        ({"announcement_text": "Dear\x00"}, "announcement_text", "announcement_text: it has characters"),
        ({"dynamic_announcement": "0"}, "recorded_filename", "recorded_filename is required"),
        (
            {"dynamic_announcement": None, "recorded_filename": "a.wav"},
            "dynamic_announcement",
            "dynamic_announcement: 1 for announcement_text, 0 for recorded_filename",
        ),
        ({"repeat": "0"}, "repeat", "repeat must be from 1 to 10"),
        ({"repeat": "11"}, "repeat", "repeat must be from 1 to 10"),
        ({"max_retries": "101"}, "max_retries", "max_retries must be from 0 to 100"),
        ({"max_retries": "-1"}, "max_retries", "max_retries must be a whole number"),
        ({"retry_time": "604801"}, "retry_time", "retry_time must be from 0 to 604800"),
        ({"calls_per_minute": "0"}, "calls_per_minute", "calls_per_minute must be from 1 to 6000"),
        ({"calls_per_minute": "6001"}, "calls_per_minute", "calls_per_minute must be from 1 to 6000"),
        ({"calls_per_minute": None}, "calls_per_minute", "calls_per_minute is required"),
        ({"retry_on_statuses": "ANSWER"}, "retry_on_statuses", "retry_on_statuses must be of NOANSWER, BUSY"),
        ({"retry_on_statuses": "DND"}, "retry_on_statuses", "retry_on_statuses must be of"),
        ({"retry_on_statuses": "CANCEL"}, "retry_on_statuses", "retry_on_statuses must be of"),
        ({"retry_on_statuses": [["BUSY"]]}, "retry_on_statuses", "retry_on_statuses must be a string"),
        ({"voice": "HAL"}, "voice", "voice: there is no such voice"),
        ({"volume": "louder"}, "volume", "volume: must be one of"),
        ({"time_zone": "IST"}, "time_zone", "time_zone must be an IANA time zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone", "time_zone must be an IANA time zone"),
        ({"campaign_start_date": "tomorrow"}, "campaign_start_date", "campaign_start_date must be a date and time"),
        ({"campaign_end_date": "2023-02-31 10:00:00"}, "campaign_end_date", "campaign_end_date must be a date and"),
        ({"campaign_end_date": "2023-09-25 14:05:00"}, "campaign_end_date", "campaign_end_date must be after campaign"),
        ({"amd": "own"}, "amd", "amd must be one of off, asterisk"),
        ({"on_machine": "beep"}, "on_machine", "on_machine is for amd=asterisk"),
        ({"amd_greeting": "2000"}, "amd_greeting", "amd_greeting is for amd=asterisk"),
        ({"amd": "asterisk", "on_machine": "sing"}, "on_machine", "on_machine must be one of hangup, play, beep"),
        ({"amd": "asterisk", "amd_greeting": "99"}, "amd_greeting", "amd_greeting must be from 100 to 20000"),
    ],
)
def test_what_is_wrong_is_said_by_name(changes: dict[str, Any], param: str, words: str) -> None:
    named, message = refused(**changes)
    assert named == param
    assert message.startswith(words)


def test_a_beep_is_waited_for_only_to_say_something() -> None:
    silent = {"announcement_text": "", "amd": "asterisk", "on_machine": "beep"}
    assert refused("ivr", **silent)[0] == "on_machine"


NAMES = [
    *body_of("dynamic"),
    "retry_on_statuses",
    "repeat_count",
    "retry_attempts",
    "ivr_id",
    "connect_to",
    "amd",
    "on_machine",
    "amd_greeting",
]


@given(
    body=st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=2)),
    )
)
def test_whatever_is_sent_is_a_campaign_or_a_named_refusal(body: dict[str, Any]) -> None:
    for whole in (body, body_of("dynamic") | body, body_of("ivr") | body):
        try:
            cpaas_campaign.parse_create(whole, SURVEY)
        except InvalidRequest as refusal:
            named, words = refusal.param, refusal.message
        else:
            named, words = "list_id", "list_id"
        assert named in NAMES
        assert named in words
