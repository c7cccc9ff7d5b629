"""The lab with one engine of ours on it: what a fault may strike, and when what was away."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from docker import asterisks, choices, containers, engines
from docker.choices import LAB, NAME, Choices
from engine.store import embedded
from tests.bench.cpu import children
from tests.faults.engine import Engine
from tests.faults.plan import RING_SECONDS, Plan
from tests.faults.proxy import Proxy

PBX = f"{NAME}-n1"
POSTMASTER = LAB / "postgres/postmaster.pid"


@dataclass(frozen=True, slots=True)
class Wait:
    """How long something took, and how long it may."""

    what: str
    seconds: float
    most_seconds: float


@dataclass(slots=True, kw_only=True)
class Rig:
    """One run's engine and what is around it.

    `cuts` are the times in which engine and Asterisk could not work together, `waits` what was timed,
    `missed` why a fault did not strike.
    """

    plan: Plan
    chosen: Choices
    lab: dict[str, str]
    engine: Engine
    proxy: Proxy | None
    cuts: list[tuple[float, float]] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    struck_at: float = 0.0
    pbx_died_at: float | None = None
    pbx_back_at: float | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, plan: Plan, lab: dict[str, str], *, proxied: bool, told: dict[str, str] | None = None
    ) -> AsyncIterator["Rig"]:
        """An engine that is ready, in place of the lab's own; it is gone afterwards."""
        chosen = choices.read()
        assert chosen is not None
        settings = engines.settings(chosen, node=1, database_url=lab["DATABASE_URL"])
        settings |= {"LEGWORK_RING_SECONDS": str(RING_SECONDS), "LEGWORK_MAX_TALK_SECONDS": str(plan.talk_seconds)}
        settings |= told or {}
        async with contextlib.AsyncExitStack() as stack:
            proxy = await stack.enter_async_context(Proxy.open(chosen.ari(1))) if proxied else None
            if proxy is not None:
                settings["LEGWORK_ARI_URL"] = f"http://127.0.0.1:{proxy.port}"
            await asyncio.to_thread(engines.stop, 1)
            adopting = plan.kind.startswith("crash@adopt.")
            crash = {"LEGWORK_CRASH_AT": plan.crash_at} if plan.crash_at else {}
            engine = Engine(settings, first={} if adopting else crash, second=crash if adopting else {})
            engine.start()
            keeper = asyncio.create_task(engine.keep(), name="keeper")
            try:
                await engine.ready()
                yield cls(plan=plan, chosen=chosen, lab=lab, engine=engine, proxy=proxy)
            finally:
                await engine.stop()
                await keeper

    @contextlib.asynccontextmanager
    async def cut(self, what: str, *, ready_within: float = 3.0) -> AsyncIterator[None]:
        """Engine and Asterisk are cut off from each other in this block, and until the engine says it is ready."""
        began = time.time()
        yield
        mended = time.time()
        await self.time_ready(what, since=mended, most_seconds=ready_within)
        self.cuts.append((began, time.time()))

    async def time_ready(self, what: str, *, since: float, most_seconds: float) -> None:
        """Wait until the engine says it is ready, and note how long that took."""
        with contextlib.suppress(TimeoutError):  # so long a wait is a finding, not a fault of ours
            await self.engine.ready()
        self.waits.append(Wait(what, time.time() - since, most_seconds))

    async def postgres_pids(self) -> list[int]:
        """The postmaster and its children."""
        pid = int((await asyncio.to_thread(POSTMASTER.read_text)).split()[0])
        return [pid, *children(pid)]

    async def start_postgres(self) -> None:
        """Start it, and return when it takes connections."""
        await asyncio.to_thread(embedded.start, LAB)

    async def kill_pbx(self) -> None:
        """Asterisk dies as by kill -9."""
        await asyncio.to_thread(containers.call, "kill", "--signal=KILL", PBX)
        self.pbx_died_at = time.time()

    async def start_pbx(self) -> None:
        """Asterisk comes back with nothing in its memory."""
        wanted = [asterisks.pbx(self.chosen, node=1, carrier_sip=self.lab["CARRIER_SIP"])]
        await asyncio.to_thread(asterisks.bring_up, wanted)
        self.pbx_back_at = time.time()


async def clear_carrier() -> None:
    """Hang up what the carrier still has: calls whose PBX died are never told."""
    await asyncio.to_thread(containers.asterisk, f"{NAME}-carrier", "channel request hangup all")


def log_size() -> int:
    """How long the engine's log is."""
    log: Path = engines.log_file(1)
    return log.stat().st_size if log.exists() else 0
