"""Announcements over our own API: sent, listed, played, deleted; each account its own; known to calls at once."""

import asyncio
import itertools
import os
import re
import time
import wave
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from structlog.testing import capture_logs
from yarl import URL

from docker.tones import loudness, tones
from engine.accounts import Accounts
from engine.api import upload
from engine.api.dialects.sarv import PATHS
from engine.core.account import Announcement
from engine.core.asks import UploadAnnouncement
from engine.errors import StoreAway
from engine.media import shelf as shelves
from engine.media.convert import Converted
from engine.media.shelf import Shelf
from engine.store.postgres import Store
from tests.api.conftest import ROUTE, Client, SwitchDouble, account
from tests.media.files import decibel, samples_of, sound
from tests.store.conftest import execute

pytestmark = pytest.mark.asyncio(loop_scope="function")

PATH = "/v1/announcements"
OTHER = {"account": "account_2", "auth": "secret of account_2"}
WAV, MP3, OGG = sound(coding=("-b", "16")), sound("mp3"), sound("ogg")
MEGABYTE = 1_000_000


@pytest_asyncio.fixture(loop_scope="function")
async def accounts(store: Store, tmp_path: Path) -> Accounts:
    """What is applied: one announcement in the file."""
    (tmp_path / "hello.wav").write_bytes(b"of the file")
    body = {"id": "x_84.wav", "file": str(tmp_path / "hello.wav"), "alias": "84", "seconds": 2.5}
    item = {"kind": "announcement", "account_id": "account_1", "id": "x_84.wav", "position": 1, "body": body}
    await store.apply([account("account_1"), account("account_2"), ROUTE, item])
    accounts = Accounts()
    accounts.replace(await store.applied())
    return accounts


def form(content: bytes, file_name: str = "tone.wav", **more: str) -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False)
    for name, value in more.items():
        if name != "content_type":
            data.add_field(name, value)
    data.add_field("file", BytesIO(content), filename=file_name, content_type=more.get("content_type"))
    return data


async def sent(client: Client, content: bytes = MP3, file_name: str = "tone.mp3", **more: str) -> dict[str, Any]:
    async with client.post(PATH, data=form(content, file_name, **more)) as reply:
        body: dict[str, Any] = await reply.json()
        assert reply.status == 201, body
    return body


async def refused(client: Client, status: int, **more: Any) -> dict[str, Any]:
    async with client.post(PATH, **more) as reply:
        body = await reply.json()
        assert (reply.status, set(body["error"])) == (status, {"code", "message", "param", "request_id"}), body
    error: dict[str, Any] = body["error"]
    return error


async def listed(client: Client, **more: Any) -> list[dict[str, Any]]:
    async with client.get(PATH, **more) as reply:
        assert reply.status == 200
        found: list[dict[str, Any]] = (await reply.json())["announcements"]
    return found


# -- what is sent ----------------------------------------------------------------------------


@pytest.mark.parametrize(("content", "name"), [(WAV, "tone.wav"), (MP3, "tone.mp3"), (OGG, "tone.ogg")])
async def test_what_is_sent_is_what_is_played(client: Client, content: bytes, name: str) -> None:
    body = await sent(client, content, name)
    assert re.fullmatch(r"[0-9]{10}_1\.wav", body["id"])
    assert (body["number"], body["name"], body["source"]) == ("1", name, "upload")
    assert body["seconds"] == pytest.approx(1, abs=0.05)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", body["uploaded_at"])
    for way in (body["id"], body["number"]):
        async with client.get(f"{PATH}/{way}") as reply:
            assert (reply.status, reply.content_type) == (200, "audio/wav")
            samples = samples_of(await reply.read())
        assert max(tones(samples, [600, 700]), key=lambda each: each.seconds).hz == 600
        assert decibel(loudness(samples)) == pytest.approx(-18, abs=0.5)


