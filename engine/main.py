"""The engine as a process: builds its parts, hands them to each other, runs them until told to stop."""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog
import uvloop
from aiohttp import http_parser, web

from engine import disk, ordering, systemd
from engine.accounts import Accounts
from engine.agi.answers import Answers
from engine.agi.server import Server, listen
from engine.api.answers import Api
from engine.api.app import build
from engine.api.dialects import DIALECTS
from engine.api.door import Door
from engine.api.importer import Importer
from engine.api.lockout import Lockout
from engine.ari.client import Ari
from engine.config import Settings
from engine.errors import NotOwner, StoreAway, WrongConfig
from engine.gate import Gate
from engine.keeping import Keeping
from engine.leads.speech import LeadSpeech
from engine.media.cache import Cache
from engine.media.casting import cast
from engine.media.fetch import Fetcher
from engine.media.prompts import Prompts
from engine.media.shelf import Shelf
from engine.media.speeches import Speeches
from engine.media.studio import Studio
from engine.services import audit, lag, retention
from engine.services import speeches as sweep_speeches
from engine.services.callbacks import CallbackClock
from engine.services.campaigns import CampaignClock
from engine.store import embedded, migrate
from engine.store.connection import AWAY, WRONG
from engine.store.postgres import Store
from engine.store.spool import Spool
from engine.switch import Switch
from engine.trouble import Trouble

WAIT_SECONDS = 0.5
STANDBY_SECONDS = 5.0
EMBEDDED_SECONDS = 2.0
LINE_BYTES = 65536  # of a request line: everything may stand in a query
SHUTDOWN_SECONDS = 2.0  # for requests half sent
GC_THRESHOLDS = (10_000, 20, 20)  # a call makes hardly a cycle: look for them less often than by default

T = TypeVar("T")
log = structlog.get_logger()


def run(settings: Settings, *, wait: bool = True) -> None:
    """Run until SIGTERM or SIGINT. Live calls stay in Asterisk and are adopted by the next engine.

    Another engine that owns this Asterisk is waited for, or else `NotOwner` is raised.
    """
    _require_c_parser()
    uvloop.run(_run(settings, wait=wait))


