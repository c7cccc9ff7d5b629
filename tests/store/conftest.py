"""A database of the tests' own, in the lab's Postgres."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from engine.store.migrate import migrate
from engine.store.postgres import Store
from engine.store.spool import Spool
from tests.live import lab

TABLES = (
    "applied",
    "agent_states",
    "calls",
    "legs",
    "cdrs",
    "stops",
    "idempotency_keys",
    "sticky_pairs",
    "callbacks",
    "announcements",
    "announcement_numbers",
    "lists",
    "contacts",
    "campaigns",
    "leads",
    "call_orders",
    "recordings",
    "transcripts",
)
# A tenth of what TRUNCATE takes, which makes each table's files anew; whatever refers to what is emptied, too.
EMPTY = f"""
SET session_replication_role = replica;
{"; ".join(f"DELETE FROM {table}" for table in TABLES)};
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences
WHERE schemaname = 'public'
"""


def other_database(url: str, name: str) -> str:
    """The same server's database of that name."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def execute(url: str, statement: str) -> None:
    """Run one statement."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A migrated database, dropped afterwards."""
    server = lab.settings()["DATABASE_URL"]
    name = f"legwork_test_{secrets.token_hex(4)}"
    url = other_database(server, name)
    asyncio.run(execute(server, f"CREATE DATABASE {name}"))
    try:
        assert asyncio.run(migrate(url)) is True
        assert asyncio.run(migrate(url)) is False
        yield url
    finally:
        asyncio.run(execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest_asyncio.fixture(loop_scope="function")
async def store(database_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store whose writer runs."""
    async with Store.open(database_url, node="n1", spool=Spool(tmp_path / "state")) as store:
        await execute(database_url, EMPTY)
        writing = asyncio.create_task(store.writer.run())
        yield store
        writing.cancel()
        await asyncio.wait([writing])
        await store.writer.close()
