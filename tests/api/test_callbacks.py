"""Callbacks over HTTP and a real Postgres: made, changed, deleted, looked up, told what became of them."""

import asyncio
import re
import time
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.accounts import Accounts
from engine.api.schedule import SETTLED
from engine.core.callback import Due, State, request, unrung
from engine.store.postgres import Store
from tests.api.conftest import ROUTE, Client, account
from tests.core.test_callback import LIMITS, callback_of
from tests.core.test_request import ACCOUNT, ROUTES
from tests.store.test_store import ended, new_call

pytestmark = pytest.mark.asyncio(loop_scope="function")

ZONE = "Asia/Kolkata"
OTHER = {"account": "account_2", "auth": "secret of account_2"}
UNKNOWN = (404, {"response": {"message": "there is no such request_id", "success": "false"}})


def wall(seconds: float, zone: str = ZONE) -> str:
    """What a clock there shows so many seconds from now."""
    return datetime.fromtimestamp(time.time() + seconds, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def utc(wall_time: str, zone: str = ZONE) -> str:
    """The same, in the answer's words."""
    shown = datetime.fromisoformat(wall_time).replace(tzinfo=ZoneInfo(zone))
    return shown.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def later(**more: Any) -> dict[str, Any]:
    """The document's request body, for a time to come."""
    return {
        "agent_number": "919910000101",
        "caller_id": "15168148111",
        "destination_number": "919910000202",
        "recording_option": "off",
        "time_zone": ZONE,
        "scheduled_at": wall(3600),
        **more,
    }


async def asked(client: Client, method: str, path: str = "/api/callback", **more: Any) -> tuple[int, Any]:
    reply = await client.request(method, path, **more)
    return reply.status, await reply.json()


async def made(client: Client, **more: Any) -> str:
    """A new callback's id."""
    status, body = await asked(client, "POST", json=later(**more))
    assert status == 200, body
    request_id: str = body["response"]["request_id"]
    return request_id


async def shown(client: Client, request_id: str, **more: Any) -> Any:
    """The callback as our own API shows it."""
    status, body = await asked(client, "GET", f"/v1/callbacks/{request_id}", **more)
    assert status == 200, body
    return body


def refused(message: str) -> dict[str, Any]:
    return {"response": {"message": message, "success": "false"}}


# -- made --------------------------------------------------------------------------------------


async def test_a_callback_is_made_and_its_utc_time_told(client: Client) -> None:
    body = later()
    status, answer = await asked(client, "POST", json=body)
    request_id = answer["response"].pop("request_id")
    assert re.fullmatch("c[0-9a-f]{9}", request_id)
    due_at = utc(body["scheduled_at"])
    assert (status, answer) == (200, {"response": {"success": "true", "resolved_at_utc": due_at}})
    found = await shown(client, request_id)
    assert time.time() - datetime.fromisoformat(found.pop("requested_at")).timestamp() < 5
    assert found == {
        "request_id": request_id,
        "state": "scheduled",
        "due_at": due_at,
        "scheduled_at": body["scheduled_at"],
        "time_zone": ZONE,
        "agent_number": "919910000101",
        "destination_number": "919910000202",
        "caller_id": "15168148111",
        "recording_option": "off",
        "settled_at": None,
        "reason": None,
    }


async def test_numbers_and_times_are_kept_in_one_spelling(client: Client) -> None:
    written = {"agent_number": "101", "destination_number": "9910000202", "caller_id": "+15168148111"}
    time_of_day = wall(3600)
    found = await shown(client, await made(client, **written, scheduled_at=time_of_day.replace(" ", "")))
    kept = (found["agent_number"], found["destination_number"], found["caller_id"], found["scheduled_at"])
    assert kept == ("101", "919910000202", "15168148111", time_of_day)


async def test_a_gap_and_an_overlap_are_resolved_as_promised(client: Client) -> None:
    """US/Eastern's next ones, whichever year this is."""
    year = datetime.now(UTC).year
    first = [datetime(y, month, 1) for y in (year, year + 1) for month in (3, 11)]
    sundays = [day.replace(day=1 + (6 - day.weekday()) % 7 + (7 if day.month == 3 else 0)) for day in first]
    for day in [each for each in sundays if 86400 < each.timestamp() - time.time() < 360 * 86400]:
        told, meant = ("02:30:00", "07:30:00Z") if day.month == 3 else ("01:30:00", "05:30:00Z")
        body = later(time_zone="US/Eastern", scheduled_at=f"{day:%Y-%m-%d} {told}")
        _, answer = await asked(client, "POST", json=body)
        assert answer["response"]["resolved_at_utc"] == f"{day:%Y-%m-%d}T{meant}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agent_number": ""}, "agent_number is required"),
        ({"agent_number": "91997927XXXX"}, "agent_number: only digits"),
        ({"destination_number": None}, "destination_number is required"),
        ({"destination_number": "+18764567890"}, "destination_number: "),
        ({"caller_id": "919910099998"}, "caller_id: this account does not own this caller id"),
        ({"recording_option": "yes"}, "recording_option must be one of both, agent, customer, on, off"),
        ({"time_zone": ""}, "time_zone is required"),
        ({"time_zone": None}, "time_zone is required"),
        ({"time_zone": "IST"}, "time_zone must be an IANA time zone such as Asia/Kolkata"),
        ({"time_zone": "../../etc/passwd"}, "time_zone must be an IANA time zone"),
        ({"time_zone": "/etc/localtime"}, "time_zone must be an IANA time zone"),
        ({"scheduled_at": ""}, "scheduled_at is required"),
        ({"scheduled_at": "in an hour"}, "scheduled_at must be a date and time like 2023-08-15 12:55:00"),
        ({"scheduled_at": "2023-08-15 12:55:00"}, "scheduled_at must be in the future"),
        ({"scheduled_at": wall(-1)}, "scheduled_at must be in the future"),
        ({"scheduled_at": wall(367 * 86400)}, "scheduled_at must be within 366 days"),
        ({"scheduled_at": "9999-12-31 23:59:59"}, "scheduled_at must be within 366 days"),
        ({"scheduled_at": "0001-01-01 00:00:00"}, "scheduled_at must be in the future"),
        ({"scheduled_at": ["2023-08-15 12:55:00"]}, "scheduled_at must be a string"),
    ],
)
async def test_what_is_wrong_is_said_by_name_and_nothing_is_made(
    client: Client, change: dict[str, Any], message: str
) -> None:
    status, answer = await asked(client, "POST", json=later(**change))
    assert (status, answer["response"]["success"]) == (400, "false")
    assert answer["response"]["message"].startswith(message)
    assert await asked(client, "GET", "/v1/callbacks") == (200, {"callbacks": []})


