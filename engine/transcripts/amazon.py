"""Transcripts by Amazon Transcribe: a recording is put into a bucket for it, and its answer is fetched from there."""

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from engine.errors import Refusal, TranscriptFailed
from engine.storage.place import Place
from engine.storage.s3 import ATTEMPTS, CONNECT_SECONDS, READ_SECONDS, Bucket
from engine.transcripts.engine import Transcript, checked

POLL_SECONDS = 5.0
MOST_BYTES = 32 << 20  # of its answer, which has each word with its time
SOUND, ANSWER = ".wav", ".json"
KNOWN = "ConflictException"  # a job of that name is there: ours, of an engine that died
NO_JOB = ("BadRequestException", "NotFoundException")  # of a job that is to be deleted

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcribe:
    """Amazon's, by boto3. `bucket` is where it reads and writes; `language` is "" where it is to find that out."""

    bucket: Place
    language: str
    seconds: float
    endpoint_url: str = ""
    poll_seconds: float = POLL_SECONDS

    async def transcribe(self, file: Path, *, account_id: str, name: str) -> Transcript:
        """See `Transcriber`. What was put there is deleted again, unless the job goes on, for another attempt."""
        try:
            async with asyncio.timeout(self.seconds):
                return await self._transcribe(file, account_id, name)
        except TimeoutError as exc:
            raise TranscriptFailed(f"Transcribe takes longer than {self.seconds:g} s") from exc
        except TranscriptFailed:
            raise
        except (Refusal, OSError) as exc:
            raise TranscriptFailed(f"Transcribe: {exc}") from exc

    async def _transcribe(self, file: Path, account_id: str, name: str) -> Transcript:
        bucket = Bucket(self.bucket)
        await _whole(asyncio.to_thread(bucket.put, account_id, name + SOUND, file, content_type="audio/wav"))
        if refusal := await _whole(asyncio.to_thread(self._start, account_id, name)):
            await self._tidy(account_id, name)
            raise TranscriptFailed(f"Transcribe refuses: {refusal}")
        state, reason = await asyncio.to_thread(self._look, name)
        while state not in ("COMPLETED", "FAILED"):
            await asyncio.sleep(self.poll_seconds)
            state, reason = await asyncio.to_thread(self._look, name)
        try:
            if state == "FAILED":
                raise TranscriptFailed(f"Transcribe: {reason}")
            return _read(await asyncio.to_thread(_fetched, bucket, account_id, name + ANSWER))
        finally:
            await self._tidy(account_id, name)

    async def forget(self, *, account_id: str, name: str) -> None:
        """See `Transcriber`."""
        await asyncio.to_thread(self._forget, account_id, name)

    async def _tidy(self, account_id: str, name: str) -> None:
        """Leave nothing there, for the next attempt to begin anew; what is left costs no transcript."""
        try:
            await self.forget(account_id=account_id, name=name)
        except TranscriptFailed as exc:
            log.warning("transcribe not tidied", recording=name, error=exc.message)

    def _start(self, account_id: str, name: str) -> str:
        """Have it begin; why it does not, "" where it does."""
        bucket = Bucket(self.bucket)
        language = {"LanguageCode": self.language} if self.language else {"IdentifyLanguage": True}
        with _told() as refused:
            self._client().start_transcription_job(
                TranscriptionJobName=name,
                Media={"MediaFileUri": f"s3://{self.bucket.bucket}/{bucket.path(account_id, name + SOUND)}"},
                MediaFormat="wav",
                OutputBucketName=self.bucket.bucket,
                OutputKey=bucket.path(account_id, name + ANSWER),
                **language,
            )
        return "" if refused in ([], [KNOWN]) else refused[0]

    def _look(self, name: str) -> tuple[str, str]:
        """Its state, and why it failed."""
        job: dict[str, Any] = {}
        with _told() as refused:
            job = self._client().get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"]
        if refused:
            raise TranscriptFailed(f"Transcribe refuses: {refused[0]}")
        return str(job["TranscriptionJobStatus"]), str(job.get("FailureReason", "failed"))

    def _forget(self, account_id: str, name: str) -> None:
        bucket = Bucket(self.bucket)
        try:
            for suffix in (SOUND, ANSWER):  # first, whatever becomes of the job
                bucket.delete(account_id, name + suffix)
        except Refusal as exc:
            raise TranscriptFailed(f"Transcribe: {exc}") from exc
        with _told() as refused:
            self._client().delete_transcription_job(TranscriptionJobName=name)
        if refused and refused[0] not in NO_JOB:
            raise TranscriptFailed(f"Transcribe refuses: {refused[0]}")

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "transcribe",
            endpoint_url=self.endpoint_url or None,
            region_name=self.bucket.region or None,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            ),
        )


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to, which goes on in its thread when nobody waits for it: nothing is put there afterwards."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _fetched(bucket: Bucket, account_id: str, key: str) -> bytes:
    with bucket.open(account_id, key) as opened:
        if opened.size > MOST_BYTES:
            raise TranscriptFailed(f"Transcribe's answer is larger than {MOST_BYTES >> 20} MB")
        return b"".join(opened.chunks)


def _read(answer: bytes) -> Transcript:
    """Its text, and a segment for each word or mark."""
    try:
        results = json.loads(answer)["results"]
        segments = [_segment(each) for each in results.get("items", ())]
        return checked({"text": results["transcripts"][0]["transcript"], "segments": segments})
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as exc:
        raise TranscriptFailed("Transcribe's answer can not be read") from exc


def _segment(item: dict[str, Any]) -> dict[str, Any]:
    """When it was said, in seconds; a mark has no time."""
    times: dict[str, Any] = {name: float(item[name]) for name in ("start_time", "end_time") if name in item}
    return {"text": item["alternatives"][0]["content"], **times}


@contextmanager
def _told() -> Iterator[list[str]]:
    """The code of what it refuses. Raises `TranscriptFailed` where it does not answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    refused: list[str] = []
    try:
        yield refused
    except ClientError as exc:
        refused.append(str(exc.response.get("Error", {}).get("Code", "unknown")))
    except (BotoCoreError, OSError, ValueError) as exc:
        raise TranscriptFailed(f"Transcribe does not answer: {type(exc).__name__}") from None
