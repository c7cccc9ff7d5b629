"""The HTTP application on a real store, with a switch that notes what it is asked."""

import itertools
import time
import wave
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from engine.accounts import Accounts, fingerprint
from engine.api.answers import Api, Keep
from engine.api.app import build
from engine.api.dialects import DIALECTS
from engine.api.door import Door
from engine.api.importer import Importer
from engine.api.links import Links
from engine.api.lockout import Lockout
from engine.api.recordings import Vault
from engine.core.call import Call
from engine.core.flows import FLOWS
from engine.core.order import Asked
from engine.core.request import CallRequest, Limits, Party, Side
from engine.core.speech import Manner, Part
from engine.counts import Counts
from engine.errors import AsteriskAway
from engine.gate import Gate
from engine.main import LINE_BYTES
from engine.media.shelf import Shelf
from engine.media.speeches import Speeches
from engine.media.tapes import Tapes
from engine.storage.place import Place
from engine.store.postgres import Store
from tests.store.conftest import database_url, store

__all__ = [
    "ROUTE",
    "Client",
    "ClockDouble",
    "StudioDouble",
    "SwitchDouble",
    "account",
    "accounts",
    "client",
    "clock",
    "database_url",
    "importer",
    "shelf",
    "store",
    "studio",
    "switch",
]

Client = TestClient[Any, Any]
LOCKOUT_PER_MINUTE = 100
PROXY = "127.0.0.9"
LINK_KEY = b"the key of links"
USER_IDS = {"account_1": "101", "account_2": "102", "elsewhere": "103"}
ROUTE = {
    "kind": "route",
    "account_id": "",
    "id": "91",
    "position": 1,
    "body": {"prefix": "91", "endpoints": ["PJSIP/{number}@carrier"]},
}
ANNOUNCEMENT = {
    "kind": "announcement",
    "account_id": "account_1",
    "id": "1610448604_87.wav",
    "position": 2,
    "body": {
        "file": str(Path(__file__).parents[2] / "sounds/en/ring-tone.wav"),
        "alias": "87",
        "seconds": 2.0,
    },
}


@dataclass
class SwitchDouble:
    """Accepts calls without a telephone in sight; `gate` is a real one."""

    gate: Any = None
    store: Any = None
    ready: bool = True
    live: int = 0
    started: list[CallRequest] = field(default_factory=list)
    names: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    failure: Exception | None = None
    without: Side | None = None  # no agent of this side is free
    counts: Counts = field(default_factory=Counts)
    asked: list[tuple[str, Asked]] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)  # of the calls that are on here

    def ask(self, call_id: str, event: Asked) -> str | None:
        self.asked.append((call_id, event))
        return self.refusals.get(call_id)

    def on_the_line(self) -> tuple[int, int]:
        return len(self.started), 2 * len(self.started)

    def unavailable(self, request: CallRequest) -> Side | None:
        return self.without

    def check(self, request: CallRequest) -> None:
        if not self.ready:
            raise AsteriskAway
        self.gate.check(request, live_calls=self.live)

    async def check_transfer(self, request: CallRequest, party: Party) -> None:
        await self.gate.transfer(request, party)

    async def start(self, request: CallRequest, *, keep: Keep | None = None) -> str:
        if self.failure is not None:
            raise self.failure
        now, name = time.time(), f"{next(self.names):010x}"
        call = Call(call_id=name, request=request, flow=FLOWS[request.kind], requested_at=now, now=now)
        try:
            await self.gate.admit(call, live_calls=self.live)
            call.start(now)
            await self.store.writer.accept(call, keep(name) if keep else None)
        finally:
            self.gate.leave(call)
        self.started.append(request)
        return name


