"""What an API asks of recordings: listed, heard, read as a text, within one account or by a link."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, assert_never

from engine.accounts import Accounts
from engine.api.dialect import Sound
from engine.api.links import Links
from engine.core.account import Account
from engine.core.recording_asks import (
    ListRecordings,
    PlayRecording,
    RecordingAsk,
    RecordingRow,
    Said,
    TranscriptByRequestId,
)
from engine.errors import Forbidden, InvalidRequest, NotFound, StorageAway, Unavailable
from engine.media.tapes import SUFFIX, Tapes
from engine.storage.s3 import Bucket
from engine.store.postgres import Store

TYPE = "audio/wav"
UNKNOWN = "there is no such recording"
DELETED = "deleted"
NOT_SAID = {"state": "failed", "attempts": 0, "reason": DELETED, "text": "", "segments": None}  # of one that is deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """The recordings of every account; `transcribes` says whether texts can be made of them."""

    tapes: Tapes
    links: Links
    bucket: Bucket | None = None
    transcribes: bool = False

    def require(self, *, transcript: bool) -> None:
        """Return if what is asked for can be had. Raises `InvalidRequest`."""
        if transcript and not self.transcribes:
            raise InvalidRequest(
                "transcript: no engine writes transcripts here, see LEGWORK_TRANSCRIPTS", param="transcript"
            )

    async def admit(self, store: Store, accounts: Accounts, name: str, expires: str, signature: str) -> Account:
        """Whose recording the link leads to. Raises `Forbidden`, `NotFound`, `StoreAway`."""
        self.links.check(name, expires, signature)
        row = await store.recordings.one(name)
        if row is None:
            raise NotFound(UNKNOWN)
        account = accounts.accounts.get(row["account_id"])
        if account is None:  # disabled since
            raise Forbidden
        return account

    async def answer(self, store: Store, account: Account, ask: RecordingAsk) -> Any:
        """What was asked for, within that account. Raises `Refusal`."""
        match ask:
            case ListRecordings(request_id=request_id, state=state, after=after, count=count):
                if after:
                    await self._one(store, account, after)
                found = await store.recordings.of(
                    account.account_id, call_id=request_id, state=state, after=after, count=count
                )
                return self.linked(found)
            case PlayRecording(name=name):
                return await self._play(await self._one(store, account, name))
            case TranscriptByRequestId(request_id=request_id):
                return await self._said(store, account.account_id, request_id)
            case _:
                assert_never(ask)

    def linked(self, rows: Iterable[RecordingRow]) -> list[RecordingRow]:
        """The rows, each with its link."""
        return [{**row, "link": self.links.to(row["name"]) if _is_heard(row) else ""} for row in rows]

    async def _one(self, store: Store, account: Account, name: str) -> RecordingRow:
        row = await store.recordings.one(name)
        if row is None or row["account_id"] != account.account_id:
            raise NotFound(UNKNOWN)
        return row

    async def _play(self, row: RecordingRow) -> Sound:
        if not _is_heard(row):
            words = "is deleted" if row["state"] == "deleted" else f"is not there: it is {row['state']}"
            raise NotFound(f"this recording {words}")
        file = self.tapes.file(row["account_id"], row["name"])
        if row["removed_at"] is None and await asyncio.to_thread(file.is_file):
            return Sound(content_type=TYPE, path=file)
        if row["uploaded_at"] is None or self.bucket is None:
            raise Unavailable(f"this recording lies on node {row['node']}, and can not be read here")
        return await self._fetched(self.bucket, row)

    async def _fetched(self, bucket: Bucket, row: RecordingRow) -> Sound:
        """Out of the bucket, a piece at a time."""
        held = ExitStack()
        opening = bucket.open(row["account_id"], row["name"] + SUFFIX)
        try:
            opened = await asyncio.to_thread(held.enter_context, opening)
        except NotFound as exc:
            raise StorageAway("this recording is not in the bucket any more") from exc

        async def pieces() -> AsyncIterator[bytes]:
            with held:
                while piece := await asyncio.to_thread(next, opened.chunks, b""):
                    yield piece

        return Sound(content_type=TYPE, size=opened.size, pieces=pieces())

    async def _said(self, store: Store, account_id: str, request_id: str) -> Said:
        asked = (await store.recordings.of_calls([request_id]))[request_id]
        recorded = [row for row in asked if row["account_id"] == account_id and row["transcript"]]
        call = await store.call(request_id, account_id=account_id)
        live = call is not None and call[0]["ended_at"] is None
        if not recorded:
            if call is None:
                raise NotFound("there is no such request_id")
            if not call[0]["request"].get("transcript"):
                raise NotFound("no transcript was asked for with this request")
            return Said(request_id, [], more=live, reason="" if live else "nothing was recorded")
        written = await store.recordings.transcripts_of(account_id, request_id)
        gone = [row for row in recorded if row["state"] == DELETED]
        return Said(
            request_id,
            [*written, *({**row, **NOT_SAID} for row in gone)],
            more=live or any(row["settled_at"] is None for row in recorded),
            reason=DELETED if len(gone) == len(recorded) else "",
        )


def _is_heard(row: RecordingRow) -> bool:
    """Whether there is something to be heard of it."""
    return row["settled_at"] is not None and row["state"] != "deleted" and bool(row["seconds"])
