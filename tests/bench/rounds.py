"""One round: a way of calling, a rate, and what each call cost."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import asyncpg

from tests.bench import cpu
from tests.bench.click2call import Click2Call
from tests.bench.dialplan import Dialplan
from tests.bench.lab import Lab, say
from tests.bench.pace import Batch
from tests.bench.peer import aioari
from tests.bench.phones import Sipp

SETTLE_SECONDS = 0.5  # after the last call, for what is written behind it


class Way(Protocol):
    """A way to make the call."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def pid(self) -> int | None:
        """The application's process id, if there is an application."""

    @property
    def rates(self) -> tuple[float, ...] | None:
        """The only rates it is measured at; None is all."""

    async def call(self, *, rate: float, seconds: float) -> Batch:
        """Place calls at this rate; return when they have ended."""

    async def wrong(self, batch: Batch) -> list[str]:
        """What is wrong with those calls: a line for each."""

    def times_us(self, name: str) -> list[int]:
        """What the application logged of those calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked for."""

    rates: tuple[float, ...]
    seconds: float
    warm_up_seconds: float
    repeat: int
    pin: bool
    peer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of it; CPU in milliseconds a call."""

    way: str
    rate: float
    calls: int  # accepted
    refused: int  # for want of room, as they should be
    wrong: list[str]
    cpu_ms: dict[str, float]
    others_share: float  # of the machine, used by programs that are no part of this
    behind_ms: float
    reaction_us: list[int]
    commit_us: list[int]


async def measure_all(plan: Plan, lab: Lab, sipp: Sipp) -> list[Round]:
    """Every way at every rate."""
    postgres = await postmaster(lab["DATABASE_URL"])
    async with contextlib.AsyncExitStack() as stack:
        ways: list[Way] = [
            Click2Call(lab, await stack.enter_async_context(lab.api())),
            Dialplan(lab, await stack.enter_async_context(lab.ari())),
        ]
        if plan.peer:
            peer: Way = await stack.enter_async_context(aioari(lab))
            ways.append(peer)
        if plan.pin:
            others = {lab.engine, sipp.pid, os.getpid(), *([postgres, *cpu.children(postgres)] if postgres else [])}
            others |= {way.pid for way in ways if way.pid}
            stack.enter_context(pinned(lab.asterisk, others))
        return [
            await measure(way, plan, rate=rate, meters=Meters(lab, sipp, way, postgres))
            for _ in range(plan.repeat)
            for rate in plan.rates
            for way in ways
            if way.rates is None or rate in way.rates
        ]


async def measure(way: Way, plan: Plan, *, rate: float, meters: "Meters") -> Round:
    """Warm up, then measure from the first call to what is written after the last."""
    say(f"{way.name} at {rate:g}/s: warming up for {plan.warm_up_seconds:g} s, measuring {plan.seconds:g} s")
    await way.call(rate=rate, seconds=plan.warm_up_seconds)
    await asyncio.sleep(SETTLE_SECONDS)
    before, machine_before = meters.read(), cpu.machine_ms()
    began = asyncio.get_running_loop().time()
    batch = await way.call(rate=rate, seconds=plan.seconds)
    await asyncio.sleep(SETTLE_SECONDS)
    after, machine_after = meters.read(), cpu.machine_ms()
    available_ms = 1000 * (os.cpu_count() or 1) * (asyncio.get_running_loop().time() - began)
    spent = {part: after[part] - before[part] for part in after}
    wrong = await way.wrong(batch)
    for line in wrong[:5]:
        say(f"  wrong: {line}")
    calls = len(batch.ids)
    say(f"  {calls} calls, {len(wrong)} wrong, {batch.refused} more refused")
    return Round(
        way=way.name,
        rate=rate,
        calls=calls,
        refused=batch.refused,
        wrong=wrong,
        cpu_ms={part: ms / max(1, calls) for part, ms in spent.items()},
        others_share=max(0.0, machine_after - machine_before - sum(spent.values())) / available_ms,
        behind_ms=batch.behind_ms,
        reaction_us=way.times_us("reaction_us"),
        commit_us=way.times_us("commit_us"),
    )


@dataclass(frozen=True, slots=True)
class Meters:
    """The CPU time of each part."""

    lab: Lab
    sipp: Sipp
    way: Way
    postgres: int | None

    def read(self) -> dict[str, float]:
        """Milliseconds so far."""
        return {
            "application": cpu.process_ms(self.way.pid) if self.way.pid else 0.0,
            "asterisk": cpu.process_ms(self.lab.asterisk),
            "postgres": cpu.tree_ms(self.postgres) if self.postgres else 0.0,
            "load": cpu.own_ms() + cpu.process_ms(self.sipp.pid),
        }


async def postmaster(database_url: str) -> int | None:
    """Postgres's process id, if it runs on this machine."""
    connection = await asyncpg.connect(database_url)
    try:
        backend = await connection.fetchval("SELECT pg_backend_pid()")
        return cpu.parent(backend) if cpu.name(backend) == "postgres" else None
    finally:
        await connection.close()


@contextlib.contextmanager
def pinned(asterisk: int, others: set[int]) -> Iterator[None]:
    """Asterisk alone on the first CPU, the others on the rest; as before afterwards."""
    free = os.sched_getaffinity(0)
    first = {min(free)}
    cpu.pin({asterisk: first, **dict.fromkeys(others, free - first or first)})
    try:
        yield
    finally:
        cpu.pin(dict.fromkeys({asterisk, *others}, free))
