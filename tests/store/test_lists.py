"""Lists on a real Postgres: named once, seen by their account only, each number in each list once and in its order."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from engine.core.campaign_asks import ListKind
from engine.core.contacts import Contact
from engine.errors import IdTaken, NameTaken, NotFound, StoreAway
from engine.store.lists import add_staged, stage, staging
from engine.store.migrate import migrate
from engine.store.postgres import Store
from tests.store.postgres import OwnPostgres

pytestmark = pytest.mark.asyncio(loop_scope="function")

LIST, OTHER, DND = "LSaa8f9db7e6", "LS608c393614", "DNda1b361461"
MANY = 10_000


def contacts(*numbers: int, name: str = "") -> list[Contact]:
    """Contacts of these last digits."""
    return [Contact(f"9199100{number:05}", name or f"name {number}", {"field1": str(number)}) for number in numbers]


async def made(store: Store, list_id: str = LIST, kind: ListKind = "contacts", account_id: str = "account_1") -> str:
    """A new list."""
    await store.lists.create(account_id, kind, f"list {list_id}", list_id=list_id)
    return list_id


async def added(store: Store, *numbers: int, name: str = "") -> int:
    """How many of these are new in the list."""
    return await store.lists.add("account_1", "contacts", LIST, contacts(*numbers, name=name))


async def there(url: str, list_id: str = LIST) -> list[tuple[int, str, str]]:
    """Positions, numbers and names of what is in the list."""
    async with connected(url) as connection:
        found = await connection.fetch("SELECT * FROM contacts WHERE list_id = $1 ORDER BY position", list_id)
        last = await connection.fetchval("SELECT last_position FROM lists WHERE list_id = $1", list_id)
    assert [row["position"] for row in found] == list(range(1, last + 1))
    return [(row["position"], row["number"], row["name"]) for row in found]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def imported(url: str, found: Iterable[Contact], list_id: str = LIST) -> int:
    """How many of these an import adds."""
    async with staging(url) as connection:
        await stage(connection, found)
        return await add_staged(connection, "account_1", "contacts", list_id)


async def test_a_name_is_given_once_for_each_account_and_kind(store: Store) -> None:
    # "Provide unique list_name of your choice"
    lists = store.lists
    await lists.create("account_1", "contacts", "my_campaign_list", list_id=LIST)
    with pytest.raises(NameTaken):
        await lists.create("account_1", "contacts", "my_campaign_list", list_id=OTHER)
    with pytest.raises(IdTaken):
        await lists.create("account_1", "contacts", "another", list_id=LIST)
    await lists.create("account_1", "dnd", "my_campaign_list", list_id=DND)
    await lists.create("account_2", "contacts", "my_campaign_list", list_id=OTHER)


async def test_fifty_who_want_one_name_at_once_make_one_list(store: Store) -> None:
    async def create(number: int) -> bool:
        try:
            await store.lists.create("account_1", "contacts", "one", list_id=f"LS{number:010x}")
        except NameTaken:
            return False
        return True

    assert sum(await asyncio.gather(*map(create, range(50)))) == 1


async def test_a_list_is_found_by_its_own_account_and_as_what_it_is(store: Store) -> None:
    await made(store)
    assert await store.lists.find("account_1", "contacts", LIST) == {
        "list_id": LIST,
        "name": f"list {LIST}",
        "last_position": 0,
    }
    assert await store.lists.find("account_2", "contacts", LIST) is None
    assert await store.lists.find("account_1", "dnd", LIST) is None
    for account_id, kind in (("account_2", "contacts"), ("account_1", "dnd")):
        with pytest.raises(NotFound):
            await store.lists.add(account_id, kind, LIST, contacts(1))  # type: ignore[arg-type]


async def test_contacts_are_added_in_their_order_and_the_first_of_a_number_is_kept(
    store: Store, database_url: str
) -> None:
    await made(store)
    assert await added(store, 3, 1, 3, 2, 1) == 3
    assert await added(store, 2, 9, name="later") == 1
    assert await there(database_url) == [
        (1, "919910000003", "name 3"),
        (2, "919910000001", "name 1"),
        (3, "919910000002", "name 2"),
        (4, "919910000009", "later"),
    ]
    assert await added(store, 1, 2) == 0
    async with connected(database_url) as connection:
        assert await connection.fetchval("SELECT fields ->> 'field1' FROM contacts WHERE position = 1") == "3"


async def test_lists_share_no_numbers(store: Store, database_url: str) -> None:
    await made(store)
    await made(store, OTHER)
    assert await added(store, 1, 2) == 2
    assert await store.lists.add("account_1", "contacts", OTHER, contacts(2, 3)) == 2
    assert [number for _, number, _ in await there(database_url, OTHER)] == ["919910000002", "919910000003"]


async def test_who_add_at_once_leave_no_gap_and_no_double(store: Store, database_url: str) -> None:
    await made(store)
    counts = await asyncio.gather(*(added(store, *range(start, start + 60)) for start in range(0, 300, 20)))
    assert sum(counts) == len(await there(database_url)) == 340


async def test_as_many_as_a_request_may_have_are_added_at_once(store: Store, database_url: str) -> None:
    await made(store)
    assert await added(store, *range(MANY)) == MANY
    assert len(await there(database_url)) == MANY


async def test_an_import_adds_what_is_not_there_yet_in_the_file_s_order(store: Store, database_url: str) -> None:
    await made(store)
    await added(store, 2)
    assert await imported(database_url, contacts(9, 2, 3, 9, 1)) == 3
    assert [(at, number[-1]) for at, number, _ in await there(database_url)] == [(1, "2"), (2, "9"), (3, "3"), (4, "1")]
    assert await imported(database_url, contacts(9, 4)) == 1


async def test_of_a_file_that_breaks_off_nothing_is_imported(store: Store, database_url: str) -> None:
    await made(store)

    def broken() -> Iterable[Contact]:
        yield from contacts(*range(5000))
        raise NotFound("half-way")

    with pytest.raises(NotFound, match="half-way"):
        await imported(database_url, broken())
    assert await there(database_url) == []
    assert await imported(database_url, contacts(1)) == 1


async def test_nothing_is_imported_into_a_list_that_is_not_there(store: Store, database_url: str) -> None:
    with pytest.raises(NotFound):
        await imported(database_url, contacts(1))
    await made(store, DND, "dnd")
    with pytest.raises(NotFound):
        await imported(database_url, contacts(1), DND)


async def test_imports_and_requests_into_one_list_at_once_leave_no_gap(store: Store, database_url: str) -> None:
    await made(store)
    await asyncio.gather(
        imported(database_url, contacts(*range(2000))),
        imported(database_url, contacts(*range(1000, 3000))),
        added(store, *range(2500, 3500)),
    )
    assert len(await there(database_url)) == 3500


async def test_an_import_without_postgres_is_told_so() -> None:
    with pytest.raises(StoreAway):
        await imported("postgresql://postgres@127.0.0.1:1/none", contacts(1))


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    """One of this test's own."""
    with OwnPostgres.run() as postgres:
        yield postgres


async def test_what_is_added_while_postgres_is_away_is_refused_and_taken_afterwards(postgres: OwnPostgres) -> None:
    await migrate(postgres.url)
    async with Store.open(postgres.url, node="n1") as store:
        await made(store)
        await asyncio.to_thread(postgres.stop)
        with pytest.raises(StoreAway):
            await added(store, 1)
        with pytest.raises(StoreAway):
            await imported(postgres.url, contacts(1))
        await asyncio.to_thread(postgres.start)
        assert await added(store, 1) == 1
        assert await there(postgres.url) == [(1, "919910000001", "name 1")]
