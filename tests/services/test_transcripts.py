"""Transcripts on a real Postgres: claimed once, tried again, given up with the reason, left by no engine that died."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.errors import TranscriptFailed
from engine.media.tapes import Tapes
from engine.services.transcripts import Transcripts
from engine.store.postgres import Store
from engine.transcripts.engine import Transcriber, Transcript
from tests.services.test_recordings import NAME, Rig, finished, rig
from tests.storage.conftest import credentials, s3_url
from tests.store.conftest import database_url, execute, store
from tests.transcripts.test_amazon import engine as amazon
from tests.transcripts.test_amazon import jobs, left

__all__ = ["credentials", "database_url", "rig", "s3_url", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")


@dataclass
class Answers:
    """An engine that answers so, one after the other; the last answer for ever."""

    left: list[Transcript | Exception]
    asked: list[Path] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    keeps: bool = False  # it can not be made to forget

    async def transcribe(self, file: Path, *, account_id: str, name: str) -> Transcript:
        self.asked.append(file)
        answer = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def forget(self, *, account_id: str, name: str) -> None:
        if self.keeps:
            raise TranscriptFailed("Transcribe refuses: AccessDenied")
        self.forgotten.append(f"{account_id}/{name}")


async def settled(rig: Rig, *, seconds: float = 10) -> dict[str, Any]:
    """The transcript, once nothing more is done about it."""
    async with asyncio.timeout(seconds):
        while True:
            (found,) = await rig.store.recordings.transcripts_of("account_1", "57362de4f0")
            if found["settled_at"] is not None:
                return found
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture(loop_scope="function")
async def tasks() -> AsyncIterator[list[asyncio.Task[None]]]:
    """What is to end with the test."""
    running: list[asyncio.Task[None]] = []
    yield running
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def written_down(rig: Rig, engine: Transcriber, **more: Any) -> Transcripts:
    """The service with that engine."""
    given: dict[str, Any] = {"seconds": 5.0, "attempts": 3, "again_seconds": 0.0, **more}
    return Transcripts(store=rig.store, tapes=Tapes(rig.work.tapes.folder), transcriber=engine, **given)


async def test_a_recording_is_written_down(
    rig: Rig, tasks: list[asyncio.Task[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.services.transcripts.POLL_SECONDS", 0.02)
    file = await finished(rig, transcript=True)
    engine = Answers([Transcript("hello", [{"text": "hello", "start_time": 0.5}])])
    tasks.append(asyncio.create_task(written_down(rig, engine).run()))
    found = await settled(rig)
    assert (found["state"], found["text"], found["attempts"]) == ("done", "hello", 1)
    assert found["segments"] == [{"text": "hello", "start_time": 0.5}]
    assert engine.asked == [file]


async def test_what_fails_is_tried_again_and_then_says_why(
    rig: Rig, tasks: list[asyncio.Task[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.services.transcripts.POLL_SECONDS", 0.02)
    await finished(rig, transcript=True)
    engine = Answers([TranscriptFailed("first"), RuntimeError("a fault of ours"), TranscriptFailed("out of memory")])
    tasks.append(asyncio.create_task(written_down(rig, engine).run()))
    found = await settled(rig)
    assert (found["state"], found["reason"], found["attempts"]) == ("failed", "out of memory", 3)
    assert len(engine.asked) == 3
    assert engine.forgotten == [f"account_1/{NAME}"], "once, when it is given up"


async def test_one_that_failed_once_may_come_right(
    rig: Rig, tasks: list[asyncio.Task[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.services.transcripts.POLL_SECONDS", 0.02)
    await finished(rig, transcript=True)
    tasks.append(asyncio.create_task(written_down(rig, Answers([TranscriptFailed("x"), Transcript("well")])).run()))
    found = await settled(rig)
    assert (found["state"], found["text"], found["reason"], found["attempts"]) == ("done", "well", "", 2)


async def test_the_next_attempt_waits_longer_each_time(rig: Rig, store: Store, database_url: str) -> None:
    await finished(rig, transcript=True)
    work = written_down(rig, Answers([TranscriptFailed("x")]), again_seconds=10.0)
    for seconds in (10, 20):
        (row,) = await work._claimed()
        await work.attempt(row)
        ((due,),) = await fetched(database_url, "SELECT extract(epoch FROM due_at - now())::float FROM transcripts")
        assert due == pytest.approx(seconds, abs=2)
        assert await work._claimed() == []
        await execute(database_url, "UPDATE transcripts SET due_at = now()")


async def test_an_engine_that_died_at_it_is_followed_by_another_attempt(rig: Rig, database_url: str) -> None:
    await finished(rig, transcript=True)
    first, second = (written_down(rig, Answers([Transcript(text)])) for text in ("late", "in time"))
    (row,) = await first._claimed()
    assert await second._claimed() == [], "it is claimed"
    await execute(database_url, "UPDATE transcripts SET claimed_until = now()")
    (again,) = await second._claimed()
    await second.attempt(again)
    await first.attempt(row)
    found = await settled(rig)
    assert (found["text"], found["attempts"]) == ("in time", 2)


async def test_one_that_ends_every_engine_is_given_up(rig: Rig, database_url: str) -> None:
    await finished(rig, transcript=True)
    engine = Answers([Transcript("never")])
    await execute(database_url, "UPDATE transcripts SET attempts = 3, state = 'running'")
    work = written_down(rig, engine)
    (row,) = await work._claimed()
    await work.attempt(row)
    found = await settled(rig)
    assert (found["state"], engine.asked) == ("failed", [])


async def test_what_transcribe_was_given_is_in_no_bucket_when_it_is_given_up(rig: Rig, s3_url: str) -> None:
    """It takes too long, again and again."""
    await finished(rig, transcript=True)
    work = written_down(rig, amazon(s3_url, seconds=1.0, poll_seconds=60.0), attempts=2)
    for state in ("queued", "failed"):
        (row,) = await work._claimed()
        await work.attempt(row)
        (found,) = await rig.store.recordings.transcripts_of("account_1", "57362de4f0")
        assert (found["state"], found["reason"]) == (state, "Transcribe takes longer than 1 s")
    assert left(s3_url) == []
    assert jobs(s3_url).list_transcription_jobs()["TranscriptionJobSummaries"] == []


async def test_what_an_engine_keeps_of_a_recording_is_deleted_with_it(rig: Rig, database_url: str) -> None:
    await finished(rig, transcript=True)
    await execute(database_url, "UPDATE recordings SET settled_at = now() - interval '31 days'")
    engine = Answers([Transcript("x")], keeps=True)
    rig.work.transcriber, rig.work.days = engine, 30
    await rig.work.expire()
    assert ((await rig.row())["state"], (await rig.row())["error"]) == ("finished", "Transcribe refuses: AccessDenied")
    await execute(database_url, "UPDATE recordings SET due_at = now()")
    engine.keeps = False
    await rig.work.expire()
    assert ((await rig.row())["state"], engine.forgotten) == ("deleted", [f"account_1/{NAME}"])


async def test_nothing_is_written_down_where_nobody_asked(rig: Rig) -> None:
    await finished(rig)
    assert await rig.store.recordings.claim_transcripts(5, seconds=60) == []
    assert await rig.store.recordings.transcripts_of("account_2", "57362de4f0") == []
    assert NAME


async def fetched(url: str, statement: str) -> list[Any]:
    """What Postgres says."""
    from engine.store.connection import connect

    connection = await connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()