async def _run(settings: Settings, *, wait: bool) -> None:
    database_url = settings.database_url or await _once_postgres_answers(lambda: _embedded(settings))
    await _once_postgres_answers(lambda: migrate.migrate(database_url))
    async with AsyncExitStack() as stack:
        spool = Spool(settings.state_dir, limit_bytes=settings.spool_megabytes << 20)
        store = await stack.enter_async_context(Store.open(database_url, node=settings.node, spool=spool))
        stack.push_async_callback(store.writer.close)
        await _own(store, wait=wait)
        ari = await stack.enter_async_context(
            Ari.open(
                url=settings.ari_url,
                user=settings.ari_user,
                password=settings.ari_password.get_secret_value(),
                app=f"legwork-{settings.node}",
            )
        )
        accounts = Accounts(settings.seal)
        fetcher = Fetcher(allowed_hosts=settings.fetch_allowed_hosts, http=settings.fetch_http)
        shelf = Shelf(store, accounts, settings.sounds / "announcements", fetcher)
        await _once_postgres_answers(shelf.refresh)
        keeping = Keeping.of(settings, store, ari)
        gate = Gate(accounts, store)
        gate.take_stops(await _once_postgres_answers(store.stops))
        orders: asyncio.Queue[int] = asyncio.Queue()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, orders.put_nowait, number)
        async with asyncio.TaskGroup() as tasks:
            speeches = Speeches(settings.speeches)
            studio = _studio(settings)
            prompts = Prompts(settings.sounds / "prompts", studio)
            lead_speech = LeadSpeech(studio=studio, speeches=speeches, prompts=prompts)
            switch = Switch(
                ari,
                store,
                tasks,
                node=settings.node,
                gate=gate,
                limits=settings.limits,
                voice=prompts,
                ended=speeches.forget,
                has_room=keeping.has_room,
            )
            door = Door(
                accounts=accounts,
                lockout=Lockout(settings.lockout_per_minute),
                trusted_proxies=settings.trusted_proxies,
            )
            api = Api(
                accounts=accounts,
                door=door,
                store=store,
                switch=switch,
                limits=settings.limits,
                shelf=shelf,
                studio=studio,
                speeches=speeches,
                importer=Importer(database_url=database_url, place=settings.imports),
                vault=keeping.vault,
            )
            services: list[asyncio.Task[Any]] = [
                tasks.create_task(
                    ari.run(owned=store.writer.lock.held, adopt=switch.adopt, note=switch.note), name="ari"
                ),
                tasks.create_task(store.writer.run(), name="writer"),
                tasks.create_task(_step_down(store, switch), name="ownership"),
                tasks.create_task(audit.run(switch), name="audit"),
                tasks.create_task(keeping.run(), name="keeping"),
                tasks.create_task(_follow_hints(store, shelf, gate, switch), name="hints"),
                tasks.create_task(shelf.run(), name="announcements"),
                tasks.create_task(
                    systemd.beat(lambda: _status(switch, store), stopping=lambda: switch.draining), name="beat"
                ),
                tasks.create_task(disk.Disk(settings.state_dir).watch(), name="disk"),
                tasks.create_task(sweep_speeches.run(lead_speech, switch), name="speeches"),
                tasks.create_task(lag.run(switch.counts.lag), name="lag"),
                tasks.create_task(
                    CallbackClock(
                        switch=switch,
                        store=store,
                        accounts=accounts,
                        limits=settings.limits,
                        grace_seconds=settings.callback_grace_seconds,
                    ).run(),
                    name="callbacks",
                ),
                tasks.create_task(
                    CampaignClock(
                        switch=switch,
                        store=store,
                        accounts=accounts,
                        limits=settings.limits,
                        speech=lead_speech,
                    ).run(),
                    name="campaigns",
                ),
                tasks.create_task(retention.run(store, cdr_days=settings.cdr_retention_days), name="retention"),
            ]
            if not settings.database_url:
                services.append(tasks.create_task(_keep_embedded(settings), name="embedded postgres"))
            runner = await _serve(api, settings)
            if settings.agi_port:
                listener = listen(settings.agi_host, settings.agi_port)
                dialplans = Server(Answers(accounts, store, gate))
                services.append(tasks.create_task(dialplans.run(listener), name="agi"))
            gc.collect()
            gc.freeze()  # what is there now stays: no need to look at it again
            gc.set_threshold(*GC_THRESHOLDS)
            log.info("engine started", node=settings.node, url=f"http://{settings.http_host}:{settings.http_port}")
            systemd.tell("READY=1", "WATCHDOG=1", f"STATUS={_status(switch, store)}")
            await orders.get()
            systemd.tell("STOPPING=1", systemd.EXTEND, "STATUS=draining: what rings is let finish")
            services += [
                drain := tasks.create_task(switch.drain(), name="drain"),
                again := tasks.create_task(orders.get(), name="second order"),
            ]
            await asyncio.wait([drain, again], return_when=asyncio.FIRST_COMPLETED)
            log.info("engine stopping", live_calls="stay in Asterisk for the next engine")
            await runner.cleanup()
            switch.close()
            for task in services:
                task.cancel()