async def test_the_body_may_be_the_file(client: Client) -> None:
    async with client.post(PATH, data=MP3, params={"name": "Hello"}, headers={"Content-Type": "audio/mpeg"}) as reply:
        assert (reply.status, (await reply.json())["name"]) == (201, "Hello")
    async with client.post(PATH, data=WAV, headers={"Content-Type": "application/octet-stream"}) as reply:
        body = await reply.json()
        assert (reply.status, body["name"]) == (201, body["id"])


async def test_it_is_called_what_it_is_to_be_called(client: Client) -> None:
    assert (await sent(client, name="Welcome, कृपया"))["name"] == "Welcome, कृपया"
    assert (await sent(client, MP3, "../../etc/passwd.mp3"))["name"] == "passwd.mp3"
    assert (await sent(client, MP3, "C:\\sounds\\one.mp3"))["name"] == "one.mp3"
    assert (await sent(client, name="\u202ex" * 200))["name"] == "x" * 100


@pytest.mark.parametrize(
    ("content", "label", "status", "code"),
    [
        (WAV, {"file_name": "x.mp3"}, 415, "mislabelled"),
        (MP3, {"file_name": "x.ogg"}, 415, "mislabelled"),
        (OGG, {"file_name": "x", "content_type": "audio/wav"}, 415, "mislabelled"),
        (b"#EXTM3U\n/etc/passwd", {"file_name": "x.mp3"}, 415, "unknown_sound"),
        (b"", {"file_name": "x.mp3"}, 415, "unknown_sound"),
        (OGG[:-500], {"file_name": "x.ogg"}, 400, "broken_sound"),
        (sound(gain=-200, coding=("-b", "16")), {}, 400, "silent_sound"),
        (sound(seconds=0.1, coding=("-b", "16")), {}, 400, "sound_too_short"),
    ],
)
async def test_what_is_no_sound_is_refused_with_its_code(
    client: Client, content: bytes, label: dict[str, str], status: int, code: str
) -> None:
    assert (await refused(client, status, data=form(content, **label)))["code"] == code
    assert len(await listed(client)) == 1


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("as_form", [True, False])
async def test_eleven_megabytes_are_refused(client: Client, said: bool, as_form: bool) -> None:
    large = MP3[:1000] + bytes(11 * MEGABYTE)

    async def in_chunks() -> AsyncIterator[bytes]:
        head, tail = b"", b""
        if as_form:
            head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="x.mp3"\r\n\r\n'
            tail = b"\r\n--x--\r\n"
        yield head
        for begin in range(0, len(large), MEGABYTE):
            yield large[begin : begin + MEGABYTE]
        yield tail

    content_type = "multipart/form-data; boundary=x" if as_form else "audio/mpeg"
    data = BytesIO(b"".join([chunk async for chunk in in_chunks()])) if said else in_chunks()
    try:
        error = await refused(client, 413, data=data, headers={"Content-Type": content_type})
        assert error["code"] == "too_large"
    except (aiohttp.ClientConnectionError, ConnectionError):
        assert not said or as_form, "cut off while it was still sending"
    assert len(await listed(client)) == 1


async def test_who_says_that_it_is_eleven_need_not_send_them(client: Client) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    head = "POST /v1/announcements HTTP/1.1\r\nHost: x\r\naccount: account_1\r\nauth: secret of account_1\r\n"
    writer.write(f"{head}Content-Type: audio/mpeg\r\nContent-Length: 11000000\r\n\r\n".encode())
    async with asyncio.timeout(5):
        assert (await reader.readline()).split()[1] == b"413"
    writer.close()
    await writer.wait_closed()


async def test_nearly_ten_megabytes_are_taken(client: Client) -> None:
    large = sound(seconds=56, coding=("-b", "16"))
    assert 9.8 * MEGABYTE < len(large) < 10 * MEGABYTE
    assert (await sent(client, large, "x.wav"))["seconds"] == pytest.approx(56, abs=0.01)


