"""A campaign of 300 contacts, every row of the carrier in it: `.venv/bin/python tests/bench/campaign.py --help`."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.bench.lab import Lab, say, up
from tests.bench.main import run
from tests.bench.report import verdict
from tests.live import outreach
from tests.live.engine import Api
from tests.live.outreach import Outreach
from tests.live.wire import Wire

SHOWN = 5  # faults of each kind

DESCRIPTION = """
Has the lab carry out a campaign with retries, a do-not-disturb list and answering-machine detection, then holds what
the carrier recorded, what was on the wire, the CDRs and all four vendors' reports against each other. With --kills two
engines share the campaign and are killed (-9) in turn while it goes on: then is compared what has to hold nevertheless.
"""
EPILOG = "Exit code: 0, or 1 if any of them disagrees with another."
RETRY_ON = ("NOANSWER", "BUSY", "CONGESTION")


def main() -> None:
    """Carry it out, and print who disagrees with whom."""
    options = parser().parse_args()
    if options.kills:
        up(NODES="2")
    raise SystemExit(run(compared(contacts=options.contacts, per_minute=options.per_minute, kills=options.kills)))


async def compared(*, contacts: int, per_minute: int, kills: int) -> int:
    """1 if anything disagrees."""
    api, wire, began = await Api.open(), Wire.open(), time.monotonic()
    try:
        say(f"{contacts} contacts, {per_minute} calls a minute, {kills} kills")
        done = await outreach.begun(api, contacts=contacts, per_minute=per_minute, retry_on=RETRY_ON)
        for turn in range(kills):
            await asyncio.sleep(60 * contacts / per_minute / kills)
            await asyncio.to_thread(kill, Lab.read(), f"ENGINE_PID_FILE{'_2' * (turn % 2)}")
        await outreach.over(api, done, seconds=180 + 120 * contacts / per_minute)
        print(f"      {len(done.cdrs)} attempts in {time.monotonic() - began:.0f} s: {counted(done)}")
        faults = survived(done, wire) if kills else await agreed(api, done, wire)
    finally:
        wire.close()
        await api.http.close()
    for what, found in faults.items():
        print(f"{verdict(not found)}  {what}")
        for fault in found[:SHOWN]:
            print(f"      {fault}")
    return int(any(faults.values()))


async def agreed(api: Api, done: Outreach, wire: Wire) -> dict[str, list[str]]:
    """Who has to agree with whom, and where they do not."""
    return {
        "every contact was called as the rules and the carrier's table say": outreach.attempts_wrong(done),
        "the carrier recorded each answer, as long as it was billed": outreach.recordings_wrong(done),
        "each attempt was one INVITE, and came out as its network said": outreach.wire_wrong(done, wire),
        "the CPaaS statistics count the CDRs": await outreach.statistics_wrong(api, done),
        "Sarv's fetch_report tells each attempt": await outreach.sarv_wrong(done),
        "wolkvox's campaign_8 counts each telephone": await outreach.wolkvox_wrong(done),
        "MOR's poll holds the digits": await outreach.poll_wrong(done),
    }


def survived(done: Outreach, wire: Wire) -> dict[str, list[str]]:
    """What holds whoever is killed, and where it does not."""
    changed = outreach.attempts_wrong(done)
    print(f"      {len(changed)} numbers came out otherwise than without a kill")
    return {
        "every contact was reached as often as its rules allow, each attempt once": outreach.rules_wrong(done),
        "nobody was rung twice for one attempt": outreach.rung_wrong(done, wire),
    }


def kill(lab: Lab, pid_file: str) -> None:
    """Kill that engine, and start it again."""
    os.kill(int(Path(lab[pid_file]).read_text()), signal.SIGKILL)
    up(NODES="2")


def counted(done: Outreach) -> str:
    """How many attempts came out in which way, and who answered."""
    outcomes = Counter(cdr["dial_status"] for cdr in done.cdrs)
    ears = Counter(cdr["amd_status"] for cdr in done.cdrs if cdr.get("amd_status"))
    return ", ".join(f"{count} {name}" for name, count in (*outcomes.most_common(), *ears.most_common()))


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    new = argparse.ArgumentParser(
        prog="tests/bench/campaign.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    new.add_argument("--contacts", type=int, default=300, metavar="N", help="how many are called")
    new.add_argument("--per-minute", type=int, default=240, metavar="N", help="the campaign's calls_per_minute")
    new.add_argument("--kills", type=int, default=0, metavar="N", help="so often is one of two engines killed")
    return new


if __name__ == "__main__":
    main()
