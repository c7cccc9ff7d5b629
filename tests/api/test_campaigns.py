"""Campaigns over HTTP and a real Postgres: created, started, paused, stopped, looked up."""

import asyncio
import json
import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from engine import applied_ivrs
from engine.accounts import Accounts
from engine.store.postgres import Store
from tests.api.conftest import ROUTE, Client, account
from tests.live.hostile import CAMPAIGN, TEXTS
from tests.store.conftest import execute
from tests.store.test_campaigns import ANOTHERS, DND_LIST, LIST, lists, under_way

pytestmark = pytest.mark.asyncio(loop_scope="function")

CREATE, DETAILS, NATIVE = "/api/create_campaign", "/api/get_campaign_details", "/v1/campaigns"
ZONE = "Asia/Kolkata"
OTHER = {"account": "account_2", "auth": "secret of account_2"}
UNKNOWN = (404, {"response": {"message": "there is no such campaign_id", "success": "false"}})
STOPPED = (200, {"response": {"message": " campaign stopped successfully", "success": "true"}})


def wall(seconds: float, zone: str = ZONE) -> str:
    """What a clock there shows so many seconds from now."""
    return datetime.fromtimestamp(time.time() + seconds, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def utc(wall_time: str, zone: str = ZONE) -> datetime:
    """When that is."""
    return datetime.fromisoformat(wall_time).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def body_of(**more: Any) -> dict[str, Any]:
    """The document's first body, for an hour to come."""
    return {
        "list_id": LIST,
        "dnd_list_id": DND_LIST,
        "campaign_name": "test_broadcast_campaign",
        "campaign_type": "0",
        "campaign_caller_id": "15168148111",
        "dynamic_announcement": "1",
        "recorded_filename": "",
        "announcement_text": "Dear, {field1} , {field2}, Your due balance is,, {field3},,INR only",
        "campaign_start_date": wall(-3600),
        "campaign_end_date": wall(3600),
        "time_zone": ZONE,
        "repeat": "2",
        "max_retries": "1",
        "retry_time": "60",
        "calls_per_minute": "10",
        "voice": "Matthew",
        "volume": "soft",
        "rate": "slow",
        "pitch": "medium",
        **more,
    }


@pytest_asyncio.fixture(loop_scope="function", autouse=True)
async def some_lists(store: Store, database_url: str) -> None:
    """The lists of two accounts, put into the emptied store."""
    await lists(database_url)


async def asked(client: Client, method: str, path: str, **more: Any) -> tuple[int, Any]:
    reply = await client.request(method, path, **more)
    return reply.status, await reply.json()


async def made(client: Client, **more: Any) -> str:
    """A new campaign's id."""
    status, body = await asked(client, "POST", CREATE, json=body_of(**more))
    assert status == 200, body
    campaign_id: str = body["response"]["campaign_id"]
    return campaign_id


async def shown(client: Client, campaign_id: str) -> Any:
    """The campaign as our own API shows it."""
    status, body = await asked(client, "GET", f"{NATIVE}/{campaign_id}")
    assert status == 200, body
    return body


async def details(client: Client, **more: Any) -> list[dict[str, str]]:
    status, body = await asked(client, "GET", DETAILS, **more)
    assert (status, body["response"]["success"]) == (200, "true")
    found: list[dict[str, str]] = body["response"]["result"]
    assert body["response"]["message"] == ("campaign found" if found else "campaign not found")
    return found


def refused(message: str) -> dict[str, Any]:
    return {"response": {"message": message, "success": "false"}}


# -- made --------------------------------------------------------------------------------------


async def test_a_campaign_is_made_runs_at_once_and_is_listed(client: Client) -> None:
    body = body_of()
    status, answer = await asked(client, "POST", CREATE, json=body)
    campaign_id = answer["response"].pop("campaign_id")
    assert re.fullmatch("CM[0-9a-f]{10}", campaign_id)
    starts, ends = utc(body["campaign_start_date"]), utc(body["campaign_end_date"])
    extra = {"campaign_start_utc": f"{starts:%Y-%m-%dT%H:%M:%SZ}", "campaign_end_utc": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    assert (status, answer) == (200, {"response": {"success": "true", **extra}})
    (found,) = await details(client)
    assert parsedate_to_datetime(found.pop("campaign_start_date")) == starts
    assert parsedate_to_datetime(found.pop("campaign_end_date")) == ends
    assert found == {
        "calls_per_minute": "10",
        "campaign_caller_id": "15168148111",
        "campaign_id": campaign_id,
        "campaign_name": "test_broadcast_campaign",
        "campaign_status": "1",
        "campaign_type": "0",
        "max_retries": "1",
        "repeat_announcement_count": "2",
        "retry_time": "60",
        "campaign_number": "1",
        "list_id": LIST,
        "dnd_list_id": DND_LIST,
        "time_zone": ZONE,
    }


async def test_one_that_is_to_start_later_is_scheduled_and_both_spellings_of_a_date_are_one(client: Client) -> None:
    start, end = wall(60), wall(120)
    first = await made(client, campaign_start_date=start, campaign_end_date=end)
    spelt = {"campaign_start_date": start.replace(" ", ""), "campaign_end_date": end.replace(" ", "")}
    second = await made(client, campaign_name="2", **spelt)
    one, two = await shown(client, first), await shown(client, second)
    assert (one["state"], one["started_at"], one["starts_local"], one["ends_local"]) == ("scheduled", None, start, end)
    assert {name: one[name] for name in one if "start" in name} == {name: two[name] for name in two if "start" in name}


async def test_without_dates_it_starts_now_and_never_ends(client: Client) -> None:
    campaign_id = await made(client, campaign_start_date="", campaign_end_date=None)
    found = await shown(client, campaign_id)
    assert (found["state"], found["ends_at"], found["ends_local"]) == ("running", None, None)
    assert time.time() - datetime.fromisoformat(found["starts_at"]).timestamp() < 5
    assert (await details(client))[0]["campaign_end_date"] == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"campaign_end_date": wall(-60)}, "campaign_end_date must be in the future"),
        ({"campaign_start_date": "", "campaign_end_date": wall(-60)}, "campaign_end_date must be in the future"),
        ({"campaign_end_date": "9999-12-31 23:59:59"}, "campaign_end_date must be within 3660 days"),
        ({"campaign_end_date": wall(-7200)}, "campaign_end_date must be after campaign_start_date"),
        ({"campaign_start_date": "0001-01-01 00:00:00"}, "campaign_start_date must be within 366 days"),
        ({"campaign_start_date": wall(367 * 86400), "campaign_end_date": ""}, "campaign_start_date must be within 366"),
        ({"campaign_name": ""}, "campaign_name is required"),
        ({"campaign_type": "1"}, "connect_to is required: the account has no default IVR"),
        (
            {"dynamic_announcement": "0", "recorded_filename": "nobody's.wav"},
            "recorded_filename: there is no such announcement",
        ),
    ],
)
async def test_what_is_wrong_is_said_by_name_and_nothing_is_made(
    client: Client, change: dict[str, Any], message: str
) -> None:
    status, answer = await asked(client, "POST", CREATE, json=body_of(**change))
    assert (status, answer["response"]["success"]) == (400, "false")
    assert answer["response"]["message"].startswith(message)
    assert await details(client) == []


