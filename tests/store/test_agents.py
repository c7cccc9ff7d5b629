"""Log-ins on a real Postgres: apply gives the first one, afterwards they are what was set, and engines see it."""

import asyncio
import runpy
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

import engine.store
from engine.accounts import Accounts
from engine.core.account import Agent
from engine.gate import Gate
from engine.main import _follow_hints
from engine.media.shelf import Shelf
from engine.store.connection import connect
from engine.store.postgres import Store
from tests.api.conftest import account
from tests.store.conftest import execute

pytestmark = pytest.mark.asyncio(loop_scope="function")

Row = dict[str, Any]
MIGRATION = Path(engine.store.__file__).parent / "migrations/versions/0007_agents.py"


def agent(name: str, *, of: str = "account_1", web_login: bool = False, call_login: bool = False, **more: Any) -> Row:
    """An applied agent."""
    body = {
        "id": name,
        "number": f"91991002{name}1",
        "extension": None,
        "cli": None,
        "web_login": web_login,
        "call_login": call_login,
        **more,
    }
    return {"kind": "agent", "account_id": of, "id": name, "position": 1, "body": body}


def group(name: str, agents: list[str]) -> Row:
    return {"kind": "group", "account_id": "account_1", "id": name, "position": 2, "body": {"agents": agents}}


async def agents(store: Store, of: str = "account_1") -> dict[str, tuple[bool, bool, bool]]:
    """Web log-in, call log-in and busy of an account's agents, as an engine has them."""
    accounts = Accounts()
    accounts.replace(await store.applied())
    found: dict[str, Agent] = dict(accounts.accounts[of].agents)
    return {name: (each.web_login, each.call_login, each.busy) for name, each in found.items()}


async def test_apply_gives_the_first_log_in_and_never_changes_one(store: Store) -> None:
    await store.apply([account("account_1"), agent("201", web_login=True), agent("202", call_login=True)])
    assert await agents(store) == {"201": (True, False, False), "202": (False, True, False)}
    await store.set_agent_state("account_1", "201", web_login=False, busy=True)
    await store.apply([account("account_1"), agent("201", web_login=True, call_login=True), agent("203")])
    assert await agents(store) == {"201": (False, False, True), "203": (False, False, False)}


async def test_an_agent_that_is_missing_from_the_file_is_none_until_it_is_back(store: Store) -> None:
    await store.apply([account("account_1"), agent("201", web_login=True)])
    await store.set_agent_state("account_1", "201", call_login=True)
    await store.apply([account("account_1")])
    assert await agents(store) == {}
    assert await store.set_agent_state("account_1", "201", busy=True) is None
    assert await store.change_applied("agent", "account_1", "201", cli="15168148111") is False
    await store.apply([account("account_1"), agent("201")])
    assert await agents(store) == {"201": (True, True, False)}


async def test_each_state_is_set_alone_and_the_others_stay(store: Store) -> None:
    await store.apply([account("account_1"), agent("201")])
    for change in ("web_login", "call_login", "busy"):
        state = await store.set_agent_state("account_1", "201", **{change: True})
        assert state is not None
        assert state[change] is True
    assert await agents(store) == {"201": (True, True, True)}
    await store.set_agent_state("account_1", "201", call_login=False)
    assert await agents(store) == {"201": (True, False, True)}


async def test_another_accounts_agent_of_the_same_id_is_another_agent(store: Store) -> None:
    await store.apply([account("account_1"), account("account_2"), agent("201"), agent("201", of="account_2")])
    await store.set_agent_state("account_1", "201", web_login=True)
    await store.change_applied("agent", "account_1", "201", number="919910020299")
    assert await agents(store, "account_1") == {"201": (True, False, False)}
    assert await agents(store, "account_2") == {"201": (False, False, False)}
    numbers = {row["account_id"]: row["body"]["number"] for row in await store.applied() if row["kind"] == "agent"}
    assert numbers == {"account_1": "919910020299", "account_2": "919910022011"}


async def test_what_is_changed_holds_until_the_next_apply(store: Store) -> None:
    items = [account("account_1"), agent("201"), agent("202"), group("301", ["201", "202"])]
    await store.apply(items)
    assert await store.change_applied("group", "account_1", "301", agents=["202"])
    assert await store.change_applied("agent", "account_1", "201", number=None, extension="101")
    accounts = Accounts()
    accounts.replace(await store.applied())
    one = accounts.accounts["account_1"]
    assert (one.groups["301"], one.agents["201"].number) == (("202",), "101")
    await store.apply(items)
    accounts.replace(await store.applied())
    one = accounts.accounts["account_1"]
    assert (one.groups["301"], one.agents["201"].number) == (("201", "202"), "919910022011")


async def test_a_group_of_an_agent_that_is_gone_is_without_it() -> None:
    accounts = Accounts()
    accounts.replace([account("account_1"), group("301", ["299", "201"]), agent("201")])
    assert accounts.accounts["account_1"].groups == {"301": ("201",)}


async def test_a_running_engine_sees_each_change_within_a_second(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    await store.apply([account("account_1"), agent("201"), agent("202"), group("301", ["201", "202"])])
    accounts = Accounts()
    switch = Mock()
    shelf = Shelf(store, accounts, tmp_path)
    following = asyncio.create_task(_follow_hints(store, shelf, Gate(accounts, store), switch))
    await asyncio.sleep(0.5)  # it listens, and has looked
    async with Store.open(database_url) as operator:
        for change in (
            operator.set_agent_state("account_1", "201", web_login=True),
            operator.set_agent_state("account_1", "202", busy=True),
            operator.change_applied("group", "account_1", "301", agents=["202", "201"]),
        ):
            before, began = accounts.accounts["account_1"], time.monotonic()
            await change
            while accounts.accounts["account_1"] == before:
                assert time.monotonic() - began < 1
                await asyncio.sleep(0.01)
    one = accounts.accounts["account_1"]
    assert one.agents["201"].web_login
    assert one.agents["202"].busy
    assert one.groups["301"] == ("202", "201")
    assert switch.look_for_agents.call_count >= 3, "who waits for one is served at once"
    following.cancel()


async def test_agents_applied_before_log_ins_were_kept_have_theirs(store: Store, database_url: str) -> None:
    await store.apply([account("account_1"), agent("201", web_login=True), agent("202", call_login=True)])
    await execute(database_url, "TRUNCATE agent_states")
    await execute(database_url, runpy.run_path(str(MIGRATION))["STATEMENTS"][1])
    connection = await connect(database_url)
    rows = await connection.fetch("SELECT * FROM agent_states ORDER BY agent_id")
    await connection.close()
    assert [tuple(row) for row in rows] == [
        ("account_1", "201", True, False, False),
        ("account_1", "202", False, True, False),
    ]
