"""Old CDRs go with their calls and legs, on a real Postgres; what is live or younger stays."""

import asyncio
import time

import pytest

from engine.services import retention
from engine.store.connection import connect
from engine.store.postgres import Store
from tests.store.conftest import database_url, execute, store
from tests.store.test_keys import kept, key
from tests.store.test_store import ended, new_call, written

__all__ = ["database_url", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

DAY = 86400
# Ended calls, a second apart, with a leg each: as the writer leaves them, only faster.
MANY = """
WITH many AS (
    SELECT lpad(to_hex(n), 10, '0') AS id, now() - interval '40 days' + n * interval '1 second' AS at
    FROM generate_series(1, {count}) AS n
), new_calls AS (
    INSERT INTO calls (call_id, node, account_id, kind, request, requested_at, ended_at,
        bridge, bridge_open, members, digits, deadlines)
    SELECT id, 'n1', 'account_1', 'click2call', '{{}}', at, at, 0, false, '[]', '', '{{}}' FROM many
), new_legs AS (
    INSERT INTO legs (leg_id, call_id, position, name, side, number, endpoint, estimated)
    SELECT 'n1-' || id || '.a1', id, 0, 'a1', 'agent', '1', 'PJSIP/1@x', false FROM many
)
INSERT INTO cdrs (request_id, account_id, node, kind, agent_number, customer_number, dialed_number, caller_id,
    disposition, reason, ended_by, call_date, channel, digits)
SELECT id, 'account_1', 'n1', 'click2call', '1', '2', '1', '3', 'BUSY', 'busy', 'party', at, '', '' FROM many
"""


async def counted(url: str) -> tuple[int, int, int]:
    """How many calls, legs and CDRs there are."""
    connection = await connect(url)
    try:
        tables = ("calls", "legs", "cdrs")
        calls, legs, cdrs = [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
        return calls, legs, cdrs
    finally:
        await connection.close()


async def test_a_cdr_goes_when_its_days_are_over_and_not_before(store: Store, database_url: str) -> None:
    now = time.time()
    for call_id, days in (("old0000000", 30.01), ("young00000", 29.99)):
        await written(store, ended(new_call(call_id, at=now - days * DAY)))
    await written(store, new_call("live000000", at=now - 31 * DAY))
    await retention.sweep(store, cdr_days=30)
    assert await counted(database_url) == (2, 2, 1)
    assert await store.cdr("old0000000") is None
    assert await store.call("old0000000") is None
    assert await store.cdr("young00000") is not None
    assert await store.call("live000000") is not None


async def test_a_live_call_keeps_its_record_whatever_that_says(store: Store, database_url: str) -> None:
    await written(store, ended(new_call(at=time.time() - 31 * DAY)))
    await execute(database_url, "UPDATE calls SET ended_at = NULL")
    await retention.sweep(store, cdr_days=30)
    assert await counted(database_url) == (1, 1, 1)


async def test_thousands_go_in_batches(store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = []
    original = Store.delete_old_cdrs

    async def noted(self: Store, days: int, count: int) -> int:
        batches.append(await original(self, days, count))
        return batches[-1]

    monkeypatch.setattr(Store, "delete_old_cdrs", noted)
    await execute(database_url, MANY.format(count=2500))
    assert await counted(database_url) == (2500, 2500, 2500)
    await retention.sweep(store, cdr_days=30)
    assert await counted(database_url) == (0, 0, 0)
    assert batches == [1000, 1000, 500]


async def test_two_engines_at_once_delete_each_row_once_and_wait_for_nobody(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.0)
    await execute(database_url, MANY.format(count=5000))
    async with Store.open(database_url, node="n2") as other:
        blocker = await connect(database_url)
        async with blocker.transaction():  # a third, in the middle of it
            await blocker.execute("SELECT FROM cdrs WHERE id <= 100 FOR UPDATE")
            await asyncio.gather(*(retention.sweep(each, cdr_days=30) for each in (store, other)))
        await blocker.close()
        assert await counted(database_url) == (100, 100, 100)
        await retention.sweep(other, cdr_days=30)
    assert await counted(database_url) == (0, 0, 0)


async def test_without_days_cdrs_stay_for_ever_and_expired_keys_go_all_the_same(
    store: Store, database_url: str
) -> None:
    await written(store, ended(new_call(at=0.0)))
    await store.writer.accept(new_call("keyed00000"), kept("a"))
    await execute(database_url, "UPDATE idempotency_keys SET expires_at = now()")
    await store.writer.accept(new_call("keyed00001"), kept("b"))
    await retention.sweep(store, cdr_days=0)
    assert await store.cdr("57362de4f0") is not None
    connection = await connect(database_url)
    assert [row["key"] for row in await connection.fetch("SELECT key FROM idempotency_keys")] == ["b"]
    await connection.close()
    assert await store.replay(key("b")) is not None


async def test_the_loop_deletes_at_its_start_and_again_and_outlives_an_outage(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "EVERY_SECONDS", 0.05)
    running = asyncio.create_task(retention.run(store, cdr_days=30))
    for _ in range(2):
        await execute(database_url, MANY.format(count=3))
        async with asyncio.timeout(10):
            while await counted(database_url) != (0, 0, 0):
                await asyncio.sleep(0.02)
    await store._pool.close()
    await asyncio.sleep(0.2)
    assert not running.done()
    running.cancel()


async def test_leads_go_when_their_campaign_has_been_over_so_long(store: Store, database_url: str) -> None:
    await execute(
        database_url,
        """
        INSERT INTO campaigns (campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, state,
            starts_at, created_at, settled_at)
        SELECT name, 'account_1', name, 'LS', '', '{}', 1, state, now(), now(), now() - make_interval(days => days)
        FROM (VALUES ('old', 3, 31), ('young', 3, 29), ('running', 1, NULL), ('again', 1, 31)) AS c (name, state, days)
        """,
    )
    await execute(
        database_url,
        """
        INSERT INTO leads (campaign_id, position, number, name, fields, state, due_at)
        SELECT campaign_id, position, '1', '', '{}', 'done', now() FROM campaigns, generate_series(1, 1100) AS position
        """,
    )
    await retention.sweep(store, cdr_days=30)
    assert await left(database_url) == {"young": 1100, "running": 1100, "again": 1100}


async def left(url: str) -> dict[str, int]:
    """How many leads of each campaign there are."""
    connection = await connect(url)
    try:
        found = await connection.fetch("SELECT campaign_id, count(*) AS leads FROM leads GROUP BY campaign_id")
        return {row["campaign_id"]: row["leads"] for row in found}
    finally:
        await connection.close()
