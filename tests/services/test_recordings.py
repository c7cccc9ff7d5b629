"""Recordings on a real Postgres, once they have ended: what their files show, the bucket, and their last day."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.ari.socket import Reply
from engine.core import events as e
from engine.core.call import Call
from engine.core.request import RecordingOption
from engine.errors import StoreAway
from engine.services.recordings import Recordings
from engine.storage.place import Place
from engine.storage.s3 import Bucket
from engine.store.postgres import Store
from tests.core.conftest import call_of, request_of
from tests.media.test_tapes import taped
from tests.storage.conftest import credentials, s3_url
from tests.storage.servers import BUCKET, client
from tests.store.conftest import database_url, execute, store
from tests.store.test_store import written

__all__ = ["credentials", "database_url", "s3_url", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

NAME = "n1-57362de4f0.b1.r1"
AT = 1688710079.5


@dataclass
class Operations:
    """What Asterisk is asked about its recordings and channels, and how it answers."""

    live: set[str] = field(default_factory=set)
    hung_up: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    status: int = 200

    async def getLive(self, *, recordingName: str) -> Reply:  # noqa: N802, N803 - ARI's own names
        return Reply(self.status if recordingName in self.live else 404, b"{}")

    async def deleteStored(self, *, recordingName: str) -> Reply:  # noqa: N802, N803
        self.deleted.append(recordingName)
        return Reply(204, b"")

    async def hangup(self, *, channelId: str) -> Reply:  # noqa: N803
        self.hung_up.append(channelId)
        return Reply(204, b"")


@dataclass
class AriDouble:
    """As much of ARI's client as is asked."""

    recordings: Operations = field(default_factory=Operations)

    @property
    def channels(self) -> Operations:
        return self.recordings


def talking(option: RecordingOption = "both", *, transcript: bool = False, call_id: str = "57362de4f0") -> Call:
    """A call that is being recorded."""
    asked = replace(request_of(), recording=option, transcript=transcript)
    call = replace(call_of(asked), call_id=call_id, requested_at=AT, now=AT)
    call.start(AT)
    for leg, at in (("a1", AT + 1), ("b1", AT + 2)):
        call.note(e.Created(leg=leg, at=at))
        call.note(e.Answered(leg=leg, at=at + 0.5))
    (recording,) = call.recordings
    call.note(e.Tapped(leg=recording.leg, recording=1, at=AT + 2.51))
    call.note(e.RecordingBegan(leg=recording.leg, recording=1, at=AT + 2.52))
    return call


def over(call: Call) -> Call:
    """The call after both hung up."""
    for leg, at in (("b1", AT + 9), ("a1", AT + 9.1)):
        call.note(e.Ended(leg=leg, at=at, cause=16))
    assert call.over
    return call


@dataclass
class Rig:
    """What sees recordings home, and what it works with."""

    work: Recordings
    ari: AriDouble
    store: Store

    async def row(self, name: str = NAME) -> dict[str, Any]:
        found = await self.store.recordings.one(name)
        assert found is not None
        return found


@pytest_asyncio.fixture(loop_scope="function")
async def rig(store: Store, tmp_path: Path) -> Rig:
    from engine.media.tapes import Tapes

    ari = AriDouble()
    work = Recordings(store=store, ari=ari, tapes=Tapes(tmp_path))  # type: ignore[arg-type]
    return Rig(work, ari, store)


async def test_a_recording_is_kept_with_its_call_and_shown_as_it_is(rig: Rig) -> None:
    call = talking()
    await written(rig.store, call)
    found = await rig.row()
    assert {name: found[name] for name in ("account_id", "node", "call_id", "leg", "side", "state", "reason")} == {
        "account_id": "account_1",
        "node": "n1",
        "call_id": "57362de4f0",
        "leg": "b1",
        "side": "both",
        "state": "recording",
        "reason": "",
    }
    assert found["started_at"] == pytest.approx(AT + 2.52, abs=0.001)
    call.note(e.RecordingAsked(at=AT + 3, what="pause"))
    await written(rig.store, call)
    assert (await rig.row())["state"] == "paused"
    assert await rig.store.recordings.unsettled(10) == [], "it is on"