async def test_an_account_that_is_full_is_told_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.callbacks.MOST_SCHEDULED", 1)
    request_id = await made(client)
    words = "the account has 10,000 callbacks scheduled, as many as it may have"
    assert await asked(client, "POST", json=later()) == (429, refused(words))
    assert (await asked(client, "PATCH", json={"request_id": request_id, "scheduled_at": wall(7200)}))[0] == 200
    assert (await asked(client, "DELETE", json={"request_id": request_id}))[0] == 200
    await made(client)


async def test_fifty_identical_requests_with_one_key_are_one_callback(client: Client) -> None:
    body, key = later(), {"Idempotency-Key": "once"}
    answers = await asyncio.gather(*(asked(client, "POST", json=body, headers=key) for _ in range(50)))
    assert {status for status, _ in answers} <= {200, 409}
    (answer,) = {str(body) for status, body in answers if status == 200}
    reply = await client.post("/api/callback", json=body, headers=key)
    assert (str(await reply.json()), reply.headers["Idempotent-Replayed"]) == (answer, "true")
    _, listed = await asked(client, "GET", "/v1/callbacks")
    assert len(listed["callbacks"]) == 1
    assert (await asked(client, "POST", json=later(agent_number="101"), headers=key))[0] == 422


async def test_the_same_request_is_the_same_callback_where_the_account_wants_that(
    client: Client, accounts: Accounts
) -> None:
    accounts.replace([account("account_1", same_request_seconds=60), ROUTE])
    body = later()
    answers = await asyncio.gather(*(asked(client, "POST", json=body) for _ in range(10)))
    assert len({str(answer) for answer in answers}) == 1


# -- changed and deleted -----------------------------------------------------------------------


async def test_what_is_given_is_changed_and_all_else_stays(client: Client) -> None:
    request_id = await made(client)
    before = await shown(client, request_id)
    time_of_day = wall(7200)
    status, answer = await asked(client, "PATCH", json={"request_id": request_id, "scheduled_at": time_of_day})
    done = {"message": "callback data modified successfully", "request_id": request_id, "success": "true"}
    assert (status, answer) == (200, {"response": {**done, "resolved_at_utc": utc(time_of_day)}})
    changed = {"scheduled_at": time_of_day, "due_at": utc(time_of_day)}
    assert await shown(client, request_id) == before | changed
    body = {"request_id": f" {request_id} ", "destination_number": "9910000303", "recording_option": "OFF"}
    assert (await asked(client, "PATCH", json=body))[0] == 200
    assert await shown(client, request_id) == before | changed | {"destination_number": "919910000303"}


