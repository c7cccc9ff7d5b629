"""A Postgres of a test's own, to be stopped, frozen and locked at will."""

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.store import embedded
from tests.live.lab import ENV_FILE


class OwnPostgres:
    """An embedded server in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = embedded.start(folder)

    @classmethod
    @contextmanager
    def run(cls) -> Iterator["OwnPostgres"]:
        """A new one; nothing is left of it."""
        folder = ENV_FILE.parent / f"test-postgres-{secrets.token_hex(4)}"
        try:
            yield cls(folder)
        finally:
            embedded.stop(folder)
            shutil.rmtree(folder)

    def stop(self) -> None:
        """Shut it down."""
        embedded.stop(self._folder)

    def start(self) -> None:
        """Start it again."""
        embedded.start(self._folder)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nobody in it does anything, and no connection is closed."""
        server = int((self._folder / "postgres/postmaster.pid").read_text().split()[0])
        self._tell(server, signal.SIGSTOP)
        try:
            yield
        finally:
            self._tell(server, signal.SIGCONT)

    def _tell(self, server: int, order: signal.Signals) -> None:
        for pid in (server, *(int(each.name) for each in Path("/proc").glob("[0-9]*") if _parent(each) == server)):
            os.kill(pid, order)


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return None
