"""Lists and imports over HTTP: a real Postgres, real files, a real process for each import."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from engine.api.importer import Importer
from engine.api.turns import Turns
from engine.core.sheet import Bounds
from engine.importing.order import Order
from engine.storage.place import Place
from tests.api.conftest import Client
from tests.storage.servers import Broken, broken

pytestmark = pytest.mark.asyncio(loop_scope="function")

OTHER = {"account": "account_2", "auth": "secret of account_2"}
CUT_SHORT = "the import was cut short, please try again: what is in the list already is not taken twice"
NOT_THERE = (404, {"response": {"message": "there is no such list", "success": "false"}})
CONTACTS = (
    "contact_name,contact_number,field1,field2,field3\n"
    "ankit,919979270001,Ankit,Jayswal,500\n"
    "abc,9800068001,abc,xyz,100\n"
)
SECONDS = 10
WAITS = "SELECT FROM pg_stat_activity WHERE application_name = 'legwork import' AND wait_event_type = 'Lock'"


async def asked(client: Client, name: str, **more: Any) -> tuple[int, Any]:
    reply = await client.post(f"/api/{name}", **more)
    body = await reply.json()
    if reply.status in (429, 503):
        assert int(reply.headers["Retry-After"]) > 0
    return reply.status, body


async def made(client: Client, name: str = "my_campaign_list", **more: Any) -> str:
    """A new list's id."""
    status, body = await asked(client, "create_campaign_list", json={"list_name": name}, **more)
    assert status == 200, body
    list_id: str = body["response"]["list_id"]
    return list_id


async def made_dnd(client: Client) -> str:
    """A new DND list's id."""
    status, body = await asked(client, "create_campaign_dnd_list", json={"dnd_list_name": "my_first_DND_list"})
    assert status == 200, body
    list_id: str = body["response"]["dnd_list_id"]
    return list_id


async def imported(client: Client, list_id: str, csv_name: str = "contacts.csv", **more: Any) -> tuple[int, Any]:
    body = {"list_id": list_id, "csv_name": csv_name}
    return await asked(client, "import_broadcast_contacts_csv", json=body, **more)


def refused(message: str) -> dict[str, Any]:
    return {"response": {"message": message, "success": "false"}}


def told(message: str, **more: Any) -> tuple[int, Any]:
    """The document's reply, and our own fields."""
    fields = {"imported": 0, "duplicates": 0, "invalid": 0, "rejected": []} | more
    return 200, {"response": {"message": message, "success": "true", **fields}}


@pytest.fixture
def written(importer: Importer) -> Callable[..., None]:
    """What writes an account's file."""

    def write(content: str | bytes, name: str = "contacts.csv", account_id: str = "account_1") -> None:
        path = importer.place.folder / account_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


@pytest_asyncio.fixture(loop_scope="function")
async def rows(client: Client, database_url: str) -> AsyncIterator[Callable[[str], Awaitable[list[Any]]]]:
    """What is in a list: position, number, name, fields."""
    connection = await asyncpg.connect(database_url)

    async def read(list_id: str) -> list[Any]:
        query = "SELECT position, number, name, fields::text FROM contacts WHERE list_id = $1 ORDER BY position"
        return [tuple(row) for row in await connection.fetch(query, list_id)]

    yield read
    await connection.close()


Rows = Callable[[str], Awaitable[list[Any]]]
Write = Callable[..., None]

# -- lists ---------------------------------------------------------------------------------------


async def test_a_list_has_an_id_of_the_document_s_form(client: Client) -> None:
    # {"response": {"list_id": "LSdb6a12e1f1","success": "true"}}
    assert re.fullmatch(r"LS[0-9a-f]{10}", await made(client))
    # {"response": {"dnd_list_id": "DNda1b361461","success": "true"}}
    assert re.fullmatch(r"DN[0-9a-f]{10}", await made_dnd(client))