@dataclass
class StudioDouble:
    """A voice that says nothing for half a second a part, and remembers what it was asked to say."""

    asked: list[tuple[tuple[Part, ...], Manner]] = field(default_factory=list)
    failure: Exception | None = None

    async def render(self, parts: Sequence[Part], manner: Manner) -> bytes:
        self.asked.append((tuple(parts), manner))
        if self.failure is not None:
            raise self.failure
        file = BytesIO()
        with wave.open(file, "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(8000 * len(parts)))
        return file.getvalue()


@dataclass
class ClockDouble:
    """Seconds that pass when told to."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


def account(name: str, *, allowed_ips: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """An applied account with the auth `secret of NAME` and so on: see its credentials."""
    body = {
        "name": name,
        "region": "IN",
        "report_tz": "UTC",
        "allowed_ips": list(allowed_ips),
        "allowed_regions": ["IN"],
        "caller_ids": ["15168148111"],
        "extensions": ["101"],
        "max_live_calls": 2,
        "calls_per_second": 100,
        "attempts_per_day": 0,
        "requests_per_destination": 0,
        "credentials": {
            "cpaas": {"auth_sha256": fingerprint(f"secret of {name}")},
            "sarv_click2call": {
                "user_id": USER_IDS.get(name, name),
                "token_sha256": fingerprint(f"token of {name}"),
            },
            "sarv_voice": {"username": f"user {name}", "token_sha256": fingerprint(f"voice token of {name}")},
            "mor": {"username": f"mor {name}", "api_secret_key": f"key of {name}"},  # sealed, in an applied one
            "wolkvox": {"token_sha256": fingerprint(f"wolkvox token of {name}")},
        },
    }
    body |= more
    return {"kind": "account", "account_id": name, "id": name, "position": 0, "body": body}


TEMPLATE_ID = "AN2222314c96"


def template(item_id: str, text: str, *, approved: bool = True, account_id: str = "account_1") -> dict[str, Any]:
    """An applied template."""
    body = {"text": text, "approved": approved}
    return {"kind": "template", "account_id": account_id, "id": item_id, "position": 0, "body": body}


@pytest_asyncio.fixture(loop_scope="function")
async def accounts() -> Accounts:
    """What is applied."""
    accounts = Accounts()
    accounts.replace(applied())
    return accounts


def applied() -> list[dict[str, Any]]:
    """Three accounts, one of them for another address, a route, an announcement of account_1, templates of two."""
    elsewhere = account("elsewhere", allowed_ips=("192.0.2.0/24",))
    templates = (template(TEMPLATE_ID, "Your code is {otp}.", account_id=each) for each in ("account_1", "account_2"))
    return [account("account_1"), account("account_2"), elsewhere, ROUTE, ANNOUNCEMENT, *templates]


@pytest_asyncio.fixture(loop_scope="function")
async def switch(accounts: Accounts, store: Store) -> SwitchDouble:
    """The switch behind the API."""
    return SwitchDouble(Gate(accounts, store), store)


@pytest.fixture
def studio() -> StudioDouble:
    """The voice behind the API."""
    return StudioDouble()


@pytest.fixture
def shelf(accounts: Accounts, store: Store, tmp_path: Path) -> Shelf:
    """The uploaded announcements; nothing may be fetched."""
    return Shelf(store, accounts, tmp_path / "media")


@pytest.fixture
def importer(database_url: str, tmp_path: Path) -> Importer:
    """Imports of files in the folder `imports`."""
    (tmp_path / "imports").mkdir()
    return Importer(database_url=database_url, place=Place(folder=tmp_path / "imports"))


def vault_of(folder: Path) -> Vault:
    """Recordings that lie in that folder, and texts that are made of them."""
    return Vault(tapes=Tapes(folder), links=Links(key=LINK_KEY, seconds=600), transcribes=True)


@pytest.fixture
def clock() -> ClockDouble:
    """The clock of the lock-out."""
    return ClockDouble()


def application(
    store: Any,
    switch: Any,
    door: Door,
    shelf: Shelf | None = None,
    *,
    studio: Any = None,
    speeches: Path = Path("/nonexistent"),
    importer: Importer | None = None,
    vault: Vault | None = None,
) -> web.Application:
    """The application as it is served."""
    api = Api(
        accounts=door.accounts,
        door=door,
        store=store,
        switch=switch,
        limits=Limits(ring_seconds=30, max_talk_seconds=7200),
        shelf=shelf or Shelf(store, door.accounts, Path("/nonexistent")),
        studio=studio or StudioDouble(),
        speeches=Speeches(speeches),
        importer=importer or Importer(database_url="", place=Place(folder=Path("/nonexistent"))),
        vault=vault or vault_of(Path("/nonexistent")),
    )
    return build(api, DIALECTS)


class LongLines(TestServer):
    """A server that reads request lines as long as ours does."""

    async def start_server(self, loop: AbstractEventLoop | None = None, **more: Any) -> None:
        """Start it."""
        await super().start_server(loop, max_line_size=LINE_BYTES, max_field_size=LINE_BYTES, **more)


@pytest_asyncio.fixture(loop_scope="function")
async def client(
    accounts: Accounts,
    store: Store,
    switch: SwitchDouble,
    clock: ClockDouble,
    shelf: Shelf,
    studio: StudioDouble,
    importer: Importer,
    tmp_path: Path,
) -> AsyncIterator[Client]:
    """A client of the API, with account_1's headers."""
    door = Door(
        accounts=accounts,
        lockout=Lockout(LOCKOUT_PER_MINUTE, clock),
        trusted_proxies=(ip_network(PROXY),),
    )
    app = application(
        store,
        switch,
        door,
        shelf,
        studio=studio,
        speeches=tmp_path / "speeches",
        importer=importer,
        vault=vault_of(tmp_path / "recordings"),
    )
    headers = {"account": "account_1", "auth": "secret of account_1"}
    async with TestClient(LongLines(app), headers=headers) as client:
        yield client
