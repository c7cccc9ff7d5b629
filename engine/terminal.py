"""The operator's terminal: where commands print to, and the store they work on."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import asyncpg
import orjson
import typer
from rich.console import Console

from engine import config
from engine.errors import Unavailable, WrongConfig
from engine.store import migrate
from engine.store.connection import AWAY
from engine.store.postgres import Store

PIPE_WIDTH = 200  # no terminal: rows stay whole for grep

out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, width=None if sys.stderr.isatty() else PIPE_WIDTH)
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def with_store(work: Callable[[Store], Coroutine[Any, Any, None]], *, migrating: bool = False) -> None:
    """Do the work on the store that is configured. Raises `WrongConfig`, `Unavailable` where there is none."""
    settings = config.load()
    if not settings.database_url:
        raise WrongConfig("DATABASE_URL is not set; --env FILE reads it from a file, such as .lab/lab.env")

    async def within() -> None:
        if migrating:
            await migrate.migrate(settings.database_url)
        async with Store.open(settings.database_url) as store:
            await work(store)

    try:
        asyncio.run(within())
    except AWAY as exc:
        raise Unavailable(f"Postgres does not answer: {exc or type(exc).__name__}") from exc
    except asyncpg.UndefinedTableError as exc:
        raise WrongConfig("the database is empty: run legwork apply FILE first") from exc


def present(value: Any, view: Any, *, as_json: bool) -> None:
    """Print the value for machines, or else its view for a person."""
    if as_json:
        sys.stdout.write(orjson.dumps(value).decode() + "\n")
    else:
        out.print(view)
