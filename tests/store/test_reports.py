"""Reports on a real Postgres: pages and counts are exact, whatever came late."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from engine.errors import OverCapacity
from engine.store import postgres
from engine.store.postgres import POOL_SIZE, Store
from engine.store.queries import QUERIES
from tests.store import rows

pytestmark = pytest.mark.asyncio(loop_scope="function")

DAY = datetime(2023, 7, 1, tzinfo=UTC)
SECONDS = 86400.0


async def spread(url: str, seed: int, count: int = 400) -> list[tuple[int, float]]:
    """CDRs over ten days, some of them late, some of another account's: id and call date of account_1's, by id."""
    chance = random.Random(seed)
    made: list[dict[str, Any]] = []
    for number in range(count):
        late = chance.choice([0, 0, 0, 0, 1, 3, 8]) if seed else 0
        at = DAY.timestamp() + max(0.0, number / count * 10 - late) * SECONDS
        made.append(
            rows.cdr(
                account_id=chance.choice(["account_1", "account_1", "account_2"]),
                call_date=at + chance.random(),
                id=2 * number + 1,
            )
        )
    connection = await asyncpg.connect(url)
    try:
        columns = list(made[0])
        times = ("call_date", "created_at", "answered_at", "ended_at")
        records = [[datetime.fromtimestamp(r[c], UTC) if c in times else r[c] for c in columns] for r in made]
        await connection.executemany(
            f"INSERT INTO cdrs ({', '.join(columns)}) OVERRIDING SYSTEM VALUE"
            f" VALUES ({', '.join(f'${n + 1}' for n in range(len(columns)))})",
            records,
        )
    finally:
        await connection.close()
    return [(row["id"], row["call_date"]) for row in made if row["account_id"] == "account_1"]


@pytest.mark.parametrize("seed", range(4))
async def test_every_page_of_days_is_what_sorting_all_of_them_gives(store: Store, database_url: str, seed: int) -> None:
    known = await spread(database_url, seed)
    chance = random.Random(seed)
    for _ in range(40):
        first, days = chance.randrange(-1, 10), chance.choice([1, 1, 2, 5, 12])
        since = DAY + timedelta(days=first)
        until = since + timedelta(days=days)
        count, offset = chance.choice([1, 3, 10, 1000]), chance.choice([0, 0, 1, 7, 30, 150, 900])
        inside = [each for each, at in known if since.timestamp() <= at < until.timestamp()]
        found = await store.reports.cdrs_by_date("account_1", since=since, until=until, count=count, offset=offset)
        assert [row["id"] for row in found] == inside[offset : offset + count]


async def test_the_end_of_time_is_taken(store: Store, database_url: str) -> None:
    known = await spread(database_url, 1, count=20)
    ever = {"since": datetime(1, 1, 1, tzinfo=UTC), "until": datetime.max.replace(tzinfo=UTC)}
    found = await store.reports.cdrs_by_date("account_1", **ever, count=1000, offset=0)
    assert [row["id"] for row in found] == [each for each, _ in known]


async def test_days_are_greenwichs_whatever_the_servers_zone_is(store: Store, database_url: str) -> None:
    await rows.insert(
        database_url, "cdrs", rows.cdr(call_date=DAY.timestamp()), rows.cdr(call_date=DAY.timestamp() - 1)
    )
    async with store._pool.acquire() as connection:
        await connection.execute("SET TIME ZONE 'Asia/Kolkata'")
        values = ("account_1", DAY, DAY + timedelta(days=1), 10, 0)
        assert len(await connection.fetch(QUERIES["cdrs_by_date"], *values)) == 1
        await connection.execute("RESET TIME ZONE")


async def test_reports_read_their_indexes(store: Store, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
        for statement, index in {
            "SELECT disposition, count(*) FROM cdrs WHERE campaign_id = 'CM1' GROUP BY disposition": "cdrs_campaign",
            "SELECT disposition, count(*) FROM cdrs WHERE account_id = 'a' GROUP BY disposition": (
                "cdrs_account_disposition"
            ),
            "SELECT * FROM cdrs WHERE unique_id = 'CM1'": "cdrs_unique_id",
            "SELECT id FROM cdrs WHERE account_id = 'a' AND (call_date AT TIME ZONE 'UTC')::date = '2023-01-01'"
            " ORDER BY id LIMIT 5": "cdrs_account_day",
        }.items():
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {statement}"))
            assert index in plan
            assert statement.startswith("SELECT *") or "Index Only Scan" in plan
    finally:
        await connection.close()


async def test_long_reports_leave_connections_to_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = 0, asyncio.Event()

    async def slowly(*_: object, **__: object) -> list[dict[str, Any]]:
        nonlocal begun
        begun += 1
        await go_on.wait()
        return []

    with monkeypatch.context() as patched:
        patched.setattr(store, "_fetch", slowly)
        asked = [asyncio.create_task(store.reports.dispositions(f"account_{n}")) for n in range(20)]
        await asyncio.sleep(0.01)
        assert begun == 4 < POOL_SIZE
        go_on.set()
        assert await asyncio.gather(*asked) == [{}] * 20


async def test_who_would_wait_too_long_for_a_long_report_is_told_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def for_ever(*_: object, **__: object) -> list[dict[str, Any]]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(store, "_fetch", for_ever)
    monkeypatch.setattr(postgres, "LONG_WAIT_SECONDS", 0.05)
    asked = [asyncio.create_task(store.reports.dispositions("account_1")) for _ in range(4)]
    await asyncio.sleep(0.01)
    with pytest.raises(OverCapacity):
        await store.reports.dispositions("account_1")
    for each in asked:
        each.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
