"""Runs one seed: virtual time, the engine's modules patched for as long as it takes, and what was wrong."""

import asyncio
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import structlog

import engine.crash
from engine.errors import Refusal
from engine.store import connection
from tests.sim import checks
from tests.sim.loop import VirtualLoop, virtual_time
from tests.sim.plan import plan
from tests.sim.process import PROCESS, Killed
from tests.sim.run import World

QUIET, VERBOSE = 40, 10  # levels of the log
FAILURES = ("call not written", "call not restored")  # what the engine itself calls wrong


def silent(_: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Simulation:
    """One run and its outcome."""

    seed: int
    verbose: bool = False
    wrong: list[str] = field(default_factory=list)
    world: World | None = None
    _loop: VirtualLoop = field(default_factory=VirtualLoop)

    def run(self) -> "Simulation":
        """Run it to its end."""
        loop = self._loop
        loop.set_exception_handler(self._unhandled)
        say = self._say if self.verbose else silent
        world = self.world = World(plan(self.seed), say)
        with virtual_time(loop, Random(f"engine {self.seed}")), self._logged(), _patched(world):
            try:
                asyncio.set_event_loop(loop)
                loop.run_until_complete(world.run())
            finally:
                _cancel_all(loop)
                asyncio.set_event_loop(None)
                loop.close()
        self.wrong = [*dict.fromkeys([*self.wrong, *checks.wrong(world)])]
        return self

    def _say(self, line: str) -> None:
        print(f"{self._loop.time():9.4f} {line}")

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        exc = context.get("exception")
        if exc is None or isinstance(exc, Killed | Refusal):  # a refusal nobody waits for: of an engine killed
            return
        if isinstance(exc, BaseExceptionGroup) and exc.subgroup(Killed):
            return
        self.wrong.append(f"not caught: {''.join(traceback.format_exception(exc))}")

    @contextmanager
    def _logged(self) -> Iterator[None]:
        """Take the engine's log: its exceptions are wrong."""

        def take(_: Any, __: str, line: Any) -> Any:
            if self.verbose:
                self._say("    " + " ".join(f"{key}={value}" for key, value in line.items()))
            process = PROCESS.get(None)
            if process is None or not process.alive:
                raise structlog.DropEvent
            if line.get("exc_info") or line["event"] in FAILURES:
                text = "".join(traceback.format_exception(sys.exception())) if line.get("exc_info") else str(line)
                self.wrong.append(f"{line['event']}: {text}")
            raise structlog.DropEvent

        before = structlog.get_config()
        level = VERBOSE if self.verbose else QUIET
        structlog.configure(
            processors=[take],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            structlog.configure(**before)


def _cancel_all(loop: VirtualLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=1))


@contextmanager
def _patched(world: World) -> Iterator[None]:
    """Let the engine connect to this world's Postgres and die at its crash points."""

    async def connect_here(_: str, *, name: str) -> Any:
        return await world.postgres.connect(name)

    original = connection.connect
    patched: list[tuple[Any, str, Callable[..., Any]]] = [(engine.crash, "reached", engine.crash.reached)]
    engine.crash.reached = world.reached
    for name, module in list(sys.modules.items()):
        if name.startswith("engine.") and getattr(module, "connect", None) is original:
            patched.append((module, "connect", original))
            module.connect = connect_here  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module, name, value in patched:
            setattr(module, name, value)
