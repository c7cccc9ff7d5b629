"""Campaigns in the CPaaS suite's CDRs and statistics: the document's samples, from real rows, over real HTTP."""

import json
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.accounts import Accounts
from engine.store.postgres import Store
from tests.api.conftest import ROUTE, Client, account
from tests.store.rows import (
    AT,
    CAMPAIGN_ID,
    OTHER_CAMPAIGN_ID,
    campaign,
    cdr,
    insert,
    lead,
    leg,
    unanswered,
    undialled,
    unique_id,
)

pytestmark = pytest.mark.asyncio(loop_scope="function")

EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"
OURS = {"account": "account_1", "auth": "secret of account_1"}
THEIRS = {"account": "account_2", "auth": "secret of account_2"}
EXTRAS = ("reason", "unique_id", "amd_status", "amd_reason", "legs")


@pytest_asyncio.fixture(loop_scope="function")
async def accounts(store: Store) -> Accounts:
    await store.apply([account("account_1"), account("account_2"), ROUTE])
    accounts = Accounts()
    accounts.replace(await store.applied())
    return accounts


def sample(name: str) -> Any:
    """A reply as the document shows it, its X digits and its account ours."""
    text = (Path(__file__).parents[1] / f"dialects/cpaas/{name}.json").read_text()
    return json.loads(text.replace("XXXX", "0000").replace("ACvjfnvjnfs", "account_1"))


async def ask(client: Client, path: str, *, headers: dict[str, str] = OURS, **body: Any) -> tuple[int, Any]:
    method = "GET" if path == "get_cdr_statistics" else "POST"
    async with client.request(method, f"/api/{path}", json=body or None, headers=headers) as reply:
        return reply.status, (await reply.json())["response"]


DND = undialled("DND", unique_id=unique_id(1), customer_number="918000680000", call_date=AT - 20, id=444)
ANSWERED = cdr(unique_id=unique_id(2), customer_number="919979270000", id=445, channel="1689660670.1179")


@pytest_asyncio.fixture(loop_scope="function", autouse=True)
async def rows(database_url: str, store: Store) -> None:
    """The document's campaign, and a click2call."""
    await insert(database_url, "campaigns", campaign(), campaign(OTHER_CAMPAIGN_ID))
    await insert(database_url, "cdrs", DND, ANSWERED, cdr(id=446, request_id="91da7c083f"))
    await insert(database_url, "legs", leg(ANSWERED))


def without_extras(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in EXTRAS}


async def test_the_cdrs_of_a_campaign_are_the_documents_to_the_letter(client: Client) -> None:
    status, found = await ask(client, "get_cdr_by_campaign_id", campaign_id=CAMPAIGN_ID)
    extras = [{name: row[name] for name in EXTRAS} for row in found["result"]]
    found["result"] = [without_extras(row) for row in found["result"]]
    assert status == 200
    assert json.dumps({"response": found}) == json.dumps(sample("get_cdr_by_campaign_id"))
    never: dict[str, Any] = {
        "reason": "on the do-not-disturb list",
        "unique_id": unique_id(1),
        "amd_status": None,
        "amd_reason": None,
        "legs": [],
    }
    assert extras[0] == never
    assert (extras[1]["unique_id"], extras[1]["reason"]) == (unique_id(2), "answered")
    assert [(each["leg"], each["number"]) for each in extras[1]["legs"]] == [("b1", "919979270000")]


# "campaign_id | String | The campaign_id generated while creating campaign"; the document's own sample has spaces:
# {“campaign_id”:” CM7b1b0f4c2f “}
async def test_a_campaign_is_known_by_its_number_and_with_spaces(client: Client, store: Store) -> None:
    (row,) = await store._fetch("SELECT number FROM campaigns WHERE campaign_id = $1", CAMPAIGN_ID)
    for asked in (f" {CAMPAIGN_ID} ", str(row["number"]), row["number"]):
        for path in ("get_cdr_by_campaign_id", "get_campaign_cdr_statistics"):
            status, found = await ask(client, path, campaign_id=asked)
            assert status == 200
            assert len(found["result"]) in (2, 8)


