"""A million contacts from a CSV file: how long, how much CPU and memory: `.venv/bin/python tests/bench/imports.py`."""

import argparse
import asyncio
import os
import resource
import secrets
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import asyncpg

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from engine.api.importer import Importer
from engine.core.account import Account
from engine.core.campaign_asks import ImportCsv, Imported
from engine.storage.place import Place
from engine.store import embedded
from engine.store.migrate import migrate
from tests.store.conftest import execute, other_database

BAR_SECONDS = 60.0
LOOK_SECONDS = 0.05
PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
ENDS = {"IN": ("91", 10), "US": ("1212", 7)}  # what a number begins with, and how many digits follow

DESCRIPTION = """
Writes a file of contacts with three fields each, imports it as the HTTP API does, and reads what is in the list. It
needs a Postgres only: that of DATABASE_URL, else an embedded one of its own.
"""


def main() -> None:
    """Measure it, and print it."""
    options = parser().parse_args()
    with TemporaryDirectory() as folder:
        url = os.environ.get("DATABASE_URL")
        own = None if url else Path(folder) / "state"
        try:
            raise SystemExit(asyncio.run(measure(url or embedded.start(own or Path()), Path(folder), options)))
        finally:
            if own is not None:
                embedded.stop(own)


async def measure(server: str, folder: Path, options: argparse.Namespace) -> int:
    """Write, import, count; 1 if the bar is missed or the list is not what the file was."""
    name = f"legwork_bench_{secrets.token_hex(4)}"
    await execute(server, f"CREATE DATABASE {name}")
    url = other_database(server, name)
    try:
        await migrate(url)
        wanted, size = await asyncio.to_thread(write, folder / "account_1", options)
        print(f"bench: {options.rows:,} rows of region {options.region}, {size / 1e6:.0f} MB")
        await execute(url, "INSERT INTO lists VALUES ('LS0000000000', 'account_1', 'contacts', 'bench', 0, now())")
        seconds, watched, imported = await timed(url, folder, options.region)
        found = await there(url)
    finally:
        await execute(server, f"DROP DATABASE {name} WITH (FORCE)")
    print(f"bench: imported {imported.imported:,}, duplicates {imported.duplicate:,}, invalid {imported.invalid:,}")
    print(f"bench: {seconds:.1f} s (the bar is {BAR_SECONDS:g} s)")
    print(f"bench: whoever waits for it, the engine, grew by {watched.grown / 1e6:.1f} MB")
    print(
        f"bench: the import's process: {watched.user:.1f} s user + {watched.system:.1f} s system CPU,"
        f" {watched.peak / 1e6:.0f} MB at most, {watched.half / 1e6:.0f} MB half-way"
    )
    print(f"bench: Postgres: {watched.backend_seconds:.1f} s of CPU, as far as it was seen")
    good = found == (wanted, wanted) == (imported.imported, imported.imported) and seconds < BAR_SECONDS
    print("bench: the list is what the file was" if found == (wanted, wanted) else f"bench: WRONG: {found}")
    return 0 if good else 1


def write(folder: Path, options: argparse.Namespace) -> tuple[int, int]:
    """The file, each hundredth row a duplicate, each thousandth no number; how many contacts it has, and bytes."""
    folder.mkdir()
    random = Random(1)
    before, count = ENDS[options.region]
    begins = "6789" if options.region == "IN" else "23456789"
    seen: list[str] = []
    with (folder / "contacts.csv").open("w", encoding="utf-8-sig") as file:
        file.write("contact_name,contact_number,field1,field2,field3\n")
        for row in range(options.rows):
            rest = (row * 7_368_787 + 12345) % 10 ** (count - 1) if options.rows <= 10 ** (count - 1) else row
            number = f"{before}{random.choice(begins)}{rest:0{count - 1}d}"
            if row % 1000 == 999:
                number = "91997927XXXX"
            elif row % 100 == 99:
                number = random.choice(seen)
            elif row % 10 == 0:
                seen.append(number)
            file.write(f"Contact {row},{number},Ankit,Jayswal,{row % 997}\n")
    lines = (folder / "contacts.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    numbers = {line.split(",")[1] for line in lines} - {"91997927XXXX"}
    return len(numbers), (folder / "contacts.csv").stat().st_size


class Watched:
    """The import's process and its backend, as they were seen while it ran."""

    def __init__(self) -> None:
        self.peak = self.half = self.grown = 0
        self.backend_seconds = self.user = self.system = 0.0
        self.seen: list[int] = []

    async def follow(self, url: str) -> None:
        """Look at them until cancelled."""
        connection = await asyncpg.connect(url)
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'legwork import'"
        try:
            while True:
                for pid in children():
                    self.seen.append(resident(pid))
                for row in await connection.fetch(query):
                    self.backend_seconds = max(self.backend_seconds, cpu_seconds(row["pid"]))
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self.peak = max(self.seen, default=0)
            self.half = self.seen[len(self.seen) // 2] if self.seen else 0
            connection.terminate()


async def timed(url: str, folder: Path, region: str) -> tuple[float, Watched, Imported]:
    """How long the import takes, what was seen of it meanwhile, and its outcome."""
    importer = Importer(database_url=url, place=Place(folder=folder))
    ask = ImportCsv(kind="contacts", list_id="LS0000000000", key="contacts.csv")
    watched = Watched()
    following = asyncio.create_task(watched.follow(url))
    own = resident(os.getpid())
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    imported = await importer.carry_out(Account(account_id="account_1", name="", region=region), ask)
    seconds = time.monotonic() - begin
    watched.grown = resident(os.getpid()) - own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    watched.user, watched.system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    following.cancel()
    await asyncio.wait([following])
    return seconds, watched, imported


async def there(url: str) -> tuple[int, int]:
    """How many contacts are in the list, and its last position."""
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow("SELECT count(*), max(position) FROM contacts")
    finally:
        await connection.close()
    assert row is not None
    return row[0], row[1]


def children() -> list[int]:
    """Our own processes."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def resident(pid: int) -> int:
    """Bytes of memory that it has now; 0 where it is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0


def cpu_seconds(pid: int) -> float:
    """What it has used, user and system."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS
    return 0.0


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(description=DESCRIPTION)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--region", choices=sorted(ENDS), default="IN")
    return options


if __name__ == "__main__":
    main()
