"""Brings the database to this version's schema, with alembic, one engine at a time."""

from pathlib import Path
from typing import Any

import asyncpg

from engine.store.connection import connect

FOLDER = Path(__file__).with_name("migrations")
HEAD = max(path.stem.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))
LOCK = 0x1E6
LOCK_SECONDS = 60


async def migrate(url: str) -> bool:
    """Whether anything was to do. Alembic is loaded only then: it is large and an engine starts often."""
    connection = await connect(url)
    try:
        if await version(connection) == HEAD:
            return False
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK, timeout=LOCK_SECONDS)
        await _upgrade(url)
    finally:
        await connection.close(timeout=1)
    return True


async def version(connection: asyncpg.Connection) -> str | None:
    """The revision the database is at; None before the first."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return found


async def _upgrade(url: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    def run(sync_connection: Any) -> None:
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.attributes["connection"] = sync_connection
        command.upgrade(config, "head")

    async def open_plain(*_: object, **__: object) -> asyncpg.Connection:
        return await asyncpg.connect(url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=open_plain, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()
