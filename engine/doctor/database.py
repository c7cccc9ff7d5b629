"""Whether Postgres answers, and lets calls be dialled."""

from engine.config import Settings
from engine.doctor.findings import Failed
from engine.errors import StoreAway
from engine.store import migrate
from engine.store.connection import AWAY, connect
from engine.store.postgres import Store

POSTGRES = 14
IN_VAIN = (*AWAY, StoreAway, ValueError)  # the last one: DATABASE_URL is no URL


async def postgres(settings: Settings) -> str:
    """Whether it answers, and has the tables of this version."""
    if not settings.database_url:
        return "embedded, starts with the engine"
    try:
        connection = await connect(settings.database_url)
    except AWAY as exc:
        raise Failed(str(exc) or type(exc).__name__, "start Postgres, check DATABASE_URL") from exc
    except ValueError as exc:  # its text may quote the password
        fix = "write it as postgresql://USER@HOST/DATABASE, with %2F for / in a password"
        raise Failed("DATABASE_URL is no URL", fix) from exc
    try:
        if connection.get_server_version().major < POSTGRES:
            raise Failed(f"version {connection.get_server_version().major}", f"use Postgres {POSTGRES} or newer")
        found = await migrate.version(connection)
    finally:
        await connection.close(timeout=1)
    if found != migrate.HEAD:
        raise Failed(
            f"schema {found}, this version needs {migrate.HEAD}", "start the engine or run legwork apply: both migrate"
        )
    return f"schema {found}"


async def dialling(settings: Settings) -> str:
    """Whether dialling is stopped."""
    if not settings.database_url:
        return "not known: the embedded Postgres starts with the engine"
    try:
        async with Store.open(settings.database_url) as store:
            stops = await store.stops()
    except IN_VAIN as exc:
        raise Failed("not known", "mend the line above first") from exc
    if stops:
        whose = ", ".join(row["account_id"] or "every account" for row in stops)
        reasons = "; ".join(dict.fromkeys(row["reason"] for row in stops if row["reason"]))
        raise Failed(f"stopped for {whose}" + (f": {reasons}" if reasons else ""), "legwork resume-dialing")
    return "not stopped"


async def now(settings: Settings) -> float | None:
    """Postgres's clock; None where it can not be asked."""
    if not settings.database_url:
        return None
    try:
        connection = await connect(settings.database_url)
    except IN_VAIN:
        return None
    try:
        seconds: float = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::double precision")
        return seconds
    finally:
        await connection.close(timeout=1)


async def endpoints(settings: Settings) -> set[str]:
    """The PJSIP endpoints that routes lead to. Raises `Failed` where they are not known."""
    if not settings.database_url:
        return set()
    try:
        async with Store.open(settings.database_url) as store:
            applied = await store.applied()
    except IN_VAIN as exc:
        raise Failed("not known", "mend the line of Postgres first") from exc
    routes = (row["body"]["endpoints"] for row in applied if row["kind"] == "route")
    return {endpoint.rpartition("@")[2] for each in routes for endpoint in each}