async def test_the_name_of_a_list_is_given_once_in_an_account(client: Client) -> None:
    # "Provide unique list_name of your choice"
    first = await made(client, "one")
    message = "this name is taken"
    assert await asked(client, "create_campaign_list", json={"list_name": " one "}) == (409, refused(message))
    assert await made(client, "one", headers=OTHER) != first
    assert (await asked(client, "create_campaign_dnd_list", json={"dnd_list_name": "one"}))[0] == 200


# -- contacts in the request ---------------------------------------------------------------------


async def test_contacts_are_put_into_a_list(client: Client, rows: Rows) -> None:
    # {“list_id”:”LSaa8f9db7e6″,”contacts”:[{“contact_name”:”ankit”,”contact_number”:”91997927XXXX”,”contact_fields”:
    # {“field1″:”Ankit”,”field2″:”Jayswal”,”field3″:”500″}},{“contact_name”:”abc”,”contact_number”:”91800068XXXX”,…
    list_id = await made(client)
    contacts = [
        {
            "contact_name": "ankit",
            "contact_number": "919979270001",
            "contact_fields": {"field1": "Ankit", "field2": "Jayswal", "field3": "500"},
        },
        {
            "contact_name": "abc",
            "contact_number": "9800068001",
            "contact_fields": {"field1": "abc", "field2": "xyz", "field3": "100"},
        },
    ]
    body = {"list_id": list_id, "contacts": contacts}
    # {"response": {"message": "(2) contacts imported successfully","success": "true"}}
    assert await asked(client, "add_contact_to_list", json=body) == told(
        "(2) contacts imported successfully", imported=2
    )
    assert await rows(list_id) == [
        (1, "919979270001", "ankit", '{"field1": "Ankit", "field2": "Jayswal", "field3": "500"}'),
        (2, "919800068001", "abc", '{"field1": "abc", "field2": "xyz", "field3": "100"}'),
    ]
    again = body | {"list_id": f" “{list_id}” "}
    assert await asked(client, "add_contact_to_list", json=again) == told(
        "(0) contacts imported successfully", duplicates=2
    )


async def test_numbers_not_to_be_called_are_put_into_their_list(client: Client, rows: Rows) -> None:
    list_id = await made_dnd(client)
    contacts = [
        {"dnd_contact_name": "ankit", "dnd_contact_number": "919979270001"},
        {"dnd_contact_name": "abc", "dnd_contact_number": "+919800068001"},
    ]
    # {"response": {"message": "(2) DND contacts imported successfully","success": "true"}}
    assert await asked(
        client, "add_dnd_contact_to_list", json={"dnd_list_id": list_id, "dnd_contacts": contacts}
    ) == told("(2) DND contacts imported successfully", imported=2)
    assert [row[1:3] for row in await rows(list_id)] == [("919979270001", "ankit"), ("919800068001", "abc")]


async def test_what_can_not_be_called_is_left_out_and_told(client: Client, rows: Rows) -> None:
    list_id = await made(client)
    numbers = ["919979270001", "=1+1", "91997927XXXX", "09979270001", "112", ""]
    contacts = [{"contact_number": number} for number in numbers]
    body = {"list_id": list_id, "contacts": contacts}
    shape = "only digits, 3 to 15 of them, with an optional + in front"
    assert await asked(client, "add_contact_to_list", json=body) == told(
        "(1) contacts imported successfully",
        imported=1,
        duplicates=1,
        invalid=4,
        rejected=[
            {"line": 2, "reason": shape},
            {"line": 3, "reason": shape},
            {"line": 5, "reason": "an emergency number is not a valid telephone number here"},
            {"line": 6, "reason": "there is no number"},
        ],
    )
    body = {"list_id": list_id, "contacts": [{"contact_number": "x"}] * 30}
    status, reply = await asked(client, "add_contact_to_list", json=body)
    assert (status, reply["response"]["message"]) == (200, "(0) contacts imported successfully")
    assert (reply["response"]["invalid"], len(reply["response"]["rejected"])) == (30, 10)
    assert len(await rows(list_id)) == 1