async def test_other_routes_take_one_megabyte_as_ever(client: Client) -> None:
    async with client.post("/api/click2call", data=b'{"agent_number":"' + b"1" * MEGABYTE + b'"}') as reply:
        assert reply.status == 413


@pytest.mark.parametrize(
    ("data", "headers", "message"),
    [
        (b"{}", {"Content-Type": "application/json"}, "send the file"),
        (b"x=1", {"Content-Type": "application/x-www-form-urlencoded"}, "send the file"),
        (b"", {"Content-Type": "multipart/form-data; boundary=x"}, "read|file is required"),
        (b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, "file is required"),
        (b"--x\r\n", {"Content-Type": "multipart/form-data"}, "can not be read"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nab',
            {"Content-Type": "multipart/form-data; boundary=x"},
            "",
        ),
        (b"--x\r\n\xff: \xff\r\n\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, ""),
        (
            b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--x--",
            {"Content-Type": "multipart/form-data; boundary=x"},
            "form within",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\xfe\r\n--x--\r\n',
            {"Content-Type": "multipart/form-data; boundary=x"},
            "can not be read",
        ),
    ],
)
async def test_what_is_no_upload_is_refused(client: Client, data: bytes, headers: dict[str, str], message: str) -> None:
    async with client.post(PATH, data=data, headers=headers) as reply:
        error = (await reply.json())["error"]
        assert reply.status in (400, 415), error
    assert re.search(message, error["message"])


FORM = (
    b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nhello\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="x.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n'
    + MP3[:300]
    + b"\r\n--B--\r\n"
)
SPLINTERS = (b"\r\n", b"--B", b"\0", b"\xff", b";", b'"', b"filename*=utf-8''x%ff", b"Content-Length: 5\r\n")
ENCODINGS = (b"Content-Transfer-Encoding: base64\r\n", b"Content-Encoding: gzip\r\n")


@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionParam")
async def test_a_broken_form_is_refused_and_nothing_else(client: Client) -> None:
    random, seen = Random(5), set()
    for _ in range(400):
        broken = bytearray(FORM)
        for _ in range(random.randint(1, 6)):
            at = random.randrange(min(len(broken), 230) or 1)
            match random.randrange(4):
                case 0:
                    broken[at : at + 1] = bytes([random.randrange(256)])
                case 1:
                    del broken[at : at + random.randrange(20)]
                case 2:
                    broken[at:at] = random.choice(SPLINTERS + ENCODINGS)
                case 3:
                    del broken[at + random.randrange(400) :]
        async with client.post(
            PATH, data=bytes(broken), headers={"Content-Type": "multipart/form-data; boundary=B"}
        ) as reply:
            seen.add(reply.status)
    assert seen == {400, 415}


async def test_a_form_with_two_files_or_much_besides_is_refused(client: Client) -> None:
    two = form(MP3, "x.mp3")
    two.add_field("file", MP3, filename="y.mp3")
    assert (await refused(client, 400, data=two))["param"] == "file"
    much = aiohttp.FormData()
    for n in range(20):
        much.add_field(f"field{n}", "x" * 1000)
    much.add_field("file", MP3, filename="x.mp3")
    assert (await refused(client, 413, data=much))["code"] == "too_large"


async def test_who_sends_too_slowly_is_told_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "UPLOAD_SECONDS", 0.2)

    async def slowly() -> AsyncIterator[bytes]:
        yield MP3[:100]
        await asyncio.sleep(0.6)
        yield MP3[100:]

    error = await refused(client, 400, data=slowly(), headers={"Content-Type": "audio/mpeg"})
    assert "did not arrive" in error["message"]


