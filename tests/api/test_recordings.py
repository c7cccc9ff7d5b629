"""Recordings over HTTP: listed, heard, linked to; refused to others, by old links, by forged ones."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp.test_utils import TestClient

from engine.accounts import Accounts
from engine.api.door import Door
from engine.api.links import Links
from engine.api.lockout import Lockout
from engine.api.recordings import Vault
from engine.core import events as e
from engine.media.tapes import Tapes
from engine.storage.place import Place
from engine.storage.s3 import Bucket
from engine.store.postgres import Store
from tests.api.conftest import (
    LINK_KEY,
    Client,
    LongLines,
    SwitchDouble,
    accounts,
    application,
    client,
    clock,
    database_url,
    importer,
    shelf,
    store,
    studio,
    switch,
    vault_of,
)
from tests.media.test_tapes import NAME, taped
from tests.services.test_recordings import over, talking
from tests.storage.conftest import credentials, s3_url
from tests.storage.servers import BUCKET
from tests.store.conftest import execute
from tests.store.test_store import written

__all__ = [
    "accounts",
    "client",
    "clock",
    "credentials",
    "database_url",
    "importer",
    "s3_url",
    "shelf",
    "store",
    "studio",
    "switch",
]

pytestmark = pytest.mark.asyncio(loop_scope="function")

OTHER = {"account": "account_2", "auth": "secret of account_2"}
NOBODY = {"account": "", "auth": ""}
REQUEST_ID = "57362de4f0"


@pytest.fixture
def tapes(tmp_path: Path) -> Tapes:
    """Where the API under test looks."""
    return Tapes(tmp_path / "recordings")


async def finished(store: Store, tapes: Tapes, **more: Any) -> Path:
    """A recording of account_1's that is finished; its file."""
    await written(store, over(talking(**more)))
    file = taped(tapes)
    await store.recordings.settle(NAME, state="finished", reason="", seconds=1.5, size=24044)
    return file


async def got(client: Client, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """The status of an answer, and its JSON or bytes."""
    async with client.get(path, headers=headers or {}) as reply:
        json = reply.content_type == "application/json"
        return reply.status, await reply.json() if json else await reply.read()


async def link_of(client: Client) -> str:
    """Where the list says that it can be heard."""
    _, found = await got(client, "/v1/recordings")
    link: str = found["recordings"][0]["link"]
    return link


async def test_a_recording_is_listed_as_it_is(client: Client, store: Store, tapes: Tapes) -> None:
    await written(store, talking())
    _, found = await got(client, "/v1/recordings")
    (one,) = found["recordings"]
    assert (one["name"], one["request_id"], one["leg"], one["side"]) == (NAME, REQUEST_ID, "b1", "both")
    assert (one["state"], one["seconds"], one["bytes"], one["link"]) == ("recording", None, None, None)
    assert one["started_at"] == "2023-07-07T06:08:02.020+00:00"
    await finished(store, tapes)
    _, found = await got(client, "/v1/recordings")
    (one,) = found["recordings"]
    assert (one["state"], one["seconds"], one["bytes"], one["reason"]) == ("finished", 1.5, 24044, None)


async def test_the_list_has_pages_the_newest_first(client: Client, store: Store) -> None:
    ids = [f"{place:010x}" for place in range(5)]
    for call_id in ids:
        await written(store, talking(call_id=call_id))
    names = [f"n1-{call_id}.b1.r1" for call_id in reversed(ids)]
    _, found = await got(client, "/v1/recordings?limit=2")
    assert [each["name"] for each in found["recordings"]] == names[:2]
    _, found = await got(client, f"/v1/recordings?limit=9&after={names[1]}")
    assert [each["name"] for each in found["recordings"]] == names[2:]
    _, found = await got(client, f"/v1/recordings?request_id={ids[3]}")
    assert [each["name"] for each in found["recordings"]] == [names[1]]
    assert (await got(client, "/v1/recordings?state=finished"))[1] == {"recordings": []}
    assert (await got(client, "/v1/recordings", OTHER))[1] == {"recordings": []}
    assert (await got(client, f"/v1/recordings?after={names[1]}", OTHER))[0] == 404


@pytest.mark.parametrize(
    "query",
    ["state=x", "limit=0", "limit=1001", "limit=x", "after=x", "after=../x", "request_id='--", "after=n1-a.b1.r1%00"],
)
async def test_what_is_wrong_with_a_list_is_said(client: Client, query: str) -> None:
    status, found = await got(client, f"/v1/recordings?{query}")
    assert (status, found["error"]["code"]) == (400, "invalid_request")
    assert found["error"]["param"] == query.partition("=")[0]


async def test_its_account_hears_it_whole_or_a_part(client: Client, store: Store, tapes: Tapes) -> None:
    file = await finished(store, tapes)
    async with client.get(f"/v1/recordings/{NAME}") as reply:
        assert (reply.status, reply.content_type) == (200, "audio/wav")
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert await reply.read() == file.read_bytes()
    async with client.get(f"/v1/recordings/{NAME}", headers={"Range": "bytes=0-3"}) as reply:
        assert (reply.status, await reply.read()) == (206, b"RIFF")


async def test_another_account_hears_nothing_and_is_not_told_that_it_is_there(
    client: Client, store: Store, tapes: Tapes
) -> None:
    await finished(store, tapes)
    unknown = await got(client, "/v1/recordings/n1-0000000000.b1.r1", OTHER)
    assert await got(client, f"/v1/recordings/{NAME}", OTHER) == unknown
    assert unknown[0] == 404
    assert (await got(client, f"/v1/recordings/{NAME}", NOBODY))[0] == 401


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        f"..%2faccount_1%2f{NAME}",
        f"{NAME}.wav",
        f"{NAME}%00",
        f"{NAME}%0a",
        "x" * 300,
    ],
)
async def test_a_name_is_looked_up_and_never_a_path(client: Client, store: Store, tapes: Tapes, name: str) -> None:
    await finished(store, tapes)
    status, _ = await got(client, f"/v1/recordings/{name}")
    assert status in (400, 404)


