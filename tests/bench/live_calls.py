"""Live statistics beside Asterisk's own list of channels: `.venv/bin/python tests/bench/live_calls.py --help`."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.bench.campaign_pace import campaign, contacts
from tests.bench.lab import Lab, say, up
from tests.bench.main import run
from tests.bench.pace import Batch, Full, Place, pace
from tests.bench.report import verdict
from tests.live.phone import Phone

CALLER_ID = "15168148111"
TEMPLATE = "AN2222314c96"
NODE = "n1"
COPY = "Snoop/"  # of what a party says: nobody's call
AWAY = "legwork-away"  # the dialplan's place for who called while there was no engine: it took none of them
APART_SECONDS = 1.0  # from a start or an end they may differ
LOOK_SECONDS = 0.1
SAMPLE_SECONDS = 1.0
RATES = {"live_calls_c2c": 1.5, "live_calls_otp": 0.3, "live_calls_inbound": 0.4}  # calls a second
PER_MINUTE = 60  # of the campaign
AGENTS = ("00", "12", "20", "10")  # rows of the carrier: answers; rings seven seconds; busy; rings five
CUSTOMERS = ("60", "60", "20", "60", "40", "60")
INBOUND = ("919910099997", "919910099998", "919910099996", "15168148111")  # an extension, an IVR, a bot, an agent
INBOUND_SECONDS = (0.5, 7.0)
STATISTICS = {"click2call": "live_calls_c2c", "otp": "live_calls_otp", "campaign": "live_calls_campaign"}
STATISTICS["inbound"] = "live_calls_inbound"

DESCRIPTION = """
Loads the lab with click-to-calls, passwords, a campaign and calls from outside, kills the engine (SIGKILL) half-way
and brings it back. Meanwhile asks it each second for its live statistics and live calls, and Asterisk ten times a
second for its channels; of those that come and go in between Asterisk tells by an event. Then compares: what was there
all the time from a second before to a second after an answer has to be in it, and nothing that was not there in that
time.
"""
EPILOG = "Exit code: 0, or 1 if an answer differed from Asterisk's list, away from a start or an end."


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Asterisk's channels at a time between two: each id, and its name."""

    since: float
    until: float
    channels: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the engine told at a time between two: the statistics, the channels' names of its live calls."""

    since: float
    until: float
    statistics: dict[str, int]
    channels: frozenset[str]


@dataclass(slots=True)
class Seen:
    """All of it, and when the engine was away."""

    looks: list[Look] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    made: list[tuple[float, str, str]] = field(default_factory=list)  # when a channel was: its id, its name
    away: list[float] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)  # of calls, by id: the statistic each counts in


def main() -> None:
    """Measure it, and print it."""
    options = parser().parse_args()
    up()
    raise SystemExit(report(run(measure(Lab.read(), seconds=options.seconds, restart=not options.no_restart))))


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    new = argparse.ArgumentParser(prog="tests/bench/live_calls.py", description=DESCRIPTION, epilog=EPILOG)
    new.add_argument("--seconds", type=int, default=300, metavar="S", help="for so long (default: %(default)s)")
    new.add_argument("--no-restart", action="store_true", help="let the engine live")
    return new