@pytest.mark.parametrize("as_form", [False, True])
async def test_who_hardly_sends_anything_makes_room_early(
    client: Client, monkeypatch: pytest.MonkeyPatch, *, as_form: bool
) -> None:
    monkeypatch.setattr(upload, "FIRST_SECONDS", 0.3)
    head = b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\n' if as_form else b""
    kind = "multipart/form-data; boundary=B" if as_form else "audio/mpeg"

    async def drips() -> AsyncIterator[bytes]:
        yield head
        for place in range(100):
            yield MP3[place : place + 1]
            await asyncio.sleep(0.05)

    began = time.monotonic()
    error = await refused(client, 400, data=drips(), headers={"Content-Type": kind})
    assert "slower than 50 kB a second" in error["message"]
    assert time.monotonic() - began < 2


async def test_who_sends_steadily_may_take_longer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "FIRST_SECONDS", 0.3)
    monkeypatch.setattr(upload, "BYTES_A_SECOND", len(MP3) // 10)

    async def steadily() -> AsyncIterator[bytes]:
        step = len(MP3) // 10 + 1
        for place in range(0, len(MP3), step):
            yield MP3[place : place + step]
            await asyncio.sleep(0.1)

    async with client.post(PATH, data=steadily(), headers={"Content-Type": "audio/mpeg"}) as reply:
        assert reply.status == 201


async def test_only_so_many_are_taken_at_once_and_two_converted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = most = 0

    async def convert(*_: Any, **__: Any) -> Converted:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.05)
        at_work -= 1
        return Converted(b"RIFF", 1.0)

    monkeypatch.setattr(shelves, "convert", convert)

    async def send(account: str = "account_1") -> tuple[int, str | None]:
        headers = {"Content-Type": "audio/mpeg", "account": account, "auth": f"secret of {account}"}
        async with client.post(PATH, data=MP3, headers=headers) as reply:
            return reply.status, reply.headers.get("Retry-After")

    answers = await asyncio.gather(*(send() for _ in range(10)), *(send("account_2") for _ in range(2)))
    assert answers[:10].count((201, None)) == upload.OF_ONE
    assert answers[:10].count((503, "5")) == 10 - upload.OF_ONE
    assert answers[10:] == [(201, None)] * 2, "another account is not kept out"
    assert most == 2
    monkeypatch.setattr(upload, "OF_ONE", 100)
    answers = await asyncio.gather(*(send() for _ in range(20)))
    assert answers.count((201, None)) == upload.AT_ONCE
    assert await send() == (201, None), "afterwards there is room again"
    numbers = [each["number"] for each in await listed(client)][1:]
    assert numbers == [str(n) for n in range(1, 14)]


async def test_an_account_with_too_many_is_told_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MOST", 1)
    await sent(client)
    assert (await refused(client, 409, data=form(MP3, "x.mp3")))["code"] == "too_many_announcements"


# -- what is there ---------------------------------------------------------------------------


async def test_the_list_has_both_kinds_and_no_path(client: Client, tmp_path: Path) -> None:
    body = await sent(client)
    of_the_file = {
        "id": "x_84.wav",
        "number": "84",
        "name": "hello.wav",
        "seconds": 2.5,
        "source": "file",
        "uploaded_at": None,
    }
    assert await listed(client) == [of_the_file, body]


async def test_one_of_the_file_is_played_and_not_deleted(client: Client) -> None:
    for name in ("x_84.wav", "84"):
        async with client.get(f"{PATH}/{name}") as reply:
            assert (reply.status, await reply.read()) == (200, b"of the file")
        async with client.delete(f"{PATH}/{name}") as reply:
            error = (await reply.json())["error"]
            assert (reply.status, error["code"]) == (409, "of_the_file")
            assert "legwork apply" in error["message"]


async def test_what_is_deleted_is_gone(client: Client, accounts: Accounts) -> None:
    one, two = await sent(client), await sent(client)
    async with client.delete(f"{PATH}/{one['id']}") as reply:
        assert (reply.status, await reply.json()) == (200, one)
    async with client.delete(f"{PATH}/{two['number']}") as reply:
        assert reply.status == 200
    for name in (one["id"], one["number"], two["id"], two["number"]):
        for method in ("GET", "DELETE"):
            async with client.request(method, f"{PATH}/{name}") as reply:
                assert (reply.status, (await reply.json())["error"]["code"]) == (404, "not_found")
        assert name not in accounts.accounts["account_1"].announcements
    assert [each["id"] for each in await listed(client)] == ["x_84.wav"]


