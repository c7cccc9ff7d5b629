"""Sees recordings home: their files are looked at when they have ended, put into a bucket, and deleted in time."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from engine.ari.client import Ari
from engine.ari.orders import in_folder
from engine.errors import Refusal, StoreAway, TranscriptFailed
from engine.media.tapes import SUFFIX, Tapes
from engine.storage.s3 import Bucket
from engine.store.postgres import Store
from engine.transcripts.engine import Transcriber
from engine.trouble import Trouble

SETTLE_SECONDS = 1.0
UPLOAD_SECONDS = 5.0
RETENTION_SECONDS = 3600.0
AT_ONCE = 100
STRAY_SECONDS = 5.0  # so long after its end a recording that Asterisk still makes is ended once more
# What could not be done is left alone for so long at first, doubled each time, and at most: others wait behind it.
SETTLE_AGAIN_SECONDS, SETTLE_LONGEST_SECONDS = 1.0, 60.0
AGAIN_SECONDS, LONGEST_SECONDS = 10.0, 3600.0
NOT_LIVE = 404
NO_FILE, EMPTY = "no_file", "empty"  # why one failed
SOUND = "audio/wav"
NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS)  # to delete: a folder of Asterisk's, or mounted to be read only

log = structlog.get_logger()

Row = dict[str, Any]


class NotNow(Exception):
    """What is to be done with a recording can not be done now."""


@dataclass(slots=True, kw_only=True)
class Recordings:
    """A node's recordings, once they have ended. Files are kept for so many days (0: for ever).

    With a `bucket` each is put there, again and again until that works, and then stays here only if `keep_local`.
    What the `transcriber` may have kept of one is deleted with it.
    """

    store: Store
    ari: Ari
    tapes: Tapes
    bucket: Bucket | None = None
    transcriber: Transcriber | None = None
    keep_local: bool = True
    days: int = 0
    _unread: Trouble = field(default_factory=lambda: Trouble("recordings can not be read: see LEGWORK_RECORDINGS_DIR"))
    _undeleted: Trouble = field(default_factory=lambda: Trouble("recordings can not be deleted"))
    _not_put: Trouble = field(default_factory=lambda: Trouble("recordings can not be put into the bucket"))

    async def run(self) -> None:
        """See to them for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._every(SETTLE_SECONDS, self.settle), name="recordings: settle")
            tasks.create_task(self._every(RETENTION_SECONDS, self.expire), name="recordings: expire")
            if self.bucket is not None:
                tasks.create_task(self._every(UPLOAD_SECONDS, self.upload), name="recordings: upload")

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                if self.store.writer.lock.ours and not self.store.writer.away:
                    await work()
            except StoreAway:  # the writer tells
                pass
            except Exception:  # a fault of ours costs one round
                log.exception("recordings not seen to")
            await asyncio.sleep(seconds)

    # -- what has ended ----------------------------------------------------------------------

    async def settle(self) -> None:
        """Look at the files of those that have ended. Raises `StoreAway`."""
        for row in await self.store.recordings.unsettled(AT_ONCE):
            await self._one(row, self._settle, SETTLE_AGAIN_SECONDS, SETTLE_LONGEST_SECONDS)

    async def _settle(self, row: Row) -> None:
        """Look at its file once Asterisk makes it no more; one that it should not make any more is ended.

        Raises `NotNow`.
        """
        reply = await self.ari.recordings.getLive(recordingName=in_folder(row["account_id"], row["name"]))
        if reply.done and row["ended_seconds"] > STRAY_SECONDS:
            log.warning("stray recording ended", recording=row["name"])
            await self.ari.channels.hangup(channelId=row["name"])
        if reply.status != NOT_LIVE:
            raise NotNow("Asterisk still makes it" if reply.done else f"Asterisk answers {reply.status}")
        await self._measure(row)

    async def _measure(self, row: Row) -> None:
        account_id, name, reason = row["account_id"], row["name"], row["reason"]
        seconds, size = None, None
        try:
            measured = await asyncio.to_thread(self.tapes.measure, account_id, name)
            seconds, size = round(measured.seconds, 3), measured.size
            reason = reason or ("" if seconds else EMPTY)
            if measured.unrepaired:
                log.warning("recording not repaired", recording=name, error=measured.unrepaired)
        except FileNotFoundError:
            reason = reason or NO_FILE
        except OSError as exc:
            self._unread.goes_on(recording=name, error=str(exc))
            raise NotNow(str(exc)) from exc
        self._unread.is_over()
        state = "failed" if reason else "finished"
        await self.store.recordings.settle(name, state=state, reason=reason, seconds=seconds, size=size)
        log.info(f"recording {state}", call=row["call_id"], recording=name, seconds=seconds, reason=reason or None)

    # -- the bucket --------------------------------------------------------------------------

    async def upload(self) -> None:
        """Put what is finished into the bucket, and what is there by then away. Raises `StoreAway`."""
        assert self.bucket is not None
        for row in await self.store.recordings.to_upload(AT_ONCE):
            await self._one(row, self._upload)
        for row in [] if self.keep_local else await self.store.recordings.to_remove(AT_ONCE):
            await self._one(row, self._remove)

    async def _upload(self, row: Row) -> None:
        assert self.bucket is not None
        account_id, name = row["account_id"], row["name"]
        file = self.tapes.file(account_id, name)
        try:
            await asyncio.to_thread(self.bucket.put, account_id, name + SUFFIX, file, content_type=SOUND)
        except (Refusal, OSError) as exc:
            error = str(exc) or type(exc).__name__
            self._not_put.goes_on(recording=name, error=error)
            raise NotNow(error) from exc
        self._not_put.is_over()
        await self.store.recordings.note_upload(name)
        log.info("recording uploaded", call=row["call_id"], recording=name)

    async def _remove(self, row: Row) -> None:
        await self._remove_file(row)
        await self.store.recordings.note_removed(row["name"])

    # -- what is old -------------------------------------------------------------------------

    async def expire(self) -> None:
        """Delete what has been kept long enough, here and in the bucket. Raises `StoreAway`."""
        while self.days and (old := await self.store.recordings.old(self.days, AT_ONCE)):
            deleted = [await self._one(row, self._delete) for row in old]
            if any(deleted):
                log.info("old recordings deleted", recordings=sum(deleted))

    async def _delete(self, row: Row) -> None:
        uploaded = row["uploaded_at"] is not None
        if uploaded:
            await self._delete_from_bucket(row["account_id"], row["name"])
        if self.transcriber is not None and row["transcript"]:
            try:
                await self.transcriber.forget(account_id=row["account_id"], name=row["name"])
            except TranscriptFailed as exc:
                raise self._not_deleted(row["name"], exc.message) from exc
        await self._remove_file(row)
        await self.store.recordings.delete(row["name"], uploaded=uploaded)

    async def _delete_from_bucket(self, account_id: str, name: str) -> None:
        if self.bucket is None:
            raise self._not_deleted(name, "it is in a bucket that the settings do not name")
        try:
            await asyncio.to_thread(self.bucket.delete, account_id, name + SUFFIX)
        except Refusal as exc:
            raise self._not_deleted(name, str(exc)) from exc

    async def _remove_file(self, row: Row) -> None:
        """Delete the file; where we may not, Asterisk does. Raises `NotNow`."""
        account_id, name = row["account_id"], row["name"]
        try:
            await asyncio.to_thread(self.tapes.remove, account_id, name)
        except OSError as exc:
            if exc.errno not in NOT_OURS or not await self._remove_by_asterisk(account_id, name):
                raise self._not_deleted(name, str(exc)) from exc
        self._undeleted.is_over()

    async def _remove_by_asterisk(self, account_id: str, name: str) -> bool:
        reply = await self.ari.recordings.deleteStored(recordingName=in_folder(account_id, name))
        return reply.done or reply.status == NOT_LIVE

    def _not_deleted(self, name: str, error: str) -> NotNow:
        self._undeleted.goes_on(recording=name, error=error)
        return NotNow(error)

    # -- one behind the other ----------------------------------------------------------------

    async def _one(
        self,
        row: Row,
        work: Callable[[Row], Awaitable[None]],
        again: float = AGAIN_SECONDS,
        longest: float = LONGEST_SECONDS,
    ) -> bool:
        """Whether that is done with this one; else it is left alone for a while, so that it holds up no other."""
        try:
            await work(row)
        except StoreAway:
            raise
        except NotNow as exc:
            error = str(exc)
        except Exception as exc:  # a fault of ours costs this one
            log.exception("recording not seen to", recording=row["name"])
            error = type(exc).__name__
        else:
            return True
        await self.store.recordings.put_off(
            row["name"], error, seconds=min(again * 2 ** min(row["tries"], 16), longest)
        )
        return False
