"""Sticky pairs on a real Postgres, by its clock."""

import pytest

from engine.services import retention
from engine.store.connection import connect
from engine.store.postgres import Store
from tests.store.conftest import execute

pytestmark = pytest.mark.asyncio(loop_scope="function")

NUMBER = "919910000202"
LATER = "UPDATE sticky_pairs SET expires_at = expires_at - interval '{} seconds'"


async def lasts_seconds(url: str) -> float | None:
    """How long the one pair there is lasts from now."""
    connection = await connect(url)
    try:
        seconds: float | None = await connection.fetchval(
            "SELECT extract(epoch FROM expires_at - now())::double precision FROM sticky_pairs"
        )
        return seconds
    finally:
        await connection.close()


async def test_a_number_is_paired_with_one_agent_of_its_account(store: Store) -> None:
    assert await store.sticky("account_1", NUMBER) is None
    await store.pair("account_1", NUMBER, "201", 60)
    await store.pair("account_2", NUMBER, "401", 60)
    assert await store.sticky("account_1", NUMBER) == "201"
    assert await store.sticky("account_2", NUMBER) == "401"
    assert await store.sticky("account_1", "919910000203") is None
    await store.pair("account_1", NUMBER, "202", 60)
    assert await store.sticky("account_1", NUMBER) == "202"


async def test_a_pair_holds_until_its_time_is_over(store: Store, database_url: str) -> None:
    await store.pair("account_1", NUMBER, "201", 60)
    assert await lasts_seconds(database_url) == pytest.approx(60, abs=2)
    await execute(database_url, LATER.format(55))
    assert await store.sticky("account_1", NUMBER) == "201"
    await execute(database_url, LATER.format(5))
    assert await store.sticky("account_1", NUMBER) is None


async def test_pairing_again_renews_it(store: Store, database_url: str) -> None:
    await store.pair("account_1", NUMBER, "201", 60)
    await execute(database_url, LATER.format(3600))
    await store.pair("account_1", NUMBER, "201", 86400)
    assert await lasts_seconds(database_url) == pytest.approx(86400, abs=2)
    assert await store.sticky("account_1", NUMBER) == "201"


@pytest.mark.parametrize("seconds", [None, 10**11, 10**50])
async def test_for_ever_and_longer_than_time_goes_is_for_ever(
    store: Store, database_url: str, seconds: int | None
) -> None:
    await store.pair("account_1", NUMBER, "201", 60)
    await store.pair("account_1", NUMBER, "201", seconds)
    assert await lasts_seconds(database_url) is None
    assert await store.sticky("account_1", NUMBER) == "201"
    await retention.sweep(store, cdr_days=0)
    assert await store.sticky("account_1", NUMBER) == "201"


async def test_expired_pairs_are_deleted_and_no_others(store: Store, database_url: str) -> None:
    for number in range(20):
        await store.pair("account_1", f"9199100002{number:02}", "201", 60)
    await execute(database_url, LATER.format(60))
    await store.pair("account_1", NUMBER, "201", 60)
    await store.pair("account_1", "919910000203", "201", None)
    await retention.sweep(store, cdr_days=0)
    connection = await connect(database_url)
    left = [row["number"] for row in await connection.fetch("SELECT number FROM sticky_pairs ORDER BY number")]
    await connection.close()
    assert left == [NUMBER, "919910000203"]