async def test_another_accounts_is_not_there(client: Client, accounts: Accounts) -> None:
    body = await sent(client)
    for name in (body["id"], body["number"], "x_84.wav", "84"):
        for method in ("GET", "DELETE"):
            async with client.request(method, f"{PATH}/{name}", headers=OTHER) as reply:
                assert (reply.status, (await reply.json())["error"]["code"]) == (404, "not_found")
    assert await listed(client, headers=OTHER) == []
    assert accounts.accounts["account_2"].announcements == {}
    assert len(await listed(client)) == 2


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "....wav", "%00", "account_2%2f1", "sound:x", "%ff", "x" * 5000],
)
async def test_a_path_is_no_id(client: Client, name: str) -> None:
    for method in ("GET", "DELETE"):
        async with client.request(method, URL(f"{PATH}/{name}", encoded=True)) as reply:
            assert reply.status in (400, 404)


async def test_strangers_are_told_before_they_send_anything(client: Client) -> None:
    for method, path in (("POST", PATH), ("GET", PATH), ("GET", f"{PATH}/84"), ("DELETE", f"{PATH}/84")):
        async with client.request(method, path, headers={"account": "account_1", "auth": "wrong"}) as reply:
            assert (reply.status, (await reply.json())["error"]["code"]) == (401, "unauthorised")


# -- calls -----------------------------------------------------------------------------------


async def test_it_can_be_played_in_a_call_at_once(client: Client, switch: SwitchDouble, tmp_path: Path) -> None:
    body = await sent(client)
    asked = {"user_id": "101", "token": "token of account_1", "from": "9910000101", "to": "9910000202"}
    for name in (body["id"], body["number"]):
        async with client.post(PATHS[0], params=asked | {"ringTone": name}) as reply:
            assert (await reply.json())["code"] == "200"
        media = switch.started.pop().ring_tone
        assert media == f"sound:{tmp_path}/media/account_1/{body['id'].removesuffix('.wav')}"
        with wave.open(media.removeprefix("sound:") + ".wav") as file:
            assert file.getnframes() / 8000 == pytest.approx(1, abs=0.05)
    theirs = asked | {"user_id": "102", "token": "token of account_2", "ringTone": body["id"]}
    async with client.post(PATHS[0], params=theirs) as reply:
        assert (await reply.json())["code"] == "1535"


# -- the files of a node ---------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="function")
async def other(store: Store, tmp_path: Path) -> Shelf:
    """Another node's."""
    return Shelf(store, Accounts(), tmp_path / "other")


async def added(shelf: Shelf, name: str = "one") -> dict[str, Any]:
    row: dict[str, Any] = await shelf.answer(
        shelf.accounts.accounts["account_1"], UploadAnnouncement(content=MP3, name=name)
    )
    return row


async def looked(shelf: Shelf) -> None:
    """A look, and what comes of it."""
    await shelf.refresh()
    await shelf.fill()


