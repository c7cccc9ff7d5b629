"""Reports on five million CDRs, timed: `.venv/bin/python tests/bench/reports.py --help`."""

import argparse
import asyncio
import gc
import secrets
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from engine.api.dialects import cpaas_cdrs, native_polls, wolkvox
from engine.core.campaign_asks import MachineCodesFound, PollPage
from engine.core.vendor_words import WOLKVOX_COLUMNS
from engine.main import GC_THRESHOLDS
from engine.store import embedded
from engine.store.migrate import migrate
from engine.store.postgres import Store
from engine.store.queries import load
from tests.bench.report import percentile_ms, verdict
from tests.live.lab import ENV_FILE
from tests.store.conftest import execute, other_database

DATA = load(Path(__file__).with_name("reports_data.sql"))
ACCOUNT, DAYS, BATCH = "bench", 90, 250_000
ATTEMPTS = 100_000  # of each campaign: every second CDR is an attempt
TURNS, SLOW_TURNS = 200, 5
TELEPHONES = 60_000
PAGE_MS, WOLKVOX_MS, ACCOUNT_MS = 50, 2000, 20_000

DESCRIPTION = """
Builds CDRs with their legs in a database of its own, then asks for each report again and again, and says how long it
took with its legs and its JSON. Without --url a Postgres of its own is started, and nothing is left of it.
"""
EPILOG = "Exit code: 0, or 1 if a report took longer than promised."


def main() -> None:
    """Build it, measure it, print it."""
    options = parser().parse_args()
    with server(options.url) as url:
        name = options.database or f"legwork_bench_{secrets.token_hex(4)}"
        database = other_database(url, name)
        if options.database is None or options.build:
            asyncio.run(build(url, name, database, options.cdrs))
        try:
            kept = asyncio.run(measure(database, options.cdrs))
        finally:
            if options.database is None:
                asyncio.run(execute(url, f"DROP DATABASE {name}"))
    raise SystemExit(0 if kept else 1)


def parser() -> argparse.ArgumentParser:
    """What may be said on the command line."""
    found = argparse.ArgumentParser(description=DESCRIPTION, epilog=EPILOG)
    found.add_argument("--url", help="a Postgres to build the database in, in place of one of our own")
    found.add_argument("--cdrs", type=int, default=5_000_000, help="so many (default 5,000,000)")
    found.add_argument("--database", help="one that is there already, and stays")
    found.add_argument("--build", action="store_true", help="build that one first")
    return found


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """A Postgres."""
    if url:
        yield url
        return
    folder = ENV_FILE.parent / f"bench-postgres-{secrets.token_hex(4)}"
    try:
        yield embedded.start(folder)
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder)


async def build(url: str, name: str, database: str, count: int) -> None:
    """The database with its CDRs; its indexes are made last, that is quicker."""
    began = time.monotonic()
    await execute(url, f"CREATE DATABASE {name}")
    await migrate(database)
    connection = await asyncpg.connect(database)
    try:
        indexes = await connection.fetch(
            "SELECT indexname, indexdef FROM pg_indexes JOIN pg_class ON relname = indexname"
            " WHERE tablename IN ('cdrs', 'legs')"
            " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = pg_class.oid)"
        )
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['indexname']}")
        for first in range(1, count + 1, BATCH):
            last = min(first + BATCH - 1, count)
            await connection.execute(DATA["cdrs"], first, count, last)
            await connection.execute(DATA["legs"], first, last)
            say(f"{last:,} CDRs after {time.monotonic() - began:.0f} s")
        for index in indexes:
            await connection.execute(index["indexdef"])
        await connection.execute(
            "INSERT INTO campaigns (campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute,"
            " state, starts_at, created_at) SELECT DISTINCT campaign_id, $1, campaign_id, 'LS00000000aa', '',"
            " '{}'::jsonb, 60, 3, now(), now() FROM cdrs WHERE campaign_id IS NOT NULL",
            ACCOUNT,
        )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    say(f"built in {time.monotonic() - began:.0f} s")


async def measure(database: str, count: int) -> bool:
    """Whether all of them were as quick as promised."""
    gc.freeze()  # as the engine does
    gc.set_threshold(*GC_THRESHOLDS)
    async with Store.open(database) as store:
        kept = [await timed(name, report, most_ms) for name, report, most_ms in reports(store, count)]
    print("Each with its legs and its JSON; the store's and the dialect's work, without HTTP.")
    return all(kept)


