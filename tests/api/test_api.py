"""The HTTP APIs over real sockets and a real Postgres: who may ask, what is answered, how it is refused."""

import asyncio
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.accounts import Accounts
from engine.api.dialects.cpaas import DIALECT as CPAAS
from engine.errors import AsteriskAway, StoreAway
from engine.store.postgres import Store
from tests.api.conftest import ROUTE, Client, SwitchDouble, account
from tests.store.test_store import ended, new_call, written

pytestmark = pytest.mark.asyncio(loop_scope="function")

CALL = {"agent_number": "919910000101", "caller_id": "15168148111", "destination_number": "919910000202"}
ROUTES = [(each.method, each.path) for each in CPAAS.operations]
SARV_PATHS = ("/v2/clickToCall/para", "/clickToCall/v1/para")
SARV_CALL = {"user_id": "101", "token": "token of account_1", "from": "9910000101", "to": "9910000202"}
SARV_INVALID = {"message": "Invalid format", "status": "error", "code": "1539"}


def refused(message: str) -> dict[str, Any]:
    """The envelope of every refusal."""
    return {"response": {"message": message, "success": "false"}}


async def test_a_call_is_accepted_with_its_request_id(client: Client, switch: SwitchDouble) -> None:
    reply = await client.post("/api/click2call", json=CALL)
    assert (reply.status, await reply.json()) == (200, {"response": {"request_id": "0000000001", "success": "true"}})
    assert [(call.party("agent").number, call.customer.number) for call in switch.started] == [
        ("919910000101", "919910000202")
    ]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"not json", 400, "the body is not valid JSON"),
        (b"", 400, "the body is not valid JSON"),
        (b"[1]", 400, "the body is not a JSON object"),
        (b'{"agent_number": "\xff"}', 400, "the body is not valid JSON"),
        (b"[" * 100_000, 400, "the body is not valid JSON"),
        (b'{"agent_number": "' + b"9" * 2_000_000 + b'"}', 413, "the request body is too large"),
        (b"{}", 400, "agent_number is required"),
    ],
    ids=["not json", "empty", "a list", "not UTF-8", "nested", "2 MB", "nothing in it"],
)
async def test_a_body_that_is_none_is_refused(
    client: Client, switch: SwitchDouble, body: bytes, status: int, message: str
) -> None:
    reply = await client.post("/api/click2call", data=io.BytesIO(body))
    assert (reply.status, await reply.json()) == (status, refused(message))
    assert switch.started == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_what_it_says_is_refused(client: Client, encoding: str) -> None:
    reply = await client.post("/api/click2call", data=b"hello", headers={"Content-Encoding": encoding})
    assert (reply.status, (await reply.json())["response"]["success"]) == (400, "false")


async def test_what_is_wrong_below_the_api_is_the_clients_error_too(client: Client) -> None:
    reply = await client.post("/api/click2call", json=CALL, headers={"Expect": "bogus"})
    assert reply.status == 417


async def test_a_body_that_never_comes_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.api.body.BODY_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(
        b"POST /api/click2call HTTP/1.1\r\nHost: x\r\naccount: account_1\r\nauth: secret of account_1\r\n"
        b"Content-Length: 10\r\n\r\n{"
    )
    async with asyncio.timeout(3):
        assert b"400 Bad Request" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_fault_of_ours_is_503_and_never_500(client: Client, switch: SwitchDouble) -> None:
    switch.failure = RuntimeError("a bug")
    reply = await client.post("/api/click2call", json=CALL)
    assert (reply.status, (await reply.json())["response"]["success"]) == (503, "false")


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_wrong_method_is_told_the_right_one(client: Client, method: str, path: str) -> None:
    reply = await client.request("PUT" if method != "GET" else "POST", path)
    assert (reply.status, await reply.json()) == (405, refused("this URL does not take this method"))
    assert method in reply.headers["Allow"]


@pytest.mark.parametrize("path", SARV_PATHS)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_a_method_that_sarv_has_not_is_told_the_right_ones(
    client: Client, switch: SwitchDouble, path: str, method: str
) -> None:
    reply = await client.request(method, path, params=SARV_CALL)
    assert (reply.status, await reply.json()) == (405, SARV_INVALID)
    assert reply.headers["Allow"] == "GET,POST"
    assert switch.started == []


