"""Uploaded announcements on a real Postgres: their ids, whose they are, what is left of them."""

import asyncio
import re
import time

import pytest

from engine.errors import StoreAway
from engine.store.connection import connect
from engine.store.postgres import Row, Store
from tests.store.conftest import execute

pytestmark = pytest.mark.asyncio(loop_scope="function")

DAY = 86400


def of_the_file(item_id: str, number: str, *, account_id: str = "account_1", position: int = 0) -> Row:
    body = {"id": item_id, "file": f"/srv/sounds/{item_id}", "alias": number, "seconds": 2.5}
    return {"kind": "announcement", "account_id": account_id, "id": item_id, "position": position, "body": body}


async def added(store: Store, *, account_id: str = "account_1", name: str = "one.mp3", most: int = 100) -> Row:
    row = await store.add_announcement(account_id, name=name, seconds=1.5, sound=b"RIFF one", most=most)
    assert row is not None
    return row


async def test_an_id_is_a_moment_and_a_number_of_the_accounts_own(store: Store) -> None:
    before = int(time.time())
    first, second, other = await added(store), await added(store), await added(store, account_id="account_2")
    moment, number = re.fullmatch(r"([0-9]{10})_([0-9]+)\.wav", first["id"]).groups()  # type: ignore[union-attr]
    assert before - 2 <= int(moment) <= time.time() + 2
    assert [number, first["number"], second["number"], other["number"]] == ["1", "1", "2", "1"]
    assert second["id"].endswith("_2.wav")
    assert (first["name"], first["seconds"], first["source"]) == ("one.mp3", 1.5, "upload")
    assert first["uploaded_at"] == pytest.approx(time.time(), abs=5)


async def test_numbers_that_are_names_already_are_left_out(store: Store) -> None:
    items = [of_the_file(f"161044860{n}_{n}.wav", str(n)) for n in (1, 2, 4, 5)]
    items += [of_the_file("7", ""), of_the_file("welcome", "8"), of_the_file("x_3.wav", "3", account_id="account_2")]
    await store.apply(items)
    assert [(await added(store))["number"] for _ in range(4)] == ["3", "6", "9", "10"]
    await store.apply([])
    assert (await added(store))["number"] == "11", "nor is one that may come back into the file"


async def test_many_at_once_have_a_number_each_and_none_is_left_out(store: Store) -> None:
    await store.apply([of_the_file("x_5.wav", "5")])
    rows = await asyncio.gather(*(added(store) for _ in range(40)))
    assert sorted(int(row["number"]) for row in rows) == [*range(1, 5), *range(6, 42)]
    assert len({row["id"] for row in rows}) == 40


async def test_apply_leaves_what_was_uploaded(store: Store) -> None:
    row = await added(store)
    await store.apply([of_the_file("x_1.wav", "1")])
    await store.apply([])
    assert [each["id"] for each in await store.announcements("account_1")] == [row["id"]]
    assert await store.sound("account_1", row["id"]) == b"RIFF one"


async def test_the_list_has_the_files_own_first_and_no_paths(store: Store) -> None:
    uploaded = [await added(store, name=f"{n}.mp3") for n in range(11)]
    items = [of_the_file("b_20.wav", "20", position=1), of_the_file("a_21.wav", "21", position=2)]
    older = of_the_file("older", "")
    del older["body"]["seconds"]  # applied by a version that did not look
    await store.apply([*items, older, of_the_file("theirs", "", account_id="account_2")])
    found = await store.announcements("account_1")
    assert [row["id"] for row in found] == ["b_20.wav", "a_21.wav", *(row["id"] for row in uploaded)]
    assert [row["source"] for row in found] == ["file", "file", *["upload"] * 11]
    assert (found[0]["number"], found[0]["name"], found[0]["seconds"]) == ("20", "b_20.wav", 2.5)
    assert found[0]["uploaded_at"] is None


async def test_another_accounts_is_not_there(store: Store) -> None:
    row = await added(store)
    assert await store.announcements("account_2") == []
    assert await store.sound("account_2", row["id"]) is None
    assert await store.delete_announcement("account_2", row["id"]) is False
    assert await store.sound("account_1", row["id"]) == b"RIFF one"


async def test_what_is_deleted_is_gone_at_once_and_its_number_with_it(store: Store, database_url: str) -> None:
    row = await added(store)
    assert await store.delete_announcement("account_1", row["id"]) is True
    assert await store.delete_announcement("account_1", row["id"]) is False
    assert await store.sound("account_1", row["id"]) is None
    assert await store.announcements("account_1") == []
    assert (await added(store))["number"] == "2"
    (deleted,) = [each for each in await store.uploads(deleted_seconds=DAY) if each["deleted_at"]]
    assert deleted["id"] == row["id"]
    await execute(database_url, "UPDATE announcements SET deleted_at = deleted_at - interval '25 hours'")
    assert [each["number"] for each in await store.uploads(deleted_seconds=DAY)] == [2]


async def test_an_account_has_as_many_as_it_may_have(store: Store) -> None:
    rows = [await added(store, most=2) for _ in range(2)]
    assert await store.add_announcement("account_1", name="x", seconds=1.0, sound=b"x", most=2) is None
    await added(store, account_id="account_2", most=2)
    await store.delete_announcement("account_1", rows[0]["id"])
    await added(store, most=2)


async def test_running_engines_are_told(store: Store, database_url: str) -> None:
    told: list[str] = []
    connection = await connect(database_url)
    try:
        await connection.add_listener("legwork", lambda *arguments: told.append(str(arguments[3])))
        row = await added(store)
        await store.delete_announcement("account_1", row["id"])
        async with asyncio.timeout(2):
            while len(told) < 2:
                await asyncio.sleep(0.01)
        assert told == ["announcement account_1"] * 2
    finally:
        await connection.close()


async def test_ten_minutes_of_sound_come_back_as_they_were(store: Store) -> None:
    sound = bytes(range(256)) * 37500
    row = await store.add_announcement("account_1", name="long", seconds=600, sound=sound, most=9)
    assert row is not None
    assert await store.sound("account_1", row["id"]) == sound


async def test_a_sound_may_take_longer_than_other_rows(store: Store, database_url: str) -> None:
    row = await added(store)
    connection = await connect(database_url)
    async with connection.transaction():
        await connection.execute("LOCK TABLE announcements IN ACCESS EXCLUSIVE MODE")
        read = asyncio.create_task(store.sound("account_1", row["id"]))
        write = asyncio.create_task(added(store))
        with pytest.raises(StoreAway):
            await store.announcements("account_1")
        await asyncio.sleep(1)
    assert (await read, (await write)["number"]) == (b"RIFF one", "2")
    await connection.close()