async def test_it_is_finished_once_asterisk_has_it_no_more_and_as_long_as_its_file(rig: Rig, database_url: str) -> None:
    await written(rig.store, over(talking()))
    rig.ari.recordings.live.add(f"account_1/{NAME}")
    taped(rig.work.tapes, seconds=6.48)
    await rig.work.settle()
    assert (await rig.row())["state"] == "recording", "Asterisk still writes it"
    assert rig.ari.recordings.hung_up == [NAME], "which it should not: its leg is gone for long"
    rig.ari.recordings.live.clear()
    await rig.work.settle()
    assert (await rig.row())["state"] == "recording", "it is looked at again in a second"
    await execute(database_url, "UPDATE recordings SET due_at = now()")
    await rig.work.settle()
    found = await rig.row()
    assert (found["state"], found["seconds"], found["bytes"], found["reason"]) == ("finished", 6.48, 103724, "")
    await written(rig.store, over(talking()))
    assert await rig.row() == found, "a later write of the call does not unsettle it"


async def test_nothing_is_concluded_from_an_asterisk_that_does_not_answer(rig: Rig) -> None:
    await written(rig.store, over(talking()))
    rig.ari.recordings.live.add(f"account_1/{NAME}")
    rig.ari.recordings.status = 0
    await rig.work.settle()
    assert ((await rig.row())["settled_at"], rig.ari.recordings.hung_up) == (None, [])


@pytest.mark.parametrize(("seconds", "reason"), [(None, "no_file"), (0.0, "empty")])
async def test_without_sound_it_has_failed_and_says_so(rig: Rig, seconds: float | None, reason: str) -> None:
    await written(rig.store, over(talking(transcript=True)))
    if seconds is not None:
        taped(rig.work.tapes, seconds=seconds)
    await rig.work.settle()
    found = await rig.row()
    assert (found["state"], found["reason"], found["seconds"]) == ("failed", reason, seconds)
    (told,) = await rig.store.recordings.transcripts_of("account_1", "57362de4f0")
    assert (told["state"], told["reason"]) == ("failed", "recording_failed")


async def test_what_asterisk_said_of_a_failure_stays(rig: Rig) -> None:
    call = talking()
    call.note(e.RecordingFailed(leg="b1", recording=1, at=AT + 4, cause="disk full"))
    await written(rig.store, over(call))
    taped(rig.work.tapes, seconds=1.0)
    await rig.work.settle()
    found = await rig.row()
    assert (found["state"], found["reason"], found["seconds"]) == ("failed", "disk full", 1.0)


async def test_what_ended_in_the_middle_of_a_call_is_settled_then(rig: Rig) -> None:
    call = talking()
    call.note(e.RecordingAsked(at=AT + 4, what="stop"))
    call.note(e.RecordingAsked(at=AT + 5, what="start"))
    await written(rig.store, call)
    taped(rig.work.tapes)
    await rig.work.settle()
    rows = (await rig.store.recordings.of_calls(["57362de4f0"]))["57362de4f0"]
    assert [(row["name"], row["state"]) for row in rows] == [
        (NAME, "finished"),
        ("n1-57362de4f0.b1.r2", "recording"),
    ]


async def test_the_cdr_has_its_recordings(rig: Rig) -> None:
    await written(rig.store, over(talking()))
    found = await rig.store.cdr("57362de4f0", account_id="account_1")
    assert found is not None
    assert [row["name"] for row in found["recordings"]] == [NAME]


# -- the bucket --------------------------------------------------------------------------------


@pytest.fixture
def bucket(s3_url: str) -> Iterator[Bucket]:
    """Moto's."""
    place = Place(folder=Path("/nonexistent"), bucket=BUCKET, prefix="recordings/", endpoint_url=s3_url)
    yield Bucket(place)
    for each in client(s3_url).list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client(s3_url).delete_object(Bucket=BUCKET, Key=each["Key"])


