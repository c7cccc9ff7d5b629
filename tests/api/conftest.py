"""The HTTP application on a real store, with a switch that notes what it is asked."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from engine.accounts import Accounts
from engine.api.app import Api, Keep, build
from engine.api.dialects import DIALECTS
from engine.api.door import Door
from engine.api.lockout import Lockout
from engine.core.request import CallRequest, Limits
from engine.counts import Counts
from engine.store.postgres import Store
from tests.store.conftest import database_url, store

__all__ = ["Client", "ClockDouble", "SwitchDouble", "client", "clock", "database_url", "store", "switch"]

Client = TestClient[Any, Any]
LOCKOUT_PER_MINUTE = 100
PROXY = "127.0.0.9"


@dataclass
class SwitchDouble:
    """Accepts calls without a telephone in sight."""

    ready: bool = True
    live: int = 0
    started: list[CallRequest] = field(default_factory=list)
    failure: Exception | None = None
    counts: Counts = field(default_factory=Counts)

    def on_the_line(self) -> tuple[int, int]:
        return len(self.started), 2 * len(self.started)

    def live_calls(self, account_id: str) -> int:
        return self.live

    async def start(self, request: CallRequest, *, keep: Keep | None = None) -> str:
        if self.failure is not None:
            raise self.failure
        self.started.append(request)
        return f"{len(self.started):010x}"


@dataclass
class ClockDouble:
    """Seconds that pass when told to."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


def account(name: str, *, allowed_ips: tuple[str, ...] = ()) -> dict[str, Any]:
    """An applied account with the auth `secret of NAME`."""
    body = {
        "name": name,
        "region": "IN",
        "report_tz": "UTC",
        "allowed_ips": list(allowed_ips),
        "allowed_regions": ["IN"],
        "caller_ids": ["15168148111"],
        "extensions": ["101"],
        "max_live_calls": 2,
        "calls_per_second": 1,
        "credentials": {"cpaas": {"auth_sha256": hashlib.sha256(f"secret of {name}".encode()).hexdigest()}},
    }
    return {"kind": "account", "account_id": name, "id": name, "position": 0, "body": body}


@pytest_asyncio.fixture(loop_scope="function")
async def switch() -> SwitchDouble:
    """The switch behind the API."""
    return SwitchDouble()


@pytest.fixture
def clock() -> ClockDouble:
    """The clock of the lock-out."""
    return ClockDouble()


def application(store: Any, switch: SwitchDouble, door: Door) -> web.Application:
    """The application as it is served."""
    limits = Limits(ring_seconds=30, max_talk_seconds=7200)
    return build(Api(accounts=door.accounts, door=door, store=store, switch=switch, limits=limits), DIALECTS)


@pytest_asyncio.fixture(loop_scope="function")
async def client(store: Store, switch: SwitchDouble, clock: ClockDouble) -> AsyncIterator[Client]:
    """A client of the API, with account_1's headers."""
    accounts = Accounts()
    route = {"prefix": "91", "endpoints": ["PJSIP/{number}@carrier"]}
    accounts.replace(
        [
            account("account_1"),
            account("account_2"),
            account("elsewhere", allowed_ips=("192.0.2.0/24",)),
            {"kind": "route", "account_id": "", "id": "91", "position": 1, "body": route},
        ]
    )
    door = Door(
        accounts=accounts,
        lockout=Lockout(LOCKOUT_PER_MINUTE, clock),
        trusted_proxies=(ip_network(PROXY),),
    )
    app = application(store, switch, door)
    headers = {"account": "account_1", "auth": "secret of account_1"}
    async with TestClient(TestServer(app), headers=headers) as client:
        yield client
