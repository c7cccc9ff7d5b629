"""The spool: on disk and fsynced, the newest snapshot of each call that Postgres could not be given."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from engine.trouble import Trouble

FILE = "spool.db"
LIMIT_BYTES = 1 << 30
PAGE_BYTES = 4096
CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# One process has it at a time, and a commit is one fsync of the log.
PRAGMAS = ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL")
TABLE = """
CREATE TABLE IF NOT EXISTS snapshots (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    call_id TEXT NOT NULL UNIQUE,
    spooled_at REAL NOT NULL,
    body BLOB                           -- NULL: the call was refused, nothing of it is to stay in Postgres
)
"""
HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE name = 'snapshots'"
# A newer snapshot goes to the end: CDRs come out in the order in which their calls ended.
PUT = "INSERT OR REPLACE INTO snapshots (call_id, spooled_at, body) VALUES (?, ?, ?)"
OLDEST = "SELECT position, call_id, spooled_at, body FROM snapshots WHERE position > ? ORDER BY position LIMIT ?"
REMOVE = "DELETE FROM snapshots WHERE position <= ?"
COUNT = "SELECT count(*) FROM snapshots WHERE position > ?"

T = TypeVar("T")
log = structlog.get_logger()


class SpoolRefused(Exception):
    """The spool can not be written or read now: full, read-only, or nowhere."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """One call in the spool; without a body, one that was refused."""

    position: int
    call_id: str
    spooled_at: float
    body: bytes | None


class Spool:
    """A file of the state folder, there only while something is in it; without a folder it refuses.

    All work on it is done by one thread of its own, a step at a time. Methods raise `SpoolRefused`.
    """

    def __init__(self, folder: Path | None = None, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._path = folder / FILE if folder is not None else None
        self._limit_bytes = limit_bytes
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._file: sqlite3.Connection | None = None  # the thread's
        self._drained = 0  # up to this position it is in Postgres, removed or not
        self._refuses = Trouble("the spool refuses: no legs are dialled while Postgres is away, live calls go on")
        self.depth = 0  # how many calls are in it and not in Postgres

    @property
    def left_over(self) -> bool:
        """Whether there is something in it that Postgres may not have."""
        return self._path is not None and self._path.exists() and self._path.stat().st_size > 0

    async def put(self, snapshots: Sequence[tuple[str, bytes | None]]) -> None:
        """Keep each call's snapshot in place of an older one: on disk when this returns."""
        rows = [(call_id, time.time(), body) for call_id, body in snapshots]

        def work() -> int:
            file = self._opened()
            with file:
                file.execute("BEGIN IMMEDIATE")
                file.execute(TABLE)
                file.executemany(PUT, rows)
            return self._count(file)

        self.depth = await self._in_thread(work)
        self._refuses.is_over()

    async def oldest(self, count: int) -> list[Spooled]:
        """The first that are to be drained."""

        def work() -> tuple[int, list[Spooled]]:
            file = self._opened()
            if file.execute(HAS_TABLE).fetchone() is None:
                return 0, []
            found = file.execute(OLDEST, (self._drained, count)).fetchall()
            return self._count(file), [Spooled(*row) for row in found]

        if not self.left_over:
            return []
        self.depth, batch = await self._in_thread(work)
        return batch

    async def remove(self, batch: list[Spooled]) -> None:
        """Forget what Postgres has by now. Where that can not be written down it is skipped, until `clear`."""
        self._drained = batch[-1].position

        def work() -> int:
            file = self._opened()
            file.execute(REMOVE, (self._drained,))
            return self._count(file)

        try:
            self.depth = await self._in_thread(work)
        except SpoolRefused:  # told once
            self.depth = max(0, self.depth - len(batch))

    async def set_aside(self, batch: list[Spooled]) -> None:
        """Keep what Postgres does not take beside the spool, for a person to look at."""

        def work() -> None:
            path = self._beside("unwritten.jsonl")
            path.touch(mode=0o600)
            with path.open("ab") as file:
                file.writelines((each.body or b"") + b"\n" for each in batch)
                file.flush()
                os.fsync(file.fileno())

        await self._in_thread(work)

    async def clear(self) -> None:
        """Take the drained file away, for good."""
        if self.left_over:
            await self._in_thread(self._clear)
        self.depth = 0

    async def release(self) -> None:
        """Let another engine have the file; the next use opens it again."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._shut)

    async def close(self) -> None:
        """Let go of the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._shut)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            if self._path is None:
                raise FileNotFoundError("there is no folder for it")
            found, aside = await asyncio.get_running_loop().run_in_executor(self._thread, self._carry_out, work)
        except (sqlite3.Error, OSError) as exc:
            self._refuses.goes_on(error=str(exc), file=str(self._path), limit_mb=self._limit_bytes >> 20)
            raise SpoolRefused from exc
        if aside is not None:
            log.error("the spool was corrupt and is begun anew", aside=str(aside), fix="calls in it may be missing")
        return found

    # -- in the thread -----------------------------------------------------------------------

    def _carry_out(self, work: Callable[[], T]) -> tuple[T, Path | None]:
        """What the work found, and where a corrupt file was moved before."""
        try:
            return work(), None
        except sqlite3.Error as exc:
            self._shut()  # whatever it was, begin afresh next time
            if getattr(exc, "sqlite_errorcode", 0) & 0xFF not in CORRUPT:
                raise
        aside = self._move_aside()
        return work(), aside

    def _opened(self) -> sqlite3.Connection:
        assert self._path is not None
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)  # numbers are nobody else's to read
            self._file = file = sqlite3.connect(self._path, isolation_level=None, timeout=0)
            for pragma in (*PRAGMAS, f"max_page_count = {self._limit_bytes // PAGE_BYTES}"):
                file.execute(f"PRAGMA {pragma}")
        return self._file

    def _count(self, file: sqlite3.Connection) -> int:
        counted: int = file.execute(COUNT, (self._drained,)).fetchone()[0]
        return counted

    def _shut(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _clear(self) -> None:
        """The file first: a log without one is of no effect, a file without its log would be old."""
        self._shut()
        for path in self._files():
            path.unlink(missing_ok=True)
        self._drained = 0  # positions begin anew
        self._sync_folder()  # it must not come back after a power failure: Postgres has newer rows by then

    def _move_aside(self) -> Path:
        files = self._files()
        aside = self._beside(f"corrupt-{time.time_ns()}")
        for path in files:
            if path.exists():
                path.rename(aside.with_name(path.name.replace(FILE, aside.name)))
        self._drained = 0
        return aside

    def _files(self) -> list[Path]:
        assert self._path is not None
        return [self._path, self._path.with_name(f"{FILE}-wal"), self._path.with_name(f"{FILE}-shm")]

    def _beside(self, name: str) -> Path:
        assert self._path is not None
        return self._path.with_name(f"{FILE}.{name}")

    def _sync_folder(self) -> None:
        assert self._path is not None
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
