"""One run: calls in flight, one fault, the end of all calls, and the verdict."""

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from docker import engines
from docker.choices import LAB
from tests.bench.memory import listed
from tests.faults import evidence
from tests.faults.checks import Broken, broken
from tests.faults.evidence import Dialog, Evidence, Row
from tests.faults.faults import PROXIED, strike
from tests.faults.plan import Plan
from tests.faults.rig import Rig, clear_carrier, log_size
from tests.faults.traffic import ANSWER_SECONDS, Asked, ask_all
from tests.live.wire import Wire

POLL_SECONDS = 0.25
LONGEST_SECONDS = 60.0  # from the last request and the fault to the end of everything
LEFT_SECONDS = 10.0  # after the last call nothing of it is left
RECORDED_SECONDS = 1.2  # a recording is complete so long after its end
FOLDER = LAB / "faults"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one run."""

    plan: Plan
    asked: list[Asked]
    in_flight: int  # at the fault
    talking: int
    cdrs: list[Row]
    waits: list[str]
    broken: list[Broken]
    load: float  # the machine's, over the last minute

    @property
    def accepted(self) -> int:
        """How many requests were accepted."""
        return sum(each.told == "accepted" for each in self.asked)


async def run(plan: Plan, lab: dict[str, str]) -> Run:
    """Carry the plan out."""
    began = time.time()
    log_start = log_size()
    after_cdr = await evidence.last_cdr(lab["DATABASE_URL"])
    async with _rig(plan, lab) as rig:
        with contextlib.closing(Wire.open()) as wire:
            asked = await _strike_in_traffic(rig, lab)
            left = await _until_all_is_over(rig, lab, asked, wire)
            await asyncio.sleep(RECORDED_SECONDS)
        calls, legs, cdrs = await evidence.rows(lab["DATABASE_URL"], began=began, after_cdr=after_cdr)
        seen = Evidence(
            began=began,
            asked=asked,
            cuts=rig.cuts,
            waits=rig.waits,
            missed=rig.missed,
            pbx_died_at=rig.pbx_died_at,
            pbx_back_at=rig.pbx_back_at,
            talk_seconds=plan.talk_seconds,
            recorded=plan.recorded,
            dialogs=evidence.dialogs(wire),
            calls=calls,
            legs=legs,
            cdrs=cdrs,
            asterisk=evidence.asterisk_cdrs(Path(lab["PBX_CDR"]), since=began),
            left=left,
        )
        found = await asyncio.to_thread(broken, seen)
        await _clean_up(rig, lab, dirty=bool(left) or any(not call["ended"] for call in calls))
    if found:
        _keep_log(plan, log_start)
    in_flight, talking = _at(seen, rig.struck_at)
    return Run(
        plan=plan,
        asked=asked,
        in_flight=in_flight,
        talking=talking,
        cdrs=cdrs,
        waits=[f"{wait.what} {wait.seconds:.1f} s" for wait in rig.waits],
        broken=found,
        load=os.getloadavg()[0],
    )


def _rig(plan: Plan, lab: dict[str, str]) -> contextlib.AbstractAsyncContextManager[Rig]:
    return Rig.open(plan, lab, proxied=plan.kind.startswith(PROXIED))


async def _strike_in_traffic(rig: Rig, lab: dict[str, str]) -> list[Asked]:
    headers = {"account": lab["CPAAS_ACCOUNT"], "auth": lab["CPAAS_AUTH"]}
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    rig.struck_at = time.time() + rig.plan.lead
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as http,
        asyncio.TaskGroup() as tasks,
    ):
        asking = tasks.create_task(ask_all(http, rig.engine.url, rig.plan.calls), name="traffic")
        if not rig.plan.waits_for_point:
            await asyncio.sleep(rig.plan.lead)
        await strike(rig.plan.kind)(rig)
    return asking.result()


async def _until_all_is_over(rig: Rig, lab: dict[str, str], asked: list[Asked], wire: Wire) -> list[str]:
    """Wait for the end of every call; what is then still in Asterisk, 10 s after the last one."""
    accepted = [each.request_id for each in asked if each.told == "accepted"]
    left: list[str] = []
    last = time.monotonic() + LONGEST_SECONDS
    over_since: float | None = None
    async with aiohttp.ClientSession(
        lab["ARI_URL"], headers={"Authorization": aiohttp.encode_basic_auth(lab["ARI_USER"], lab["ARI_PASSWORD"])}
    ) as ari:
        while time.monotonic() < last:
            left = await listed(ari)
            rows = await evidence.pending(lab["DATABASE_URL"], accepted)
            if not left and not rows:
                return []
            channels = [thing for thing in left if not thing.rpartition(".")[2].isdigit()]
            over_since = None if channels else over_since or time.monotonic()
            if over_since is not None and time.monotonic() > over_since + LEFT_SECONDS and not rows:
                break
            await asyncio.sleep(POLL_SECONDS)
    return left


async def _clean_up(rig: Rig, lab: dict[str, str], *, dirty: bool) -> None:
    if dirty:
        await rig.kill_pbx()
        await rig.start_pbx()
        await evidence.forget_open_calls(lab["DATABASE_URL"])
    if dirty or rig.pbx_died_at is not None:
        await clear_carrier()


def _keep_log(plan: Plan, start: int) -> None:
    """The engine's log of a run in which something broke."""
    FOLDER.mkdir(exist_ok=True)
    with engines.log_file(1).open("rb") as log:
        log.seek(start)
        (FOLDER / f"{plan.seed}-{plan.kind}.log").write_bytes(log.read())


def _at(seen: Evidence, at: float) -> tuple[int, int]:
    """How many calls were in flight at that time, and how many of them talked."""
    live = [
        each
        for each in seen.asked
        if each.at < at < max((dialog.over_at for dialog in _dialogs(seen, each)), default=0.0)
    ]
    talking = [
        each
        for each in live
        for dialog in seen.dialogs.get(each.customer, [])
        if dialog.answered_at is not None and dialog.answered_at < at < (dialog.ended_at or at + 1)
    ]
    return len(live), len(talking)


def _dialogs(seen: Evidence, asked: Asked) -> list[Dialog]:
    return [*seen.dialogs.get(asked.agent, []), *seen.dialogs.get(asked.customer, [])]