async def finished(rig: Rig, *, transcript: bool = False) -> Path:
    """The file of a recording that is finished."""
    await written(rig.store, over(talking(transcript=transcript)))
    file = taped(rig.work.tapes)
    await rig.work.settle()
    return file


def kept_in(url: str) -> list[tuple[str, bytes]]:
    """What the bucket has."""
    found = client(url).list_objects_v2(Bucket=BUCKET).get("Contents", ())
    return [
        (each["Key"], client(url).get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read())
        for each in found
        if each["Key"].startswith("recordings/")
    ]


@pytest.mark.parametrize("keep_local", [True, False])
async def test_what_is_finished_is_put_into_the_bucket(rig: Rig, bucket: Bucket, s3_url: str, keep_local: bool) -> None:
    rig.work.bucket, rig.work.keep_local = bucket, keep_local
    file = await finished(rig)
    content = file.read_bytes()
    await rig.work.upload()
    await rig.work.upload()
    assert kept_in(s3_url) == [(f"recordings/account_1/{NAME}.wav", content)]
    found = await rig.row()
    assert (found["uploaded_at"] is not None, found["tries"]) == (True, 0)
    assert (file.exists(), found["removed_at"] is None) == (keep_local, keep_local)


async def test_a_file_stays_here_until_it_is_written_down(rig: Rig, bucket: Bucket) -> None:
    rig.work.bucket, rig.work.keep_local = bucket, False
    file = await finished(rig, transcript=True)
    await rig.work.upload()
    assert file.exists()
    (claimed,) = await rig.store.recordings.claim_transcripts(5, seconds=60)
    await rig.store.recordings.finish_transcript(NAME, claimed["attempts"], "hello", None)
    await rig.work.upload()
    assert not file.exists()


async def test_a_bucket_that_is_away_is_tried_again(rig: Rig, bucket: Bucket, s3_url: str, database_url: str) -> None:
    nowhere = Place(folder=Path("/nonexistent"), bucket=BUCKET, endpoint_url="http://127.0.0.1:9")
    rig.work.bucket = Bucket(nowhere)
    await finished(rig)
    await rig.work.upload()
    found = await rig.row()
    assert (found["uploaded_at"], found["tries"]) == (None, 1)
    assert "does not answer" in found["error"]
    assert found["state"] == "finished"
    rig.work.bucket = bucket
    await rig.work.upload()
    assert kept_in(s3_url) == [], "not yet"
    await execute(database_url, "UPDATE recordings SET due_at = now()")
    await rig.work.upload()
    assert [name for name, _ in kept_in(s3_url)] == [f"recordings/account_1/{NAME}.wav"]


async def many(rig: Rig, count: int) -> list[str]:
    """So many recordings that have ended, the first ones first."""
    ids = [f"{place:010x}" for place in range(count)]
    for call_id in ids:
        await written(rig.store, over(talking(call_id=call_id)))
    return [f"n1-{call_id}.b1.r1" for call_id in ids]


@pytest.mark.parametrize("wrong", ["a file", "an account", "Asterisk"])
async def test_those_that_can_not_be_settled_hold_up_no_other(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, database_url: str, wrong: str
) -> None:
    monkeypatch.setattr("engine.services.recordings.AT_ONCE", 3)
    *bad, good = await many(rig, 4)
    match wrong:
        case "a file":
            for name in bad:
                rig.work.tapes.file("account_1", name).mkdir(parents=True)
        case "an account":
            await execute(database_url, f"UPDATE recordings SET account_id = '../x' WHERE name <> '{good}'")
        case _:
            rig.ari.recordings.live.update(f"account_1/{name}" for name in bad)
            rig.ari.recordings.status = 500
    await execute(database_url, f"UPDATE recordings SET asked_at = now() WHERE name = '{good}'")
    for _ in range(2):
        await rig.work.settle()
    assert (await rig.row(good))["reason"] == "no_file"
    rows = [await rig.row(name) for name in bad]
    assert {(row["settled_at"], row["tries"] > 0, bool(row["error"])) for row in rows} == {(None, True, True)}