async def test_ten_thousand_contacts_are_taken_at_once_and_no_more(client: Client) -> None:
    list_id = await made(client)
    contacts = [{"contact_number": f"91991{number:07}"} for number in range(10_001)]
    status, body = await asked(client, "add_contact_to_list", json={"list_id": list_id, "contacts": contacts})
    assert (status, body) == (400, refused("contacts: at most 10,000 at once"))
    status, body = await asked(client, "add_contact_to_list", json={"list_id": list_id, "contacts": contacts[:-1]})
    assert body["response"]["message"] == "(10000) contacts imported successfully"


async def test_a_list_is_there_for_its_account_and_its_kind_only(client: Client, rows: Rows, written: Write) -> None:
    written(CONTACTS, account_id="account_2")
    list_id, dnd_id = await made(client), await made_dnd(client)
    contacts = [{"contact_number": "919979270001", "dnd_contact_number": "919979270001"}]
    more: dict[str, Any]
    for target, more in ((list_id, {"headers": OTHER}), (dnd_id, {}), ("LS0000000000", {}), ("CM7b1234abcd", {})):
        body = {"list_id": target, "contacts": contacts}
        assert await asked(client, "add_contact_to_list", json=body, **more) == NOT_THERE
        body = {"list_id": target, "csv_name": "contacts.csv"}
        assert await asked(client, "import_broadcast_contacts_csv", json=body, **more) == NOT_THERE
    for target, more in ((dnd_id, {"headers": OTHER}), (list_id, {})):
        body = {"dnd_list_id": target, "dnd_contacts": contacts}
        assert await asked(client, "add_dnd_contact_to_list", json=body, **more) == NOT_THERE
        body = {"dnd_list_id": target, "dnd_csv_name": "contacts.csv"}
        assert await asked(client, "import_dnd_contacts_csv", json=body, **more) == NOT_THERE
    assert await rows(list_id) == await rows(dnd_id) == []


# -- files ---------------------------------------------------------------------------------------


async def test_a_file_is_put_into_a_list(client: Client, rows: Rows, written: Write) -> None:
    # "This API reads the provided CSV file and import contacts to the given list_id."
    list_id = await made(client)
    written("\ufeff" + CONTACTS.replace("\n", "\r\n"))
    assert await imported(client, f" {list_id}", "“contacts.csv”") == told(
        "(2) contacts imported successfully", imported=2
    )
    assert await rows(list_id) == [
        (1, "919979270001", "ankit", '{"field1": "Ankit", "field2": "Jayswal", "field3": "500"}'),
        (2, "919800068001", "abc", '{"field1": "abc", "field2": "xyz", "field3": "100"}'),
    ]
    more = '"=HYPERLINK(""x"")",9800068002,=1+1,"two\nlines",+1\n+1,=1+1,a,b,c\nx,9800068003,a\nx,9800068002,a,b,c\n'
    written(CONTACTS + more, "b/c.csv")
    assert await imported(client, list_id, "b/c.csv") == told(
        "(1) contacts imported successfully",
        imported=1,
        duplicates=3,
        invalid=2,
        rejected=[
            {"line": 6, "reason": "only digits, 3 to 15 of them, with an optional + in front"},
            {"line": 7, "reason": "3 cells where the header has 5"},
        ],
    )
    fields = '{"field1": "=1+1", "field2": "two lines", "field3": "+1"}'
    assert (await rows(list_id))[2:] == [(3, "919800068002", '=HYPERLINK("x")', fields)]


