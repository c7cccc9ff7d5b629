"""Sarv's `mode=developer` at 200 requests a second: `.venv/bin/python tests/bench/developer.py --help`."""

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.bench.lab import Lab, http
from tests.bench.main import run
from tests.bench.pace import Batch, pace
from tests.bench.phones import numbers
from tests.bench.report import percentile_ms, verdict

PATH = "/v2/clickToCall/para"
P99_MS = 50

DESCRIPTION = """
Asks the lab's engine at a steady rate what it would do with a call, and prints how long it took
to answer: from when a request is sent to when its answer is read, by a client on the same CPUs.
"""
EPILOG = "Exit code: 0, or 1 if a request was not answered with code 200. Slow is not a failure: read the line."


@dataclass(slots=True)
class Developer:
    """Sarv's customer, who tries out without calling."""

    api: aiohttp.ClientSession
    credentials: dict[str, str]
    times_us: list[int] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)

    async def ask(self, turn: int) -> str:
        """The id of the call that would have been."""
        came, went = numbers(turn)
        query = self.credentials | {"from": came, "to": went, "mode": "developer"}
        sent_ns = time.monotonic_ns()
        async with self.api.post(PATH, params=query) as reply:
            answer = orjson.loads(await reply.read())
        self.times_us.append((time.monotonic_ns() - sent_ns) // 1000)
        self.codes[str(answer.get("code"))] += 1
        return str(answer.get("callid"))


def main() -> None:
    """Measure it, and print it."""
    options = parser().parse_args()
    developer, batch = run(measure(Lab.read(), rate=options.rate, seconds=options.seconds))
    raise SystemExit(report(developer, batch, rate=options.rate))


async def measure(lab: Lab, *, rate: float, seconds: float) -> tuple[Developer, Batch]:
    """What came of so many requests."""
    async with http(lab["LEGWORK_URL"], {}) as api:
        developer = Developer(api, {"user_id": lab["SARV_USER_ID"], "token": lab["SARV_TOKEN"]})
        return developer, await pace(developer.ask, rate=rate, seconds=seconds)


def report(developer: Developer, batch: Batch, *, rate: float) -> int:
    """Print what was measured and what is promised; 1 if a request did not get what it asked for."""
    times, codes = developer.times_us, developer.codes
    asked = len(batch.ids) + len(batch.failed)
    wrong = asked - codes["200"]
    print(f"{asked} requests at {rate:g}/s, the latest {batch.behind_ms:.0f} ms late; {wrong} not code 200")
    for what, count in (codes + Counter(batch.failed)).items():
        if what != "200":
            print(f"      {count} times {what}")
    if times:
        p50, p99 = percentile_ms(times, 50), percentile_ms(times, 99)
        print(f"      p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {max(times) / 1000:.2f} ms")
        kept = verdict(p99 < P99_MS and not wrong)
        print(f"{kept}  p99 of mode=developer at {rate:g}/s: {p99:.2f} ms (promised: < {P99_MS} ms)")
    return int(wrong > 0)


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    new = argparse.ArgumentParser(
        prog="tests/bench/developer.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    new.add_argument("--rate", type=float, default=200, metavar="N", help="requests a second")
    new.add_argument("--seconds", type=float, default=10, metavar="S", help="how long")
    return new


if __name__ == "__main__":
    main()
