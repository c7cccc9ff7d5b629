"""A thousand callbacks on two engines, one of them killed: `.venv/bin/python tests/bench/callbacks.py --help`."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.bench.lab import Lab, say, up
from tests.bench.main import run
from tests.bench.pace import pace
from tests.bench.report import percentile_ms, verdict
from tests.live.wire import Wire

SCHEDULED_A_SECOND = 80.0
LATE_SECONDS = 1.0
CLAIM_SECONDS = 4.0  # what a dead node had claimed is another's after that
ENDED_SECONDS = 60.0

DESCRIPTION = """
Brings a second engine up on the lab's Postgres, schedules callbacks over HTTP that come due within a minute, kills one
engine (SIGKILL) half-way and brings it back at the end. Counts on the wire how often each agent was rung, and when.
The agents are busy: a callback is one INVITE and one CDR.
"""
EPILOG = "Exit code: 0, or 1 if a callback was not fired exactly once. Slow is not a failure: read the lines."


@dataclass(slots=True)
class Plan:
    """What is to be rung: by request id, the agent's number and when it is due."""

    due: dict[str, tuple[str, float]] = field(default_factory=dict)
    killed_at: float = 0.0


def main() -> None:
    """Measure it, and print it."""
    options = parser().parse_args()
    up(NODES="2")
    raise SystemExit(run(measure(Lab.read(), count=options.count, seconds=options.seconds, kill=not options.no_kill)))


async def measure(lab: Lab, *, count: int, seconds: int, kill: bool) -> int:
    """Schedule, wait, look; 1 if one was not fired exactly once."""
    plan, wire = Plan(), Wire.open()
    try:
        async with lab.api() as api:
            first = int(time.time() + count / SCHEDULED_A_SECOND) + 5
            say(f"scheduling {count} callbacks for {seconds} s from {datetime.fromtimestamp(first, UTC):%H:%M:%S} UTC")

            async def ask(turn: int) -> str:
                agent, due_at = f"9199100{turn % 1000:03}20", float(first + turn * seconds // count)
                request_id = await scheduled(api, agent, due_at)
                plan.due[request_id] = (agent, due_at)
                return request_id

            batch = await pace(ask, rate=SCHEDULED_A_SECOND, seconds=count / SCHEDULED_A_SECOND)
            await asyncio.sleep(first + seconds / 2 - time.time())
            if kill:
                plan.killed_at = time.time()
                os.kill(int(Path(lab["ENGINE_PID_FILE_2"]).read_text()), signal.SIGKILL)
                say("killed the second engine")
            await asyncio.sleep(first + seconds + CLAIM_SECONDS + 1 - time.time())
            await asyncio.to_thread(up, NODES="2")
            outcomes = Counter([await outcome(api, each) for each in batch.ids])
    finally:
        wire.close()
    return report(plan, wire, outcomes, failed=batch.failed)


async def scheduled(api: aiohttp.ClientSession, agent: str, due_at: float) -> str:
    """The request id of a callback to that agent."""
    body = {
        "agent_number": agent,
        "destination_number": "919910000060",
        "caller_id": "15168148111",
        "time_zone": "UTC",
        "scheduled_at": datetime.fromtimestamp(due_at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
    }
    async with api.post("/api/callback", json=body) as reply:
        answer = orjson.loads(await reply.read())["response"]
    if reply.status != 200:
        raise ValueError(f"{reply.status} {answer['message']}")
    return str(answer["request_id"])


async def outcome(api: aiohttp.ClientSession, request_id: str) -> str:
    """What its CDR says, once there is one."""
    last = time.monotonic() + ENDED_SECONDS
    while time.monotonic() < last:
        async with api.post("/api/get_cdr_by_request_id", json={"request_id": request_id}) as reply:
            rows = orjson.loads(await reply.read())["response"]["result"]
        if rows:
            return f"{rows[0]['dial_status']} ({rows[0]['reason']})"
        await asyncio.sleep(0.2)
    return "no CDR"


def report(plan: Plan, wire: Wire, outcomes: Counter[str], *, failed: list[str]) -> int:
    """Print what was seen and what is promised; 1 if one was not fired exactly once."""
    invited: dict[str, float] = {}
    for message in wire.messages:
        if message.first_line.startswith("INVITE sip:9199100"):
            invited.setdefault(message.first_line.removeprefix("INVITE sip:").partition("@")[0], message.at)
    rung = Counter(wire.dialled(agent) for agent, _ in plan.due.values())
    late = {each: invited[agent] - due_at for each, (agent, due_at) in plan.due.items() if agent in invited}
    about = (plan.killed_at - CLAIM_SECONDS, plan.killed_at + 1)
    left = [each for each, (_, due_at) in plan.due.items() if about[0] < due_at < about[1]]
    usual = [seconds for each, seconds in late.items() if each not in left]
    for what, count in (outcomes + Counter(failed)).items():
        print(f"      {count} times {what}")
    print(f"      rung so often: {dict(sorted(rung.items()))}")
    micro = [round(1e6 * seconds) for seconds in usual]
    print(f"      late: p50 {percentile_ms(micro, 50):.0f} ms, p99 {percentile_ms(micro, 99):.0f} ms")
    once = rung == Counter({1: len(plan.due)}) and not failed and outcomes["no CDR"] == 0
    print(f"{verdict(once)}  callbacks fired exactly once, with one CDR: {rung[1]} of {len(plan.due)}")
    print(f"{verdict(max(usual) <= LATE_SECONDS)}  the latest: {1000 * max(usual):.0f} ms (promised: <= 1000 ms)")
    orphans = [late[each] for each in left if each in late]
    if orphans:
        print(f"      the latest of those due about the kill: {1000 * max(orphans):.0f} ms")
    return int(not once)


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    new = argparse.ArgumentParser(
        prog="tests/bench/callbacks.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    new.add_argument("--count", type=int, default=1000, metavar="N", help="how many callbacks, a thousand at most")
    new.add_argument("--seconds", type=int, default=60, metavar="S", help="within how long they come due")
    new.add_argument("--no-kill", action="store_true", help="let both engines live")
    return new


if __name__ == "__main__":
    main()
