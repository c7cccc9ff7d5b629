"""Amazon Transcribe, driven against moto's server: the file goes there, the answer is fetched, nothing is left."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from engine.errors import TranscriptFailed
from engine.storage.place import Place
from engine.storage.s3 import Bucket
from engine.transcripts.amazon import Transcribe
from engine.transcripts.engine import Transcript
from tests.storage.conftest import credentials, s3_url
from tests.storage.servers import BUCKET, broken, client

__all__ = ["credentials", "s3_url"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

NAME = "n1-57362de4f0.b1.r1"
KEY = f"transcripts/account_1/{NAME}"
# As Amazon's documentation shows an answer.
ANSWER = {
    "jobName": NAME,
    "results": {
        "transcripts": [{"transcript": "Hello, who is there?"}],
        "items": [
            {"start_time": "0.04", "end_time": "0.5", "type": "pronunciation", "alternatives": [{"content": "Hello"}]},
            {"type": "punctuation", "alternatives": [{"content": ","}]},
        ],
    },
    "status": "COMPLETED",
}


def jobs(url: str) -> Any:
    """Transcribe's client."""
    return boto3.client("transcribe", endpoint_url=url, region_name="us-east-1")


def engine(url: str, **more: Any) -> Transcribe:
    """The engine under test."""
    bucket = Place(folder=Path("/nonexistent"), bucket=BUCKET, prefix="transcripts/", endpoint_url=url)
    given: dict[str, Any] = {"language": "en-IN", "seconds": 20.0, "endpoint_url": url, "poll_seconds": 0.05, **more}
    return Transcribe(bucket=bucket, **given)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """A recording."""
    file = tmp_path / "x.wav"
    file.write_bytes(b"RIFF" + b"x" * 100)
    return file


@pytest.fixture
def written(s3_url: str) -> Iterator[dict[str, Any]]:
    """What Amazon would do: write the answer when the job is there. What it was asked for."""
    seen: dict[str, Any] = {}
    over = threading.Event()

    def work() -> None:
        while not over.is_set() and "job" not in seen:
            for job in jobs(s3_url).list_transcription_jobs()["TranscriptionJobSummaries"]:
                name = job["TranscriptionJobName"]
                found = client(s3_url).get_object(Bucket=BUCKET, Key=f"{KEY}.wav")
                seen["sound"] = found["Body"].read()
                client(s3_url).put_object(Bucket=BUCKET, Key=f"{KEY}.json", Body=json.dumps(ANSWER).encode())
                seen["job"] = name
            time.sleep(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    yield seen
    over.set()
    thread.join()


def left(url: str) -> list[str]:
    """What is left in the bucket."""
    found = client(url).list_objects_v2(Bucket=BUCKET, Prefix="transcripts/")
    return [each["Key"] for each in found.get("Contents", ())]


async def test_a_recording_comes_back_as_a_text_and_nothing_stays(
    s3_url: str, tape: Path, written: dict[str, Any]
) -> None:
    found = await engine(s3_url, poll_seconds=0.5).transcribe(tape, account_id="account_1", name=NAME)
    assert found == Transcript(
        "Hello, who is there?", [{"text": "Hello", "start_time": 0.04, "end_time": 0.5}, {"text": ","}]
    )
    assert (written["job"], written["sound"]) == (NAME, tape.read_bytes())
    assert left(s3_url) == []
    assert jobs(s3_url).list_transcription_jobs()["TranscriptionJobSummaries"] == []


async def test_a_job_that_an_engine_left_behind_is_taken_up(s3_url: str, tape: Path, written: dict[str, Any]) -> None:
    mine = engine(s3_url)
    client(s3_url).put_object(Bucket=BUCKET, Key=f"{KEY}.wav", Body=tape.read_bytes())
    mine._start("account_1", NAME)
    found = await engine(s3_url, poll_seconds=0.5).transcribe(tape, account_id="account_1", name=NAME)
    assert found.text == "Hello, who is there?"


async def test_an_answer_that_is_not_there_or_not_readable_is_a_failure(s3_url: str, tape: Path) -> None:
    with pytest.raises(TranscriptFailed, match="there is no such file"):
        await engine(s3_url).transcribe(tape, account_id="account_1", name=NAME)
    assert left(s3_url) == []
    client(s3_url).put_object(Bucket=BUCKET, Key=f"{KEY}.json", Body=b'{"results": {}}')
    with pytest.raises(TranscriptFailed, match="can not be read"):
        await engine(s3_url).transcribe(tape, account_id="account_1", name=NAME)
    assert jobs(s3_url).list_transcription_jobs()["TranscriptionJobSummaries"] == []


async def test_what_transcribe_does_not_begin_is_left_in_no_bucket(s3_url: str, tape: Path) -> None:
    with broken("denied") as (_, url), pytest.raises(TranscriptFailed, match="Transcribe refuses: "):
        await engine(s3_url, endpoint_url=url).transcribe(tape, account_id="account_1", name=NAME)
    assert left(s3_url) == []


async def test_a_job_that_goes_on_is_kept_for_the_next_attempt_until_it_is_to_be_forgotten(
    s3_url: str, tape: Path
) -> None:
    mine = engine(s3_url, seconds=1.0, poll_seconds=60.0)
    with pytest.raises(TranscriptFailed, match="takes longer"):
        await mine.transcribe(tape, account_id="account_1", name=NAME)
    assert left(s3_url) == [f"{KEY}.wav"]
    for _ in range(2):  # the second has nothing to forget
        await mine.forget(account_id="account_1", name=NAME)
        assert left(s3_url) == []
    assert jobs(s3_url).list_transcription_jobs()["TranscriptionJobSummaries"] == []


async def test_what_is_still_being_put_there_when_time_is_up_is_forgotten_too(
    s3_url: str, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Bucket.put

    def slowly(*given: Any, **more: Any) -> None:
        time.sleep(0.5)
        put(*given, **more)

    monkeypatch.setattr(Bucket, "put", slowly)
    mine = engine(s3_url, seconds=0.1)
    with pytest.raises(TranscriptFailed, match="takes longer"):
        await mine.transcribe(tape, account_id="account_1", name=NAME)
    await mine.forget(account_id="account_1", name=NAME)
    await asyncio.sleep(1.0)
    assert left(s3_url) == []


async def test_a_service_that_refuses_is_down_or_hangs_is_a_failure(s3_url: str, tape: Path) -> None:
    bad_language = engine(s3_url, language="xx-XX")
    with broken("denied") as (_, url), pytest.raises(TranscriptFailed, match="Transcribe"):
        await engine(url).transcribe(tape, account_id="account_1", name=NAME)
    with pytest.raises(TranscriptFailed, match="does not answer"):
        await engine("http://127.0.0.1:9").transcribe(tape, account_id="account_1", name=NAME)
    with pytest.raises(TranscriptFailed, match=r"takes longer than 0\.001 s"):
        await engine(s3_url, seconds=0.001).transcribe(tape, account_id="account_1", name=NAME)
    with pytest.raises(TranscriptFailed):
        await bad_language.transcribe(tape.parent / "missing.wav", account_id="account_1", name=NAME)
