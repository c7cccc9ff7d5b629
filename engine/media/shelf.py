"""An account's announcements: those of the accounts file, and those uploaded, which are files of each node.

A sound lies in Postgres, so that any node's API takes it. Each node writes it into a folder of its own, from which its
Asterisk plays it: what is missing there is written beside all else, and nothing but its own calls waits for it.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from engine.accounts import Accounts
from engine.core.account import Account
from engine.core.asks import (
    AnnouncementAsk,
    AnnouncementRow,
    DeleteAnnouncement,
    FetchAnnouncement,
    ListAnnouncements,
    PlayAnnouncement,
    UploadAnnouncement,
)
from engine.errors import NotFound, OfTheFile, StoreAway, TooManyAnnouncements, Unavailable, WrongConfig
from engine.media import folder as files
from engine.media.convert import convert
from engine.media.fetch import Fetcher
from engine.sound import PLAYABLE
from engine.store.postgres import Row, Store
from engine.trouble import Trouble

MOST = 1000  # of an account
NAME_LENGTH = 100
AT_ONCE = 2  # converted and kept: the other processor, and most connections, are for calls
# Longer than any call: what is deleted while a call may still play it stays a file until then.
DELETED_SECONDS = 30 * 3600
PART_SECONDS = 3600  # an engine that wrote a file for so long has died

log = structlog.get_logger()


@dataclass(slots=True)
class Shelf:
    """What is uploaded of every account, in the store, in this node's `folder`, and known to its accounts."""

    store: Store
    accounts: Accounts
    folder: Path
    fetcher: Fetcher = field(default_factory=Fetcher)
    _adding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _seen: list[Row] | None = None  # all of it is a file here
    _missing: list[Row] = field(default_factory=list)
    _missed: asyncio.Event = field(default_factory=asyncio.Event)
    _looks: int = 0
    _newest: int = 0
    _unwritten: Trouble = field(default_factory=lambda: Trouble("uploaded announcements can not be played here"))

    def __post_init__(self) -> None:
        if not PLAYABLE.fullmatch(str(self.folder)):
            raise WrongConfig(
                f"{self.folder}: a path that Asterisk is given has only letters, digits and / . _ - in it"
            )

    async def answer(self, account: Account, ask: AnnouncementAsk) -> Any:
        """What was asked for, within that account. Raises `Refusal`."""
        match ask:
            case ListAnnouncements():
                return await self.store.announcements(account.account_id)
            case PlayAnnouncement(name=name):
                return await self._play(account, name)
            case UploadAnnouncement(content=content, file_name=file_name, content_type=content_type, name=name):
                return await self._add(account, content, name or file_name, file_name, content_type)
            case FetchAnnouncement(url=url, only=only):
                found = await self.fetcher.fetch(url)
                return await self._add(account, found.content, found.name, found.name, found.content_type, only=only)
            case DeleteAnnouncement(name=name):
                return await self._delete(account, name)

    async def refresh(self) -> None:
        """Take over what is applied, and what is uploaded and a file here. Raises `StoreAway`, `WrongConfig`.

        What is no file here yet is unknown here, so that nobody is played silence; `run` writes it.
        """
        self._looks += 1
        look = self._looks
        applied, disabled = await self.store.applied(), await self.store.disabled_accounts()
        uploads, missing = await self._uploads()
        if look > self._newest:  # else a later look has been quicker: whatever changed since then has a hint of its own
            self._newest = look
            self._missing = missing
            (self._missed.set if missing else self._missed.clear)()
            items = [*map(self._item, uploads), *applied]  # those of the accounts file come last, and win
            self.accounts.replace(items, disabled=disabled)

    async def run(self) -> None:
        """Write what a look missed, for ever."""
        while True:
            await self._missed.wait()
            try:
                await self.fill()
            except Exception:  # what is applied may be another version's: the accounts stay as they are
                log.exception("uploaded announcements not taken over")

    async def fill(self) -> None:
        """Write what the last look missed, one by one; what fails is missed again by the next look."""
        self._missed.clear()
        missing, failed = self._missing, 0
        for row in missing:
            try:
                await self._write(row, await self.store.sound(row["account_id"], row["id"]))
            except (OSError, StoreAway) as exc:
                failed += 1
                self._unwritten.goes_on(announcement=row["id"], account=row["account_id"], error=str(exc))
        if failed < len(missing):  # else it is not worth another look
            await self._known()

    async def _uploads(self) -> tuple[list[Row], list[Row]]:
        """Of what is uploaded, what is a file here, and what is not; files of what is gone are removed."""
        rows = await self.store.uploads(deleted_seconds=DELETED_SECONDS)
        if rows == self._seen:
            return _kept(rows), []
        # The folder first, then the rows: a file that is there by then has had its row before.
        there = await asyncio.to_thread(_listed, self.folder)
        rows = await self.store.uploads(deleted_seconds=DELETED_SECONDS)
        missing = [row for row in _kept(rows) if self._file(row) not in there]
        try:
            await asyncio.to_thread(_remove, there - {self._file(row) for row in rows})
        except OSError as exc:
            self._unwritten.goes_on(error=str(exc))
        else:
            if not missing:
                self._unwritten.is_over()
                self._seen = rows
        return [row for row in _kept(rows) if self._file(row) in there], missing

    async def _play(self, account: Account, name: str) -> bytes:
        known = account.announcements.get(name)
        if known is None:
            raise NotFound("there is no such announcement")
        try:
            return await asyncio.to_thread(Path(known.media.removeprefix("sound:") + ".wav").read_bytes)
        except OSError as exc:
            raise Unavailable("this announcement can not be read on this node") from exc

    async def _add(
        self, account: Account, content: bytes, name: str, file_name: str, content_type: str, *, only: str = ""
    ) -> AnnouncementRow:
        async with self._adding:
            sound = await convert(content, name=file_name, content_type=content_type, only=only)
            row = await self.store.add_announcement(
                account.account_id, name=_shown(name), seconds=sound.seconds, sound=sound.wav, most=MOST
            )
        if row is None:
            raise TooManyAnnouncements
        try:
            await self._write({**row, "account_id": account.account_id}, sound.wav)
        except OSError as exc:
            self._unwritten.goes_on(announcement=row["id"], account=account.account_id, error=str(exc))
        await self._known()
        return row

    async def _delete(self, account: Account, name: str) -> AnnouncementRow:
        rows = await self.store.announcements(account.account_id)
        row = next((row for row in rows if name in (row["id"], row["number"] or row["id"])), None)
        if row is None:
            raise NotFound("there is no such announcement")
        if row["source"] == "file":
            raise OfTheFile
        if not await self.store.delete_announcement(account.account_id, row["id"]):
            raise NotFound("there is no such announcement")
        await self._known()
        return row

    async def _known(self) -> None:
        """Let whoever asked use it at once: here it is known before the answer, elsewhere a moment later."""
        with suppress(StoreAway, WrongConfig):  # what was asked for is done; the next look says what is wrong
            await self.refresh()

    def _file(self, row: Row) -> Path:
        return self.folder / str(row["account_id"]) / str(row["id"])

    def _item(self, row: Row) -> Row:
        """As if it stood in the accounts file."""
        body = {"file": str(self._file(row)), "seconds": row["seconds"], "alias": str(row["number"])}
        return {"kind": "announcement", "account_id": row["account_id"], "id": row["id"], "body": body}

    async def _write(self, row: Row, sound: bytes | None) -> None:
        if sound is not None:  # else it has been deleted meanwhile
            await asyncio.to_thread(files.write, self._file(row), sound)


def _kept(rows: Iterable[Row]) -> list[Row]:
    """Those that are not deleted."""
    return [row for row in rows if row["deleted_at"] is None]


def _shown(name: str) -> str:
    """A name as it is shown to people, never used as one of a file."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable()).strip()[:NAME_LENGTH]


def _listed(folder: Path) -> set[Path]:
    """The files there, without those that are being written now."""
    return {path for path in folder.glob("*/*") if not path.name.endswith(files.PART) or _is_left_over(path)}


def _is_left_over(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > PART_SECONDS
    except OSError:  # it is whole now
        return False


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
