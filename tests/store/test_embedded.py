"""A Postgres of our own: started once, found again, stopped, with all it held."""

import asyncio
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from engine.store import embedded
from tests.live.lab import ENV_FILE


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A folder that the server's own user may reach."""
    folder = ENV_FILE.parent / f"test-embedded-{secrets.token_hex(4)}"
    yield folder
    embedded.stop(folder)
    shutil.rmtree(folder)


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def test_it_is_started_once_and_keeps_what_it_held(state_dir: Path) -> None:
    url = embedded.start(state_dir)
    asyncio.run(value(url, "CREATE TABLE kept AS SELECT 42 AS answer"))
    started = asyncio.run(value(url, "SELECT pg_postmaster_start_time()"))
    assert embedded.start(state_dir) == url
    assert asyncio.run(value(url, "SELECT pg_postmaster_start_time()")) == started
    embedded.stop(state_dir)
    with pytest.raises(OSError, match=r"No such file|refused"):
        asyncio.run(value(url, "SELECT 1"))
    assert asyncio.run(value(embedded.start(state_dir), "SELECT answer FROM kept")) == 42


def test_stopping_what_does_not_run_is_nothing(tmp_path: Path) -> None:
    embedded.stop(tmp_path)
