"""Does the engine's memory grow? Three times 500 calls over the lab's own carrier."""

import asyncio

import aiohttp

from tests.bench import cpu
from tests.bench.click2call import Click2Call
from tests.bench.lab import Lab, say

TIMES = 3
CALLS = 500
RATE = 20
BILLSEC = (2.7, 3.3)  # row 60 hangs up after 3 s
MOST_GROWTH = 0.02
EMPTY_SECONDS = 5
POLL_SECONDS = 0.1
REST_SECONDS = 2


async def measure(lab: Lab) -> int:
    """Print the figures; 0 if all of them are as promised."""
    async with lab.api() as api, lab.ari() as ari:
        runs = [await run(lab, api, ari, turn) for turn in range(1, TIMES + 1)]
    growth = runs[-1][1] / runs[0][1] - 1
    kept = growth <= MOST_GROWTH and all(right for right, _ in runs)
    say(f"{'PASS' if kept else 'FAIL'}: memory {growth:+.2%} from the first to the last (promised: ≤ +2 %)")
    return 0 if kept else 1


async def run(lab: Lab, api: aiohttp.ClientSession, ari: aiohttp.ClientSession, turn: int) -> tuple[bool, int]:
    """500 calls: whether all was right, and the engine's memory after them."""
    say(f"run {turn} of {TIMES}: {CALLS} calls at {RATE}/s")
    way = Click2Call(lab, api, billsec=BILLSEC)
    batch = await way.call(rate=RATE, seconds=CALLS / RATE)
    wrong = await way.wrong(batch)
    left = await left_over(ari)
    await asyncio.sleep(REST_SECONDS)
    rss = cpu.rss_bytes(lab.engine)
    for line in wrong[:10]:
        say(f"  wrong: {line}")
    right = len(batch.ids) == CALLS and not wrong
    say(f"  {len(batch.ids) - len(wrong)} of {CALLS} CDRs right; left in Asterisk: {left or 'nothing'}")
    say(f"  the engine's memory: {rss / 2**20:.2f} MiB")
    return right and not left, rss


async def left_over(ari: aiohttp.ClientSession) -> list[str]:
    """The channels and bridges that Asterisk still has, once what just ended is gone."""
    for _ in range(round(EMPTY_SECONDS / POLL_SECONDS)):
        if not (left := await listed(ari)):
            break
        await asyncio.sleep(POLL_SECONDS)
    return left


async def listed(ari: aiohttp.ClientSession) -> list[str]:
    """The ids of all channels and bridges."""
    found: list[str] = []
    for resource in ("channels", "bridges"):
        async with ari.get(f"/ari/{resource}") as reply:
            found += [each["id"] for each in await reply.json()]
    return found
