"""One life of the engine: its own switch, client, store and writer, from start to SIGTERM or `kill -9`."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, NoReturn

from engine.accounts import Accounts
from engine.core.account import Account, Route
from engine.errors import StoreAway
from engine.gate import Gate
from engine.main import _own, _step_down
from engine.services import audit
from engine.store.postgres import LOOK_SECONDS, Store
from engine.store.writer import Writer
from engine.switch import Switch
from tests.sim.loop import VirtualLoop
from tests.voice import LIMITS, Voice

NODE = "n1"
ACCOUNT = Account(
    account_id="account_1",
    name="Demo shop",
    region="IN",
    allowed_regions=("IN",),
    caller_ids=("15168148111",),
    max_live_calls=1000,
    calls_per_second=1000,
    attempts_per_day=0,
    requests_per_destination=0,
)
ROUTES = (Route("91", ("PJSIP/{number}@one",)),)
PROCESS: ContextVar["Process"] = ContextVar("PROCESS")


class Killed(BaseException):
    """The process is dead: what runs in it stops here."""


class Process:
    """An engine as `engine.main` builds it, without its HTTP API. Once dead it reaches nothing any more."""

    def __init__(self, *, before: Callable[["Process", str], None]) -> None:
        self._loop: VirtualLoop = asyncio.get_running_loop()  # type: ignore[assignment]
        self._before = before
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.context = Context()
        self.context.run(PROCESS.set, self)
        self.alive = True
        self.switch: Switch | None = None
        self.ended = self._loop.create_future()  # with None, or what it died of

    def start(self, ari: Any, pool: Any, spool: Any) -> None:
        """Begin to live."""
        store = Store(pool, Writer("", node=NODE, spool=spool), url="", node=NODE)
        self.spawn(self._live(ari, store))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this within the process."""
        task = self._loop.create_task(work, context=self.context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def terminate(self) -> None:
        """SIGTERM."""
        self._stop.set()

    def kill(self) -> None:
        """SIGKILL: from here on nothing it does has an effect."""
        self.alive = False
        self.switch = None
        self._loop.forget(self._is_ours)
        for task in self._tasks:
            task.cancel()
        if not self.ended.done():
            self.ended.set_result(None)

    def _is_ours(self, context: Context) -> bool:
        return context.get(PROCESS) is self

    def die(self) -> NoReturn:
        """Be killed by what runs in it."""
        self.kill()
        raise Killed

    async def running(self) -> None:
        """Return where the process is alive; a dead one waits for ever."""
        if not self.alive:
            await self._loop.create_future()

    def before(self, act: str) -> None:
        """About to do this to the outside: a `request` or a `statement`."""
        self._before(self, act)

    async def _live(self, ari: Any, store: Store) -> None:
        try:
            await store.ping()
            await self._serve(ari, store)
            await store.writer.close()
            died_of = None
        except StoreAway:
            died_of = None  # systemd starts it again
        except Exception as exc:
            died_of = exc
        if self.alive:
            self.alive = False
            self._loop.forget(self._is_ours)
            self.ended.set_result(died_of)

    async def _serve(self, ari: Any, store: Store) -> None:
        await _own(store, wait=True)
        async with asyncio.TaskGroup() as tasks:
            gate = Gate(Accounts(accounts={"account_1": ACCOUNT}, routes=ROUTES), store)
            switch = self.switch = Switch(ari, store, tasks, node=NODE, gate=gate, limits=LIMITS, voice=Voice())
            services = [
                tasks.create_task(ari.run(owned=store.writer.lock.held, adopt=switch.adopt, note=switch.note)),
                tasks.create_task(store.writer.run()),
                tasks.create_task(_step_down(store, switch)),
                tasks.create_task(audit.run(switch)),
                tasks.create_task(_follow_hints(store, switch)),
            ]
            await self._stop.wait()
            await switch.drain()
            self.switch = None
            switch.close()
            for service in services:
                service.cancel()


async def _follow_hints(store: Store, switch: Switch) -> None:
    while True:
        with contextlib.suppress(StoreAway):
            for call_id in await store.hangups_asked():
                switch.cancel(call_id)
        await asyncio.sleep(LOOK_SECONDS)
