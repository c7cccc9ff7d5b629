"""The fault bench's command line."""

import argparse
import asyncio

from tests.bench.lab import up
from tests.faults import large, report
from tests.faults.plan import KINDS, plan
from tests.faults.proofs import run_proofs
from tests.faults.rounds import Run, run
from tests.live.lab import settings

DESCRIPTION = """
Puts calls in flight on the lab by POST /api/click2call, strikes once, waits until every call has ended, and
checks what must hold against Asterisk's own CDRs, the carrier's recordings and the SIP on the wire. Everything
in a run comes from its seed; consecutive seeds go through all kinds of fault.
"""
AWAY_SECONDS = 60
EPILOG = "Exit code: 0, or 1 if anything did not hold. Logs of broken runs are kept in .lab/faults/."


def main() -> None:
    """Run what is asked for."""
    options = parser().parse_args()
    up()
    try:
        raise SystemExit(_asked_for(options))
    except KeyboardInterrupt:
        raise SystemExit("faults: stopped") from None
    finally:
        up()


def _asked_for(options: argparse.Namespace) -> int:
    seed = options.seed if options.replay is None else options.replay
    if options.all:
        return max(
            [
                asyncio.run(_runs(options)),
                asyncio.run(large.run_big(seed)),
                large.run_away(seed, AWAY_SECONDS),
                large.run_overload(seed),
                run_proofs(),
            ]
        )
    if options.big:
        return asyncio.run(large.run_big(seed))
    if options.postgres_away is not None:
        return large.run_away(seed, options.postgres_away)
    if options.overload:
        return large.run_overload(seed)
    return asyncio.run(_runs(options))


async def _runs(options: argparse.Namespace) -> int:
    lab = settings()
    first, runs = (options.seed, options.runs) if options.replay is None else (options.replay, 1)
    done: list[Run] = []
    for seed in range(first, first + runs):
        each = await run(plan(seed, calls=options.calls, kind=options.fault), lab)
        done.append(each)
        print(report.line(each), flush=True)
        if each.broken:
            print(*report.details(each), sep="\n", flush=True)
    report.print_table(done)
    return int(any(each.broken for each in done))


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    new = argparse.ArgumentParser(
        prog="tests/faults/run.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    new.add_argument("--runs", type=int, default=50, metavar="N", help="how many runs")
    new.add_argument("--seed", type=int, default=0, metavar="S", help="the first run's seed; the next has the next")
    new.add_argument("--calls", type=int, default=20, metavar="N", help="calls in flight in each run")
    new.add_argument("--fault", choices=KINDS, metavar="KIND", help=f"only this one: {', '.join(KINDS)}")
    new.add_argument("--replay", type=int, metavar="SEED", help="one run again")
    new.add_argument(
        "--all", action="store_true", help="these runs, then all of the below, and what larger tests prove"
    )
    new.add_argument("--big", action="store_true", help="instead: 100 talks and kill -9")
    new.add_argument(
        "--postgres-away",
        type=int,
        metavar="SECONDS",
        help="instead: calls end at 5 a second while Postgres is stopped",
    )
    new.add_argument(
        "--overload", action="store_true", help="instead: 150 requests a second where 50, and 200 live, are allowed"
    )
    return new
