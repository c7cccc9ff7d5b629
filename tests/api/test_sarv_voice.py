"""Sarv's upload_announcement.php: each code, as its document has it, and what becomes of the MP3 at the URL."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from engine.accounts import Accounts
from engine.api.dialects.sarv import PATHS as CLICK_TO_CALL
from engine.api.dialects.sarv_voice import PATH
from engine.errors import ConverterAway, StoreAway
from engine.media import fetch
from engine.media.fetch import Fetcher
from engine.media.shelf import Shelf
from engine.store.postgres import Store
from tests.api.conftest import ROUTE, Client, SwitchDouble, account
from tests.media.files import samples_of, sound

pytestmark = pytest.mark.asyncio(loop_scope="function")

PROOF = {"username": "user account_1", "token": "voice token of account_1"}
MP3 = sound("mp3")


@dataclass
class Host:
    """Where the customer's sounds lie."""

    url: str = ""
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    asked: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if request.path == "/moved.mp3":
            raise web.HTTPMovedPermanently("/welcome.mp3")
        if request.path not in self.files:
            raise web.HTTPNotFound
        content, content_type = self.files[request.path]
        return web.Response(body=content, headers={"Content-Type": content_type})


@pytest_asyncio.fixture(loop_scope="function")
async def host() -> AsyncIterator[Host]:
    host = Host()
    app = web.Application()
    app.router.add_get("/{any:.*}", host.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    host.files = {
        "/welcome.mp3": (MP3, "audio/mpeg"),
        "/download.php": (MP3, "application/octet-stream"),
        "/wav.wav": (sound(coding=("-b", "16")), "audio/wav"),
        "/wav.mp3": (sound(coding=("-b", "16")), "audio/mpeg"),
        "/mp3.wav": (MP3, "audio/wav"),
        "/ogg.ogg": (sound("ogg"), "audio/ogg"),
        "/page.mp3": (b"<html>", "text/html"),
        "/silent.mp3": (sound("mp3", gain=-200), "audio/mpeg"),
        "/large.mp3": (MP3 + bytes(10_000_000), "audio/mpeg"),
    }
    yield host
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="function")
async def accounts(store: Store) -> Accounts:
    await store.apply([account("account_1"), account("account_2"), account("gone"), ROUTE])
    elsewhere = account("elsewhere", allowed_ips=("192.0.2.0/24",))
    await store.apply([account("account_1"), account("account_2"), elsewhere, ROUTE])
    accounts = Accounts()
    accounts.replace(await store.applied(), disabled=await store.disabled_accounts())
    return accounts


@pytest.fixture
def shelf(accounts: Accounts, store: Store, tmp_path: Path, host: Host) -> Shelf:
    fetcher = Fetcher(allowed_hosts=[host.url.removeprefix("http://")])
    return Shelf(store, accounts, tmp_path / "media", fetcher)


async def answer(client: Client, **params: str) -> dict[str, Any]:
    async with client.get(PATH, params=params) as reply:
        assert reply.status == 200
        body: dict[str, Any] = await reply.json()
    return body


# {"status":"success","code":"000","desc":"Announcement Uploaded Successfully",
#  "data":{"announcement_id":"1234","announcement_name":"filename.mp3"}}
@pytest.mark.parametrize("way", ["query", "query of a POST", "form", "multipart", "JSON"])
async def test_an_mp3_is_taken_and_can_be_played_in_a_call(
    client: Client, host: Host, switch: SwitchDouble, way: str
) -> None:
    params = PROOF | {"announcement_path": f"{host.url}/welcome.mp3"}
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
        assert await reply.json() == {
            "status": "success",
            "code": "000",
            "desc": "Announcement Uploaded Successfully",
            "data": {"announcement_id": "1", "announcement_name": "welcome.mp3"},
        }
    call = {"user_id": "101", "token": "token of account_1", "from": "9910000101", "to": "9910000202", "ringTone": "1"}
    async with client.get(CLICK_TO_CALL[0], params=call) as reply:
        assert (await reply.json())["code"] == "200"
    wav = Path(switch.started[-1].ring_tone.removeprefix("sound:") + ".wav").read_bytes()
    assert len(samples_of(wav)) == pytest.approx(8000, rel=0.05)


async def test_a_url_needs_no_ending(client: Client, host: Host) -> None:
    body = await answer(client, **PROOF, announcement_path=f"{host.url}/download.php?id=5")
    assert (body["code"], body["data"]["announcement_name"]) == ("000", "download.php")


# "001 Parameter Missing . | 002 Parameter is blank. | 003 Request IP not added in whitelist . |
#  004 Invalid user type. | 005 Invalid Credentials. | 006 User is InActive. |
#  007 Invalid announcement type (mp3 allowed only)"
CODES = {
    "001": "Parameter Missing",
    "002": "Parameter is blank",
    "003": "Request IP not added in whitelist",
    "004": "Invalid user type",
    "005": "Invalid Credentials",
    "006": "User is InActive",
    "007": "Invalid announcement type (mp3 allowed only)",
}
OF_GONE = {"username": "user gone", "token": "voice token of gone"}


