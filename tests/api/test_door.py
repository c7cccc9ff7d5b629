"""Who may use which route: a table over the router itself, so that a new route without a rule fails."""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from engine.accounts import Accounts, fingerprint
from engine.api.app import OPEN
from engine.api.dialects.mor import PATHS as MOR_PATHS
from engine.api.dialects.sarv_voice_codes import TEXTS as VOICE_TEXTS
from engine.api.door import Door
from engine.api.importer import Importer
from engine.api.lockout import Lockout
from engine.store.postgres import Store
from tests.api.conftest import (
    PROXY,
    USER_IDS,
    Client,
    SwitchDouble,
    application,
    applied,
    client,
    clock,
    database_url,
    shelf,
    store,
    studio,
    switch,
)
from tests.core.test_callback import callback_of
from tests.core.test_progress import campaign_of
from tests.dialects.sarv_document import MESSAGES
from tests.media.files import sound
from tests.services.test_recordings import over, talking
from tests.store.rows import CAMPAIGN_ID, campaign, cdr, contact, insert, unanswered, unique_id
from tests.store.test_campaigns import lists
from tests.store.test_store import ended, new_call, written

__all__ = ["client", "clock", "database_url", "shelf", "store", "studio", "switch"]

pytestmark = pytest.mark.asyncio(loop_scope="function")


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


RIGHT = {"account": "account_1", "auth": "secret of account_1"}
STRANGERS = {
    "none": {"account": "", "auth": ""},
    "an account but no secret": {"account": "account_1", "auth": ""},
    "unknown account": {"account": "nobody", "auth": "secret of nobody"},
    "wrong": {"account": "account_1", "auth": "wrong"},
    "another account's secret": {"account": "account_1", "auth": "secret of account_2"},
    "the fingerprint kept in its place": {"account": "account_1", "auth": fingerprint("secret of account_1")},
    "not ASCII": {"account": "account_1", "auth": "sécret"},
    "not from its addresses": {"account": "elsewhere", "auth": "secret of elsewhere"},
    "another dialect's name and secret": {"account": "101", "auth": "token of account_1"},
    "another dialect's secret": {"account": "account_1", "auth": "token of account_1"},
}
# The same strangers at Sarv's door, and what its document says to each.
SARV_STRANGERS = {
    "none": ({}, "1002"),
    "blank": ({"user_id": " ", "token": " "}, "1002"),
    "a token but no user": ({"token": "token of account_1"}, "1002"),
    "a user but no token": ({"user_id": "101"}, "1014"),
    "unknown user": ({"user_id": "999", "token": "token of account_1"}, "1013"),
    "a user of another spelling": ({"user_id": "0101", "token": "token of account_1"}, "1013"),
    "wrong": ({"user_id": "101", "token": "wrong"}, "1020"),
    "another account's token": ({"user_id": "101", "token": "token of account_2"}, "1020"),
    "the fingerprint kept in its place": ({"user_id": "101", "token": fingerprint("token of account_1")}, "1020"),
    "not ASCII": ({"user_id": "101", "token": "tokén"}, "1020"),
    "not from its addresses": ({"user_id": "103", "token": "token of elsewhere"}, "1013"),
    "another dialect's name and secret": ({"user_id": "account_1", "token": "secret of account_1"}, "1013"),
    "another dialect's secret": ({"user_id": "101", "token": "secret of account_1"}, "1020"),
    "two users": ([("user_id", "999"), ("user_id", "101"), ("token", "token of account_1")], "1013"),
}


