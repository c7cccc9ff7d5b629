"""A campaign of 300 contacts, every row of the carrier in it: `.venv/bin/python tests/bench/campaign.py --help`."""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.bench.lab import say
from tests.bench.main import run
from tests.bench.report import verdict
from tests.live import outreach
from tests.live.engine import Api
from tests.live.outreach import Outreach
from tests.live.wire import Wire

SHOWN = 5  # faults of each kind

DESCRIPTION = """
Has the lab carry out a campaign with retries, a do-not-disturb list and answering-machine detection, then holds what
the carrier recorded, what was on the wire, the CDRs and all four vendors' reports against each other.
"""
EPILOG = "Exit code: 0, or 1 if any of them disagrees with another."


def main() -> None:
    """Carry it out, and print who disagrees with whom."""
    options = parser().parse_args()
    raise SystemExit(run(compared(contacts=options.contacts, per_minute=options.per_minute)))


async def compared(*, contacts: int, per_minute: int) -> int:
    """1 if anything disagrees."""
    api, wire, began = await Api.open(), Wire.open(), time.monotonic()
    try:
        say(f"{contacts} contacts, {per_minute} calls a minute")
        done = await outreach.carried_out(
            api, contacts=contacts, per_minute=per_minute, retry_on=("NOANSWER", "BUSY", "CONGESTION")
        )
        print(f"      {len(done.cdrs)} attempts in {time.monotonic() - began:.0f} s: {counted(done)}")
        faults = {
            "every contact was called as the rules and the carrier's table say": outreach.attempts_wrong(done),
            "the carrier recorded each answer, as long as it was billed": outreach.recordings_wrong(done),
            "each attempt was one INVITE, and came out as its network said": outreach.wire_wrong(done, wire),
            "the CPaaS statistics count the CDRs": await outreach.statistics_wrong(api, done),
            "Sarv's fetch_report tells each attempt": await outreach.sarv_wrong(done),
            "wolkvox's campaign_8 counts each telephone": await outreach.wolkvox_wrong(done),
            "MOR's poll holds the digits": await outreach.poll_wrong(done),
        }
    finally:
        wire.close()
        await api.http.close()
    for what, found in faults.items():
        print(f"{verdict(not found)}  {what}")
        for fault in found[:SHOWN]:
            print(f"      {fault}")
    return int(any(faults.values()))


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
    return new


if __name__ == "__main__":
    main()