async def test_lists_that_are_not_there_are_not_found(client: Client) -> None:
    for change in ({"list_id": "LS0000000000"}, {"list_id": ANOTHERS}, {"list_id": DND_LIST}):
        found = await asked(client, "POST", CREATE, json=body_of(**change))
        assert found == (404, refused("there is no such list_id"))
    for change in ({"dnd_list_id": "DN0000000000"}, {"dnd_list_id": LIST}):
        found = await asked(client, "POST", CREATE, json=body_of(**change))
        assert found == (404, refused("there is no such dnd_list_id"))
    assert await details(client) == []


async def test_a_name_is_taken_once(client: Client) -> None:
    await made(client)
    assert await asked(client, "POST", CREATE, json=body_of()) == (409, refused("this name is taken"))
    await made(client, campaign_name="another")
    assert len(await details(client)) == 2


async def test_fifty_identical_requests_with_one_key_are_one_campaign(client: Client) -> None:
    body, key = body_of(), {"Idempotency-Key": "once"}
    answers = await asyncio.gather(*(asked(client, "POST", CREATE, json=body, headers=key) for _ in range(50)))
    assert {status for status, _ in answers} <= {200, 409}
    (answer,) = {str(body) for status, body in answers if status == 200}
    reply = await client.post(CREATE, json=body, headers=key)
    assert (str(await reply.json()), reply.headers["Idempotent-Replayed"]) == (answer, "true")
    assert len(await details(client)) == 1
    assert (await asked(client, "POST", CREATE, json=body_of(campaign_name="2"), headers=key))[0] == 422


