"""Sarv's fetch_report.php: the document's sample from real rows, each code in its order, and whose ids are answered."""

from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from engine.accounts import Accounts
from engine.api.dialects.sarv_report import PATH
from engine.errors import StoreAway
from engine.store.postgres import Store
from tests.api.conftest import ROUTE, Client, account
from tests.core.test_callback import callback_of
from tests.store.rows import (
    OTHER_CAMPAIGN_ID,
    campaign,
    cdr,
    contact,
    insert,
    lead,
    leg,
    unanswered,
    undialled,
    unique_id,
)
from tests.store.test_store import new_call, written

pytestmark = pytest.mark.asyncio(loop_scope="function")

PROOF = {"username": "user account_1", "token": "voice token of account_1"}
OF_GONE = {"username": "user gone", "token": "voice token of gone"}
START = 1507626298.2  # 10-Oct-2017 2:34:58 PM in Kolkata
CONGESTED, ANSWERED = unique_id(3), unique_id(4)


@pytest_asyncio.fixture(loop_scope="function")
async def accounts(store: Store) -> Accounts:
    elsewhere = account("elsewhere", allowed_ips=("192.0.2.0/24",))
    one = account("account_1", report_tz="Asia/Kolkata")
    await store.apply([one, account("gone"), ROUTE])
    await store.apply([one, account("account_2", max_report_ids=2), elsewhere, ROUTE])
    accounts = Accounts()
    accounts.replace(await store.applied(), disabled=await store.disabled_accounts())
    return accounts


async def answer(client: Client, **params: str) -> dict[str, Any]:
    async with client.get(PATH, params=params) as reply:
        assert (reply.status, reply.content_type) == (200, "application/json")
        body: dict[str, Any] = await reply.json()
    return body


async def report(client: Client, asked: str, **proof: str) -> dict[str, Any]:
    """What is said of one id."""
    body = await answer(client, **(PROOF | proof), unique_ids=asked)
    assert (body["status"], body["code"], list(body["data"])) == ("success", "000", [asked])
    found: dict[str, Any] = body["data"][asked]
    return found


# The document's sample, its trailing comma left out; its X are digits here, as numbers are.
SAMPLE = {
    "status": "success",
    "code": "000",
    "desc": "Request Submitted Successfully",
    "data": {
        CONGESTED: {
            "status": "success",
            "desc": "unique id fetched found",
            "data": {
                "status": "Dialed",
                "report": "Congession",
                "contact_number": "9782000001",
                "duration": "0",
                "time_start": "10-Oct-2017 2:34:58 PM",
                "time_connect": "10-Oct-2017 2:35:11 PM",
                "time_end": "10-Oct-2017 2:35:11 PM",
                "dtmf": "",
            },
        },
        ANSWERED: {
            "status": "success",
            "desc": "unique id fetched found",
            "data": {
                "status": "Dialed",
                "report": "Answered",
                "contact_number": "8947000002",
                "duration": "1",
                "time_start": "10-Oct-2017 2:34:52 PM",
                "time_connect": "10-Oct-2017 2:34:57 PM",
                "time_end": "10-Oct-2017 2:34:58 PM",
                "dtmf": "",
            },
        },
        "abcd": {"status": "error", "desc": "invalid unique id"},
    },
}


@pytest_asyncio.fixture(loop_scope="function", autouse=True)
async def sample(database_url: str, store: Store) -> None:
    """The rows behind the sample."""
    congested = unanswered(
        "CONGESTION",
        unique_id=CONGESTED,
        customer_number="919782000001",
        created_at=START,
        ended_at=START + 13,
    )
    answered = cdr(
        unique_id=ANSWERED,
        customer_number="918947000002",
        created_at=START - 6,
        answered_at=START - 0.5,
        ended_at=START + 0.3,
    )
    await insert(database_url, "cdrs", congested, answered)


