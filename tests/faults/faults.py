"""Each fault as a function: it strikes, and returns when the engine is ready again."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from functools import partial

from tests.faults.evidence import open_calls
from tests.faults.plan import DRAIN_SECONDS
from tests.faults.rig import Rig, Wait

STORE_BACK_SECONDS = 3.0
NOTICED_SECONDS = 2.0
PBX_BACK_SECONDS = 5.0
LOST_SECONDS = 6.0
POINT_SECONDS = 25.0
CLOSING_SECONDS = 2.5  # an engine that leaves takes no more events in
POLL_SECONDS = 0.02

Strike = Callable[[Rig], Awaitable[None]]


async def kill(rig: Rig) -> None:
    """kill -9; systemd brings it back."""
    async with rig.cut("ready after kill -9"):
        rig.engine.signal(signal.SIGKILL)
        await rig.engine.died(1, seconds=1)


async def crash(rig: Rig) -> None:
    """It dies by itself at a named point; for a point of adopt, when it comes back from a kill -9."""
    adopting = "adopt." in rig.plan.kind
    if not adopting and not await rig.engine.died(1, seconds=POINT_SECONDS):
        rig.missed.append(f"{rig.plan.crash_at} was not reached")
        return
    began = rig.engine.deaths[0] if rig.engine.deaths else time.time()
    async with rig.cut("ready after a crash at a point"):
        if adopting:
            rig.engine.signal(signal.SIGKILL)
            await rig.engine.died(1, seconds=1)
            if not await rig.engine.died(2, seconds=10):
                rig.missed.append(f"{rig.plan.crash_at} was not reached")
    rig.cuts[-1] = (began, rig.cuts[-1][1])
    if not adopting:
        rig.struck_at = began
        rig.waits[-1] = Wait(rig.waits[-1].what, rig.cuts[-1][1] - began, rig.waits[-1].most_seconds)


async def freeze(rig: Rig, *, seconds: float) -> None:
    """It is stopped in its tracks for a while."""
    async with rig.cut("ready after a freeze"):
        rig.engine.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        rig.engine.signal(signal.SIGCONT)


async def deploy(rig: Rig) -> None:
    """SIGTERM, and a new one as soon as the old one has left; calls are handed over."""
    rig.engine.signal(signal.SIGTERM)
    asked = time.time()
    await rig.engine.died(1, seconds=2 * DRAIN_SECONDS)
    rig.waits.append(Wait("drained after SIGTERM", time.time() - asked, DRAIN_SECONDS))
    left_at = time.time()
    async with rig.cut("ready after a deploy"):
        pass
    rig.cuts[-1] = (max(asked, left_at - CLOSING_SECONDS), rig.cuts[-1][1])


async def cut_ari(rig: Rig) -> None:
    """Every connection to Asterisk is reset."""
    assert rig.proxy is not None
    async with rig.cut("ready after a RST", ready_within=1.5):
        rig.proxy.cut()
        await asyncio.sleep(POLL_SECONDS)


async def stall_ari(rig: Rig, *, seconds: float) -> None:
    """Nothing gets through to Asterisk or back, and no connection says so."""
    assert rig.proxy is not None
    async with rig.cut("ready after a stall"):
        began = time.time()
        rig.proxy.stall()
        while time.time() < began + seconds and await rig.engine.says_ready():
            await asyncio.sleep(POLL_SECONDS)
        if seconds > NOTICED_SECONDS:
            rig.waits.append(Wait("a stall is noticed", time.time() - began, NOTICED_SECONDS + 0.2))
        await asyncio.sleep(max(0.0, began + seconds - time.time()))
        rig.proxy.flow()


async def lose(rig: Rig, *, connection: bool) -> None:
    """A request has its effect, and its answer never comes."""
    assert rig.proxy is not None
    rig.proxy.lose(rig.plan.losable, connection=connection)
    began = time.time()
    try:
        await asyncio.wait_for(rig.proxy.lost.wait(), LOST_SECONDS)
    except TimeoutError:
        rig.missed.append(f"no {rig.plan.losable} within {LOST_SECONDS:g} s")
        return
    began = time.time()
    async with rig.cut("ready after a lost answer", ready_within=1.5):
        await asyncio.sleep(POLL_SECONDS)
    rig.cuts[-1] = (began, max(rig.cuts[-1][1], began + 3.5))  # so long an answer may be waited for


async def kill_postgres(rig: Rig) -> None:
    """Postgres shuts down at once, without a checkpoint, and comes back."""
    postmaster, *_ = await rig.postgres_pids()
    os.kill(postmaster, signal.SIGQUIT)
    await asyncio.sleep(rig.plan.away_seconds)
    await rig.start_postgres()
    await _store_back(rig)


async def freeze_postgres(rig: Rig) -> None:
    """Postgres and all its children stop, and go on."""
    pids = await rig.postgres_pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(rig.plan.away_seconds)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)
    await _store_back(rig)


async def _store_back(rig: Rig) -> None:
    await rig.time_ready("ready after Postgres", since=time.time(), most_seconds=STORE_BACK_SECONDS)


async def kill_pbx(rig: Rig) -> None:
    """Asterisk dies with all calls, and comes back with none."""
    async with rig.cut("ready after Asterisk", ready_within=PBX_BACK_SECONDS):
        await rig.kill_pbx()
        await asyncio.sleep(rig.plan.away_seconds)
        await rig.start_pbx()
    assert rig.pbx_died_at is not None
    assert rig.pbx_back_at is not None
    while time.time() < rig.pbx_back_at + 2 * PBX_BACK_SECONDS:
        if not await open_calls(rig.lab["DATABASE_URL"], before=rig.pbx_died_at):
            break
        await asyncio.sleep(POLL_SECONDS)
    rig.waits.append(Wait("its calls closed", time.time() - rig.pbx_back_at, PBX_BACK_SECONDS))


async def nothing(rig: Rig) -> None:
    """No fault at all."""


STRIKES: dict[str, Strike] = {
    "kill": kill,
    "freeze-1": partial(freeze, seconds=1),
    "freeze-5": partial(freeze, seconds=5),
    "freeze-30": partial(freeze, seconds=30),
    "ari-cut": cut_ari,
    "ari-stall-1": partial(stall_ari, seconds=1),
    "ari-stall-5": partial(stall_ari, seconds=5),
    "lost-response": partial(lose, connection=False),
    "lost-connection": partial(lose, connection=True),
    "postgres-kill": kill_postgres,
    "postgres-freeze": freeze_postgres,
    "asterisk-kill": kill_pbx,
    "deploy": deploy,
    "crash": crash,
    "nothing": nothing,
}
PROXIED = ("ari-", "lost-")


def strike(kind: str) -> Strike:
    """What that kind of fault does."""
    return STRIKES[kind.partition("@")[0]]