async def measure(lab: Lab, *, seconds: int, restart: bool) -> Seen:
    """What both told while the load was on."""
    seen = Seen()
    async with lab.api() as api, lab.ari() as ari, _beside(_look(ari, seen), _listen(ari, seen), _sample(api, seen)):
        numbers = [
            f"9199100{500 + each % 300}{each // 300 * 30:02}"
            for each in range(min(900, 2 * PER_MINUTE * seconds // 60))
        ]
        campaign_id = await campaign(api, await contacts(api, numbers), per_minute=PER_MINUTE)
        say(f"{seconds} s of calls: {RATES} a second, a campaign of {PER_MINUTE} a minute")
        async with _beside(_restart(lab, after=seconds / 2)) if restart else contextlib.nullcontext():
            batches = await asyncio.gather(
                *(pace(_placing(name, lab, api, seen), rate=rate, seconds=seconds) for name, rate in RATES.items())
            )
        async with api.post("/api/stop_campaign", json={"campaign_id": campaign_id}) as reply:
            reply.raise_for_status()
        say("the last are asked for; waiting for them to end")
        await asyncio.sleep(15)
    _tell(batches)
    database = await asyncpg.connect(lab["DATABASE_URL"])
    try:
        rows = await database.fetch("SELECT call_id, kind FROM calls")
    finally:
        await database.close()
    # Which kind the others are of, the campaign's and those of who called in, only their rows tell.
    seen.kinds = {row["call_id"]: STATISTICS[row["kind"]] for row in rows} | seen.kinds
    return seen


@contextlib.asynccontextmanager
async def _beside(*work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Something that goes on meanwhile."""
    async with asyncio.TaskGroup() as tasks:
        going = [tasks.create_task(each) for each in work]
        yield
        for each in going:
            each.cancel()


async def _restart(lab: Lab, *, after: float) -> None:
    await asyncio.sleep(after)
    say("the engine is killed")
    os.kill(lab.engine, signal.SIGKILL)
    await asyncio.to_thread(up)


# -- what both tell ------------------------------------------------------------------------------


async def _look(ari: aiohttp.ClientSession, seen: Seen) -> None:
    while True:
        since = time.time()
        async with ari.get("/ari/channels") as reply:
            found = orjson.loads(await reply.read())
        channels = {each["id"]: each["name"] for each in found if _legwork(each)}
        seen.looks.append(Look(since=since, until=time.time(), channels=channels))
        await asyncio.sleep(LOOK_SECONDS)


def _legwork(channel: dict[str, Any]) -> bool:
    """Whether it is a channel of a call of our node's, by an id of ours or of Asterisk's own making."""
    ours = channel["id"].startswith(f"{NODE}-") or "-" not in channel["id"]
    return ours and not channel["name"].startswith(COPY) and channel["dialplan"]["context"] != AWAY


async def _listen(ari: aiohttp.ClientSession, seen: Seen) -> None:
    async with ari.ws_connect("/ari/events?app=bench-live&subscribeAll=true") as socket:
        async for message in socket:
            event = orjson.loads(message.data)
            channel = event.get("channel") or {}
            if event["type"] == "ChannelCreated" and _legwork(channel):
                seen.made.append((time.time(), channel["id"], channel["name"]))


async def _sample(api: aiohttp.ClientSession, seen: Seen) -> None:
    while True:
        try:
            seen.samples.append(await _told(api))
        except (aiohttp.ClientError, TimeoutError):
            seen.away.append(time.time())
        await asyncio.sleep(SAMPLE_SECONDS)


async def _told(api: aiohttp.ClientSession) -> Sample:
    since = time.time()
    async with api.get("/api/get_live_call_statistics") as reply:
        reply.raise_for_status()
        statistics = orjson.loads(await reply.read())["response"]["result"]
    async with api.get("/v1/live_calls") as reply:
        reply.raise_for_status()
        calls = orjson.loads(await reply.read())["calls"]
    channels = frozenset(leg["channel"] for call in calls for leg in call["legs"])
    return Sample(since=since, until=time.time(), statistics=statistics, channels=channels)


# -- the load ------------------------------------------------------------------------------------


def _placing(name: str, lab: Lab, api: aiohttp.ClientSession, seen: Seen) -> Place:
    if name == "live_calls_inbound":
        return lambda turn: _call_in(lab, turn)

    async def ask(turn: int) -> str:
        path, body = _wanted(name, turn)
        async with api.post(path, json=body) as reply:
            answer = orjson.loads(await reply.read())
        if reply.status in (429, 503):
            raise Full
        if reply.status != 200:
            raise ValueError(f"HTTP {reply.status} {answer}")
        request_id = str(answer["response"]["request_id"])
        seen.kinds[request_id] = name
        return request_id

    return ask


def _wanted(name: str, turn: int) -> tuple[str, dict[str, str]]:
    if name == "live_calls_otp":
        body = {"customer_number": f"9199100{800 + turn % 200}00", "otp": "4711", "announce_template_id": TEMPLATE}
        return "/api/outbound_call", body | {"caller_id": CALLER_ID}
    agent = f"9199100{100 + turn % 200}{AGENTS[turn % len(AGENTS)]}"
    customer = f"9199100{300 + turn % 200}{CUSTOMERS[turn % len(CUSTOMERS)]}"
    body = {"agent_number": agent, "destination_number": customer, "caller_id": CALLER_ID}
    return "/api/click2call", body | {"max_call_duration": "30"}


async def _call_in(lab: Lab, turn: int) -> str:
    host, _, port = lab["CARRIER_SIP"].partition(":")
    phone = await Phone.open(f"9199105{turn % 1000:03}00")
    try:
        await phone.dial(INBOUND[turn % len(INBOUND)], (host, int(port)))
        await asyncio.sleep(INBOUND_SECONDS[turn % len(INBOUND_SECONDS)])
    finally:
        await phone.close()
    return phone.caller


def _tell(batches: list[Batch]) -> None:
    for name, batch in zip(RATES, batches, strict=True):
        say(f"{name}: {len(batch.ids)} placed, {batch.refused} while there was no engine, {len(batch.failed)} failed")
        for why in batch.failed[:3]:
            say(why)


# -- the comparison ------------------------------------------------------------------------------


def differences(seen: Seen) -> list[str]:
    """What was told that Asterisk's list does not allow."""
    faults = []
    for sample in seen.samples:
        about = [
            each
            for each in seen.looks
            if each.since >= sample.since - APART_SECONDS and each.until <= sample.until + APART_SECONDS
        ]
        always = set.intersection(*(set(each.channels) for each in about))
        names = {channel: name for each in about for channel, name in each.channels.items()}
        since, until = sample.since - APART_SECONDS, sample.until + APART_SECONDS
        names |= {channel: name for at, channel, name in seen.made if since <= at <= until}
        least, most = _counted(always, seen.kinds), _counted(set(names), seen.kinds)
        for kind, told in sample.statistics.items():
            if not least[kind] <= told <= most[kind]:
                faults.append(f"{kind} is {told}, of {least[kind]} to {most[kind]}")
        # One that was just made is listed by its id: its name is known when it is in our application.
        when = min((sample.since - at for at in seen.away if at < sample.since), default=0.0)
        missing = [names[channel] for channel in always if not {channel, names[channel]} & sample.channels]
        unknown = sample.channels - set(names) - set(names.values())
        faults += [f"{name} is not listed" for name in missing] + [
            f"{name} is listed, {when:.1f} s after away" for name in unknown
        ]
    return faults


def _counted(channels: set[str], kinds: dict[str, str]) -> Counter[str]:
    """How many calls these channels are, by statistic. Who called in has a channel that Asterisk named."""
    ours = {each for each in channels if each.startswith(f"{NODE}-")}
    calls = {each.removeprefix(f"{NODE}-").partition(".")[0] for each in ours}
    counted = Counter(kinds.get(each, "?") for each in calls)
    counted["live_calls_inbound"] = len(channels - ours)
    return counted


def report(seen: Seen) -> int:
    """Print what was compared; 1 if something differed."""
    faults = differences(seen)
    most = {kind: max(each.statistics[kind] for each in seen.samples) for kind in seen.samples[0].statistics}
    say(f"{len(seen.samples)} answers, {len(seen.looks)} lists, the engine away for {len(seen.away)} samples")
    say(f"at most {most}, {max(len(each.channels) for each in seen.looks)} channels")
    for fault, times in Counter(faults).most_common(10):
        say(f"differs: {fault}: {times}")
    busy = all(most.values())
    print(f"{verdict(busy)}  calls of every kind were on")
    print(f"{verdict(not faults)}  {len(faults)} differences from Asterisk's own list (promised: none)")
    return int(bool(faults) or not busy)


if __name__ == "__main__":
    main()
