"""One run: the engine lives, breaks and is started again between a simulated Asterisk and a simulated Postgres."""

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from engine.core.ids import split
from engine.errors import Refusal
from engine.services.audit import AUDIT_SECONDS
from tests.sim.asterisk import Asterisk
from tests.sim.disk import Disk, SimulatedSpool
from tests.sim.parties import Party
from tests.sim.plan import Fault, Plan, PlannedCall
from tests.sim.postgres import Pool, Postgres
from tests.sim.process import NODE, PROCESS, Process
from tests.sim.wire import Network, SimulatedAri

LOOK_SECONDS = 1.0
LAST_SECONDS = 240.0  # after the last planned thing: longer than any deadline, ours or Asterisk's
AFTER_SECONDS = 10.0  # for what may still come once all is quiet
UNOWNED_SECONDS = 15.0
UNHEARD_SECONDS = 5.0
SECOND_ENGINE_SECONDS = 0.4  # when it starts, if there is one: it has to wait


@dataclass(slots=True)
class Asked:
    """What became of a request."""

    planned: PlannedCall
    verdict: str = "not asked"  # accepted, refused, unknown
    call_id: str = ""


@dataclass(slots=True)
class World:
    """All that there is in a run; `wrong` is what must not be."""

    plan: Plan
    say: Callable[[str], None]
    asked: list[Asked] = field(init=False)
    wrong: list[str] = field(default_factory=list)
    points: Counter[str] = field(default_factory=Counter)  # how often each crash point was passed
    happened: Counter[str] = field(default_factory=Counter)  # the faults that did happen
    deaf_seconds: float = 0.0
    lives: int = 0
    processes: list[Process] = field(default_factory=list)
    asterisk: Asterisk = field(init=False)
    postgres: Postgres = field(init=False)
    network: Network = field(init=False)
    disk: Disk = field(init=False)
    _acts: Counter[str] = field(default_factory=Counter)
    _since: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Let it all happen, until nothing more can."""
        loop, random = asyncio.get_running_loop(), Random(f"wire {self.plan.seed}")
        self.asked = [Asked(planned) for planned in self.plan.calls]
        self.asterisk = Asterisk(random, self._party)
        self.postgres = Postgres(random)
        self.disk = Disk(random)
        self.postgres.slow_seconds = self.plan.slow_seconds
        self.postgres.on_commit = partial(self._after, "statement")
        self.network = Network(
            self.asterisk, random, shuffle_seconds=self.plan.shuffle_seconds, repeat=self.plan.repeat
        )
        self.network.on_request = lambda number, when: self._after("request", number)
        self.network.heard = self.say
        for asked in self.asked:
            loop.call_at(asked.planned.at, self._ask, asked)
            if asked.planned.cancelled_at is not None:
                loop.call_at(asked.planned.cancelled_at, self._cancel, asked)
        for fault in self.plan.faults:
            self._plan_fault(fault)
        for number in range(self.plan.engines):
            loop.call_at(number * SECOND_ENGINE_SECONDS, self._start)
        times = [asked.planned.at for asked in self.asked] + [fault.at + fault.seconds for fault in self.plan.faults]
        quiet_since = None
        while loop.time() < max(times) + LAST_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            quiet = self._quiet() and loop.time() > max(times)
            quiet_since = (quiet_since or loop.time()) if quiet else None
            if quiet_since is not None and loop.time() - quiet_since > AFTER_SECONDS:
                break
        if quiet_since is None:
            self.wrong.append("it does not end")
        for process in list(self.processes):
            process.kill()
        await asyncio.sleep(0)

    # -- engines -----------------------------------------------------------------------------

    def _start(self) -> None:
        self.say("engine starts")
        self.lives += 1
        process = Process(before=self._before)
        self.processes.append(process)
        process.start(
            SimulatedAri(self.network, process, app=f"legwork-{NODE}"),
            Pool(self.postgres),
            SimulatedSpool(self.disk, process),
        )
        process.ended.add_done_callback(partial(self._ended, process))

    def _ended(self, process: Process, ended: asyncio.Future[BaseException | None]) -> None:
        died_of = ended.result()
        if died_of is not None:
            self.wrong.append(f"the engine died: {''.join(traceback.format_exception(died_of))}")
        self.say("engine ended")
        self.processes.remove(process)
        self.postgres.end_of(process)
        self.network.end_of(process)
        asyncio.get_running_loop().call_later(self.plan.restart_seconds, self._start)

    def kill(self) -> None:
        """SIGKILL the engine that commands, if one does."""
        if self._owner is not None:
            self._owner.kill()

    @property
    def _owner(self) -> Process | None:
        """The engine that commands, or last did."""
        commanding = [each for each in self.processes if each.switch is not None]
        return next((each for each in commanding if each.switch and each.switch.ready), next(iter(commanding), None))

    def reached(self, point: str) -> None:
        """What `engine.crash.reached` is in a run."""
        process = PROCESS.get(None)
        if process is None or not process.alive:
            return
        self.points[point] += 1
        if self._due("kill-at-point", self.points[point], point):
            self._happen(f"kill-at-point {point}")
            process.die()

    def _before(self, process: Process, act: str) -> None:
        self._acts[act] += 1
        if process.alive and self._due(f"kill-before-{act}", self._acts[act]):
            self._happen(f"kill-before-{act}")
            process.die()

    def _after(self, act: str, number: int) -> None:
        if self._due(f"kill-after-{act}", number):
            self._happen(f"kill-after-{act}")
            self.kill()

    def _due(self, kind: str, number: int, point: str = "") -> bool:
        return any((each.kind, each.number, each.point) == (kind, number, point) for each in self.plan.faults)

    # -- faults ------------------------------------------------------------------------------

    def _plan_fault(self, fault: Fault) -> None:
        match fault.kind:
            case "lose-response":
                self.network.lost_responses.add(fault.number)
            case "late-response":
                self.network.late_responses[fault.number] = fault.seconds
            case "lose-commit":
                self.postgres.lost_answers.add(fault.number)
            case _ if fault.at:
                asyncio.get_running_loop().call_at(fault.at, self._break, fault)

    def _break(self, fault: Fault) -> None:
        self._happen(fault.kind)
        match fault.kind:
            case "kill":
                self.kill()
            case "terminate" if self._owner is not None:
                self._owner.terminate()
            case "cut":
                self.network.cut()
            case "stall":
                self.network.stalled_until = asyncio.get_running_loop().time() + fault.seconds
            case "freeze-asterisk":
                self.asterisk.freeze(fault.seconds)
            case "restart-asterisk":
                self.asterisk.stop(fault.seconds)
                self.network.cut()
            case "store-away":
                self.postgres.go_away(fault.seconds)
            case "store-frozen":
                self.postgres.freeze(fault.seconds)

    def _happen(self, kind: str) -> None:
        self.happened[kind] += 1
        self.say(f"*** {kind}")

    # -- requests ----------------------------------------------------------------------------

    def _ask(self, asked: Asked) -> None:
        process = self._owner
        if process is not None and process.switch is not None:
            process.spawn(self._start_call(asked, process.switch))

    async def _start_call(self, asked: Asked, switch: Any) -> None:
        asked.verdict = "unknown"
        try:
            asked.call_id = await switch.start(asked.planned.request)
        except Refusal as exc:
            asked.verdict = "refused"
            self.say(f"refused: {exc.code}")
        else:
            asked.verdict = "accepted"

    def _cancel(self, asked: Asked) -> None:
        self.postgres.asked.add(asked.call_id)

    def _party(self, number: str, times: int) -> Party:
        behaviours = next(each.parties[number] for each in self.plan.calls if number in each.parties)
        return behaviours[min(times, len(behaviours)) - 1]

    # -- what must hold at any time ----------------------------------------------------------

    def _quiet(self) -> bool:
        """Whether nothing is left to happen; also looks for what must never be."""
        switch = self._owner.switch if self._owner is not None else None
        if switch is None or not switch.ready:
            self.deaf_seconds += LOOK_SECONDS
            self._since.clear()
            return False
        self._look(switch)
        rows = self.postgres.calls
        return (
            not self.asterisk.channels
            and not self.asterisk.bridges
            and not switch._lines
            and rows.keys() == self.postgres.cdrs.keys()
            and all(row["ended_at"] is not None for row in rows.values())
        )

    def _look(self, switch: Any) -> None:
        faults = set()
        for channel in self.asterisk.channels.values():
            owner = split(NODE, channel.channel_id)
            line = switch._lines.get(owner[0]) if owner else None
            leg = line.call.legs.get(owner[1].partition(".")[0]) if line and owner else None
            if channel.copy_of is not None and leg is not None and not leg.over:
                continue
            if line is None or leg is None or leg.over:
                faults.add(f"{channel.channel_id} has no owner")
            elif line.call.bridged_at is not None and not line.call.releasing:
                faults |= {f"{channel.channel_id} is bridged and muted"} if channel.muted else set()
                faults |= {f"{channel.channel_id} is not in its bridge"} if channel.bridge is None else set()
        now = asyncio.get_running_loop().time()
        if not self.postgres.answers:
            faults = {fault for fault in faults if not fault.endswith("owner")}  # nothing is hung up meanwhile
        self._since = {fault: self._since.get(fault, now) for fault in faults}
        for fault, since in self._since.items():
            if now - since > (self._unowned_seconds if fault.endswith("owner") else UNHEARD_SECONDS):
                self.wrong.append(f"{fault} since {since:.1f}")
                self._since[fault] = float("inf")

    @property
    def _unowned_seconds(self) -> float:
        """How long a leg may be without an owner: a sweep that could not read the rows leaves it to the audit."""
        unread = self.happened["store-away"] + self.happened["store-frozen"]
        return UNOWNED_SECONDS + (AUDIT_SECONDS if unread else 0.0)
