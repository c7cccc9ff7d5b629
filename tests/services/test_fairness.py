"""Callbacks of several accounts: one that has much due, and may call at its own pace only, keeps no other waiting."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.accounts import Accounts
from engine.core.account import Account, Route
from engine.core.callback import Due
from engine.core.request import CallRequest
from engine.gate import Gate
from engine.store.postgres import Store
from tests.core.test_callback import callback_of
from tests.core.test_request import ACCOUNT
from tests.services.test_callbacks import Node, SwitchDouble, running
from tests.store.conftest import database_url, execute, store

__all__ = ["database_url", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

DUE = """
INSERT INTO callbacks (request_id, account_id, agent_number, customer_number, caller_id, wall, time_zone, due_at,
    requested_at, state, version, reason)
SELECT 'c' || substr(md5('{account}' || n), 1, 9), '{account}', '101', '919910000202', '15168148111', '', 'Etc/UTC',
    to_timestamp({at}), to_timestamp({at} - 60), 'scheduled', 1, ''
FROM generate_series(1, {count}) AS n
"""


@dataclass(slots=True)
class PacedSwitch(SwitchDouble):
    """Lets each call wait for its account's turn, as the switch does."""

    gate: Gate | None = None

    async def start(self, request: CallRequest, *, due: Due) -> str:
        assert self.gate is not None
        await self.gate._turn(self.gate.accounts.accounts[request.account_id])
        return await SwitchDouble.start(self, request, due=due)


def due(*, account: str, count: int, at: float) -> str:
    """The statement that keeps so many of an account, all due then."""
    return DUE.format(account=account, count=count, at=at)


def _accounts(**per_second: int) -> Accounts:
    accounts: dict[str, Account] = {
        each: replace(ACCOUNT, account_id=each, calls_per_second=rate) for each, rate in per_second.items()
    }
    return Accounts(accounts=accounts, routes=(Route("91", ("PJSIP/{number}@carrier",)),))


@asynccontextmanager
async def paced(url: str, state: Path, accounts: Accounts) -> AsyncIterator[Node]:
    """A node by the real clock, as an engine looks."""
    async with running(url, "m1", time.time, accounts, state) as node:  # type: ignore[arg-type]
        node.clock.switch = node.switch = PacedSwitch(node.store, time.time, gate=Gate(accounts, node.store))
        yield node


async def test_accounts_with_more_due_than_they_may_call_keep_no_other_waiting(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    heavy = [f"heavy{number}" for number in range(6)]
    at = time.time() + 1
    for account in heavy:
        await execute(database_url, due(account=account, count=300, at=at))
    light = {f"c{number:09x}": at + 0.5 + number / 10 for number in range(20)}
    for number, (request_id, due_at) in enumerate(light.items()):
        account = ("light", "slow")[number == 0]
        await store.callbacks.schedule(callback_of(request_id, account_id=account, due_at=due_at))
    accounts = _accounts(**dict.fromkeys(heavy, 50), light=50, slow=1)
    async with paced(database_url, tmp_path, accounts) as node:
        await asyncio.sleep(max(0.0, at + 3.6 - time.time()))
        rung = dict(node.switch.rung)
    late = [rung.get(request_id, at + 60) - due_at for request_id, due_at in light.items()]
    assert 0 <= min(late) <= max(late) < 1
    fired = Counter(row["account_id"] for row, _ in await store.all_live_calls())
    # As fast as they may: 50 at once, and as many each second after that.
    assert all(150 <= fired[each] <= 200 for each in heavy), fired
