"""The benchmark's command line."""

import argparse
import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

import uvloop

from docker import containers
from docker.choices import NAME
from tests.bench import memory, peer, report
from tests.bench.lab import Lab, carried_by, up
from tests.bench.phones import phones
from tests.bench.rounds import Plan, measure_all

T = TypeVar("T")

DESCRIPTION = """
Drives the lab with SIPp phones and prints what a two-leg call of half a second costs: through
Legwork (POST /api/click2call, CDR included), through plain dialplan (Dial()), and through aioari,
a peer that writes nothing. CPU comes from /proc. The PBX's trunk points at SIPp while it runs and
at the lab's own carrier afterwards.
"""
EPILOG = "Exit code: 0, or 1 if one of Legwork's calls failed. Slow is not a failure: read the table."


def main() -> None:
    """Run the benchmark, or its memory test."""
    options = parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        raise SystemExit(memory_test() if options.memory else benchmark(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit("bench: stopped") from None


def benchmark(options: argparse.Namespace) -> int:
    """Every way at every rate, and the table; 1 if one of Legwork's calls went wrong."""
    plan = Plan(
        rates=tuple(options.rates),
        seconds=options.seconds,
        warm_up_seconds=options.warm_up,
        repeat=options.repeat,
        pin=options.pin,
        peer=not options.no_peer and peer.installed(),
    )
    with phones() as sipp, carried_by(sipp.address):
        asterisk = containers.asterisk(f"{NAME}-n1", "core show version").split()[1]
        rounds = run(measure_all(plan, Lab.read(), sipp))
    report.print_table(rounds)
    report.print_promises(rounds)
    versions = peer.versions() if plan.peer else ""
    report.print_circumstances(asterisk, versions, sipp.legs(), pinned=plan.pin)
    return int(any(each.wrong for each in rounds if each.way == "legwork"))


def memory_test() -> int:
    """The memory test, over the lab's own carrier."""
    up()
    return run(memory.measure(Lab.read()))


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    new = argparse.ArgumentParser(
        prog="tests/bench/run.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    new.add_argument("--rates", type=float, nargs="+", default=[20.0, 60.0, 120.0], metavar="N", help="calls a second")
    new.add_argument("--seconds", type=float, default=15, metavar="S", help="how long each rate is measured")
    new.add_argument("--warm-up", type=float, default=3, metavar="S", help="how long it runs before, unmeasured")
    new.add_argument("--repeat", type=int, default=1, metavar="N", help="rounds; the ratios take their median")
    new.add_argument("--pin", action="store_true", help="Asterisk alone on the first CPU, all else on the others")
    new.add_argument("--no-peer", action="store_true", help="without aioari, which comes from PyPI on first use")
    new.add_argument(
        "--memory",
        action="store_true",
        help="instead: three times 500 calls over the lab's own carrier, and the engine's memory after each",
    )
    return new


def run(work: Coroutine[object, object, T]) -> T:
    """Run it; SIGTERM ends it in good order, as Ctrl-C does."""
    return uvloop.run(_stoppable(work))


async def _stoppable(work: Coroutine[object, object, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work
