"""Lists of contacts, and of numbers not to be disturbed: made, found, added to so that each number is in it once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import orjson

from engine.core.campaign_asks import ListKind
from engine.core.contacts import Contact
from engine.errors import IdTaken, NameTaken, NotFound, OverCapacity, StoreAway
from engine.store.connection import AWAY, COMMAND_SECONDS
from engine.store.queries import QUERIES

ADD_SECONDS = 15.0  # ten thousand contacts take half a second, and Postgres may be busy
LOCK_SECONDS = 1.0  # for a list that a file is being imported into
WORK_MEMORY = "64MB"  # of the backend that sorts an import; what is more goes to its disk
STAGED = ("place", "number", "name", "fields")

Row = dict[str, Any]
Transaction = Callable[[float], AbstractAsyncContextManager[Any]]


class Lists:
    """Methods raise `StoreAway`. The first of two contacts of one number is kept."""

    def __init__(self, named: Callable[..., Awaitable[list[Row]]], transaction: Transaction) -> None:
        self._named = named
        self._transaction = transaction

    async def create(self, account_id: str, kind: ListKind, name: str, *, list_id: str) -> None:
        """Make one. Raises `NameTaken` where the account has one of that kind and name, `IdTaken`."""
        if not await self._named("create_list", list_id, account_id, kind, name):
            raise NameTaken if await self._named("list_of_name", account_id, kind, name) else IdTaken

    async def find(self, account_id: str, kind: ListKind, list_id: str) -> Row | None:
        """The account's list of that kind: list_id, name, last_position, which is how many contacts it has."""
        return next(iter(await self._named("find_list", account_id, kind, list_id)), None)

    async def add(self, account_id: str, kind: ListKind, list_id: str, contacts: Sequence[Contact]) -> int:
        """Add those that are not in it, some thousands at most; how many. Raises `NotFound`, `OverCapacity`."""
        columns = [[each.number for each in contacts], [each.name for each in contacts]]
        async with self._transaction(ADD_SECONDS) as connection:
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS:g}s'")
            try:
                last = await hold(connection, account_id, kind, list_id)
            except asyncpg.LockNotAvailableError:
                raise OverCapacity("a file is being imported into this list, please try again") from None
            fields = [dict(each.fields) for each in contacts]
            statement = QUERIES["add_contacts"]
            added = await connection.execute(statement, list_id, last, *columns, fields, timeout=ADD_SECONDS)
            return await _lengthened(connection, list_id, added)


@asynccontextmanager
async def staging(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of an import's own, whose staged contacts are gone when it closes. Raises `StoreAway`.

    It waits for what it asked for as long as that takes.
    """
    try:
        settings = {"application_name": "legwork import"}
        connection = await asyncpg.connect(url, timeout=COMMAND_SECONDS, server_settings=settings)
        try:
            await connection.execute(QUERIES["stage_contacts"])
            yield connection
        finally:
            connection.terminate()
    except AWAY as exc:
        raise StoreAway from exc


async def stage(connection: asyncpg.Connection, contacts: Iterable[Contact]) -> None:
    """Take these in, as fast as they come; what taking one raises is raised, and none is staged."""
    rows = ((place, each.number, each.name, orjson.dumps(each.fields).decode()) for place, each in enumerate(contacts))
    await connection.copy_records_to_table("staged_contacts", records=rows, columns=STAGED)


async def add_staged(connection: asyncpg.Connection, account_id: str, kind: ListKind, list_id: str) -> int:
    """Add those that are staged and not in the list, all or none of them; how many. Raises `NotFound`."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL work_mem = '{WORK_MEMORY}'")
        last = await hold(connection, account_id, kind, list_id)
        return await _lengthened(
            connection, list_id, await connection.execute(QUERIES["add_staged_contacts"], list_id, last)
        )


async def hold(connection: Any, account_id: str, kind: ListKind, list_id: str) -> int:
    """The last position in a list that nobody else adds to now. Raises `NotFound`."""
    last: int | None = await connection.fetchval(QUERIES["hold_list"], account_id, kind, list_id)
    if last is None:
        raise NotFound("there is no such list")
    return last


async def _lengthened(connection: Any, list_id: str, added: str) -> int:
    """How many Postgres says it has added, once the list knows it, too."""
    count = int(added.split()[-1])
    await connection.execute(QUERIES["lengthen_list"], list_id, count)
    return count
