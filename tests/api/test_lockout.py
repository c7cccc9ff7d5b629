"""The lock-out: ten wrong attempts a minute are heard, then nothing of that address, right or wrong."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import aiohttp
import pytest
import structlog.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.api.lockout import SOURCES, Lockout
from engine.core.account import Address
from engine.errors import LockedOut
from tests.api.conftest import (
    LOCKOUT_PER_MINUTE,
    PROXY,
    Client,
    ClockDouble,
    client,
    clock,
    database_url,
    store,
    studio,
    switch,
)

__all__ = ["client", "clock", "database_url", "store", "studio", "switch"]

ONE = ip_address("192.0.2.1")
OTHER = ip_address("192.0.2.2")
asynchronous = pytest.mark.asyncio(loop_scope="function")


def locked(lockout: Lockout, address: Address | None) -> int:
    """The seconds an address has to wait, 0 if it is heard."""
    try:
        lockout.check(address)
    except LockedOut as exc:
        return exc.retry_after_seconds
    return 0


def test_ten_failures_lock_that_address_out_until_the_minute_is_over(clock: ClockDouble) -> None:
    lockout = Lockout(10, clock)
    for _ in range(9):
        lockout.note(ONE)
        clock.seconds += 1
    assert locked(lockout, ONE) == 0
    lockout.note(ONE)
    assert locked(lockout, ONE) == 51
    assert locked(lockout, OTHER) == 0
    clock.seconds += 50.5
    assert locked(lockout, ONE) == 1
    clock.seconds += 0.5
    assert locked(lockout, ONE) == 0


@given(st.lists(st.floats(0, 20), max_size=200))
def test_no_minute_hears_more_than_ten_failures(pauses: list[float]) -> None:
    clock = ClockDouble()
    lockout = Lockout(10, clock)
    heard: list[float] = []
    for pause in pauses:
        clock.seconds += pause
        if not locked(lockout, ONE):
            lockout.note(ONE)
            heard.append(clock.seconds)
    assert all(later - first >= 60 - 1e-9 for first, later in zip(heard, heard[10:], strict=False))


def test_an_ipv6_customer_is_its_whole_network() -> None:
    lockout = Lockout(10, ClockDouble())
    for host in range(10):
        lockout.note(IPv6Address("2001:db8::") + host)
    assert locked(lockout, IPv6Address("2001:db8::ffff"))
    assert not locked(lockout, IPv6Address("2001:db8:0:1::1"))
    assert not locked(lockout, IPv4Address("32.1.13.184"))


def test_memory_is_bounded_and_the_stalest_is_forgotten() -> None:
    lockout = Lockout(2, ClockDouble())
    for _ in range(2):
        lockout.note(ONE)
    for number in range(SOURCES - 1):
        lockout.note(IPv4Address(number))
    assert locked(lockout, ONE)
    for number in range(3 * SOURCES):
        lockout.note(IPv4Address(1 << 24 | number))
    assert len(lockout._failures) == SOURCES
    assert not locked(lockout, ONE)


def test_who_has_no_address_is_locked_out_like_anybody() -> None:
    lockout = Lockout(1, ClockDouble())
    lockout.note(None)
    assert locked(lockout, None)


async def status(client: Client, *, auth: str, account: str = "account_1", **headers: str) -> tuple[int, str]:
    """How a request is answered, and after how many seconds to come back."""
    return await answered(client.session, str(client.make_url("/")), auth=auth, account=account, **headers)


async def answered(
    http: aiohttp.ClientSession, url: str, *, auth: str, account: str, **headers: str
) -> tuple[int, str]:
    told = {"account": account, "auth": auth} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with http.get(url + "api/get_cdr_statistics", headers=told) as reply:
        if reply.status == 429:
            message = "too many wrong attempts from this address, please wait"
            assert await reply.json() == {"response": {"message": message, "success": "false"}}
        return reply.status, reply.headers.get("Retry-After", "")


@asynchronous
async def test_a_right_secret_of_a_locked_out_address_is_refused_too(client: Client, clock: ClockDouble) -> None:
    right = "secret of account_1"
    for attempt in range(LOCKOUT_PER_MINUTE):
        account = ("account_1", "nobody", "account_2")[attempt % 3]
        assert await status(client, auth=f"guess {attempt}", account=account) == (401, "")
        if attempt == 50:
            assert await status(client, auth=right) == (200, ""), "a right one takes nothing back"
    clock.seconds += 20
    assert await status(client, auth=right) == (429, "40")
    assert await status(client, auth="wrong") == (429, "40")
    assert await status(client, auth=right, X_Forwarded_For="192.0.2.1") == (429, "40"), "a header is no other address"
    assert (await client.get("/healthz", headers={"auth": "wrong"})).status == 200
    clock.seconds += 40
    assert await status(client, auth=right) == (200, "")


async def sarv(client: Client, *, token: str, user_id: str = "101") -> tuple[int, str, str]:
    """How Sarv's route answers: status, code, and after how many seconds to come back."""
    reply = await client.get("/v2/clickToCall/para", params={"user_id": user_id, "token": token})
    body = await reply.json()
    assert body.keys() == {"message", "status", "code"}
    assert body["status"] == "error"
    return reply.status, body["code"], reply.headers.get("Retry-After", "")


