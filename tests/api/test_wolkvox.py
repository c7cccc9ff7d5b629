"""wolkvox's machine codes by telephone: the document's row, its columns, its errors, and one question of a token."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from engine.accounts import Accounts, fingerprint
from engine.api import reports
from engine.api.dialects.wolkvox import PATH
from engine.errors import StoreAway
from engine.store.connection import connect
from engine.store.postgres import Store
from tests.api.conftest import ROUTE, Client, account
from tests.store.rows import CAMPAIGN_ID, OTHER_CAMPAIGN_ID, campaign, cdr, insert, unanswered, undialled, unique_id

pytestmark = pytest.mark.asyncio(loop_scope="function")

TOKEN = {"wolkvox-token": "wolkvox token of account_1"}
BEGIN = 1692084300.0  # 2023-08-15 12:55:00 in Kolkata
ASK = {
    "api": "campaign_8",
    "campaign_id": CAMPAIGN_ID,
    "date_ini": "20230815125500",
    "date_end": "20230815135459",
}
EMPTY: dict[str, Any] = {"code": 200, "error": None, "msg": "0 records were found", "data": []}
# "telephone", "total_machine_recognitions", "no_answer", "answer_machine", "busy", "congestion", "failed"
COLUMNS = ("no_answer", "answer_machine", "busy", "congestion", "failed")


@pytest_asyncio.fixture(loop_scope="function")
async def accounts(store: Store) -> Accounts:
    elsewhere = account("elsewhere", allowed_ips=("192.0.2.0/24",))
    await store.apply([account("account_1", report_tz="Asia/Kolkata"), account("account_2"), elsewhere, ROUTE])
    accounts = Accounts()
    accounts.replace(await store.applied())
    return accounts


@pytest_asyncio.fixture(loop_scope="function", autouse=True)
async def campaigns(database_url: str, store: Store) -> None:
    """Two of account_1."""
    await insert(database_url, "campaigns", campaign(), campaign(OTHER_CAMPAIGN_ID))


async def ask(client: Client, *, headers: dict[str, str] = TOKEN, **change: Any) -> dict[str, Any]:
    """The body; its code is the HTTP status."""
    async with client.get(PATH, params=ASK | change, headers=headers) as reply:
        assert reply.content_type == "application/json"
        body: dict[str, Any] = await reply.json()
        assert body["code"] == reply.status
    return body


def row(telephone: str, **counts: int) -> dict[str, str]:
    """A row as the document has it: all of its values are strings."""
    columns = {name: str(counts.get(name, 0)) for name in COLUMNS}
    return {"telephone": telephone, "total_machine_recognitions": str(sum(counts.values())), **columns}


# "msg": "1 records were found"
async def test_one_row_a_telephone_each_value_a_string(client: Client, database_url: str) -> None:
    tried = ("NOANSWER", "NOANSWER", "BUSY", "CONGESTION", "CHANUNAVAIL", "CANCEL")
    attempts = [unanswered(each, unique_id=unique_id(1, n), ended_at=BEGIN + n) for n, each in enumerate(tried)]
    attempts.append(cdr(unique_id=unique_id(1, 7), amd_status="machine", ended_at=BEGIN))
    attempts.append(cdr(unique_id=unique_id(1, 8), amd_status="human", ended_at=BEGIN))
    attempts.append(cdr(unique_id=unique_id(1, 9), amd_status="unsure", ended_at=BEGIN))
    await insert(database_url, "cdrs", *attempts)
    async with client.get(PATH, params=ASK, headers=TOKEN) as reply:
        assert reply.status == 200
        found = await reply.json()
    expected = row("919979270001", no_answer=2, answer_machine=1, busy=1, congestion=1, failed=2)
    assert found == {"code": 200, "error": None, "msg": "1 records were found", "data": [expected]}
    assert list(found) == ["code", "error", "msg", "data"]
    assert list(found["data"][0]) == list(expected)


# D2: "a human answer is not a machine recognition"; apis.md 0: DND "not counted"
async def test_humans_and_who_was_not_dialled_have_no_row(client: Client, database_url: str) -> None:
    await insert(
        database_url,
        "cdrs",
        cdr(unique_id=unique_id(1), ended_at=BEGIN),
        undialled("DND", unique_id=unique_id(2), call_date=BEGIN),
        undialled("CANCEL", unique_id=unique_id(3), call_date=BEGIN),
        unanswered("BUSY", ended_at=BEGIN),  # of no campaign
    )
    assert await ask(client) == EMPTY
    assert await ask(client, campaign_id="all") == EMPTY


# D4: "account report_tz, both ends inclusive"
@pytest.mark.parametrize(
    ("at", "inside"), [(-0.001, False), (0.0, True), (3599.0, True), (3599.999, True), (3600.0, False)]
)
async def test_both_ends_are_inside(client: Client, database_url: str, at: float, inside: bool) -> None:
    await insert(database_url, "cdrs", unanswered("BUSY", unique_id=unique_id(1), ended_at=BEGIN + at))
    for asked in (CAMPAIGN_ID, "all"):
        assert (await ask(client, campaign_id=asked))["msg"] == f"{int(inside)} records were found"


async def test_a_campaign_is_its_own_and_all_is_all_of_them(client: Client, store: Store, database_url: str) -> None:
    await insert(
        database_url,
        "cdrs",
        unanswered("BUSY", unique_id=unique_id(1), customer_number="919979270002", ended_at=BEGIN),
        unanswered("BUSY", unique_id=unique_id(1, campaign_id=OTHER_CAMPAIGN_ID), ended_at=BEGIN),
        unanswered("BUSY", unique_id=unique_id(2, campaign_id="CMffffffffff"), account_id="account_2", ended_at=BEGIN),
    )
    assert [each["telephone"] for each in (await ask(client))["data"]] == ["919979270002"]
    every = (await ask(client, campaign_id="all"))["data"]
    assert [each["telephone"] for each in every] == ["919979270001", "919979270002"]
    (number,) = await store._fetch("SELECT number FROM campaigns WHERE campaign_id = $1", CAMPAIGN_ID)
    assert (await ask(client, campaign_id=str(number["number"])))["data"] == [row("919979270002", busy=1)]


# D1: 400 bad api/date; 401 token; 404 unknown campaign; 429 token busy; same body shape with error text and data: []
ERRORS: list[tuple[dict[str, Any], int, str]] = [
    ({"api": "campaign_9"}, 400, "api must be campaign_8"),
    ({"api": ""}, 400, "api must be campaign_8"),
    ({"campaign_id": ""}, 400, "campaign_id is required"),
    ({"campaign_id": "CM0000000000"}, 404, "there is no such campaign"),
    ({"campaign_id": "ALL"}, 404, "there is no such campaign"),
    ({"campaign_id": "9" * 30}, 404, "there is no such campaign"),
    ({"campaign_id": "' OR 1=1 --"}, 404, "there is no such campaign"),
    ({"campaign_id": "x\x00"}, 404, "there is no such campaign"),
    ({"date_ini": "2023081512550"}, 400, "date_ini must be a date and time like 20230815125500"),
    ({"date_ini": "202308151255000"}, 400, "date_ini must be a date and time like 20230815125500"),
    ({"date_ini": " 20230815125500"}, 400, "date_ini must be a date and time like 20230815125500"),
    ({"date_ini": "2023-08-15 12:55:00"}, 400, "date_ini must be a date and time like 20230815125500"),
    ({"date_ini": "20230231125500"}, 400, "date_ini must be a date and time like 20230815125500"),
    ({"date_ini": "00000815125500"}, 400, "date_ini must be a date and time like 20230815125500"),
    ({"date_ini": "٢٠٢٣٠٨١٥١٢٥٥٠٠"}, 400, "date_ini must be a date and time like 20230815125500"),
    ({"date_end": ""}, 400, "date_end must be a date and time like 20230815125500"),
    ({"date_end": "20230815240000"}, 400, "date_end must be a date and time like 20230815125500"),
    ({"date_end": "99991231235959"}, 400, "date_end must be a date and time like 20230815125500"),
    ({"date_end": "20230815125459"}, 400, "date_end is before date_ini"),
    ({"date_end": "20230915125501"}, 400, "at most 31 days at once"),
]


async def test_each_error(client: Client) -> None:
    for change, code, error in ERRORS:
        expected = {"code": code, "error": error, "msg": "0 records were found", "data": []}
        assert await ask(client, **change) == expected


async def test_thirty_one_days_and_one_second_are_taken(client: Client) -> None:
    assert await ask(client, date_end="20230915125500") == EMPTY
    assert await ask(client, date_end="20230815125500") == EMPTY


async def test_what_is_missing_is_refused(client: Client) -> None:
    for name in ASK:
        params = {key: value for key, value in ASK.items() if key != name}
        async with client.get(PATH, params=params, headers=TOKEN) as reply:
            assert (reply.status, (await reply.json())["code"]) == (400, 400)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "wrong",
        "secret of account_1",
        fingerprint("wolkvox token of account_1"),
        "wolkvox token of elsewhere",  # not from its addresses
        "wolkvox token of nobody",
        "-",
    ],
)
async def test_who_has_no_token_of_ours_is_told_nothing_else(client: Client, token: str) -> None:
    expected = {
        "code": 401,
        "error": "wolkvox-token is missing or wrong",
        "msg": "0 records were found",
        "data": [],
    }
    assert await ask(client, headers={"wolkvox-token": token}, api="x") == expected


async def test_a_token_of_two_accounts_is_nobodys(client: Client, accounts: Accounts) -> None:
    doubles = [account(each) for each in ("account_1", "account_2")]
    for each in doubles:
        each["body"]["credentials"]["wolkvox"] = {"token_sha256": fingerprint("the same")}
    accounts.replace(doubles)
    assert (await ask(client, headers={"wolkvox-token": "the same"}))["code"] == 401


async def test_another_accounts_campaign_is_unknown(client: Client) -> None:
    theirs = {"wolkvox-token": "wolkvox token of account_2"}
    assert (await ask(client, headers=theirs))["error"] == "there is no such campaign"
    assert await ask(client, headers=theirs, campaign_id="all") == EMPTY


# "Note that the same token cannot be consumed simultaneously, so you can schedule the next API to be consumed when the
#  result of the previous one is successful."
async def test_a_token_is_used_once_at_a_time(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    counted, go_on = asyncio.Event(), asyncio.Event()
    count = store.reports.machine_codes

    async def slowly(*arguments: Any, **more: Any) -> tuple[int, str]:
        counted.set()
        await go_on.wait()
        return await count(*arguments, **more)

    monkeypatch.setattr(store.reports, "machine_codes", slowly)
    first = asyncio.create_task(ask(client))
    await counted.wait()
    async with client.get(PATH, params=ASK, headers=TOKEN) as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (429, "5")
        assert await reply.json() == {
            "code": 429,
            "error": "this token is in use: wait for the answer to the last request",
            "msg": "0 records were found",
            "data": [],
        }
    other = asyncio.create_task(ask(client, headers={"wolkvox-token": "wolkvox token of account_2"}, campaign_id="all"))
    go_on.set()
    assert (await first, await other) == (EMPTY, EMPTY)
    assert await ask(client) == EMPTY  # it is free again


async def test_nor_is_it_on_another_node(client: Client, database_url: str) -> None:
    elsewhere = await connect(database_url)
    try:
        async with elsewhere.transaction():
            await elsewhere.execute("SELECT pg_advisory_xact_lock(hashtext('machine codes'), hashtext('account_1'))")
            assert (await ask(client))["code"] == 429
    finally:
        await elsewhere.close()
    assert await ask(client) == EMPTY


async def test_who_was_never_dialled_has_no_machine_codes(client: Client, database_url: str) -> None:
    for place, reason in enumerate(("a region the account may not call", "missing_field", "dialling was stopped"), 1):
        never = undialled("CANCEL", unique_id=unique_id(place), reason=reason, call_date=BEGIN + place)
        await insert(database_url, "cdrs", never)
    assert await ask(client) == EMPTY


async def test_a_question_that_failed_frees_the_token(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise StoreAway

    with monkeypatch.context() as patched:
        patched.setattr(store.reports, "machine_codes", away)
        assert (await ask(client))["code"] == 503
    assert await ask(client, campaign_id="CM0000000000") != EMPTY
    assert await ask(client) == EMPTY


async def test_more_than_sixty_thousand_telephones_are_too_many(
    client: Client, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reports.MOST_TELEPHONES == 60_000
    monkeypatch.setattr(reports, "MOST_TELEPHONES", 2)
    for number in range(3):
        one = unanswered("BUSY", unique_id=unique_id(number), customer_number=f"91997927000{number}", ended_at=BEGIN)
        await insert(database_url, "cdrs", one)
        found = await ask(client)
        if number < 2:
            assert (found["code"], len(found["data"])) == (200, number + 1)
    assert (found["code"], found["error"]) == (400, "more than 2 records: ask for a shorter time")


async def test_its_envelope_is_its_own(client: Client) -> None:
    async with client.post(PATH, headers=TOKEN) as reply:
        assert (reply.status, (await reply.json())["code"]) == (405, 405)
    async with client.get("/api/v2/nothing.php", headers=TOKEN) as reply:
        assert (reply.status, (await reply.json())["error"]) == (404, "there is no such URL")


async def test_guessing_locks_out(client: Client) -> None:
    for number in range(100):
        assert (await ask(client, headers={"wolkvox-token": str(number)}))["code"] == 401
    assert (await ask(client))["code"] == 429