@pytest.fixture
def service() -> Iterator[None]:
    """As systemd runs us: what we make is for nobody else, unless we say so."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("service")
async def test_another_node_has_it_at_its_next_look(shelf: Shelf, other: Shelf) -> None:
    row = await added(shelf)
    await looked(other)
    file = other.folder / "account_1" / row["id"]
    assert file.read_bytes() == (shelf.folder / "account_1" / row["id"]).read_bytes()
    assert file.stat().st_mode & 0o777 == 0o644
    assert [each.stat().st_mode & 0o777 for each in (file.parent, other.folder)] == [0o755] * 2
    known = other.accounts.accounts["account_1"].announcements
    assert known[row["id"]] == known["1"] == Announcement(media=f"sound:{str(file)[:-4]}", seconds=row["seconds"])
    assert {each.name for each in file.parent.iterdir()} == {row["id"]}


async def test_a_deleted_one_stays_a_file_until_no_call_can_play_it(
    shelf: Shelf, other: Shelf, store: Store, database_url: str
) -> None:
    one, two = await added(shelf), await added(shelf)
    await looked(other)
    await store.delete_announcement("account_1", one["id"])
    await looked(other)
    file = other.folder / "account_1" / one["id"]
    assert file.exists()
    assert one["id"] not in other.accounts.accounts["account_1"].announcements
    await execute(database_url, "UPDATE announcements SET deleted_at = deleted_at - interval '31 hours'")
    await looked(other)
    assert not file.exists()
    assert two["id"] in other.accounts.accounts["account_1"].announcements


async def test_what_a_dead_engine_left_half_written_is_removed(other: Shelf, shelf: Shelf) -> None:
    folder = other.folder / "account_1"
    folder.mkdir(parents=True)
    old, new, strange = (folder / name for name in ("old.part", "new.part", "1610448601_9.wav"))
    for path in (old, new, strange):
        path.write_bytes(b"RI")
    os.utime(old, (0, 0))
    await looked(other)
    assert [path.exists() for path in (old, new, strange)] == [False, True, False]


async def test_what_stands_in_the_file_wins(shelf: Shelf, store: Store, tmp_path: Path) -> None:
    row = await added(shelf)
    body = {"id": "x_1.wav", "file": str(tmp_path / "hello.wav"), "alias": "1", "seconds": 2.5}
    item = {"kind": "announcement", "account_id": "account_1", "id": "x_1.wav", "position": 1, "body": body}
    await store.apply([account("account_1"), item])
    await shelf.refresh()
    known = shelf.accounts.accounts["account_1"].announcements
    assert known["1"] == known["x_1.wav"] != known[row["id"]]


async def test_where_it_can_not_be_written_it_is_unknown_and_all_else_goes_on(
    shelf: Shelf, other: Shelf, store: Store
) -> None:
    row = await added(shelf)
    other.folder.write_text("not a folder")
    await looked(other)
    one = other.accounts.accounts["account_1"]
    assert set(one.announcements) == {"x_84.wav", "84"}
    other.folder.unlink()
    await looked(other)
    assert row["id"] in other.accounts.accounts["account_1"].announcements


async def test_on_a_full_disk_nothing_is_left_behind(
    shelf: Shelf, other: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await added(shelf)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        for _ in range(3):
            await looked(other)
    assert list(other.folder.glob("*/*")) == []
    assert row["id"] not in other.accounts.accounts["account_1"].announcements
    await looked(other)
    assert row["id"] in other.accounts.accounts["account_1"].announcements


def out_of_reach(monkeypatch: pytest.MonkeyPatch, store: Store, *announcement_ids: str) -> list[str]:
    """Their sounds can not be read any more; what is read is noted."""
    read, asked = store.sound, []

    async def sound(account_id: str, announcement_id: str) -> bytes | None:
        asked.append(announcement_id)
        if announcement_id in announcement_ids:
            raise StoreAway
        return await read(account_id, announcement_id)

    monkeypatch.setattr(store, "sound", sound)
    return asked


async def test_a_sound_that_can_not_be_read_holds_up_nothing_else(
    shelf: Shelf, other: Shelf, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = [await added(shelf) for _ in range(3)]
    with monkeypatch.context() as patch, capture_logs() as lines:
        asked = out_of_reach(patch, store, two["id"])
        for live_calls in (7, 8):
            await store.apply([account("account_1", max_live_calls=live_calls)])
            await looked(other)
            known = other.accounts.accounts["account_1"]
            assert known.max_live_calls == live_calls
            assert set(known.announcements) == {one["id"], "1", three["id"], "3"}
        assert sorted(asked) == sorted([one["id"], two["id"], three["id"], two["id"]])
    await looked(other)
    assert two["id"] in other.accounts.accounts["account_1"].announcements
    (told,) = lines
    assert (told["announcement"], told["account"], told["error"]) == (two["id"], "account_1", StoreAway().message)


async def test_a_start_waits_for_the_accounts_and_for_no_file(
    shelf: Shelf, other: Shelf, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await added(shelf)
    await looked(other)
    missing = await added(shelf)
    asked = out_of_reach(monkeypatch, store, missing["id"])
    started = Shelf(store, Accounts(), other.folder)
    await started.refresh()
    assert set(started.accounts.accounts["account_1"].announcements) == {"x_84.wav", "84", there["id"], "1"}
    assert asked == []


async def test_what_a_look_missed_is_written_beside_and_tried_again_at_the_next_look(
    shelf: Shelf, other: Shelf, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [await added(shelf) for _ in range(2)]
    running = asyncio.create_task(other.run())
    with monkeypatch.context() as patch:
        asked = out_of_reach(patch, store, rows[0]["id"])
        await other.refresh()
        await asyncio.sleep(0.5)
        assert asked.count(rows[0]["id"]) == 2, "once more as the other one has come, and not again and again"
        assert rows[1]["id"] in other.accounts.accounts["account_1"].announcements
    await other.refresh()
    async with asyncio.timeout(2):
        while rows[0]["id"] not in other.accounts.accounts["account_1"].announcements:
            await asyncio.sleep(0.01)
    running.cancel()


async def test_an_upload_is_known_here_without_reading_it_back(
    shelf: Shelf, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = out_of_reach(monkeypatch, store)
    row = await added(shelf)
    assert row["id"] in shelf.accounts.accounts["account_1"].announcements
    assert asked == []


async def test_an_older_look_does_not_undo_a_newer_one(
    shelf: Shelf, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hint's look that has read everything before an upload and an apply, and ends after them."""
    read, reads, began, go_on = store.uploads, itertools.count(1), asyncio.Event(), asyncio.Event()

    async def late(**more: Any) -> list[dict[str, Any]]:
        rows = await read(**more)
        if next(reads) == 2:
            began.set()
            await go_on.wait()
        return rows

    monkeypatch.setattr(store, "uploads", late)
    older = asyncio.create_task(shelf.refresh())
    await began.wait()
    await store.apply([account("account_1", max_live_calls=7), account("account_2")])
    row = await added(shelf)
    go_on.set()
    await older
    one = shelf.accounts.accounts["account_1"]
    assert (row["id"] in one.announcements, one.max_live_calls) == (True, 7)
    assert (shelf.folder / "account_1" / row["id"]).exists()


