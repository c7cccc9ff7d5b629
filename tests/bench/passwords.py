"""Three hundred different one-time passwords in a minute: `.venv/bin/python tests/bench/passwords.py --help`."""

import argparse
import asyncio
import itertools
import re
import secrets
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from docker.choices import LAB
from docker.tones import loudness, read
from engine.core.voices import SPEAKERS
from tests.bench.lab import Lab, say
from tests.bench.main import run
from tests.bench.pace import Batch, pace
from tests.bench.report import verdict

LAG = re.compile(r'^legwork_event_loop_lag_seconds_bucket\{le="([^"]+)"\} ([0-9.e+]+)$', re.MULTILINE)
LATE_SECONDS = "0.05"
LATE_SHARE = 0.01
QUIET = 200  # of 32767, over a whole recording
MANNERS = tuple(itertools.product(sorted(SPEAKERS)[::5], ("slow", "medium", "fast")))
ENDED_SECONDS = 120.0

DESCRIPTION = """
Forgets what the lab's engine has spoken before, and asks it at a steady rate to speak passwords: each is another, in
one of some seventy voices and rates, so that something has to be spoken anew all the time. Then looks at each CDR, at
what the carrier recorded of each, and at how late the engine's event loop was meanwhile.
"""
EPILOG = "Exit code: 0, or 1 if somebody answered to silence. Slow is not a failure: read the lines."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a batch: how requests were answered for how long, and who heard nothing."""

    batch: Batch
    wrong: Counter[str]
    silent: int
    late_share: float
    slowest_ms: float


def main() -> None:
    """Measure it, and print it."""
    options = parser().parse_args()
    raise SystemExit(report(run(measure(Lab.read(), count=options.count, seconds=options.seconds))))


async def measure(lab: Lab, *, count: int, seconds: float) -> Outcome:
    """What came of so many requests within so long."""
    for sound in (LAB / "n1/state/speech").glob("*"):
        sound.unlink()
    times: list[float] = []
    customers: dict[str, str] = {}
    async with lab.api() as api:

        async def ask(turn: int) -> str:
            voice, rate = MANNERS[turn % len(MANNERS)]
            customer = f"9199100{turn % 1000:03}{turn % 10:02}"
            body = {
                "customer_number": customer,
                "otp": "".join(secrets.choice("0123456789") for _ in range(6)),
                "announce_template_id": "AN2222314c96",
                "caller_id": "15168148111",
                "voice": voice,
                "rate": rate,
            }
            sent = time.monotonic()
            async with api.post("/api/outbound_call", json=body) as reply:
                answer = orjson.loads(await reply.read())["response"]
            times.append(time.monotonic() - sent)
            if reply.status != 200:
                raise ValueError(f"{reply.status} {answer['message']}")
            customers[answer["request_id"]] = customer
            return str(answer["request_id"])

        before, since = await lateness(api), time.time()
        batch = await pace(ask, rate=count / seconds, seconds=seconds)
        after = await lateness(api)
        say("all asked for; waiting for the last to be heard")
        cdrs = [await ended(api, each) for each in batch.ids]
    await asyncio.sleep(1.5)  # a recording is complete within a second
    wrong = Counter(why for cdr in cdrs if (why := fault(cdr)))
    silent = sum(not heard(Path(lab["CARRIER_RECORDINGS"]), customers[each], since) for each in batch.ids)
    looks = after["+Inf"] - before["+Inf"]
    late = looks - (after[LATE_SECONDS] - before[LATE_SECONDS])
    return Outcome(batch, wrong, silent, late / looks if looks else 0.0, 1000 * max(times, default=0.0))


async def lateness(api: aiohttp.ClientSession) -> dict[str, float]:
    """How often the engine's event loop was no later than each bound, so far."""
    async with api.get("/metrics") as reply:
        return {bound: float(times) for bound, times in LAG.findall(await reply.text())}


async def ended(api: aiohttp.ClientSession, request_id: str) -> dict[str, object]:
    """Its CDR, once there is one."""
    last = time.monotonic() + ENDED_SECONDS
    while time.monotonic() < last:
        async with api.post("/api/get_cdr_by_request_id", json={"request_id": request_id}) as reply:
            rows: list[dict[str, object]] = orjson.loads(await reply.read())["response"]["result"]
        if rows:
            return rows[0]
        await asyncio.sleep(0.2)
    return {"dial_status": "no CDR"}


def fault(cdr: dict[str, object]) -> str:
    """What is wrong with it, "" if nothing."""
    if cdr["dial_status"] != "ANSWER":
        return str(cdr["dial_status"])
    return "" if cdr["heard_seconds"] == cdr["announcement_seconds"] else "not heard to its end"


def heard(folder: Path, customer: str, since: float) -> bool:
    """Whether the carrier recorded more than silence for that number."""
    recordings = [each for each in folder.glob(f"{customer}-*.wav") if each.stat().st_mtime > since]
    return bool(recordings) and all(loudness(read(each)) > QUIET for each in recordings)


def report(outcome: Outcome) -> int:
    """Print what was measured and what is promised; 1 if somebody heard nothing."""
    batch = outcome.batch
    asked = len(batch.ids) + len(batch.failed) + batch.refused
    print(f"{asked} requests, {len(batch.ids)} accepted, the slowest answered after {outcome.slowest_ms:.0f} ms")
    for why, times in (outcome.wrong + Counter(batch.failed)).items():
        print(f"      {times} times {why}")
    unheard = outcome.silent + len(batch.failed) + sum(outcome.wrong.values())
    print(f"{verdict(not unheard)}  answered by silence, or not heard to the end: {unheard} of {asked}")
    kept, share = verdict(outcome.late_share <= LATE_SHARE), 100 * outcome.late_share
    print(f"{kept}  event loop more than 50 ms late: {share:.1f} % of the time (promised: <= 1 %)")
    return int(unheard > 0)


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    new = argparse.ArgumentParser(
        prog="tests/bench/passwords.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    new.add_argument("--count", type=int, default=300, metavar="N", help="how many passwords")
    new.add_argument("--seconds", type=float, default=60, metavar="S", help="within how long they are asked for")
    return new


if __name__ == "__main__":
    main()