async def test_a_recorded_file_goes_by_its_id_its_number_or_its_name(client: Client, store: Store) -> None:
    row: Any = None
    for seconds in (1.0, 2.0):
        name = "quality_training-8khz.wav"
        row = await store.add_announcement("account_1", name=name, seconds=seconds, sound=b"RIFF", most=9)
    uploaded = str(row["id"])  # the later one of that name
    for place, (written, kept) in enumerate(
        [
            ("1610448604_87.wav", "1610448604_87.wav"),
            ("87", "87"),
            ("quality_training-8khz.wav", uploaded),
            (str(row["number"]), uploaded),
            (uploaded, uploaded),
        ]
    ):
        recorded = {"dynamic_announcement": "0", "recorded_filename": written, "announcement_text": ""}
        found = await shown(client, await made(client, campaign_name=str(place), **recorded))
        assert (found["announcement"], found["text"]) == (kept, None)


async def test_what_is_spoken_otherwise_than_asked_is_a_warning(client: Client) -> None:
    neural = body_of(voice="Joanna", tts_engine_type="neural", pitch="high")
    _, answer = await asked(client, "POST", CREATE, json=neural)
    assert answer["response"]["warnings"] == ["pitch: the neural engine has medium only"]


PLACES = {"~HOST~": "127.0.0.1:9", "~URL~": "http://127.0.0.1:9", "~SECRET~": "5d0c2e0b7a9f4c1e"}


# Those that are kept, looked up or calculated with; the others' readers are tried in tests/dialects.
TRIED = ("list_id", "campaign_name", "recorded_filename", "announcement_text", "campaign_start_date", "time_zone")


@pytest.mark.parametrize("field", TRIED)
async def test_whatever_a_stranger_writes_is_a_campaign_or_refused_and_never_our_fault(
    client: Client, field: str
) -> None:
    accepted = []
    for place, written in enumerate(TEXTS):
        for name, value in PLACES.items():
            written = written.replace(name, value)
        body = CAMPAIGN | {"campaign_name": f"hostile {place}", field: written}
        status, answer = await asked(client, "POST", CREATE, data=json.dumps(body))
        assert status in (200, 400, 404, 409), (written, answer)
        accepted += [written] if status == 200 else []
    found = await details(client)
    assert len(found) == len(accepted)
    free = {"campaign_name", "announcement_text", "recorded_filename"}  # what may be any text, or is not looked at
    assert field in free or len(accepted) <= 10, accepted


# -- stopped, started, paused ------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/stop_campaign", "/stop_campaign"])
async def test_stop_is_answered_the_same_however_often(client: Client, path: str) -> None:
    campaign_id = await made(client)
    assert await asked(client, "POST", path, json={"campaign_id": f" {campaign_id} "}) == STOPPED
    settled = (await shown(client, campaign_id))["settled_at"]
    assert await asked(client, "POST", path, json={"campaign_id": "1"}) == STOPPED
    found = await shown(client, campaign_id)
    assert (found["state"], found["settled_at"]) == ("stopped", settled)
    assert (await details(client))[0]["campaign_status"] == "2"
    assert await asked(client, "POST", path, json={"campaign_id": "CMffffffffff"}) == UNKNOWN
    assert await asked(client, "POST", path, json={"campaign_id": campaign_id}, headers=OTHER) == UNKNOWN
    status, answer = await asked(client, "POST", path, json={"campaign_id": "CM'; --"})
    assert (status, answer) == (400, refused("campaign_id is not valid"))
    assert (await client.get(path)).status == 405


async def test_a_campaign_is_paused_and_goes_on_and_is_started_again(client: Client) -> None:
    campaign_id = await made(client)
    for to, state in (
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "running"),
        ("resume", "running"),
        ("start", "running"),
        ("stop", "stopped"),
        ("stop", "stopped"),
        ("start", "running"),
    ):
        status, body = await asked(client, "POST", f"{NATIVE}/{campaign_id}/{to}")
        assert (status, body["state"], body["campaign_id"]) == (200, state, campaign_id)
    assert body["settled_at"] is None


