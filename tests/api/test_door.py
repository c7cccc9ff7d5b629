"""Who may use which route: a table over the router itself, so that a new route without a rule fails."""

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from engine.accounts import Accounts
from engine.api.app import OPEN
from engine.api.door import Door
from engine.api.lockout import Lockout
from engine.store.postgres import Store
from tests.api.conftest import Client, SwitchDouble, application, client, clock, database_url, store, switch
from tests.store.test_store import ended, new_call, written

__all__ = ["client", "clock", "database_url", "store", "switch"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

RIGHT = {"account": "account_1", "auth": "secret of account_1"}
ANOTHER = {"account": "account_2", "auth": "secret of account_2"}
STRANGERS = {
    "none": {"account": "", "auth": ""},
    "an account but no secret": {"account": "account_1", "auth": ""},
    "unknown account": {"account": "nobody", "auth": "secret of nobody"},
    "wrong": {"account": "account_1", "auth": "wrong"},
    "another account's secret": {"account": "account_1", "auth": "secret of account_2"},
    "the fingerprint kept in its place": {
        "account": "account_1",
        "auth": hashlib.sha256(b"secret of account_1").hexdigest(),
    },
    "not ASCII": {"account": "account_1", "auth": "sécret"},
    "not from its addresses": {"account": "elsewhere", "auth": "secret of elsewhere"},
}


@dataclass(frozen=True, slots=True)
class Rule:
    """How a route is asked, how another account than account_1 is answered, and whether it tells of ended calls."""

    body: dict[str, Any] | None
    another: int = 200
    tells: bool = False


CALL = {"agent_number": "919910000101", "caller_id": "15168148111", "destination_number": "919910000202"}
REQUEST_ID = "57362de4f0"  # account_1's only call
DAYS = {"start_call_date": "2023-07-07", "end_call_date": "2023-07-07"}

# Everybody's, without an account: nothing else is.
OPEN_ROUTES = {(method, path) for method in ("GET", "HEAD") for path in ("/healthz", "/readyz", "/metrics")}
CALLS = "/api/click2call"  # its answer is a new id each time
CLOSED_ROUTES = {
    ("POST", CALLS): Rule(CALL),
    ("POST", "/api/get_cdr_by_request_id"): Rule({"request_id": REQUEST_ID}, another=404, tells=True),
    ("POST", "/api/get_cdr_by_date"): Rule(DAYS, tells=True),
    ("GET", "/api/get_cdr_statistics"): Rule(None, tells=True),
    ("GET", "/api/get_live_call_statistics"): Rule(None),
}


def routes_of(app: web.Application) -> set[tuple[str, str]]:
    """What the router itself knows: method and path of every route."""
    return {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}


ROUTES = sorted(routes_of(application(None, SwitchDouble(), Door(accounts=Accounts(), lockout=Lockout(1)))))
CLOSED = [route for route in ROUTES if route not in OPEN_ROUTES]


@pytest_asyncio.fixture(loop_scope="function", autouse=True)
async def call_of_account_1(store: Store) -> None:
    """One ended call, to be seen by one account only."""
    await written(store, ended(new_call()))


@pytest.mark.parametrize("route", ROUTES)
async def test_every_route_of_the_router_has_a_rule(route: tuple[str, str]) -> None:
    assert (route in OPEN_ROUTES) != (route in CLOSED_ROUTES), f"say in this table who may ask for {route}"
    assert (route[1] in OPEN) == (route in OPEN_ROUTES)


async def test_every_rule_has_a_route() -> None:
    assert OPEN_ROUTES | CLOSED_ROUTES.keys() == set(ROUTES)


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("route", CLOSED)
async def test_no_route_answers_a_stranger(
    client: Client, switch: SwitchDouble, route: tuple[str, str], who: str
) -> None:
    method, path = route
    reply = await client.request(method, path, json=CLOSED_ROUTES[route].body, headers=STRANGERS[who])
    assert reply.status == 401
    text = await reply.text()
    assert "account or auth is missing or wrong" in text
    assert REQUEST_ID not in text
    assert switch.started == []


@pytest.mark.parametrize("route", CLOSED)
async def test_every_route_answers_its_own_account(client: Client, route: tuple[str, str]) -> None:
    method, path = route
    reply = await client.request(method, path, json=CLOSED_ROUTES[route].body, headers=RIGHT)
    assert reply.status == 200, await reply.text()


@pytest.mark.parametrize("route", CLOSED)
async def test_no_route_shows_an_account_what_is_anothers(client: Client, route: tuple[str, str]) -> None:
    method, path = route
    rule = CLOSED_ROUTES[route]
    before = await (await client.request(method, path, json=rule.body, headers=RIGHT)).text()
    reply = await client.request(method, path, json=rule.body, headers=ANOTHER)
    assert reply.status == rule.another
    text = await reply.text()
    for of_account_1 in (REQUEST_ID, "919910000101", "account_1"):
        assert of_account_1 not in text
    assert (text != before) == rule.tells or path == CALLS


@pytest.mark.parametrize("route", sorted(OPEN_ROUTES))
async def test_an_open_route_tells_nothing_of_any_account(client: Client, route: tuple[str, str]) -> None:
    reply = await client.request(*route, headers=STRANGERS["none"])
    text = await reply.text()
    assert reply.status == 200
    for of_account_1 in (REQUEST_ID, "919910000101", "account_1"):
        assert of_account_1 not in text


@pytest.mark.parametrize("path", ["/new", "/api/new", "/api/{anything}"])
async def test_a_route_that_nobody_made_a_rule_for_is_closed_to_everybody(store: Store, path: str) -> None:
    async def leak(_: web.Request) -> web.Response:
        return web.Response(text="all of it")

    app = application(store, SwitchDouble(), Door(accounts=Accounts(), lockout=Lockout(100)))
    app.router.add_get(path, leak)
    async with TestClient(TestServer(app)) as client:
        for headers in (RIGHT, *STRANGERS.values()):
            reply = await client.get(path.replace("{anything}", "thing"), headers=headers)
            assert (reply.status, "all of it" in await reply.text()) == (404, False)


WAYS = (
    "//api/get_cdr_statistics",
    "/api//get_cdr_statistics",
    "/API/get_cdr_statistics",
    "/api/./get_cdr_statistics",
    "/healthz/../api/get_cdr_statistics",
    "/healthz/api/get_cdr_statistics",
    "/api%2fget_cdr_statistics",
    "/api/get_cdr_statistics/",
    "/api/get_cdr_statistics;/healthz",
    "/api/get_cdr_statistics?/healthz",
    "/api/get_cdr_statistics%00/healthz",
)


@pytest.mark.parametrize("path", WAYS)
async def test_there_is_no_other_way_to_a_route(client: Client, path: str) -> None:
    url = URL(f"http://127.0.0.1:{client.port}{path}", encoded=True)
    async with client.session.get(url, headers=STRANGERS["none"]) as reply:
        assert reply.status in (401, 404)