@pytest.mark.parametrize("way", ["query", "query of a POST", "form", "multipart", "JSON"])
async def test_the_sample_is_answered_to_the_letter_however_it_is_asked(client: Client, way: str) -> None:
    params = PROOF | {"unique_ids": f"{CONGESTED},{ANSWERED}, abcd ,"}
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "query": ("GET", {"params": params}),
        "query of a POST": ("POST", {"params": params}),
        "form": ("POST", {"data": params}),
        "multipart": ("POST", {"data": aiohttp.MultipartWriter("form-data")}),
        "JSON": ("POST", {"json": params}),
    }
    method, how = ways[way]
    if way == "multipart":
        for name, value in params.items():
            how["data"].append(value).set_content_disposition("form-data", name=name)
    async with client.request(method, PATH, **how) as reply:
        assert (reply.status, reply.content_type) == (200, "application/json")
        found = await reply.json()
    assert found == SAMPLE
    assert list(found["data"]) == list(SAMPLE["data"])


# "000 … | 001 Parameter Missing . | 002 Parameter is blank. | 003 Request IP not added in whitelist . |
#  004 Invalid user type. | 005 Invalid Credentials. | 006 User is InActive. |
#  019 Exceeded unique ids limit for single api call ."
CODES = {
    "001": "Parameter Missing",
    "002": "Parameter is blank",
    "003": "Request IP not added in whitelist",
    "004": "Invalid user type",
    "005": "Invalid Credentials",
    "006": "User is InActive",
    "019": "Exceeded unique ids limit for single api call",
}
TOO_MANY = ",".join(f"id{n}" for n in range(101))


@pytest.mark.parametrize(
    ("change", "without", "code"),
    [
        ({}, "username", "001"),
        ({}, "token", "001"),
        ({}, "unique_ids", "001"),
        ({"username": ""}, "unique_ids", "001"),  # before 002
        ({"unique_ids": ""}, None, "002"),
        ({"unique_ids": " "}, None, "002"),
        ({"unique_ids": " , ,"}, None, "002"),
        ({"token": " "}, None, "002"),
        ({"username": "user elsewhere", "token": ""}, None, "002"),  # before 003
        ({"username": "user elsewhere", "token": "wrong"}, None, "003"),  # before 005
        ({"username": "user elsewhere", "token": "voice token of elsewhere"}, None, "003"),
        ({"token": "wrong", "unique_ids": TOO_MANY}, None, "005"),  # before 019
        ({"username": "nobody"}, None, "005"),
        ({"token": "voice token of account_2"}, None, "005"),
        (OF_GONE, None, "006"),
        (OF_GONE | {"unique_ids": TOO_MANY}, None, "006"),  # before 019
        (OF_GONE | {"token": "wrong"}, None, "005"),
        ({"token": "token of account_1"}, None, "004"),
        ({"token": "token of account_1", "unique_ids": TOO_MANY}, None, "004"),  # before 019
        ({"username": "account_1", "token": "secret of account_1"}, None, "004"),
        ({"unique_ids": TOO_MANY}, None, "019"),
    ],
)
async def test_each_code_in_its_order(client: Client, change: dict[str, str], without: str | None, code: str) -> None:
    params = PROOF | {"unique_ids": "abcd"} | change
    params.pop(without or "", None)
    assert await answer(client, **params) == {"status": "error", "code": code, "desc": CODES[code]}


async def test_a_hundred_ids_are_taken_and_an_account_may_have_a_limit_of_its_own(client: Client) -> None:
    hundred = ",".join(f"id{n}" for n in range(100)) + ",id7,,id7"
    body = await answer(client, **PROOF, unique_ids=hundred)
    assert (body["code"], len(body["data"])) == ("000", 100)
    two = {"username": "user account_2", "token": "voice token of account_2"}
    assert (await answer(client, **two, unique_ids="a,b"))["code"] == "000"
    assert (await answer(client, **two, unique_ids="a,b,c"))["code"] == "019"


NOTHING = {"duration": "", "time_start": "", "time_connect": "", "time_end": "", "dtmf": ""}