@asynchronous
async def test_sarv_says_so_too_and_one_dialect_is_no_way_round_another(client: Client, clock: ClockDouble) -> None:
    right = "token of account_1"
    for attempt in range(LOCKOUT_PER_MINUTE):
        if attempt % 3:
            token, user_id, code = [(f"guess {attempt}", "101", "1020"), (right, "999", "1013")][attempt % 2]
            assert await sarv(client, token=token, user_id=user_id) == (200, code, "")
        else:
            assert await status(client, auth=f"guess {attempt}") == (401, "")
    assert await sarv(client, token=right) == (429, "1501", "60")
    assert await sarv(client, token="wrong") == (429, "1501", "60")
    assert await status(client, auth="secret of account_1") == (429, "60")
    clock.seconds += 60
    assert await sarv(client, token=right) == (200, "1521", "")


@asynchronous
async def test_a_right_token_with_wrong_parameters_locks_nobody_out(client: Client) -> None:
    for _ in range(2 * LOCKOUT_PER_MINUTE):
        assert await sarv(client, token="token of account_1") == (200, "1521", "")


@asynchronous
async def test_who_is_locked_out_is_logged_once_and_can_not_fill_the_disk(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        for _ in range(3 * LOCKOUT_PER_MINUTE):
            await status(client, auth="wrong")
    assert [line["address"] for line in lines if line["event"] == "address locked out"] == ["127.0.0.1"]
    assert len([line for line in lines if line["event"] == "stranger refused"]) == LOCKOUT_PER_MINUTE
    assert len(lines) == 2 * LOCKOUT_PER_MINUTE + 1


@asynchronous
async def test_behind_a_proxy_of_ours_each_client_is_itself(client: Client) -> None:
    url, elsewhere = str(client.make_url("/")), {"auth": "secret of elsewhere", "account": "elsewhere"}
    assert await status(client, **elsewhere, X_Forwarded_For="192.0.2.77") == (401, ""), "not from a proxy of ours"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(PROXY, 0))) as proxy:
        assert await answered(proxy, url, **elsewhere, X_Forwarded_For="192.0.2.77") == (200, "")
        assert await answered(proxy, url, **elsewhere, X_Forwarded_For="192.0.2.77, 198.51.100.1") == (401, "")
        assert await answered(proxy, url, **elsewhere) == (401, "")
        wrong = {"auth": "wrong", "account": "elsewhere"}
        for _ in range(LOCKOUT_PER_MINUTE):
            assert await answered(proxy, url, **wrong, X_Forwarded_For="192.0.2.78") == (401, "")
        assert await answered(proxy, url, **elsewhere, X_Forwarded_For="192.0.2.78") == (429, "60")
        assert await answered(proxy, url, **elsewhere, X_Forwarded_For="192.0.2.77") == (200, "")