async def test_a_zone_alone_moves_the_time_and_none_is_the_one_it_has(client: Client) -> None:
    request_id = await made(client, time_zone="Europe/London", scheduled_at=wall(86400, "Europe/London"))
    before = await shown(client, request_id)
    _, answer = await asked(client, "PATCH", json={"request_id": request_id, "time_zone": "US/Eastern"})
    moved = utc(before["scheduled_at"], "US/Eastern")
    assert answer["response"]["resolved_at_utc"] == moved
    assert await shown(client, request_id) == before | {"time_zone": "US/Eastern", "due_at": moved}
    again = wall(86400, "US/Eastern")
    await asked(client, "PATCH", json={"request_id": request_id, "scheduled_at": again})
    assert (await shown(client, request_id))["due_at"] == utc(again, "US/Eastern")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scheduled_at": wall(-60)}, "scheduled_at must be in the future"),
        ({"scheduled_at": "soon"}, "scheduled_at must be a date and time"),
        ({"scheduled_at": wall(60), "time_zone": "IST"}, "time_zone must be an IANA time zone"),
        ({"time_zone": "IST"}, "time_zone must be an IANA time zone"),
        ({"agent_number": "12"}, "agent_number: only digits"),
        ({"destination_number": "911"}, "destination_number: "),
        ({"caller_id": "919910099998"}, "caller_id: this account does not own this caller id"),
        ({"request_id": ""}, "request_id is required"),
        ({"recording_option": "yes"}, "recording_option must be one of both, agent, customer, on, off"),
        ({"request_id": "'; --"}, "request_id is not valid"),
    ],
)
async def test_a_change_that_is_wrong_changes_nothing(client: Client, change: dict[str, Any], message: str) -> None:
    request_id = await made(client)
    before = await shown(client, request_id)
    status, answer = await asked(client, "PATCH", json={"request_id": request_id, **change})
    assert (status, answer["response"]["message"].startswith(message)) == (400, True), answer
    assert await shown(client, request_id) == before


async def test_who_is_recorded_is_kept_changed_and_shown(client: Client) -> None:
    """ "recording_option | String | Possible values: on, off" """
    request_id = await made(client, recording_option="on")
    assert (await shown(client, request_id))["recording_option"] == "both"
    for change, then in (({"agent_number": "919910000103"}, "both"), ({"recording_option": "off"}, "off")):
        status, _ = await asked(client, "PATCH", json={"request_id": request_id, **change})
        assert (status, (await shown(client, request_id))["recording_option"]) == (200, then)


async def test_a_deleted_one_is_deleted_once(client: Client) -> None:
    request_id = await made(client)
    done = {"message": "callback request deleted successfully", "request_id": request_id, "success": "true"}
    body = {"request_id": request_id}
    assert await asked(client, "DELETE", json=body) == (200, {"response": done})
    for method in ("DELETE", "PATCH"):
        assert await asked(client, method, json=body) == (409, refused("the callback has been deleted"))
    found = await shown(client, request_id)
    assert (found["state"], found["settled_at"] is not None) == ("deleted", True)
    none = {"message": "cdr not found", "result": [], "success": "true"}
    assert await asked(client, "POST", "/api/get_cdr_by_request_id", json=body) == (200, {"response": none})


@pytest.mark.parametrize("state", ["fired", "missed", "refused"])
async def test_after_it_was_fired_or_missed_all_comes_too_late(client: Client, store: Store, state: State) -> None:
    request_id = await made(client)
    known = await store.callbacks.one("account_1", request_id)
    assert known is not None
    call = new_call(request_id, at=time.time()) if state == "fired" else unrung(known, "missed", now=time.time())
    await store.writer.accept(call, Due(request_id, known.version, time.time(), state, ""))
    body = {"request_id": request_id}
    for method in ("PATCH", "DELETE"):
        assert await asked(client, method, json=body) == (409, refused(SETTLED[state]))
    assert (await shown(client, request_id))["state"] == state
    if state == "fired":
        await store.writer.commit(ended(call))
    _, answer = await asked(client, "POST", "/api/get_cdr_by_request_id", json=body)
    (cdr,) = answer["response"]["result"]
    told = {"fired": ("BUSY", "busy (486)"), "missed": ("CANCEL", "missed"), "refused": ("CANCEL", "missed")}
    assert (cdr["dial_status"], cdr["reason"]) == told[state]
    if state != "fired":
        assert (cdr["destination_context"], cdr["customer_number"], cdr["legs"]) == ("callback", "919910000202", [])
        assert (cdr["uniqueid"], cdr["billsec"], cdr["call_duration"]) == ("", None, None)