# -- links -------------------------------------------------------------------------------------


async def test_whoever_has_the_link_hears_it(client: Client, store: Store, tapes: Tapes) -> None:
    file = await finished(store, tapes)
    link = await link_of(client)
    assert link.startswith(f"/v1/recordings/{NAME}?expires=")
    assert await got(client, link, NOBODY) == (200, file.read_bytes())
    status, found = await got(client, "/v1/recordings?limit=9", NOBODY)
    assert (status, "recordings" in found) == (401, False)


async def test_a_cdr_has_the_link_beside_the_documents_name(client: Client, store: Store, tapes: Tapes) -> None:
    """ "recording_name" is the document's; the rest is ours."""
    file = await finished(store, tapes)
    for path, body in (
        ("/api/get_cdr_by_request_id", {"request_id": REQUEST_ID}),
        ("/api/get_cdr_by_date", {"start_call_date": "2023-07-07", "end_call_date": "2023-07-07"}),
    ):
        async with client.post(path, json=body) as reply:
            (found,) = (await reply.json())["response"]["result"]
        assert found["recording_name"] == NAME
        (one,) = found["recordings"]
        assert (one["recording_name"], one["side"], one["state"], one["seconds"]) == (NAME, "both", "finished", 1.5)
        assert await got(client, one["link"], NOBODY) == (200, file.read_bytes())


async def test_a_link_is_good_for_its_time_and_its_recording_only(client: Client, store: Store, tapes: Tapes) -> None:
    await finished(store, tapes)
    link = await link_of(client)
    given = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert int(given["expires"]) == pytest.approx(time.time() + 600, abs=5)
    old = Links(key=LINK_KEY, seconds=600, now=lambda: time.time() - 601).to(NAME)
    other = Links(key=b"another engine's key", seconds=600).to(NAME)
    longer = link.replace(given["expires"], str(int(given["expires"]) + 1))
    of_another = link.replace(NAME, "n1-57362de4f0.b1.r2")
    forged = link.replace(given["signature"], given["signature"][:-1] + "0" * (given["signature"][-1] != "0") + "1")
    spelt = [link.replace(given["expires"], each) for each in ("", "-1", "9" * 400, "1e12", "٤١٠٢٤٤٤٨٠٠", "never")]
    cut = [link.replace(given["signature"], each) for each in ("", "0" * 64, given["signature"][:32], "ä")]
    for wrong in (old, other, longer, of_another, forged, *spelt, *cut):
        status, found = await got(client, wrong, NOBODY)
        assert (status, found["error"]["code"]) == (403, "forbidden"), wrong
        assert found["error"]["message"] == "this link is not valid, or not any more"
        status, _ = await got(client, wrong)
        assert status == 403, "nor does an account's name beside it make it one"