def reports(store: Store, count: int) -> Iterator[tuple[str, Callable[[int], Awaitable[object]], float]]:
    """Each report: its name, how to ask for it at its turn, and what was promised."""
    ids = store.reports
    campaigns = max(1, count // (2 * ATTEMPTS))

    def campaign(turn: int) -> str:
        return f"CM{turn % campaigns:010x}"

    def day(turn: int, days: int) -> dict[str, Any]:
        since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 4)
        since += timedelta(days=turn * 7 % max(1, DAYS - 5 - days))
        return {"since": since, "until": since + timedelta(days=days)}

    async def by_id(turn: int) -> object:
        asked = f"{(turn * 104729 % count + 1) + 68719476736:x}"
        found = await store.cdr(asked, account_id=ACCOUNT)
        assert found is not None
        return cpaas_cdrs.reply_cdrs([found])

    async def by_unique_id(turn: int) -> object:
        number = turn * 104728 % count // 2 * 2 + 2
        unique_id = f"CM{number // 200_000:010x}_LS00000000aa_{number}-u1"
        found = await ids.cdr_of_attempt(ACCOUNT, unique_id)
        assert found
        return cpaas_cdrs.reply_cdrs(found)

    def by_date(days: int, offset: int) -> Callable[[int], Awaitable[object]]:
        async def page(turn: int) -> object:
            found = await ids.cdrs_by_date(ACCOUNT, **day(turn, days), count=100, offset=offset)
            assert len(found) == 100 or count < 5_000_000  # of fewer CDRs a day has not so many
            return cpaas_cdrs.reply_cdrs(found)

        return page

    async def thousand(turn: int) -> object:
        return cpaas_cdrs.reply_cdrs(await ids.cdrs_by_date(ACCOUNT, **day(turn, 30), count=1000, offset=10_000))

    async def statistics(turn: int) -> object:
        return cpaas_cdrs.reply_campaign_statistics(await ids.campaign_dispositions(campaign(turn)))

    async def of_campaign(turn: int) -> object:
        return cpaas_cdrs.reply_cdrs(await ids.cdrs_by_campaign(campaign(turn), count=100, offset=10_000))

    async def account_statistics(_: int) -> object:
        return cpaas_cdrs.reply_statistics(await ids.dispositions(ACCOUNT))

    async def codes(turn: int) -> object:
        found = await ids.machine_codes(
            campaign(turn + 2),
            all_campaigns=False,
            **day(turn, DAYS * 10),
            columns=WOLKVOX_COLUMNS,
            most=TELEPHONES,
            account_id=ACCOUNT,
        )
        return wolkvox.reply(MachineCodesFound(*found))

    async def codes_of_all(turn: int) -> object:
        found = await ids.machine_codes(
            ACCOUNT, all_campaigns=True, **day(turn, 31), columns=WOLKVOX_COLUMNS, most=TELEPHONES, account_id=ACCOUNT
        )
        return wolkvox.reply(MachineCodesFound(*found))

    async def poll_string(turn: int) -> object:
        return await ids.poll_string(campaign(turn + 2), order_by="time", separator="\n")

    async def poll(turn: int) -> object:
        found = await ids.poll(campaign(turn + 2), order_by="time", count=1000, offset=0)
        return native_polls.reply(PollPage(campaign(turn + 2), found))

    yield "CDR by request id", by_id, PAGE_MS
    yield "CDR by unique id", by_unique_id, PAGE_MS
    yield "100 CDRs of a day", by_date(1, 0), PAGE_MS
    yield "100 CDRs of a day, offset 10,000", by_date(1, 10_000), PAGE_MS
    yield "100 CDRs of 30 days, offset 10,000", by_date(30, 10_000), PAGE_MS
    yield "100 CDRs of 80 days, offset 10,000", by_date(80, 10_000), PAGE_MS
    yield "1,000 CDRs of 30 days, offset 10,000", thousand, PAGE_MS
    yield "100 CDRs of a campaign, offset 10,000", of_campaign, PAGE_MS
    yield "statistics of a campaign of 100,000", statistics, PAGE_MS
    yield "machine codes of a campaign of 100,000", codes, WOLKVOX_MS
    yield "machine codes of all, 31 days", codes_of_all, ACCOUNT_MS
    yield "MOR poll of a campaign of 100,000", poll_string, WOLKVOX_MS
    yield "1,000 of its contacts, as JSON", poll, WOLKVOX_MS
    yield "statistics of the account", account_statistics, ACCOUNT_MS


async def timed(name: str, report: Callable[[int], Awaitable[object]], most_ms: float) -> bool:
    """Whether 95 % of the answers, their JSON included, were there within so long."""
    times: list[int] = []
    for turn in range(SLOW_TURNS if most_ms >= WOLKVOX_MS else TURNS):
        began = time.perf_counter_ns()
        size = len(orjson.dumps(await report(turn)))
        times.append((time.perf_counter_ns() - began) // 1000)
    p50, p95 = percentile_ms(times, 50), percentile_ms(times, 95)
    kept = p95 < most_ms
    print(f"{verdict(kept)}  {name:<40} p50 {p50:8.1f} ms  p95 {p95:8.1f} ms (< {most_ms:,.0f})  {size:>10,} bytes")
    return kept


def say(line: str) -> None:
    """One line, at once."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