# apis.md 0: No Answer, Busy, Failed, Cancelled, DND; A10: unset times and values are ""
@pytest.mark.parametrize(
    ("disposition", "word"),
    [("NOANSWER", "No Answer"), ("BUSY", "Busy"), ("CHANUNAVAIL", "Failed"), ("CANCEL", "Cancelled")],
)
async def test_who_was_dialled_in_vain_was_not_connected(
    client: Client, database_url: str, disposition: str, word: str
) -> None:
    await insert(database_url, "cdrs", unanswered(disposition, unique_id=unique_id(7, 2), ended_at=START))
    found = (await report(client, unique_id(7, 2)))["data"]
    assert (found["status"], found["report"]) == ("Dialed", word)
    assert (found["duration"], found["time_connect"]) == ("0", "")
    assert found["time_end"] == "10-Oct-2017 2:34:58 PM"


@pytest.mark.parametrize(("disposition", "word"), [("DND", "DND"), ("CANCEL", "Cancelled")])
async def test_who_was_not_dialled_was_skipped(client: Client, database_url: str, disposition: str, word: str) -> None:
    await insert(database_url, "cdrs", undialled(disposition, unique_id=unique_id(8)))
    expected = {"status": "Skipped", "report": word, "contact_number": "9979270001", **NOTHING}
    assert (await report(client, unique_id(8)))["data"] == expected


async def test_a_machine_has_answered_and_keys_are_told(client: Client, database_url: str) -> None:
    machine = cdr(unique_id=unique_id(9), amd_status="machine", digits="12*#")
    await insert(database_url, "cdrs", machine)
    found = (await report(client, unique_id(9)))["data"]
    assert (found["report"], found["dtmf"]) == ("Answered", "12*#")


# "10-Oct-2017 2:34:58 PM": twelve hours, the hour without a zero in front
@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (1507573800.0, "10-Oct-2017 12:00:00 AM"),
        (1507617000.9, "10-Oct-2017 12:00:00 PM"),
        (1507606205.0, "10-Oct-2017 9:00:05 AM"),
        (1514745000.0, "01-Jan-2018 12:00:00 AM"),
    ],
)
async def test_times_are_the_accounts_twelve_hours(client: Client, database_url: str, at: float, shown: str) -> None:
    await insert(database_url, "cdrs", unanswered("BUSY", unique_id=unique_id(10), ended_at=at))
    assert (await report(client, unique_id(10)))["data"]["time_end"] == shown


@pytest.mark.parametrize(
    ("asked", "state", "status", "word"),
    [
        (unique_id(1), 1, "Queued", ""),  # no lead yet
        (unique_id(1), 4, "Queued", ""),
        (unique_id(1), 2, "Skipped", "Cancelled"),
        (unique_id(2), 1, "Queued", ""),
        (unique_id(2), 3, "Skipped", "Cancelled"),
        (unique_id(5, 2), 1, "Queued", ""),
        (unique_id(6), 1, "Dialing", ""),
        (unique_id(6), 2, "Dialing", ""),  # what is on goes on
    ],
)
async def test_what_has_no_cdr_yet_is_queued_or_being_dialled(
    client: Client, database_url: str, asked: str, state: int, status: str, word: str
) -> None:
    numbers = {each: f"91997927000{each}" for each in (1, 2, 5, 6)}
    await insert(database_url, "campaigns", campaign(state=state))
    # A contact is no lead before it is enrolled.
    await insert(database_url, "contacts", *(contact(each, number) for each, number in numbers.items()))
    leads = lead(2, numbers[2], "queued", 0), lead(5, numbers[5], "queued", 1), lead(6, numbers[6], "calling", 1)
    await insert(database_url, "leads", *leads)
    national = numbers[int(asked.split("_")[2].split("-")[0])].removeprefix("91")
    expected = {"status": status, "report": word, "contact_number": national, **NOTHING}
    assert (await report(client, asked))["data"] == expected