async def test_a_file_of_numbers_not_to_be_called(client: Client, rows: Rows, written: Write) -> None:
    # {“dnd_list_id”:”DNd2b09f8f80″,”dnd_csv_name”:”dnd_contacts.csv”}
    list_id = await made_dnd(client)
    written("name,number\nankit,919979270001\nabc,9800068001\nabc,112\n", "dnd_contacts.csv")
    body = {"dnd_list_id": list_id, "dnd_csv_name": "dnd_contacts.csv"}
    assert await asked(client, "import_dnd_contacts_csv", json=body) == told(
        "(2) DND contacts imported successfully",
        imported=2,
        invalid=1,
        rejected=[{"line": 4, "reason": "an emergency number is not a valid telephone number here"}],
    )
    assert [row[1] for row in await rows(list_id)] == ["919979270001", "919800068001"]


COLUMNS = ",".join(f"f{column}" for column in range(1000))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTACTS.encode() + "müller,919979270002,a,b,c\n".encode("latin-1"), "line 4 is not UTF-8"),
        (CONTACTS.encode() + b"a,919979270002,\0,b,c\n", "line 4 holds a NUL, which is in no text"),
        (
            CONTACTS.encode() + b'"' + b"x\n" * 50_000,
            "line 32003: a row is longer than 64 kB, or a quote in it has no end",
        ),
        (
            f"contact_number,{COLUMNS}\n".encode(),
            "the file has more than 50 columns besides name and number",
        ),
        (b"", "the first line of the file must name its columns, contact_number among them"),
    ],
)
async def test_of_a_file_that_is_refused_nothing_is_imported(
    client: Client, rows: Rows, written: Write, content: bytes, message: str
) -> None:
    list_id = await made(client)
    written(content)
    assert await imported(client, list_id) == (400, refused(message))
    assert await rows(list_id) == []


@pytest.mark.parametrize("bounds", [Bounds(rows=1), Bounds(total_bytes=100)])
async def test_a_file_that_is_too_large_is_refused(
    client: Client, rows: Rows, written: Write, importer: Importer, bounds: Bounds
) -> None:
    list_id = await made(client)
    importer.bounds = bounds
    written(CONTACTS)
    status, body = await imported(client, list_id)
    assert (status, body["response"]["success"]) == (400, "false")
    assert await rows(list_id) == []


async def test_no_file_of_anybody_else_is_read(client: Client, rows: Rows, written: Write, tmp_path: Path) -> None:
    list_id = await made(client)
    written(CONTACTS, account_id="account_2")
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    written("", "x.csv")
    (tmp_path / "imports/account_1/link.csv").symlink_to(tmp_path / "contacts.csv")
    message = "the name of a file is made of letters, digits and . _ - ( ), and leads nowhere else"
    for name in ("../account_2/contacts.csv", "../../contacts.csv", str(tmp_path / "contacts.csv"), "a\\b", "a\0b"):
        assert await imported(client, list_id, name) == (400, refused(message)), name
    assert await imported(client, list_id, "link.csv") == (400, refused("this is no file"))
    assert await imported(client, list_id) == (404, refused("there is no such file"))
    assert await rows(list_id) == []


# -- what goes wrong meanwhile -------------------------------------------------------------------


@pytest.fixture
def bucket(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broken]:
    """A bucket with the file in it, which stalls half-way."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI-EXAMPLE")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with broken("stalling", CONTACTS.encode()) as (bucket, url):
        importer.place = Place(folder=Path("/nonexistent"), bucket="b", endpoint_url=url, region="us-east-1")
        yield bucket


async def begun(bucket: Broken, count: int = 1) -> list[int]:
    """The imports' processes, once the bucket was asked so many times."""
    async with asyncio.timeout(SECONDS):
        while bucket.requests < count:
            await asyncio.sleep(0.02)
    return imports()