NO_CAMPAIGNS: list[tuple[Any, int, str]] = [
    ("CM0000000000", 404, "there is no such campaign"),
    ("9" * 18, 404, "there is no such campaign"),
    ("9" * 19, 404, "there is no such campaign"),
    ("LS50f6ec70b7", 404, "there is no such campaign"),
    ("", 400, "campaign_id is required"),
    (None, 400, "campaign_id is required"),
    (["CM0000000000"], 400, "campaign_id must be a string"),
    (True, 400, "campaign_id must be a string"),
    ("' OR '1'='1", 400, "campaign_id is not valid"),
    ("x\x00", 400, "campaign_id is not valid"),
    ("C" * 101, 400, "campaign_id is longer than 100 characters"),
]


@pytest.mark.parametrize("path", ["get_cdr_by_campaign_id", "get_campaign_cdr_statistics"])
async def test_what_is_no_campaign_is_refused(client: Client, path: str) -> None:
    for asked, status, message in NO_CAMPAIGNS:
        assert await ask(client, path, campaign_id=asked) == (status, {"message": message, "success": "false"})


@pytest.mark.parametrize("path", ["get_cdr_by_campaign_id", "get_campaign_cdr_statistics"])
async def test_another_accounts_campaign_is_unknown(client: Client, path: str) -> None:
    status, found = await ask(client, path, headers=THEIRS, campaign_id=CAMPAIGN_ID)
    assert (status, found["message"]) == (404, "there is no such campaign")


async def test_a_campaign_that_has_called_nobody_has_no_cdr(client: Client) -> None:
    nothing = {"message": "cdr not found", "result": [], "success": "true"}
    assert await ask(client, "get_cdr_by_campaign_id", campaign_id=OTHER_CAMPAIGN_ID) == (200, nothing)
    _, found = await ask(client, "get_campaign_cdr_statistics", campaign_id=OTHER_CAMPAIGN_ID)
    assert set(map(tuple, found["result"].values())) == {(0,)}


@pytest.mark.parametrize(
    ("page", "ids"),
    [
        ({}, [444, 445]),
        ({"record_count": "1"}, [444]),
        ({"record_count": 1, "offset": "1"}, [445]),
        ({"offset": 2}, []),
        ({"record_count": "0"}, None),
        ({"record_count": "1001"}, None),
        ({"offset": "-1"}, None),
    ],
)
async def test_a_campaign_has_pages(client: Client, page: dict[str, Any], ids: list[int] | None) -> None:
    status, found = await ask(client, "get_cdr_by_campaign_id", campaign_id=CAMPAIGN_ID, **page)
    assert status == (400 if ids is None else 200)
    assert ids is None or [row["id"] for row in found["result"]] == ids


async def test_a_day_and_an_id_show_campaigns_in_the_same_way(client: Client) -> None:
    days: dict[str, Any] = {"start_call_date": "2023-07-18", "end_call_date": "2023-07-18"}
    _, by_date = await ask(client, "get_cdr_by_date", **days)
    _, by_campaign = await ask(client, "get_cdr_by_campaign_id", campaign_id=CAMPAIGN_ID)
    _, by_request = await ask(client, "get_cdr_by_request_id", request_id="91da7c083f")
    assert by_date["result"] == by_campaign["result"] + by_request["result"]
    assert {"is_dnd", "list_id", "unique_id", "amd_status"}.isdisjoint(by_request["result"][0])
    for asked in (unique_id(2), ANSWERED["request_id"]):
        _, by_attempt = await ask(client, "get_cdr_by_request_id", request_id=asked)
        assert by_attempt["result"] == by_campaign["result"][1:]


async def test_an_attempt_that_has_not_ended_has_no_cdr_yet(client: Client, database_url: str) -> None:
    await insert(database_url, "leads", lead(7, "919979270007", "calling", 1))
    status, found = await ask(client, "get_cdr_by_request_id", request_id=unique_id(7))
    assert (status, found["message"], found["result"]) == (200, "cdr not found", [])
    for asked, headers in ((unique_id(7), THEIRS), (unique_id(2), THEIRS), (unique_id(99), OURS)):
        status, _ = await ask(client, "get_cdr_by_request_id", headers=headers, request_id=asked)
        assert status == 404


