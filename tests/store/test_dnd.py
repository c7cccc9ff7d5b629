"""The do-not-disturb lists of an account, looked up in Postgres: whose numbers, and what if it does not answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from engine.errors import DndAway, StoreAway
from engine.store.migrate import migrate
from engine.store.postgres import Store
from tests.store.postgres import OwnPostgres

pytestmark = pytest.mark.asyncio(loop_scope="function")


def dnd_list(name: str, numbers: list[str], of: str = "account_1") -> dict[str, Any]:
    """An applied list."""
    return {"kind": "dnd_list", "account_id": of, "id": name, "position": 1, "body": {"id": name, "numbers": numbers}}


async def test_it_is_those_of_the_numbers_that_are_on_a_list_of_the_account(store: Store) -> None:
    await store.apply(
        [
            dnd_list("one", ["919910099900", "919910099930"]),
            dnd_list("two", ["919910099930", "919910099931"]),
            dnd_list("one", ["919910099999"], of="account_2"),
        ]
    )
    asked = ["919910099900", "919910099930", "919910099931", "919910099999", "919910000202"]
    assert await store.dnd_listed("account_1", asked) == {"919910099900", "919910099930", "919910099931"}
    assert await store.dnd_listed("account_2", asked) == {"919910099999"}
    assert await store.dnd_listed("account_3", asked) == set()
    assert await store.dnd_listed("account_1", []) == set()


async def test_a_list_that_is_missing_from_the_file_is_none(store: Store) -> None:
    await store.apply([dnd_list("one", ["919910099900"]), dnd_list("two", ["919910099930"])])
    await store.apply([dnd_list("two", ["919910099930"])])
    assert await store.dnd_listed("account_1", ["919910099900", "919910099930"]) == {"919910099930"}


async def test_a_hundred_thousand_numbers_are_looked_through_in_its_time(store: Store) -> None:
    await store.apply([dnd_list("large", [f"9199{number:08}" for number in range(100_000)])])
    assert await store.dnd_listed("account_1", ["919900099999", "919900100000"]) == {"919900099999"}


# -- a Postgres that does not answer ---------------------------------------------------------


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with OwnPostgres.run() as postgres:
        asyncio.run(migrate(postgres.url))
        yield postgres


@pytest_asyncio.fixture(loop_scope="function")
async def own(postgres: OwnPostgres) -> AsyncIterator[Store]:
    """A store of that Postgres, which has answered it before."""
    async with Store.open(postgres.url, node="n1") as store:
        await store.apply([dnd_list("one", ["919910099900"])])
        assert await store.dnd_listed("account_1", ["919910099900"])
        yield store


async def test_of_a_frozen_postgres_it_is_told_after_a_second(postgres: OwnPostgres, own: Store) -> None:
    with postgres.frozen():
        began = time.monotonic()
        asked = (own.dnd_listed("account_1", ["919910099900"]) for _ in range(20))  # more than there are connections
        results = await asyncio.gather(*asked, return_exceptions=True)
        seconds = time.monotonic() - began
    assert [type(each) for each in results] == [DndAway] * 20
    assert 0.9 < seconds < 1.3
    async with asyncio.timeout(8):
        while True:
            try:
                assert await own.dnd_listed("account_1", ["919910099900"]) == {"919910099900"}
                break
            except DndAway:
                await asyncio.sleep(0.1)


async def test_of_a_postgres_that_is_down_it_is_told_at_once(postgres: OwnPostgres, own: Store) -> None:
    postgres.stop()
    try:
        began = time.monotonic()
        with pytest.raises(DndAway):
            await own.dnd_listed("account_1", ["919910099900"])
        assert time.monotonic() - began < 1.3
        with pytest.raises(StoreAway):  # not a matter of lists
            await own.sticky("account_1", "919910099900")
    finally:
        await asyncio.to_thread(postgres.start)