async def test_an_attempt_that_is_on_has_begun(client: Client, database_url: str) -> None:
    on = cdr(created_at=START)
    await insert(database_url, "campaigns", campaign())
    await insert(database_url, "leads", lead(6, "919979270006", "calling", 1, call_id=on["request_id"]))
    await insert(database_url, "legs", leg(on) | {"answered_at": None, "ended_at": None, "disposition": None})
    found = (await report(client, unique_id(6)))["data"]
    assert (found["status"], found["time_start"], found["time_end"]) == ("Dialing", "10-Oct-2017 2:34:58 PM", "")


NO_IDS = [
    unique_id(1, 2),  # the first one comes first
    unique_id(2, 2),
    unique_id(6, 2),
    unique_id(99),
    unique_id(0),
    unique_id(1, campaign_id=OTHER_CAMPAIGN_ID),
    unique_id(1).replace("LS5", "LS6"),
    unique_id(1) + "0",
    unique_id(1).upper(),
    unique_id(10**17),
    "x" * 3000,
    "' OR '1'='1",
    "%00",
    "é",
    "\x01x",
    "\x00",
]


async def test_what_is_no_id_is_invalid(client: Client, database_url: str) -> None:
    await insert(database_url, "campaigns", campaign(), campaign(OTHER_CAMPAIGN_ID, account_id="account_2"))
    await insert(database_url, "contacts", contact(1, "919979270001"))
    await insert(database_url, "leads", lead(2, "919979270002", "queued", 0), lead(6, "919979270006", "calling", 1))
    for asked in NO_IDS:
        assert await report(client, asked) == {"status": "error", "desc": "invalid unique id"}, asked


# A6: "and also accept S3 callid and S5 request_id"
async def test_ids_of_requests_are_taken_too(client: Client, database_url: str, store: Store) -> None:
    row = cdr(ended_at=START)
    await insert(database_url, "cdrs", row)
    found = (await report(client, row["request_id"]))["data"]
    assert (found["report"], found["contact_number"]) == ("Answered", "9979270001")
    await written(store, new_call("57362de4f0"))
    assert (await report(client, "57362de4f0"))["data"]["status"] == "Dialing"
    await store.callbacks.schedule(callback_of("c7362de4f0"))
    assert (await report(client, "c7362de4f0"))["data"]["status"] == "Queued"
    await store.callbacks.delete("account_1", "c7362de4f0", now=START)
    deleted = (await report(client, "c7362de4f0"))["data"]
    assert (deleted["status"], deleted["report"]) == ("Skipped", "Cancelled")


async def test_another_accounts_ids_are_no_ids(client: Client, database_url: str, store: Store) -> None:
    await insert(database_url, "campaigns", campaign())
    await insert(database_url, "leads", lead(2, "919979270002", "queued", 0))
    row = cdr()
    await insert(database_url, "cdrs", row)
    await written(store, new_call("57362de4f0"))
    await store.callbacks.schedule(callback_of("c7362de4f0"))
    theirs = {"username": "user account_2", "token": "voice token of account_2"}
    for asked in (ANSWERED, unique_id(2), row["request_id"], "57362de4f0", "c7362de4f0"):
        assert (await report(client, asked))["status"] == "success"
        assert (await report(client, asked, **theirs))["status"] == "error"


async def test_without_postgres_it_is_503(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise StoreAway

    monkeypatch.setattr(store.reports, "attempts", away)
    async with client.get(PATH, params=PROOF | {"unique_ids": "a"}) as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        assert (await reply.json())["code"] == "503"


async def test_its_envelope_is_its_own(client: Client) -> None:
    async with client.put(PATH) as reply:
        assert (reply.status, reply.headers["Allow"]) == (405, "GET,POST")
        assert await reply.json() == {"status": "error", "code": "405", "desc": "this URL does not take this method"}


async def test_guessing_locks_out(client: Client) -> None:
    for _ in range(100):
        assert (await answer(client, username="x", token="y", unique_ids="z"))["code"] == "005"
    async with client.get(PATH, params=PROOF | {"unique_ids": "a"}) as reply:
        assert (reply.status, (await reply.json())["code"]) == (429, "429")