async def test_a_link_to_what_is_deleted_or_whose_account_is_disabled_leads_nowhere(
    client: Client, store: Store, tapes: Tapes, accounts: Accounts, database_url: str
) -> None:
    await finished(store, tapes)
    link = await link_of(client)
    account = accounts.accounts.pop("account_1")
    assert (await got(client, link, NOBODY))[0] == 403
    accounts.accounts["account_1"] = account
    await store.recordings.delete(NAME, uploaded=False)
    assert (await got(client, link, NOBODY))[0] == 404
    await execute(database_url, "DELETE FROM recordings")
    assert (await got(client, link, NOBODY))[0] == 404


async def test_a_signature_opens_no_other_door(client: Client, store: Store, tapes: Tapes) -> None:
    await finished(store, tapes)
    query = urlsplit(await link_of(client)).query
    for path in ("/v1/recordings", f"/v1/transcripts/{REQUEST_ID}", "/v1/callbacks", "/v1/announcements/x"):
        assert (await got(client, f"{path}?{query}", NOBODY))[0] == 401


# -- where it lies -----------------------------------------------------------------------------


async def test_one_that_lies_on_another_node_is_no_fault_of_who_asks(
    client: Client, store: Store, tapes: Tapes
) -> None:
    (await finished(store, tapes)).unlink()
    status, found = await got(client, f"/v1/recordings/{NAME}")
    assert (status, found["error"]["code"]) == (503, "unavailable")


@pytest.mark.parametrize("state", ["recording", "failed"])
async def test_where_nothing_is_to_be_heard_there_is_nothing(client: Client, store: Store, state: str) -> None:
    await written(store, over(talking()))
    if state == "failed":
        await store.recordings.settle(NAME, state="failed", reason="no_file", seconds=None, size=None)
    assert (await got(client, f"/v1/recordings/{NAME}"))[0] == 404
    assert await link_of(client) is None


@pytest.fixture
def bucket(s3_url: str) -> Bucket:
    """Moto's."""
    return Bucket(Place(folder=Path("/nonexistent"), bucket=BUCKET, prefix="heard/", endpoint_url=s3_url))


async def test_one_that_is_in_the_bucket_only_is_heard_from_there(
    accounts: Accounts, store: Store, switch: SwitchDouble, tapes: Tapes, bucket: Bucket
) -> None:
    file = await finished(store, tapes)
    content = file.read_bytes()
    bucket.put("account_1", f"{NAME}.wav", file, content_type="audio/wav")
    await store.recordings.note_upload(NAME)
    file.unlink()
    await store.recordings.note_removed(NAME)
    vault: Vault = replace(vault_of(tapes.folder), bucket=bucket)
    app = application(store, switch, Door(accounts=accounts, lockout=Lockout(100)), vault=vault)
    async with TestClient(LongLines(app), headers={"account": "account_1", "auth": "secret of account_1"}) as client:
        async with client.get(f"/v1/recordings/{NAME}") as reply:
            assert (reply.status, reply.content_type, await reply.read()) == (200, "audio/wav", content)
        bucket.delete("account_1", f"{NAME}.wav")
        assert (await got(client, f"/v1/recordings/{NAME}"))[0] == 503


# -- what was said -----------------------------------------------------------------------------