async def test_two_changes_at_once_are_one_after_the_other(client: Client) -> None:
    request_id = await made(client)
    numbers = [f"9199100003{number:02}" for number in range(3)]
    changes = [{"request_id": request_id, "destination_number": number} for number in numbers]
    changes += [{"request_id": request_id, "agent_number": "101"}]
    answers = await asyncio.gather(*(asked(client, "PATCH", json=body) for body in changes))
    assert {status for status, _ in answers} == {200}
    found = await shown(client, request_id)
    assert (found["agent_number"], found["destination_number"] in numbers) == ("101", True)


async def test_an_unknown_id_and_another_accounts_are_not_found(client: Client) -> None:
    request_id = await made(client)
    for method in ("PATCH", "DELETE"):
        assert await asked(client, method, json={"request_id": "cfffffffff"}) == UNKNOWN
        assert await asked(client, method, json={"request_id": request_id}, headers=OTHER) == UNKNOWN
    native = {"code": "not_found", "message": "there is no such request_id", "param": None, "request_id": None}
    assert await asked(client, "GET", f"/v1/callbacks/{request_id}", headers=OTHER) == (404, {"error": native})
    assert await asked(client, "GET", "/v1/callbacks/cfffffffff") == (404, {"error": native})
    body = {"request_id": request_id}
    assert await asked(client, "POST", "/api/get_cdr_by_request_id", json=body, headers=OTHER) == UNKNOWN


# -- looked up ---------------------------------------------------------------------------------


async def test_an_account_lists_its_own_newest_first_page_by_page(client: Client) -> None:
    ids = [await made(client, scheduled_at=wall(60 + number)) for number in range(5)]
    await asked(client, "POST", json=later(), headers=OTHER)
    await asked(client, "DELETE", json={"request_id": ids[1]})

    async def listed(query: str) -> list[str]:
        status, body = await asked(client, "GET", f"/v1/callbacks?{query}")
        assert status == 200, body
        return [each["request_id"] for each in body["callbacks"]]

    newest_first = ids[::-1]
    assert await listed("") == newest_first
    assert await listed("limit=2") == newest_first[:2]
    assert await listed(f"limit=2&after={newest_first[1]}") == newest_first[2:4]
    assert await listed(f"after={newest_first[-1]}") == []
    assert await listed("state=deleted") == [ids[1]]
    assert await listed("state=scheduled&limit=1000") == [each for each in newest_first if each != ids[1]]
    assert await listed("state=missed") == []


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ("state=gone", 400, "state"),
        ("limit=0", 400, "limit"),
        ("limit=1001", 400, "limit"),
        ("limit=-1", 400, "limit"),
        ("limit=1;DROP", 400, "limit"),
        ("after=x", 400, "after"),
        ("after=c%000000000", 400, "after"),
        ("after=cfffffffff", 404, None),
    ],
)
async def test_a_list_asked_for_wrongly_is_refused(client: Client, query: str, status: int, param: str | None) -> None:
    got, body = await asked(client, "GET", f"/v1/callbacks?{query}")
    assert (got, body["error"]["param"]) == (status, param)


async def test_a_page_never_begins_behind_anothers(client: Client, store: Store) -> None:
    await store.callbacks.schedule(callback_of("c000000001", account_id="account_2"))
    status, _ = await asked(client, "GET", "/v1/callbacks?after=c000000001")
    assert status == 404


async def test_a_callback_that_is_on_the_line_is_among_the_click2calls(client: Client, store: Store) -> None:
    request_id = await made(client)
    known = await store.callbacks.one("account_1", request_id)
    assert known is not None
    call = new_call(request_id, at=time.time())
    call.request = request(known, ACCOUNT, routes=ROUTES, limits=LIMITS)
    await store.writer.accept(call, Due(request_id, 1, time.time()))
    _, answer = await asked(client, "GET", "/api/get_live_call_statistics")
    assert answer["response"]["result"]["live_calls_c2c"] == 1