async def test_an_upload_is_answered_even_if_the_look_after_it_fails(
    shelf: Shelf, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> list[Any]:
        raise StoreAway

    monkeypatch.setattr(store, "applied", away)
    assert (await added(shelf))["number"] == "1"


async def test_while_postgres_is_away_nothing_is_taken(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise StoreAway

    monkeypatch.setattr(store, "add_announcement", away)
    assert (await refused(client, 503, data=form(MP3, "x.mp3")))["code"] == "store_away"


async def test_calls_go_on_while_ten_minutes_are_converted(client: Client) -> None:
    """The loop is not held up: a conversion is another process, and what is large goes through a thread."""
    long = sound("ogg", seconds=590, rate=8000, channels=1)
    began = time.thread_time()
    body = await sent(client, long, "x.ogg")
    assert time.thread_time() - began < 0.5, "of this thread, which sent it, too"
    assert body["seconds"] == pytest.approx(590, abs=0.1)
    async with client.get(f"{PATH}/{body['id']}") as reply:
        assert len(await reply.read()) == 44 + 16000 * body["seconds"]


async def test_a_wav_it_is(client: Client) -> None:
    body = await sent(client)
    async with client.get(f"{PATH}/{body['id']}") as reply:
        with wave.open(BytesIO(await reply.read())) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
