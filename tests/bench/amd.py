"""Answering machines and people, told apart by ear: `.venv/bin/python tests/bench/amd.py --help`."""

import argparse
import asyncio
import logging
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from engine.core.amd import Amd
from engine.core.call import Call
from engine.core.leg import Leg
from tests.bench.lab import say
from tests.bench.main import run
from tests.bench.report import verdict
from tests.live.own_node import OwnNode, campaign_call, fresh, own_node

ROWS = {"70": "machine: greeting of 6 s", "71": 'human: short "hello?"', "72": "human: sentence of 2.5 s"}
MACHINES = ("70",)
STATUSES = ("human", "machine", "silence", "unsure")
MACHINES_SHARE = 0.96  # of machines are to be found; of humans, none is to be taken for one
CALLED_SECONDS = 60.0

DESCRIPTION = """
Calls the lab's answering machine and its two people, has Asterisk's AMD listen to each, and prints who was taken for
whom, by which of its words, and how long after the answer that was known.
"""
EPILOG = "Exit code: 0, or 1 if somebody's answer was taken for a machine's, or more than 4 % of machines were not."


@dataclass(slots=True)
class Heard:
    """What one row's calls were taken for, by which words, and how long that took."""

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    unanswered: int = 0

    def add(self, leg: Leg | None) -> None:
        """One more call, by the leg that was answered."""
        if leg is None or leg.answered_at is None or leg.amd_at is None:
            self.unanswered += 1
            return
        self.statuses[leg.amd_status] += 1
        self.reasons[f"{leg.amd_status} {leg.amd_reason.partition('-')[0]}"] += 1
        self.seconds.append(leg.amd_at - leg.answered_at)


def main() -> None:
    """Measure it, and print it."""
    options = parser().parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    raise SystemExit(report(run(measure(options.count, rate=options.rate)), options.count))


async def measure(count: int, *, rate: float) -> dict[str, Heard]:
    """What so many calls of each row were taken for."""
    heard = {row: Heard() for row in ROWS}
    with tempfile.TemporaryDirectory() as scratch:
        async with own_node(Path(scratch)) as node, asyncio.TaskGroup() as tasks:
            for _ in range(count):
                for row in ROWS:
                    tasks.create_task(_one(node, row, heard[row]), name=f"call to row {row}")
                    await asyncio.sleep(1 / rate)
            say("all called; waiting for the last verdict")
    return heard


async def _one(node: OwnNode, row: str, heard: Heard) -> None:
    call_id = await node.switch.start(campaign_call(fresh(row), amd=Amd()))
    call: Call = await node.ended(call_id, seconds=CALLED_SECONDS)
    heard.add(call.talker("customer"))


def report(heard: Mapping[str, Heard], count: int) -> int:
    """Print the confusion matrix and what is promised; 1 if that is not kept."""
    print(f"{'row':32}" + "".join(f"{status:>9}" for status in STATUSES) + "   verdict after (median, slowest)")
    for row, words in ROWS.items():
        of_row = heard[row]
        cells = "".join(f"{of_row.statuses[status]:9}" for status in STATUSES)
        times = of_row.seconds or [0.0]
        print(f"{row} {words:29}{cells}   {statistics.median(times):.2f} s, {max(times):.2f} s")
        for reason, calls in of_row.reasons.most_common():
            print(f"      {calls} times {reason}")
        if of_row.unanswered:
            print(f"      {of_row.unanswered} times without an answer")
    machines = [heard[row] for row in MACHINES]
    humans = [heard[row] for row in ROWS if row not in MACHINES]
    found = sum(each.statuses["machine"] for each in machines)
    right = sum(each.statuses["human"] for each in humans)
    kept = found >= MACHINES_SHARE * count * len(machines), right == count * len(humans)
    print(f"{verdict(kept[0])}  machines found: {found} of {count * len(machines)} (promised: at least 96 %)")
    print(f"{verdict(kept[1])}  humans taken for humans: {right} of {count * len(humans)} (promised: all)")
    return int(not all(kept))


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    new = argparse.ArgumentParser(
        prog="tests/bench/amd.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    new.add_argument("--count", type=int, default=50, metavar="N", help="how many calls to each row")
    new.add_argument("--rate", type=float, default=3, metavar="N", help="calls a second")
    return new


if __name__ == "__main__":
    main()