async def test_those_that_can_not_be_deleted_hold_up_no_other(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setattr("engine.services.recordings.AT_ONCE", 3)
    *bad, good = await many(rig, 4)
    for _ in range(2):
        await rig.work.settle()
    await execute(database_url, "UPDATE recordings SET settled_at = now() - interval '31 days'")
    # They are in a bucket that the settings do not name any more.
    await execute(database_url, f"UPDATE recordings SET uploaded_at = now() WHERE name <> '{good}'")
    rig.work.days = 30
    await rig.work.expire()
    assert (await rig.row(good))["state"] == "deleted"
    assert {(await rig.row(name))["state"] for name in bad} == {"failed"}


# -- the last day ------------------------------------------------------------------------------


async def test_what_is_old_is_deleted_here_and_in_the_bucket(
    rig: Rig, bucket: Bucket, s3_url: str, database_url: str
) -> None:
    rig.work.bucket, rig.work.days = bucket, 30
    file = await finished(rig, transcript=True)
    await rig.work.upload()
    await rig.work.expire()
    assert file.exists()
    await execute(database_url, "UPDATE recordings SET settled_at = now() - interval '31 days'")
    await rig.work.expire()
    assert (file.exists(), kept_in(s3_url)) == (False, [])
    assert (await rig.row())["state"] == "deleted"
    assert await rig.store.recordings.transcripts_of("account_1", "57362de4f0") == []
    await rig.work.expire()


@pytest.mark.parametrize("when", ["as it is being deleted", "after it was deleted"])
async def test_one_that_is_uploaded_and_deleted_at_once_is_nowhere(
    rig: Rig, bucket: Bucket, s3_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    rig.work.bucket, rig.work.days = bucket, 30
    file = await finished(rig)
    await execute(database_url, "UPDATE recordings SET settled_at = now() - interval '31 days'")
    (row,) = await rig.store.recordings.to_upload(1)
    content = file.read_bytes()

    async def upload() -> None:
        file.write_bytes(content)  # it was open when it was deleted
        await rig.work._upload(row)
        file.unlink()

    remove = rig.work._remove_file

    async def crossed(row: dict[str, Any]) -> None:
        await remove(row)
        monkeypatch.setattr(Recordings, "_remove_file", lambda _, row: remove(row))
        await upload()

    if when == "as it is being deleted":
        monkeypatch.setattr(Recordings, "_remove_file", lambda _, row: crossed(row))
        await rig.work.expire()
    else:
        await rig.work.expire()
        await upload()
        await rig.work.expire()
    assert kept_in(s3_url) == []
    found = await rig.row()
    assert (found["state"], found["uploaded_at"]) == ("deleted", None)


async def test_kept_for_ever_nothing_is_deleted(rig: Rig, database_url: str) -> None:
    file = await finished(rig)
    await execute(database_url, "UPDATE recordings SET settled_at = now() - interval '9999 days'")
    await rig.work.expire()
    assert file.exists()


@pytest.mark.parametrize("why", [errno.EACCES, errno.EPERM, errno.EROFS])
async def test_a_file_we_may_not_delete_is_asterisks_to_delete(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, why: int
) -> None:
    """`EROFS`: the folder is mounted to be read only."""
    row = {"account_id": "account_1", "name": NAME, "uploaded_at": None}

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(why, os.strerror(why))

    monkeypatch.setattr(Path, "unlink", refuse)
    await rig.work._remove_file(row)
    assert rig.ari.recordings.deleted == [f"account_1/{NAME}"]


async def test_a_file_that_can_not_be_repaired_is_settled_all_the_same(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(rig.store, over(talking()))
    taped(rig.work.tapes, header=0)

    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("engine.media.tapes._repair", refuse)
    await rig.work.settle()
    found = await rig.row()
    assert (found["state"], found["seconds"], found["reason"]) == ("finished", 1.5, "")


async def test_without_postgres_a_round_is_left_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> Any:
        raise StoreAway

    monkeypatch.setattr(rig.store.recordings, "unsettled", away)
    with pytest.raises(StoreAway):
        await rig.work.settle()