@pytest.mark.parametrize("path", ["/v2/clickToCall/", "/v2/clickToCall/parap", "/clickToCall/v3/para"])
async def test_an_unknown_url_of_sarv_is_refused_in_its_words(client: Client, switch: SwitchDouble, path: str) -> None:
    reply = await client.post(path, params=SARV_CALL)
    assert (reply.status, await reply.json()) == (404, SARV_INVALID)
    assert switch.started == []


@pytest.mark.parametrize("path", SARV_PATHS)
async def test_what_can_not_be_done_now_is_a_connection_issue_of_sarv(
    client: Client, switch: SwitchDouble, path: str
) -> None:
    issue = {"message": "Connection Issue", "status": "error", "code": "1501"}
    switch.live = 2
    reply = await client.get(path, params=SARV_CALL)
    assert (reply.status, reply.headers["Retry-After"], await reply.json()) == (429, "5", issue)
    switch.failure = RuntimeError("a bug")
    reply = await client.get(path, params=SARV_CALL)
    assert (reply.status, reply.headers["Retry-After"], await reply.json()) == (503, "5", issue)
    assert switch.started == []


async def test_a_body_of_2_mb_is_too_large_for_sarv(client: Client, switch: SwitchDouble) -> None:
    reply = await client.post(SARV_PATHS[0], params=SARV_CALL, data=io.BytesIO(b"from=" + b"9" * 2_000_000))
    assert (reply.status, await reply.json()) == (413, SARV_INVALID)
    assert switch.started == []


async def test_an_unknown_url_is_refused_in_the_same_words(client: Client) -> None:
    reply = await client.post("/api/click3call", json=CALL)
    assert (reply.status, await reply.json()) == (404, refused("there is no such URL"))


async def test_an_account_with_all_its_calls_on_is_told_to_wait(client: Client, switch: SwitchDouble) -> None:
    switch.live = 2
    reply = await client.post("/api/click2call", json=CALL)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "5")
    assert await reply.json() == refused("the account has as many live calls as it may have")
    assert switch.started == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"destination_number": "112"}, "destination_number: an emergency number is not a valid telephone number here"),
        ({"destination_number": "+19002345678"}, "destination_number: a premium rate number is not called"),
        ({"destination_number": "+881612345678"}, "destination_number: a satellite telephone is not called"),
        ({"destination_number": "+18764567890"}, "destination_number: this account may not call region JM"),
        ({"agent_number": "+18764567890"}, "agent_number: this account may not call region JM"),
        (
            {"destination_number": "9910000303"},
            "destination_number: this number is on the account's do-not-disturb list",
        ),
        ({"caller_id": "12125550142"}, "caller_id: this account does not own this caller id"),
    ],
)
async def test_what_the_permit_refuses_is_said_as_the_document_shapes_it(
    client: Client, accounts: Accounts, switch: SwitchDouble, change: dict[str, str], message: str
) -> None:
    never = {"kind": "dnd_list", "account_id": "account_1", "id": "never", "body": {"numbers": ["919910000303"]}}
    accounts.replace([account("account_1"), ROUTE, never])
    reply = await client.post("/api/click2call", json=CALL | change)
    assert (reply.status, await reply.json()) == (400, refused(message))
    assert switch.started == []
    assert (await client.post("/api/click2call", json=CALL | {"agent_number": "9910000303"})).status == 200


async def test_a_stopped_account_is_told_why_and_reads_on(client: Client, store: Store, switch: SwitchDouble) -> None:
    await store.stop("account_1", "under review")
    switch.gate.take_stops(await store.stops())
    reply = await client.post("/api/click2call", json=CALL)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert await reply.json() == refused("dialling is stopped for this account: under review")
    assert (await client.get("/api/get_cdr_statistics")).status == 200
    assert (await client.get("/readyz")).status == 200
    other = {"account": "account_2", "auth": "secret of account_2"}
    assert (await client.post("/api/click2call", json=CALL, headers=other)).status == 200