def _require_c_parser() -> None:
    """aiohttp falls back to a parser in Python without a word: slower, and with holes of its own."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise WrongConfig(
            "aiohttp runs without its C parser: unset AIOHTTP_NO_EXTENSIONS, or install aiohttp from a wheel"
        )


async def _once_postgres_answers(work: Callable[[], Awaitable[T]]) -> T:
    """What the work comes to; while Postgres is away it is tried again. Live calls go on in Asterisk meanwhile."""
    waiting = Trouble("waiting for Postgres: no call is taken back, none is hung up")
    while True:
        try:
            found = await work()
        except WRONG:
            raise
        except (StoreAway, *AWAY) as exc:
            waiting.goes_on(error=str(exc) or type(exc).__name__)
            systemd.wait("waiting for Postgres")
            await asyncio.sleep(WAIT_SECONDS)
        else:
            waiting.is_over()
            return found


async def _own(store: Store, *, wait: bool) -> None:
    """Become the one engine of this Asterisk. Raises `NotOwner` where another is and we are not to wait for it."""
    waiting = Trouble("engine waits: another owns this Asterisk")
    while True:
        try:
            await (store.writer.own() if waiting.on else _once_postgres_answers(store.writer.own))
        except AWAY:  # its owner is to be the first that comes back: it holds what it could not write meanwhile
            systemd.wait("waiting for Postgres")
            await asyncio.sleep(STANDBY_SECONDS)
        except NotOwner:
            if not wait:
                raise
            waiting.goes_on()
            systemd.wait("waiting: another engine owns this Asterisk")
            await asyncio.sleep(WAIT_SECONDS)
        else:
            waiting.is_over()
            return


async def _serve(api: Api, settings: Settings) -> web.AppRunner:
    runner = web.AppRunner(
        build(api, DIALECTS),
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        max_line_size=LINE_BYTES,
        max_field_size=LINE_BYTES,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.http_host, settings.http_port).start()
    except OSError as exc:
        where = f"LEGWORK_HTTP_HOST:LEGWORK_HTTP_PORT {settings.http_host}:{settings.http_port}"
        raise WrongConfig(f"{where}: {exc.strerror or exc}") from exc
    return runner


async def _follow_hints(store: Store, shelf: Shelf, gate: Gate, switch: Switch) -> None:
    """A notification is a hint: whatever it says, look at the tables."""
    unread = Trouble("hints not followed: the store is away")
    async for _ in store.listen():
        try:
            gate.take_stops(await store.stops())
            for call_id in await store.hangups_asked():
                switch.cancel(call_id)
            await ordering.take(store, switch)
            await shelf.refresh()
            switch.look_for_agents()
            unread.is_over()
        except StoreAway:
            unread.goes_on()
        except Exception:  # what is applied may be another version's: the accounts stay as they are
            log.exception("hint not followed")


async def _step_down(store: Store, switch: Switch) -> None:
    """Whenever another engine owns our Asterisk: let go."""
    while True:
        await store.writer.lock.lost()
        switch.step_down()
        await store.writer.lock.held()


def _status(switch: Switch, store: Store) -> str:
    """How things are, in the one line that systemctl shows."""
    calls, legs = switch.on_the_line()
    doing = "draining" if switch.draining else "ready" if switch.ready else "waiting for Asterisk"
    spooling = f"; Postgres is away, {store.writer.depth} calls wait for it" if store.writer.away else ""
    return f"{doing}: {calls} calls, {legs} legs{spooling}"


def _studio(settings: Settings) -> Studio:
    """The voices of the settings, and what they have spoken before."""
    voices = cast(
        settings.voices,
        region=settings.aws_region,
        at_once=settings.speech_at_once,
        environment=os.environ,
        home=Path.home(),
    )
    cache = Cache(settings.state_dir / "speech", limit=settings.speech_cache_megabytes << 20)
    return Studio(voices, cache, at_once=settings.speech_at_once)


async def _embedded(settings: Settings) -> str:
    try:
        return await asyncio.to_thread(embedded.start, settings.state_dir)
    except ImportError as exc:
        raise WrongConfig("DATABASE_URL is not set and legwork[embedded] is not installed") from exc


async def _keep_embedded(settings: Settings) -> None:
    """Start our own Postgres again should it have ended, on a full disk say: nobody else does."""
    ended = Trouble("the embedded Postgres has ended: it is started again")
    while True:
        await asyncio.sleep(EMBEDDED_SECONDS)
        if await asyncio.to_thread(embedded.runs, settings.state_dir):
            ended.is_over()
            continue
        ended.goes_on()
        with suppress(*AWAY):
            await _embedded(settings)