# At MOR's door, where a hash proves who asks.
MOR_STRANGERS = {
    "none": ({}, "Access Denied"),
    "unknown user": ({"u": "nobody", "hash": "x"}, "Access Denied"),
    "no hash": ({"u": "mor account_1"}, "Incorrect hash"),
    "the key in its place": ({"u": "mor account_1", "hash": "key of account_1"}, "Incorrect hash"),
    "a hash without the key": ({"u": "mor account_1", "hash": _sha1(CAMPAIGN_ID)}, "Incorrect hash"),
    "another account's key": (
        {"u": "mor account_1", "hash": _sha1(f"{CAMPAIGN_ID}key of account_2")},
        "Incorrect hash",
    ),
    "another dialect's secret": (
        {"u": "mor account_1", "hash": _sha1(f"{CAMPAIGN_ID}secret of account_1")},
        "Incorrect hash",
    ),
    "another dialect's name": ({"u": "account_1", "hash": _sha1(f"{CAMPAIGN_ID}key of account_1")}, "Access Denied"),
    "not from its addresses": (
        {"u": "mor elsewhere", "hash": _sha1(f"{CAMPAIGN_ID}key of elsewhere")},
        "You are not authorized to use this functionality",
    ),
}
# And at wolkvox's, where a token does.
WOLKVOX_STRANGERS = {
    "none": "",
    "wrong": "wrong",
    "the fingerprint kept in its place": fingerprint("wolkvox token of account_1"),
    "not ASCII": "tokén",
    "not from its addresses": "wolkvox token of elsewhere",
    "another dialect's secret": "secret of account_1",
}


