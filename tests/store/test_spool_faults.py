"""The spool of a process that is killed, or whose disk is full: what was acknowledged is there."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine.store.spool import Spool

ROOT = Path(__file__).resolve().parents[2]

# Spools calls, three at a time, some of them again and again; says which as soon as they are acknowledged.
WRITE = """
import asyncio, itertools, sys
from pathlib import Path
from engine.store.spool import Spool

async def main():
    spool = Spool(Path(sys.argv[1]))
    for turn in itertools.count():
        await spool.put([(f"call{turn % 7}", b"%d" % turn), (f"only{turn}", b"%d" % turn), (f"also{turn}", None)])
        print(turn, flush=True)

asyncio.run(main())
"""
# Spools 100 KB at a time into files of at most 1 MB, the first byte over being one too many.
FILL = """
import asyncio, resource, sys
from pathlib import Path
from engine.store.spool import Spool, SpoolRefused
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

async def main():
    spool = Spool(Path(sys.argv[1]))
    kept = 0
    for turn in range(100):
        try:
            await spool.put([(f"call{kept}", b"x" * 100_000)])
            kept += 1
        except SpoolRefused:
            pass
    print("kept", kept)

asyncio.run(main())
"""
# Drains a spool without a byte to write.
DRAIN = """
import asyncio, resource, sys
from pathlib import Path
from engine.store.spool import Spool, SpoolRefused
resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))

async def main():
    spool = Spool(Path(sys.argv[1]))
    try:
        await spool.put([("more", b"x")])
    except SpoolRefused:
        print("refused")
    while batch := await spool.oldest(2):
        print(*(each.call_id for each in batch))
        await spool.remove(batch)
    await spool.clear()
    print("depth", spool.depth)
    await spool.close()

asyncio.run(main())
"""


def run(script: str, folder: Path, *before: str) -> str:
    command = [*before, sys.executable, "-c", script, str(folder)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def spooled(folder: Path) -> dict[str, bytes | None]:
    """What the next engine finds, in its order."""

    async def read() -> dict[str, bytes | None]:
        spool = Spool(folder)
        found = {each.call_id: each.body for each in await spool.oldest(1_000_000)}
        await spool.close()
        return found

    return asyncio.run(read())


def test_a_process_killed_at_any_moment_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    for turn in range(8):
        folder = tmp_path / str(turn)
        child = subprocess.Popen([sys.executable, "-c", WRITE, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "0\n"
        time.sleep(0.013 * turn)
        child.send_signal(signal.SIGKILL)
        acknowledged = int((["0", *child.stdout.read().split("\n")[:-1]])[-1])
        child.stdout.close()
        child.wait()
        found = spooled(folder)
        assert {f"only{number}" for number in range(acknowledged + 1)} <= found.keys()
        assert {f"also{number}" for number in range(acknowledged + 1)} <= found.keys()
        for number in range(min(7, acknowledged + 1)):
            newest = max(each for each in range(acknowledged + 1) if each % 7 == number)
            assert int(found[f"call{number}"] or b"-1") >= newest
        order = [int(each[4:]) for each in found if each.startswith("only")]
        assert order == sorted(order)


def test_each_acknowledgement_stands_behind_an_fsync_of_its_own(tmp_path: Path) -> None:
    """As the kernel saw them: what was only written survives a kill, but not a power failure."""
    trace = tmp_path / "trace"
    strace = ("strace", "-f", "-e", "trace=fsync,fdatasync,write", "-o", str(trace))
    run(WRITE.replace("itertools.count()", "range(20)"), tmp_path / "spool", *strace)
    told, synced = [], False
    for line in trace.read_text().splitlines():
        synced = synced or "sync(" in line
        number = re.search(r'write\(1, "(\d+)', line)
        if number:
            assert synced, line
            told.append(int(number[1]))
            synced = False
    assert told == list(range(20))


def test_a_full_disk_refuses_and_what_was_kept_is_drained_and_cleared_all_the_same(tmp_path: Path) -> None:
    filled = run(FILL, tmp_path)
    kept = int(filled.rpartition("kept ")[2])
    assert 2 < kept < 25
    assert 1 <= filled.count("the spool refuses") < 10  # of some 80 refusals
    calls = [f"call{number}" for number in range(kept)]
    assert list(spooled(tmp_path)) == calls
    told = [line for line in run(DRAIN, tmp_path).splitlines() if "[" not in line]
    assert told[0] == "refused"
    assert " ".join(told[1:-1]).split() == calls
    assert told[-1] == "depth 0"
    assert list(tmp_path.iterdir()) == []
