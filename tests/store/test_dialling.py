"""What explain says of a number, from what is applied and what an account has done."""

import io
import time

import pytest
from rich.console import Console

from engine import dialling
from engine.core.call import Call
from engine.core.flows import click2call
from engine.errors import NotFound, WrongConfig
from engine.store.postgres import Store
from tests.api.conftest import ROUTE, account
from tests.core.conftest import CUSTOMER, request_of

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def explained(store: Store, number: str, *, caller_id: str = "", kind: str = "click2call") -> tuple[bool, str]:
    """The verdict, and all that is printed."""
    found = await dialling.explain(store, number, account_id="account_1", caller_id=caller_id, kind=kind)
    screen = Console(file=io.StringIO(), width=200)
    screen.print(found.view())
    assert isinstance(screen.file, io.StringIO)
    return found.verdict.allowed, screen.file.getvalue()


@pytest.mark.parametrize(
    ("number", "more", "allowed", "words"),
    [
        ("9910000202", {}, True, "919910000202, region IN"),
        ("101", {}, True, "an extension of the account"),
        ("112", {}, False, "112 may not be called now: an emergency number"),
        ("+18764567890", {}, False, "this account may not call region JM"),
        ("+19002345678", {}, False, "a premium rate number is not called"),
        ("9910000202", {"caller_id": "12125550142"}, False, "this account does not own this caller id"),
        ("9910000202", {"kind": "campaign"}, False, "may not be called now: it is"),
    ],
)
async def test_explain_says_why(store: Store, number: str, more: dict[str, str], allowed: bool, words: str) -> None:
    away = time.strftime("%H:%M", time.gmtime(time.time() + 10 * 3600))  # India is 5:30 ahead, not 10:00
    soon = time.strftime("%H:%M", time.gmtime(time.time() + 11 * 3600))
    await store.apply([account("account_1", calling_hours={"from": away, "to": soon}), ROUTE])
    found, printed = await explained(store, number, **more)
    assert found is allowed, printed
    assert words in printed


async def test_explain_counts_what_the_account_did_and_sees_a_stop(store: Store) -> None:
    await store.apply([account("account_1", requests_per_destination=1), ROUTE])
    now = time.time()
    call = Call(call_id="57362de4f0", request=request_of(), flow=click2call, requested_at=now, now=now)
    call.start(now)
    await store.writer.commit(call)
    assert (await explained(store, "919910000203"))[0] is True
    allowed, printed = await explained(store, CUSTOMER.number)
    assert allowed is False
    assert "1 requests for this number in 10 minutes, and the account may make 1" in printed
    await store.stop("", "fraud alarm")
    _, printed = await explained(store, "919910000203")
    assert "may not be called now: dialling is stopped for every account: fraud alarm" in printed


async def test_an_account_has_to_be_named_where_there_are_more_and_to_exist(store: Store) -> None:
    await store.apply([account("account_1"), account("account_2"), ROUTE])
    with pytest.raises(WrongConfig, match="--account account_1 or account_2"):
        await dialling.explain(store, "101", account_id="", caller_id="", kind="click2call")
    with pytest.raises(NotFound):
        await dialling.stop(store, "account_9", "", Console(file=io.StringIO()))
    assert await store.stops() == []


async def test_resume_says_what_is_still_stopped(store: Store) -> None:
    await store.apply([account("account_1"), ROUTE])
    out = Console(file=io.StringIO(), width=200)
    await dialling.stop(store, "", "fraud alarm", out)
    await dialling.stop(store, "account_1", "unpaid", out)
    await dialling.resume(store, "", out)
    await dialling.resume(store, "", out)
    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue().splitlines() == [
        "dialling is stopped for every account; live calls go on",
        "dialling is stopped for account_1; live calls go on",
        "dialling is resumed for every account",
        "still stopped for account_1: unpaid",
        "dialling was not stopped for every account",
        "still stopped for account_1: unpaid",
    ]