async def test_a_scheduled_one_starts_when_it_is_told_to(client: Client) -> None:
    campaign_id = await made(client, campaign_start_date=wall(600))
    assert (await asked(client, "POST", f"{NATIVE}/{campaign_id}/pause"))[1]["state"] == "paused"
    assert (await asked(client, "POST", f"{NATIVE}/{campaign_id}/resume"))[1]["state"] == "scheduled"
    assert (await asked(client, "POST", f"{NATIVE}/{campaign_id}/start"))[1]["state"] == "running"


async def test_what_is_over_does_not_go_on(client: Client, database_url: str) -> None:
    campaign_id = await made(client)
    await asked(client, "POST", f"{NATIVE}/{campaign_id}/stop")
    for to in ("pause", "resume"):
        status, body = await asked(client, "POST", f"{NATIVE}/{campaign_id}/{to}")
        words = "the campaign is over: it can be started again"
        assert (status, body["error"]["code"], body["error"]["message"]) == (409, "too_late", words)
    await execute(database_url, "UPDATE campaigns SET ends_at = now() - interval '1 s'")
    for to in ("start", "pause", "resume"):
        status, body = await asked(client, "POST", f"{NATIVE}/{campaign_id}/{to}")
        assert (status, body["error"]["message"]) == (409, "the campaign's end is over")
    assert (await asked(client, "POST", f"{NATIVE}/{campaign_id}/stop"))[0] == 200


async def test_an_unknown_one_and_anothers_are_not_found(client: Client) -> None:
    campaign_id = await made(client)
    for path in ("", "/start", "/pause", "/resume", "/stop"):
        method = "POST" if path else "GET"
        for name, headers in (("CMffffffffff", {}), ("99", {}), (campaign_id, OTHER), ("1", OTHER)):
            status, body = await asked(client, method, f"{NATIVE}/{name}{path}", headers=headers)
            assert (status, body["error"]["code"]) == (404, "not_found")
    assert await details(client, headers=OTHER) == []
    assert await asked(client, "GET", NATIVE, headers=OTHER) == (200, {"campaigns": []})


# -- looked up ---------------------------------------------------------------------------------


async def test_progress_comes_with_local_times(client: Client, store: Store, database_url: str) -> None:
    campaign_id = await made(client)
    now = time.time()
    await under_way(database_url, campaign_id, now=now + 600)
    await under_way(database_url, "CMffffffffff", list_id="LS0", now=now)
    found = await shown(client, "1")
    progress = found.pop("progress")
    end = datetime.fromisoformat(progress.pop("expected_end_at"))
    assert progress.pop("expected_end_local") == f"{end.astimezone(ZoneInfo(ZONE)):%Y-%m-%d %H:%M:%S}"
    assert abs(end.timestamp() - (now + 600 + 49)) < 5  # the last retry
    assert progress.pop("calls_last_minute") == 65
    assert progress == {
        "contacts": 100,
        "enrolled": 50,
        "left": 70,
        "queued": 20,
        "retrying": 10,
        "calling": 5,
        "done": 25,
        "attempts": {
            "answered": 40,
            "busy": 20,
            "no_answer": 20,
            "congestion": 0,
            "failed": 0,
            "dnd": 20,
            "cancelled": 0,
        },
        "answered_by": {"human": 20, "machine": 20, "silence": 0, "unsure": 0},
        "calls_per_minute": 10,
    }
    assert (await asked(client, "GET", NATIVE))[1] == {"campaigns": [found]}
    assert (found["number"], found["retry_on"], found["connect_to"]) == (1, ["NOANSWER", "BUSY", "CONGESTION"], None)


async def test_a_survey_of_the_default_ivr(client: Client, accounts: Accounts) -> None:
    step = {"id": "price", "text": "Press one.", "keys": {"1": {"answer": "good"}}}
    body = applied_ivrs.Ivr.model_validate({"id": "survey", "step": [step]}).model_dump()
    ivr = {"kind": "ivr", "account_id": "account_1", "id": "survey", "position": 5, "body": body}
    accounts.replace([account("account_1", default_ivr="survey"), ROUTE, ivr])
    campaign_id = await made(client, campaign_type="1", announcement_text="", amd="asterisk", on_machine="play")
    found = await shown(client, campaign_id)
    assert (found["connect_to"], found["text"], found["amd"]["on_machine"]) == ("ivr:survey", None, "play")