async def said(client: Client, request_id: str = REQUEST_ID, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """What is told of it."""
    return await got(client, f"/v1/transcripts/{request_id}", headers)


async def test_a_transcript_is_told_as_it_comes_about(
    client: Client, store: Store, tapes: Tapes, database_url: str
) -> None:
    await written(store, talking(transcript=True))
    assert (await said(client))[1]["state"] == "queued"
    await finished(store, tapes, transcript=True)
    assert (await said(client))[1]["state"] == "queued"
    (row,) = await store.recordings.claim_transcripts(5, seconds=60)
    assert (await said(client))[1]["state"] == "running"
    await store.recordings.fail_transcript(NAME, row["attempts"], "busy", again_seconds=0)
    (row,) = await store.recordings.claim_transcripts(5, seconds=60)
    await store.recordings.finish_transcript(NAME, row["attempts"], "hello", [{"text": "hello", "start_time": 0.5}])
    assert await said(client) == (
        200,
        {
            "request_id": REQUEST_ID,
            "state": "done",
            "reason": None,
            "text": "hello",
            "recordings": [
                {
                    "name": NAME,
                    "side": "both",
                    "state": "done",
                    "attempts": 2,
                    "reason": None,
                    "text": "hello",
                    "segments": [{"text": "hello", "start_time": 0.5}],
                }
            ],
        },
    )
    assert (await said(client, headers=OTHER))[0] == 404
    await execute(database_url, "UPDATE transcripts SET state = 'failed', reason = 'out of memory', text = ''")
    _, found = await said(client)
    assert (found["state"], found["recordings"][0]["reason"]) == ("failed", "out of memory")


async def test_where_there_never_will_be_a_transcript_that_is_said(client: Client, store: Store, tapes: Tapes) -> None:
    assert (await said(client))[0] == 404
    await finished(store, tapes)
    status, found = await said(client)
    assert (status, found["error"]["message"]) == (404, "no transcript was asked for with this request")


async def test_a_call_is_not_written_down_before_all_of_it_is(
    client: Client, store: Store, tapes: Tapes, database_url: str
) -> None:
    """Of two recordings the first is written down: the call may be on, or the second's file not looked at."""
    call = talking(transcript=True)
    call.note(e.RecordingAsked(at=call.now + 1, what="stop"))
    call.note(e.RecordingAsked(at=call.now + 1, what="start"))
    await written(store, call)
    await store.recordings.settle(NAME, state="finished", reason="", seconds=1.5, size=24044)
    (row,) = await store.recordings.claim_transcripts(5, seconds=60)
    await store.recordings.finish_transcript(NAME, row["attempts"], "hello", None)
    for _ in range(2):
        _, found = await said(client)
        assert (found["state"], found["text"]) == ("queued", "hello")
        await written(store, over(call))
    second = NAME.removesuffix("1") + "2"
    await store.recordings.settle(second, state="failed", reason="no_file", seconds=None, size=None)
    _, found = await said(client)
    assert [found["state"], *(each["state"] for each in found["recordings"])] == ["failed", "done", "failed"]


async def test_what_was_deleted_says_so(client: Client, store: Store, tapes: Tapes) -> None:
    await finished(store, tapes, transcript=True)
    await store.recordings.delete(NAME, uploaded=False)
    status, found = await said(client)
    assert (status, found["state"], found["reason"]) == (200, "failed", "deleted")
    assert [(each["state"], each["reason"], each["text"]) for each in found["recordings"]] == [
        ("failed", "deleted", "")
    ]
    assert (await said(client, headers=OTHER))[0] == 404


async def test_a_call_nobody_answered_has_none(client: Client, store: Store, database_url: str) -> None:
    await written(store, over(talking(transcript=True)))
    await execute(database_url, "DELETE FROM recordings")
    _, found = await said(client)
    assert (found["state"], found["reason"], found["recordings"]) == ("failed", "nothing was recorded", [])


async def test_a_transcript_without_an_engine_is_refused_and_nobody_is_rung(
    accounts: Accounts, store: Store, switch: SwitchDouble, tapes: Tapes
) -> None:
    vault: Vault = replace(vault_of(tapes.folder), transcribes=False)
    app = application(store, switch, Door(accounts=accounts, lockout=Lockout(100)), vault=vault)
    call = {"agent_number": "919910000101", "caller_id": "15168148111", "destination_number": "919910000202"}
    async with TestClient(LongLines(app), headers={"account": "account_1", "auth": "secret of account_1"}) as client:
        async with client.post("/api/click2call", json=call | {"transcript": "on"}) as reply:
            found = (await reply.json())["response"]
        assert (reply.status, switch.started) == (400, [])
        assert found["message"].startswith("transcript: no engine writes transcripts here")
        async with client.post("/api/click2call", json=call | {"recording_option": "agent"}) as reply:
            assert reply.status == 200
    assert [(each.recording, each.transcript) for each in switch.started] == [("agent", False)]
