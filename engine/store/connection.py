"""Connections to Postgres, and how our rows look there: times as timestamptz, the rest as it is."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import asyncpg
import orjson

COMMAND_SECONDS = 2.0
# Postgres does not answer, or not as it should: not connected, shutting down, full, read-only, locked out …
AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# Not an outage: DATABASE_URL is wrong, and waiting does not mend it.
WRONG = (
    asyncpg.ClientConfigurationError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
# Not Postgres's fault but a row's, whenever it is tried.
UNWRITABLE = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

TIMES = ("_at", "_date")


async def connect(url: str, *, name: str = "legwork") -> asyncpg.Connection:
    """A connection that gives up after 2 s, under a name for pg_stat_activity. Raises one of `AWAY`."""
    connection = await asyncpg.connect(
        url,
        timeout=COMMAND_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings={"application_name": name},
    )
    await prepare(connection)
    return connection


async def prepare(connection: asyncpg.Connection) -> None:
    """Let jsonb in and out as Python values."""
    await connection.set_type_codec("jsonb", encoder=_dump, decoder=orjson.loads, schema="pg_catalog")


def to_database(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its epoch seconds as times, which JSON spells as ISO 8601, for jsonb_populate_recordset."""
    written = dict(row)
    for name in _times(tuple(row)):
        if written[name] is not None:
            written[name] = datetime.fromtimestamp(written[name], UTC)
    return written


@lru_cache(maxsize=64)  # a table's columns are always the same
def _times(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name.endswith(TIMES))


def from_database(record: asyncpg.Record) -> dict[str, Any]:
    """The record with its times as epoch seconds."""
    row = dict(record)
    for name, value in row.items():  # a page has a thousand of them: this is the quickest way
        if type(value) is datetime:
            row[name] = value.timestamp()
    return row


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()