# And at the door of Sarv's voice API, whose document has more to say.
VOICE_STRANGERS = {
    "none": ({}, "001"),
    "blank": ({"username": " ", "token": " "}, "002"),
    "a token but no user": ({"token": "voice token of account_1"}, "001"),
    "a user but a blank token": ({"username": "user account_1", "token": ""}, "002"),
    "unknown user": ({"username": "nobody", "token": "voice token of account_1"}, "005"),
    "wrong": ({"username": "user account_1", "token": "wrong"}, "005"),
    "another account's token": ({"username": "user account_1", "token": "voice token of account_2"}, "005"),
    "the fingerprint kept in its place": (
        {"username": "user account_1", "token": fingerprint("voice token of account_1")},
        "005",
    ),
    "not ASCII": ({"username": "user account_1", "token": "tokén"}, "005"),
    "not from its addresses": ({"username": "user elsewhere", "token": "voice token of elsewhere"}, "003"),
    "another dialect's name and secret": ({"username": "101", "token": "token of account_1"}, "004"),
    "another dialect's secret": ({"username": "user account_1", "token": "secret of account_1"}, "004"),
    "another dialect's secret of another account": ({"username": "101", "token": "token of account_2"}, "005"),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """How a route is asked, how another account than account_1 is answered, and whether it tells of ended calls."""

    body: dict[str, Any] | None
    another: int = 200
    own: int = 200
    path: str = ""  # asked for in the place of one with braces
    file: bytes | None = None  # asked with, in the place of JSON
    refused: bool = False
    tells: bool = False
    new: bool = False  # its answer is a new id each time
    sarv: bool = False
    voice: bool = False
    mor: bool = False
    wolkvox: bool = False

    def of(self, account: str) -> dict[str, Any]:
        """The request, as that account makes it."""
        if self.mor:
            proof = {"u": f"mor {account}", "hash": _sha1(f"{CAMPAIGN_ID}key of {account}")}
            return {"params": {**(self.body or {}), **proof}, "headers": STRANGERS["none"]}
        if self.wolkvox:
            return {"params": self.body, "headers": {"wolkvox-token": f"wolkvox token of {account}"}}
        if self.voice:
            proof = {"username": f"user {account}", "token": f"voice token of {account}"}
            return {"params": {**(self.body or {}), **proof}, "headers": STRANGERS["none"]}
        if self.sarv:
            proof = {"user_id": USER_IDS[account], "token": f"token of {account}"}
            return {"params": {**(self.body or {}), **proof}, "headers": STRANGERS["none"]}
        return {**self.asked, "headers": {"account": account, "auth": f"secret of {account}"}}

    @property
    def asked(self) -> dict[str, Any]:
        """What it is asked with."""
        return {"json": self.body} if self.file is None else {"data": self.file}


CALL = {"agent_number": "919910000101", "caller_id": "15168148111", "destination_number": "919910000202"}
SPEECH = {
    "customer_number": "919910000202",
    "caller_id": "15168148111",
    "otp": "1987",
    "announce_template_id": "AN2222314c96",
}
REQUEST_ID = "57362de4f0"  # account_1's only call
CALLBACK_ID = "c7362de4f0"  # account_1's only callback
LIST_ID, DND_ID = "LSaa8f9db7e6", "DNda1b361461"  # account_1's only lists
LATER = {
    "time_zone": "Asia/Kolkata",
    "scheduled_at": (datetime.now() + timedelta(days=7)).strftime("%Y-%m-%d %H:%M:%S"),
}
CAMPAIGN = {"campaign_id": CAMPAIGN_ID}
DAYS = {"start_call_date": "2023-07-07", "end_call_date": "2023-07-07"}
NEW_CAMPAIGN = {
    "list_id": "LS608c393614",
    "campaign_name": "diwali",
    "campaign_caller_id": "15168148111",
    "announcement_text": "Hello",
    "calls_per_minute": "10",
}
SARV = Rule({"from": "9910000101", "to": "9910000202"}, new=True, sarv=True)
VOICE = Rule({"announcement_path": "https://127.0.0.1/x.mp3"}, voice=True, refused=True)  # 007
REPORT = Rule({"unique_ids": unique_id(1)}, voice=True, tells=True)
MOR = Rule({"id": CAMPAIGN_ID}, mor=True, tells=True)
MACHINE_CODES = {
    "api": "campaign_8",
    "campaign_id": CAMPAIGN_ID,
    "date_ini": "20230701000000",
    "date_end": "20230720000000",
}
OF_CAMPAIGN = Rule({"campaign_id": CAMPAIGN_ID}, another=404, tells=True)
TAPED_ID = "7362de4f05"  # account_1's only call that was recorded
TAPED = f"n1-{TAPED_ID}.b1.r1"
PLAYED = "/v1/announcements/1610448604_87.wav"

# Everybody's, without an account: nothing else is.
OPEN_ROUTES = {(method, path) for method in ("GET", "HEAD") for path in ("/healthz", "/readyz", "/metrics")}
CLOSED_ROUTES = {
    ("POST", "/api/click2call"): Rule(CALL, new=True),
    ("POST", "/api/outbound_call"): Rule(SPEECH, new=True),
    ("POST", "/api/callback"): Rule(CALL | LATER, new=True),
    ("PATCH", "/api/callback"): Rule({"request_id": CALLBACK_ID}, another=404, tells=True),
    ("DELETE", "/api/callback"): Rule({"request_id": CALLBACK_ID}, another=404, tells=True),
    ("GET", "/v1/callbacks"): Rule(None, tells=True),
    ("GET", "/v1/callbacks/{request_id}"): Rule(None, path=f"/v1/callbacks/{CALLBACK_ID}", another=404, tells=True),
    ("POST", "/api/modify_call"): Rule(
        {"request_id": REQUEST_ID, "modify_type": "2"}, own=409, another=404, tells=True
    ),
    ("GET", "/v1/live_calls"): Rule(None),
    **{
        ("POST", f"/v1/calls/{{request_id}}/transfer/{how}"): Rule(
            None, path=f"/v1/calls/{REQUEST_ID}/transfer/{how}", own=409, another=404, tells=True, refused=True
        )
        for how in ("complete", "cancel", "swap")
    },
    ("POST", "/api/create_campaign_list"): Rule({"list_name": "mine"}, new=True),
    ("POST", "/api/create_campaign_dnd_list"): Rule({"dnd_list_name": "mine"}, new=True),
    ("POST", "/api/add_contact_to_list"): Rule(
        {"list_id": LIST_ID, "contacts": [{"contact_number": "919910000101"}]}, another=404, tells=True
    ),
    ("POST", "/api/add_dnd_contact_to_list"): Rule(
        {"dnd_list_id": DND_ID, "dnd_contacts": [{"dnd_contact_number": "919910000101"}]}, another=404, tells=True
    ),
    ("POST", "/api/import_broadcast_contacts_csv"): Rule(
        {"list_id": LIST_ID, "csv_name": "contacts.csv"}, another=404, tells=True
    ),
    ("POST", "/api/import_dnd_contacts_csv"): Rule(
        {"dnd_list_id": DND_ID, "dnd_csv_name": "contacts.csv"}, another=404, tells=True
    ),
    ("POST", "/api/create_campaign"): Rule(NEW_CAMPAIGN, another=404, new=True),
    ("POST", "/api/stop_campaign"): Rule(CAMPAIGN, another=404, tells=True),
    ("POST", "/stop_campaign"): Rule(CAMPAIGN, another=404, tells=True),
    ("GET", "/api/get_campaign_details"): Rule(None, tells=True),
    ("GET", "/v1/campaigns"): Rule(None, tells=True),
    ("GET", "/v1/campaigns/{campaign_id}"): Rule(None, path=f"/v1/campaigns/{CAMPAIGN_ID}", another=404, tells=True),
    **{
        ("POST", f"/v1/campaigns/{{campaign_id}}/{to}"): Rule(
            None, path=f"/v1/campaigns/{CAMPAIGN_ID}/{to}", another=404, tells=True
        )
        for to in ("start", "pause", "resume", "stop")
    },
    ("POST", "/api/get_cdr_by_request_id"): Rule({"request_id": REQUEST_ID}, another=404, tells=True),
    ("POST", "/api/get_cdr_by_date"): Rule(DAYS, tells=True),
    ("GET", "/api/get_cdr_statistics"): Rule(None, tells=True),
    ("GET", "/api/get_live_call_statistics"): Rule(None),
    ("POST", "/v2/clickToCall/para"): SARV,
    ("GET", "/v2/clickToCall/para"): SARV,
    ("POST", "/clickToCall/v1/para"): SARV,
    ("GET", "/clickToCall/v1/para"): SARV,
    ("POST", "/api/voice/upload_announcement.php"): VOICE,
    ("GET", "/api/voice/upload_announcement.php"): VOICE,
    ("POST", "/api/voice/fetch_report.php"): REPORT,
    ("GET", "/api/voice/fetch_report.php"): REPORT,
    **{("POST", path): MOR for path in MOR_PATHS},
    **{("GET", path): replace(MOR, own=405, another=405, tells=False) for path in MOR_PATHS},
    ("GET", "/api/v2/reports_manager.php"): Rule(MACHINE_CODES, another=404, tells=True, refused=True, wolkvox=True),
    ("POST", "/api/get_cdr_by_campaign_id"): OF_CAMPAIGN,
    ("POST", "/api/get_campaign_cdr_statistics"): OF_CAMPAIGN,
    ("GET", "/v1/campaigns/{campaign_id}/poll"): Rule(
        None, path=f"/v1/campaigns/{CAMPAIGN_ID}/poll", another=404, tells=True
    ),
    ("GET", "/v1/recordings"): Rule(None, tells=True),
    ("GET", "/v1/recordings/{name}"): Rule(None, path=f"/v1/recordings/{TAPED}", another=404, tells=True),
    ("GET", "/v1/transcripts/{request_id}"): Rule(None, path=f"/v1/transcripts/{TAPED_ID}", another=404, tells=True),
    ("POST", "/v1/announcements"): Rule(None, file=sound("mp3"), own=201, another=201, new=True),
    ("GET", "/v1/announcements"): Rule(None, tells=True),
    ("GET", "/v1/announcements/{name}"): Rule(None, path=PLAYED, another=404, tells=True),
    ("DELETE", "/v1/announcements/{name}"): Rule(None, path=PLAYED, own=409, another=404, tells=True, refused=True),
}


def routes_of(app: web.Application) -> set[tuple[str, str]]:
    """What the router itself knows: method and path of every route."""
    return {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}


ROUTES = sorted(routes_of(application(None, SwitchDouble(), Door(accounts=Accounts(), lockout=Lockout(1)))))
CLOSED = [route for route in ROUTES if route not in OPEN_ROUTES]
# A route without a rule is in both: the rule is missed first, and no stranger may be answered there either.
OF_SARV = [route for route in CLOSED if CLOSED_ROUTES.get(route, SARV).sarv]
OF_VOICE = [route for route in CLOSED if CLOSED_ROUTES.get(route, VOICE).voice]
OF_MOR = [route for route in CLOSED if CLOSED_ROUTES.get(route, MOR).mor]
OF_WOLKVOX = [route for route in CLOSED if CLOSED_ROUTES.get(route, Rule(None, wolkvox=True)).wolkvox]
OF_CPAAS = [
    route for route in CLOSED if route not in CLOSED_ROUTES or route not in (*OF_VOICE, *OF_SARV, *OF_MOR, *OF_WOLKVOX)
]


async def ask(client: Client, route: tuple[str, str], **more: Any) -> tuple[int, str]:
    """The status and the text of its answer."""
    rule = CLOSED_ROUTES.get(route, Rule(None))
    reply = await client.request(route[0], rule.path or route[1], **more)
    return reply.status, (await reply.read()).decode(errors="replace")


@pytest_asyncio.fixture(loop_scope="function", autouse=True)
async def call_of_account_1(store: Store, importer: Importer, database_url: str, tmp_path: Path) -> None:
    """A call, a callback, lists, a file, a campaign: for one account to see only; and what is applied is kept."""
    await store.apply(applied())
    await written(store, ended(new_call()))
    await written(store, over(talking(transcript=True, call_id=TAPED_ID)))
    await store.recordings.settle(TAPED, state="finished", reason="", seconds=1.0, size=16044)
    (tmp_path / "recordings/account_1").mkdir(parents=True)
    (tmp_path / f"recordings/account_1/{TAPED}.wav").write_bytes(b"RIFF")
    await store.callbacks.schedule(callback_of(CALLBACK_ID))
    await store.lists.create("account_1", "contacts", "list", list_id=LIST_ID)
    await store.lists.create("account_1", "dnd", "list", list_id=DND_ID)
    (importer.place.folder / "account_1").mkdir()
    (importer.place.folder / "account_1/contacts.csv").write_text("contact_number\n919910000101\n")
    await lists(database_url)
    kept = asdict(campaign_of(CAMPAIGN_ID).settings)
    await insert(database_url, "campaigns", campaign(starts_at=1688710080.0, settings=kept))
    await insert(database_url, "contacts", contact(1, "919910000101"))
    attempts = unique_id(1), unique_id(1, 2)
    tried = unanswered("BUSY", unique_id=attempts[0], customer_number="919910000101")
    await insert(database_url, "cdrs", tried, cdr(unique_id=attempts[1], customer_number="919910000101", digits="1"))


@pytest.mark.parametrize("route", ROUTES)
async def test_every_route_of_the_router_has_a_rule(route: tuple[str, str]) -> None:
    assert (route in OPEN_ROUTES) != (route in CLOSED_ROUTES), f"say in this table who may ask for {route}"
    assert (route[1] in OPEN) == (route in OPEN_ROUTES)


async def test_every_rule_has_a_route() -> None:
    assert OPEN_ROUTES | CLOSED_ROUTES.keys() == set(ROUTES)


@pytest.mark.parametrize("route", OF_CPAAS)
async def test_no_route_answers_a_stranger(client: Client, switch: SwitchDouble, route: tuple[str, str]) -> None:
    for who, headers in STRANGERS.items():
        status, text = await ask(client, route, **CLOSED_ROUTES[route].asked, headers=headers)
        assert (status, switch.started) == (401, []), who
        assert "account or auth is missing or wrong" in text, who
        assert REQUEST_ID not in text, who
        assert CALLBACK_ID not in text, who
        assert CAMPAIGN_ID not in text, who


@pytest.mark.parametrize("who", SARV_STRANGERS)
@pytest.mark.parametrize("route", OF_SARV)
async def test_no_route_of_sarv_answers_a_stranger(
    client: Client, switch: SwitchDouble, route: tuple[str, str], who: str
) -> None:
    method, path = route
    proof, code = SARV_STRANGERS[who]
    asked = [*(CLOSED_ROUTES[route].body or {}).items(), *(proof.items() if isinstance(proof, dict) else proof)]
    reply = await client.request(method, path, params=asked, headers=RIGHT)  # headers prove nothing here
    assert reply.status == 200
    assert await reply.json() == {"message": MESSAGES[code], "status": "error", "code": code}
    assert switch.started == []


@pytest.mark.parametrize("who", VOICE_STRANGERS)
@pytest.mark.parametrize("route", OF_VOICE)
async def test_no_route_of_sarvs_voice_api_answers_a_stranger(client: Client, route: tuple[str, str], who: str) -> None:
    proof, code = VOICE_STRANGERS[who]
    asked = {**(CLOSED_ROUTES[route].body or {}), **proof}
    reply = await client.request(*route, params=asked, headers=RIGHT)
    assert reply.status == 200
    assert await reply.json() == {"status": "error", "code": code, "desc": VOICE_TEXTS[code]}


@pytest.mark.parametrize("who", MOR_STRANGERS)
@pytest.mark.parametrize("route", OF_MOR)
async def test_no_route_of_mor_answers_a_stranger(client: Client, route: tuple[str, str], who: str) -> None:
    proof, text = MOR_STRANGERS[who]
    asked = {**(CLOSED_ROUTES[route].body or {}), **proof}
    reply = await client.request(*route, params=asked, headers=RIGHT)
    assert reply.status == 200
    assert f"<page><status><error>{text}</error></status></page>" in await reply.text()


@pytest.mark.parametrize("who", WOLKVOX_STRANGERS)
@pytest.mark.parametrize("route", OF_WOLKVOX)
async def test_no_route_of_wolkvox_answers_a_stranger(client: Client, route: tuple[str, str], who: str) -> None:
    headers = {**RIGHT, "wolkvox-token": WOLKVOX_STRANGERS[who]}
    reply = await client.request(*route, params=CLOSED_ROUTES[route].body, headers=headers)
    found = await reply.json()
    assert (reply.status, found["code"], found["data"]) == (401, 401, [])


@pytest.mark.parametrize("route", OF_SARV)
async def test_sarv_lets_in_whom_a_trusted_proxy_names(client: Client, route: tuple[str, str]) -> None:
    method, path = route
    params = CLOSED_ROUTES[route].of("elsewhere")["params"]
    connector = TCPConnector(local_addr=(PROXY, 0))
    async with ClientSession(connector=connector, headers={"X-Forwarded-For": "192.0.2.7"}) as proxy:
        reply = await proxy.request(method, client.make_url(path), params=params)
        assert (await reply.json())["code"] == "200"
    reply = await client.request(method, path, params=params, headers={"X-Forwarded-For": "192.0.2.7"})
    assert (await reply.json())["code"] == "1013"


@pytest.mark.parametrize("route", CLOSED)
async def test_every_route_answers_its_own_account(client: Client, route: tuple[str, str]) -> None:
    rule = CLOSED_ROUTES[route]
    status, text = await ask(client, route, **rule.of("account_1"))
    assert (status, '"error"' in text) == (rule.own, rule.refused), text


@pytest.mark.parametrize("route", CLOSED)
async def test_no_route_shows_an_account_what_is_anothers(client: Client, route: tuple[str, str]) -> None:
    rule = CLOSED_ROUTES[route]
    _, before = await ask(client, route, **rule.of("account_1"))
    status, text = await ask(client, route, **rule.of("account_2"))
    assert status == rule.another
    before, text = (each.replace(unique_id(1), "what was asked for") for each in (before, text))
    for of_account_1 in (REQUEST_ID, CALLBACK_ID, LIST_ID, DND_ID, CAMPAIGN_ID, TAPED_ID, "919910000101", "account_1"):
        assert of_account_1 not in text
    assert (text != before) == (rule.tells or rule.new)


@pytest.mark.parametrize("route", sorted(OPEN_ROUTES))
async def test_an_open_route_tells_nothing_of_any_account(client: Client, route: tuple[str, str]) -> None:
    reply = await client.request(*route, headers=STRANGERS["none"])
    text = await reply.text()
    assert reply.status == 200
    for of_account_1 in (REQUEST_ID, CALLBACK_ID, LIST_ID, DND_ID, CAMPAIGN_ID, "919910000101", "account_1"):
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


SARV_WAYS = (
    "//v2/clickToCall/para",
    "/v2//clickToCall/para",
    "/V2/clicktocall/para",
    "/v2/./clickToCall/para",
    "/healthz/../v2/clickToCall/para",
    "/v2/clickToCall%2fpara",
    "/v2/clickToCall/para/",
    "/v2/clickToCall/para;/healthz",
    "/v2/clickToCall/para?/healthz",
    "/clickToCall/v1/para%00/healthz",
    "/clickToCall/v1/../../v2/clickToCall/para",
)


@pytest.mark.parametrize("path", SARV_WAYS)
async def test_there_is_no_other_way_to_a_route_of_sarv(client: Client, switch: SwitchDouble, path: str) -> None:
    url = URL(f"http://127.0.0.1:{client.port}{path}", encoded=True)
    async with client.session.get(url, headers=RIGHT) as reply:
        assert reply.status == 404 or (await reply.json())["code"] == "1002"
    assert switch.started == []
