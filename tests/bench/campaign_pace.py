"""Three minutes of a campaign at 60 calls a minute: `.venv/bin/python tests/bench/campaign_pace.py --help`."""

import argparse
import asyncio
import itertools
import secrets
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.bench.lab import Lab, say
from tests.bench.main import run
from tests.bench.report import verdict
from tests.live.wire import Wire

LEAST_SHARE = 0.95
CONTACTS_AT_ONCE = 200
MORE = 1.2  # so many times the contacts that can be called: there is always work
BEGIN_SECONDS = 30.0
END_SECONDS = 2.0  # nobody is to be invited any more

DESCRIPTION = """
Has the lab carry out a campaign to numbers of one row of the carrier, stops it after so long, and reads off the
wire when each was invited: the most in any rolling 60 seconds, and the rate reached between the first and the last.
"""
EPILOG = "Exit code: 0, or 1 if any 60 seconds held more calls than allowed, or the rate was below 95 % of it."


def main() -> None:
    """Measure it, and print it."""
    options = parser().parse_args()
    starts = run(measure(Lab.read(), per_minute=options.per_minute, minutes=options.minutes, row=options.row))
    raise SystemExit(report(starts, per_minute=options.per_minute, minutes=options.minutes))


async def measure(lab: Lab, *, per_minute: int, minutes: float, row: int) -> list[float]:
    """When each call of such a campaign was invited."""
    wire = Wire.open()
    try:
        async with lab.api() as api:
            numbers = [f"9199100{each:03}{row:02}" for each in range(min(1000, round(MORE * per_minute * minutes) + 1))]
            list_id = await contacts(api, numbers)
            campaign_id = await campaign(api, list_id, per_minute=per_minute)
            say(f"campaign {campaign_id}: {per_minute} a minute for {minutes:g} minutes, {len(numbers)} contacts")
            last = time.monotonic() + BEGIN_SECONDS
            while not invited(wire, numbers) and time.monotonic() < last:
                await asyncio.sleep(0.2)
            await asyncio.sleep(60 * minutes)
            await ask(api, "/api/stop_campaign", campaign_id=campaign_id)
            await asyncio.sleep(END_SECONDS)
            return invited(wire, numbers)
    finally:
        wire.close()


def invited(wire: Wire, numbers: list[str]) -> list[float]:
    """When each of these was invited; one that was invited again is told of twice."""
    lines = {f"INVITE sip:{number}" for number in numbers}
    seen = {
        message.headers["call-id"]: message.at
        for message in reversed(wire.messages)
        if message.first_line.partition("@")[0] in lines
    }
    return sorted(seen.values())


async def contacts(api: aiohttp.ClientSession, numbers: list[str]) -> str:
    """The id of a new list of them."""
    name = f"pace {secrets.token_hex(4)}"
    list_id = str((await ask(api, "/api/create_campaign_list", list_name=name))["list_id"])
    for first in range(0, len(numbers), CONTACTS_AT_ONCE):
        some = [
            {"contact_name": "pace", "contact_number": each, "contact_fields": {"field1": "one"}}
            for each in numbers[first : first + CONTACTS_AT_ONCE]
        ]
        await ask(api, "/api/add_contact_to_list", list_id=list_id, contacts=some)
    return list_id


async def campaign(api: aiohttp.ClientSession, list_id: str, *, per_minute: int) -> str:
    """The id of a new campaign that begins at once."""
    begin, end = time.time() - 60, time.time() + 86400
    made = await ask(
        api,
        "/api/create_campaign",
        campaign_name=f"pace {secrets.token_hex(4)}",
        list_id=list_id,
        dnd_list_id="",
        campaign_type="0",
        campaign_caller_id="15168148111",
        dynamic_announcement="1",
        announcement_text="Hello, this is number {field1}.",
        max_retries="0",
        calls_per_minute=str(per_minute),
        campaign_start_date=wall(begin),
        campaign_end_date=wall(end),
        time_zone="UTC",
    )
    return str(made["campaign_id"])


def wall(at: float) -> str:
    """What a clock in Greenwich shows then."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


async def ask(api: aiohttp.ClientSession, path: str, **body: Any) -> dict[str, Any]:
    """What the API answers."""
    async with api.post(path, json=body) as reply:
        answer: dict[str, Any] = orjson.loads(await reply.read())["response"]
    if reply.status != 200:
        raise SystemExit(f"bench: {path}: {reply.status} {answer.get('message')}")
    return answer


def busiest_minute(starts: list[float]) -> int:
    """The most in any 60 seconds that begin with one of them."""
    most = first = 0
    for last, start in enumerate(starts):
        while start - starts[first] >= 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def report(starts: list[float], *, per_minute: int, minutes: float) -> int:
    """Print what was measured and what is promised; 1 if it was not kept."""
    if len(starts) < 2:
        print("FAIL  nobody was called")
        return 1
    gaps = sorted(later - earlier for earlier, later in itertools.pairwise(starts))
    rate, most = 60 * (len(starts) - 1) / (starts[-1] - starts[0]), busiest_minute(starts)
    print(f"      {len(starts)} calls in {starts[-1] - starts[0]:.1f} s of {60 * minutes:g}")
    print(f"      apart: from {gaps[0]:.3f} to {gaps[-1]:.3f} s, the median {gaps[len(gaps) // 2]:.3f} s")
    print(f"{verdict(most <= per_minute)}  the most in any rolling 60 s: {most} (promised: <= {per_minute})")
    kept = rate >= LEAST_SHARE * per_minute
    print(f"{verdict(kept)}  the rate reached: {rate:.1f} a minute, {rate / per_minute:.1%} (promised: >= 95 %)")
    return int(not kept or most > per_minute)


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    new = argparse.ArgumentParser(
        prog="tests/bench/campaign_pace.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    new.add_argument("--per-minute", type=int, default=60, metavar="N", help="the campaign's calls_per_minute")
    new.add_argument("--minutes", type=float, default=3, metavar="M", help="for so long")
    new.add_argument("--row", type=int, default=60, metavar="R", help="of the carrier's table: how numbers behave")
    return new


if __name__ == "__main__":
    main()