@pytest.mark.parametrize(
    ("change", "without", "code"),
    [
        ({}, "username", "001"),
        ({}, "token", "001"),
        ({}, "announcement_path", "001"),
        ({"username": ""}, "token", "001"),  # before 002
        ({"username": " "}, None, "002"),
        ({"announcement_path": ""}, None, "002"),
        ({"username": "user elsewhere", "token": ""}, None, "002"),  # before 003
        ({"username": "user elsewhere", "token": "voice token of elsewhere"}, None, "003"),
        ({"username": "user elsewhere", "token": "wrong"}, None, "003"),  # before 005
        ({"token": "wrong"}, None, "005"),
        ({"username": "nobody"}, None, "005"),
        ({"username": "account_1"}, None, "005"),
        (OF_GONE, None, "006"),
        (OF_GONE | {"token": "wrong"}, None, "005"),
        (OF_GONE | {"token": "token of gone"}, None, "005"),
        ({"token": "token of account_1"}, None, "004"),
        ({"token": "secret of account_1"}, None, "004"),
        ({"username": "101", "token": "token of account_1"}, None, "004"),
        ({"username": "account_1", "token": "secret of account_1"}, None, "004"),
        ({"token": "token of account_2"}, None, "005"),
        ({"token": "wrong", "announcement_path": "no url"}, None, "005"),  # before 007
    ],
)
async def test_each_code_in_its_order(
    client: Client, host: Host, change: dict[str, str], without: str | None, code: str
) -> None:
    params = PROOF | {"announcement_path": f"{host.url}/welcome.mp3"} | change
    params.pop(without or "", None)
    assert await answer(client, **params) == {"status": "error", "code": code, "desc": CODES[code]}
    assert host.asked == 0


@pytest.mark.parametrize("name", ["wav.wav", "wav.mp3", "mp3.wav", "ogg.ogg", "page.mp3"])
async def test_what_is_no_mp3_is_007(client: Client, host: Host, name: str) -> None:
    body = await answer(client, **PROOF, announcement_path=f"{host.url}/{name}")
    assert body == {"status": "error", "code": "007", "desc": CODES["007"]}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("~/silent.mp3", "there is nothing to be heard in it"),
        ("~/large.mp3", "what this URL leads to is larger than 10 MB"),
        ("~/missing.mp3", "this URL was answered with 404"),
        ("~/moved.mp3", "this URL leads to another one, and no redirect is followed"),
        ("https://127.0.0.1/x.mp3", "this URL leads to an address that is not public"),
        ("https://169.254.169.254/latest/meta-data", "this URL leads to an address that is not public"),
        ("https://[::ffff:127.0.0.1]/x.mp3", "this URL leads to an address that is not public"),
        ("http://example.com/x.mp3", "this is no URL that is fetched: https, without credentials"),
        ("/etc/passwd", "this is no URL that is fetched: https, without credentials"),
        ("file:///etc/passwd", "this is no URL that is fetched: https, without credentials"),
        ("https://user:secret@example.com/x.mp3", "this is no URL that is fetched: https, without credentials"),
    ],
)
async def test_what_is_not_to_be_had_is_007_in_our_words(client: Client, host: Host, path: str, words: str) -> None:
    body = await answer(client, **PROOF, announcement_path=path.replace("~", host.url))
    assert body == {"status": "error", "code": "007", "desc": f"Invalid announcement: {words}"}


async def test_a_slow_host_is_007_after_fifteen_seconds(
    client: Client, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetch.SECONDS == 15
    monkeypatch.setattr(fetch, "SECONDS", 0.0)
    body = await answer(client, **PROOF, announcement_path=f"{host.url}/welcome.mp3")
    assert body["desc"] == "Invalid announcement: this URL did not arrive within 15 seconds"


async def test_one_too_many_is_007_too(client: Client, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.media.shelf.MOST", 0)
    body = await answer(client, **PROOF, announcement_path=f"{host.url}/welcome.mp3")
    assert (body["code"], "delete some" in body["desc"]) == ("007", True)


@pytest.mark.parametrize(("failure", "code"), [(StoreAway(), "503"), (ConverterAway(), "503")])
async def test_what_is_our_fault_is_503(
    client: Client, host: Host, monkeypatch: pytest.MonkeyPatch, failure: Exception, code: str
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr("engine.media.shelf.convert", fail)
    async with client.get(PATH, params=PROOF | {"announcement_path": f"{host.url}/welcome.mp3"}) as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        assert (await reply.json())["code"] == code


async def test_its_envelope_is_its_own(client: Client) -> None:
    async with client.put(PATH) as reply:
        assert reply.status == 405
        assert await reply.json() == {"status": "error", "code": "405", "desc": "this URL does not take this method"}
    async with client.get("/api/voice/nothing.php") as reply:
        assert (reply.status, (await reply.json())["code"]) == (404, "404")
    async with client.post(PATH, data=b"x" * 1_000_001) as reply:
        assert reply.status in (200, 413)
        assert (await reply.json())["status"] == "error"
    async with client.get("/api/nothing") as reply:
        assert (await reply.json())["response"]["success"] == "false"


async def test_guessing_locks_out(client: Client, host: Host) -> None:
    for _ in range(100):
        assert (await answer(client, username="x", token="y", announcement_path="z"))["code"] == "005"
    async with client.get(PATH, params=PROOF | {"announcement_path": "z"}) as reply:
        assert (reply.status, (await reply.json())["code"]) == (429, "429")


async def test_another_account_has_numbers_of_its_own(client: Client, host: Host) -> None:
    path = f"{host.url}/welcome.mp3"
    theirs = {"username": "user account_2", "token": "voice token of account_2"}
    ids = [(await answer(client, **who, announcement_path=path))["data"]["announcement_id"] for who in (PROOF, theirs)]
    assert ids == ["1", "1"]
    async with client.get("/v1/announcements") as reply:
        (one,) = (await reply.json())["announcements"]
    assert one["name"] == "welcome.mp3"


async def test_neither_token_nor_url_is_logged(client: Client, host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    await answer(client, **PROOF, announcement_path=f"{host.url}/missing.mp3?key=planted")
    await answer(client, **(PROOF | {"token": "planted"}), announcement_path="https://x/planted")
    assert "planted" not in capsys.readouterr().out