# "A contact not on DND that lacks a used {field}: a CDR shaped like a DND row, but is_dnd "0", dial_status "CANCEL",
#  extra reason "missing_field""; a campaign of type 1; who answered
async def test_the_other_rows_of_a_campaign(client: Client, database_url: str) -> None:
    lacking = undialled("CANCEL", unique_id=unique_id(3), id=451)
    heard = {"amd_status": "machine", "amd_reason": "MAXWORDS-5-5"}
    machine = cdr(unique_id=unique_id(4), campaign_type=1, **heard, digits="1*#", id=452)
    busy = unanswered("BUSY", unique_id=unique_id(5), reason="busy (486)", id=453)
    await insert(database_url, "cdrs", lacking, machine, busy)
    _, found = await ask(client, "get_cdr_by_campaign_id", campaign_id=CAMPAIGN_ID, offset=2)
    missing, answered, tried = found["result"]
    shown = ("is_dnd", "dial_status", "reason", "uniqueid", "answer", "end", "billsec", "call_duration", "call_date")
    expected = ["0", "CANCEL", "missing_field", "", EPOCH, EPOCH, None, None, "Tue, 18 Jul 2023 06:11:30 GMT"]
    assert [missing[name] for name in shown] == expected
    assert (answered["destination_context"], answered["dtmf_inputs"]) == ("local_call_campaign_type_1", "1*#")
    assert (answered["dial_status"], answered["call_status"]) == ("ANSWER", "ANSWERED")
    assert {name: answered[name] for name in heard} == heard
    assert (tried["dial_status"], tried["call_status"], tried["billsec"], tried["answer"]) == ("BUSY", None, 0.0, EPOCH)


# {"response":{"result":{"answer_calls":[5],…,"dnd_calls":[4],"noanswer_calls":[0],"total_calls":[9]},"success":"true"}}
async def test_the_statistics_of_a_campaign_are_the_documents(client: Client, database_url: str) -> None:
    answered = [cdr(unique_id=unique_id(n, campaign_id=OTHER_CAMPAIGN_ID)) for n in range(5)]
    on_dnd = [undialled("DND", unique_id=unique_id(n, campaign_id=OTHER_CAMPAIGN_ID)) for n in range(5, 9)]
    await insert(database_url, "cdrs", *answered, *on_dnd)
    _, found = await ask(client, "get_campaign_cdr_statistics", campaign_id=OTHER_CAMPAIGN_ID)
    assert json.dumps({"response": found}) == json.dumps(sample("get_campaign_cdr_statistics"))


async def test_the_accounts_statistics_hold_its_campaigns(client: Client, database_url: str) -> None:
    every = ("NOANSWER", "BUSY", "CONGESTION", "CHANUNAVAIL", "CANCEL")
    await insert(database_url, "cdrs", *(unanswered(each, unique_id=unique_id(n + 9)) for n, each in enumerate(every)))
    _, found = await ask(client, "get_cdr_statistics")
    counts = {name: value for name, (value,) in found["result"].items()}
    assert counts.pop("total_calls") == 8  # DND included, and as in the document not shown
    assert counts.pop("answer_calls") == 2
    assert set(counts.values()) == {1}
    assert "dnd_calls" not in counts
    _, theirs = await ask(client, "get_cdr_statistics", headers=THEIRS)
    assert theirs["result"]["total_calls"] == [0]


async def test_a_page_far_behind_is_asked_for_in_turn_and_empty(client: Client) -> None:
    days: dict[str, Any] = {"start_call_date": "0001-01-01", "end_call_date": "9999-12-31"}
    for path, more in (("get_cdr_by_date", days), ("get_cdr_by_campaign_id", {"campaign_id": CAMPAIGN_ID})):
        status, found = await ask(client, path, offset="999999999", **more)
        assert (status, found["message"], found["result"]) == (200, "cdr not found", [])