async def test_a_cap_is_told_with_when_to_come_back(client: Client, accounts: Accounts) -> None:
    accounts.replace([account("account_1", requests_per_destination=1), ROUTE])
    assert (await client.post("/api/click2call", json=CALL)).status == 200
    reply = await client.post("/api/click2call", json=CALL)
    assert reply.status == 429
    assert 590 <= int(reply.headers["Retry-After"]) <= 600
    assert await reply.json() == refused("1 requests for this number in 10 minutes, and the account may make 1")


async def test_more_at_once_than_the_queue_holds_is_told_to_come_back(client: Client, accounts: Accounts) -> None:
    accounts.replace([account("account_1", calls_per_second=1, max_live_calls=50), ROUTE])
    replies = await asyncio.gather(*(client.post("/api/click2call", json=CALL) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 429, 429]
    late = [reply for reply in replies if reply.status == 429]
    assert [(reply.headers["Retry-After"], await reply.json()) for reply in late] == [
        ("1", refused("more calls at once than 1 a second, please try again"))
    ] * 2


@pytest.mark.parametrize("failure", [StoreAway(), AsteriskAway()])
async def test_what_is_away_is_503_with_retry_after(client: Client, switch: SwitchDouble, failure: Exception) -> None:
    switch.failure = failure
    reply = await client.post("/api/click2call", json=CALL)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert (await reply.json())["response"]["success"] == "false"


async def test_a_cdr_is_found_by_its_own_account_only(client: Client, store: Store) -> None:
    await store.writer.commit(new_call())
    asked = {"request_id": "57362de4f0"}
    reply = await client.post("/api/get_cdr_by_request_id", json=asked)
    assert (await reply.json())["response"] == {"message": "cdr not found", "result": [], "success": "true"}
    await written(store, ended(new_call()))
    reply = await client.post("/api/get_cdr_by_request_id", json=asked)
    (cdr,) = (await reply.json())["response"]["result"]
    assert (cdr["dial_status"], cdr["call_duration"], cdr["billsec"]) == ("BUSY", 1.15, 0.0)
    assert cdr["call_date"] == "Fri, 07 Jul 2023 06:08:00 GMT"
    assert [leg["dial_status"] for leg in cdr["legs"]] == ["BUSY"]
    other = {"account": "account_2", "auth": "secret of account_2"}
    reply = await client.post("/api/get_cdr_by_request_id", json=asked, headers=other)
    assert (reply.status, await reply.json()) == (404, refused("there is no such request_id"))


async def test_cdrs_by_date_and_statistics_read_the_same_calls(client: Client, store: Store) -> None:
    await written(store, ended(new_call()))
    days = {"start_call_date": "2023-07-07", "end_call_date": "9999-12-31"}
    reply = await client.post("/api/get_cdr_by_date", json=days)
    assert [cdr["request_id"] for cdr in (await reply.json())["response"]["result"]] == ["57362de4f0"]
    result = (await (await client.get("/api/get_cdr_statistics")).json())["response"]["result"]
    assert (result["busy_calls"], result["total_calls"]) == ([1], [1])
    live = (await (await client.get("/api/get_live_call_statistics")).json())["response"]["result"]
    assert live["live_calls_c2c"] == 0


async def test_alive_and_ready_are_told_apart(client: Client, switch: SwitchDouble) -> None:
    assert (await client.get("/healthz")).status == 200
    assert (await client.get("/readyz")).status == 200
    switch.ready = False
    reply = await client.get("/readyz")
    assert (reply.status, await reply.json()) == (503, {"asterisk": False, "postgres": True, "spool": 0})
    assert (await client.get("/healthz")).status == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = ("agent_number", "caller_id", "destination_number", "request_id", "start_call_date", "offset", "record_count")
LIKELY = st.sampled_from(["919910000101", "15168148111", "57362de4f0", "2023-07-07", "5", "\x00", "٣", "9" * 40])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(ROUTES),
    body=st.dictionaries(st.sampled_from(NAMES) | st.text(), LIKELY | JSON, max_size=6),
)
async def test_nothing_that_is_sent_is_answered_with_500(
    client: Client, route: tuple[str, str], body: dict[str, Any]
) -> None:
    method, path = route
    try:
        reply = await client.request(method, path, json=body)
    except UnicodeEncodeError:  # a lone surrogate never leaves the client
        return
    assert reply.status in (200, 400, 404), (path, body, await reply.text())