def imports() -> list[int]:
    """Those that run now."""
    return [pid for pid in children() if b"engine.importing" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def children() -> list[int]:
    """Our own processes."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        ("failing", "the bucket refuses: InternalError"),
        ("half", "the bucket does not answer: IncompleteReadError"),
    ],
)
async def test_a_bucket_in_trouble_is_told_and_nothing_is_imported(
    client: Client, rows: Rows, bucket: Broken, trouble: str, message: str
) -> None:
    list_id = await made(client)
    bucket.trouble = trouble
    assert await imported(client, list_id) == (503, refused(message))
    assert await rows(list_id) == []
    bucket.trouble = "none"
    assert await imported(client, list_id) == told("(2) contacts imported successfully", imported=2)


async def test_of_an_import_that_is_killed_nothing_stays_and_the_next_one_works(
    client: Client, rows: Rows, bucket: Broken
) -> None:
    list_id = await made(client)
    waiting = asyncio.create_task(imported(client, list_id))
    (process,) = await begun(bucket)
    os.kill(process, signal.SIGKILL)
    assert await waiting == (503, refused(CUT_SHORT))
    assert await rows(list_id) == []
    bucket.trouble = "none"
    assert await imported(client, list_id) == told("(2) contacts imported successfully", imported=2)


async def test_of_an_import_that_is_killed_while_it_adds_nothing_stays_either(
    client: Client, rows: Rows, written: Write, database_url: str
) -> None:
    list_id = await made(client)
    written(CONTACTS)
    connection, watch = [await asyncpg.connect(database_url) for _ in range(2)]
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM lists WHERE list_id = $1 FOR UPDATE", list_id)
            waiting = asyncio.create_task(imported(client, list_id))
            async with asyncio.timeout(SECONDS):
                while not await watch.fetch(WAITS):
                    await asyncio.sleep(0.02)
            (process,) = imports()
            os.kill(process, signal.SIGKILL)
            assert await waiting == (503, refused(CUT_SHORT))
    finally:
        await connection.close()
        await watch.close()
    assert await imported(client, list_id) == told("(2) contacts imported successfully", imported=2)
    assert len(await rows(list_id)) == 2


async def test_an_import_that_takes_too_long_is_ended(
    client: Client, rows: Rows, bucket: Broken, importer: Importer
) -> None:
    list_id = await made(client)
    importer.seconds = 1.0
    status, body = await imported(client, list_id)
    assert (status, body) == (503, refused("the import took longer than 1 s: make files of fewer rows of it"))
    assert imports() == []
    assert await rows(list_id) == []


async def test_an_account_has_one_import_at_a_time_and_keeps_no_other_out(
    client: Client, rows: Rows, bucket: Broken, importer: Importer
) -> None:
    importer.turns = Turns(at_once=1, waiting=1, what="too many files are to be imported at once")
    list_id, another = await made(client), await made(client, headers=OTHER)
    own = [asyncio.create_task(imported(client, list_id)) for _ in range(2)]
    assert len(await begun(bucket)) == 1
    message = "too many files are to be imported at once, please try again"
    assert await imported(client, list_id) == (429, refused(message))
    theirs = asyncio.create_task(imported(client, another, headers=OTHER))
    assert len(await begun(bucket, 2)) == 2
    bucket.trouble = "none"
    bucket.over.set()
    found = await asyncio.gather(*own)
    await theirs
    assert sorted(status for status, _ in found) == [200, 503]
    assert len(await rows(list_id)) == 2


async def test_an_import_ends_with_whoever_asked_for_it(bucket: Broken, importer: Importer) -> None:
    order = Order(
        database_url=importer.database_url,
        place=importer.place,
        account_id="account_1",
        region="IN",
        kind="contacts",
        list_id="LSaa8f9db7e6",
        key="contacts.csv",
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "engine.importing", stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    process.stdin.write(order.told())
    await begun(bucket)
    assert process.returncode is None
    process.stdin.close()
    async with asyncio.timeout(SECONDS):
        assert await process.wait() == 3


async def test_an_import_without_postgres_is_told_so(client: Client, written: Write, importer: Importer) -> None:
    list_id = await made(client)
    written(CONTACTS)
    importer.database_url = "postgresql://postgres@127.0.0.1:1/none"
    assert await imported(client, list_id) == (503, refused("the database does not answer, please try again"))
