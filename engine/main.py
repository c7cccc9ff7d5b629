"""The engine as a process: builds its parts, hands them to each other, runs them until told to stop."""

import asyncio
import gc
import os
import signal
import socket
from contextlib import AsyncExitStack

import structlog
import uvloop
from aiohttp import web

from engine.accounts import Accounts
from engine.api.app import Api, build
from engine.api.dialects import DIALECTS
from engine.ari.client import Ari
from engine.config import Settings
from engine.errors import StoreAway, WrongConfig
from engine.services import lag, retention
from engine.store import migrate
from engine.store.postgres import Store
from engine.switch import Switch

BEAT_SECONDS = 2.0
SHUTDOWN_SECONDS = 2.0  # for requests half sent
GC_THRESHOLDS = (10_000, 20, 20)  # a call makes hardly a cycle: look for them less often than by default

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Live calls stay in Asterisk and are adopted by the next engine."""
    uvloop.run(_run(settings, settings.database_url or _embedded(settings)))


async def _run(settings: Settings, database_url: str) -> None:
    await migrate.migrate(database_url)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store.open(database_url, node=settings.node))
        stack.push_async_callback(store.writer.close)
        ari = await stack.enter_async_context(
            Ari.open(
                url=settings.ari_url,
                user=settings.ari_user,
                password=settings.ari_password.get_secret_value(),
                app=f"legwork-{settings.node}",
            )
        )
        accounts = Accounts()
        accounts.replace(await store.applied())
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with asyncio.TaskGroup() as tasks:
            switch = Switch(ari, store, tasks, node=settings.node)
            api = Api(accounts=accounts, store=store, switch=switch, limits=settings.limits)
            services = [
                tasks.create_task(ari.run(adopt=switch.adopt, note=switch.note), name="ari"),
                tasks.create_task(store.writer.run(), name="writer"),
                tasks.create_task(_follow_hints(store, accounts, switch), name="hints"),
                tasks.create_task(_beat(store), name="beat"),
                tasks.create_task(lag.run(switch.counts.lag), name="lag"),
                tasks.create_task(retention.run(store, cdr_days=settings.cdr_retention_days), name="retention"),
            ]
            runner = await _serve(api, settings)
            gc.collect()
            gc.freeze()  # what is there now stays: no need to look at it again
            gc.set_threshold(*GC_THRESHOLDS)
            log.info("engine started", node=settings.node, url=f"http://{settings.http_host}:{settings.http_port}")
            _tell_systemd("READY=1")
            await stop.wait()
            log.info("engine stopping", live_calls="stay in Asterisk for the next engine")
            await runner.cleanup()
            switch.close()
            for task in services:
                task.cancel()


async def _serve(api: Api, settings: Settings) -> web.AppRunner:
    runner = web.AppRunner(build(api, DIALECTS), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.http_host, settings.http_port).start()
    except OSError as exc:
        where = f"LEGWORK_HTTP_HOST:LEGWORK_HTTP_PORT {settings.http_host}:{settings.http_port}"
        raise WrongConfig(f"{where}: {exc.strerror or exc}") from exc
    return runner


async def _follow_hints(store: Store, accounts: Accounts, switch: Switch) -> None:
    """A notification is a hint: whatever it says, look at the tables."""
    async for _ in store.listen():
        try:
            accounts.replace(await store.applied())
            for call_id in await store.hangups_asked():
                switch.cancel(call_id)
        except StoreAway:
            log.warning("hint not followed: the store is away")
        except Exception:  # what is applied may be another version's: the accounts stay as they are
            log.exception("hint not followed")


async def _beat(store: Store) -> None:
    """Say that this node is alive, to systemd and to whoever takes its calls back."""
    while True:
        _tell_systemd("WATCHDOG=1")
        await asyncio.sleep(BEAT_SECONDS)
        try:
            await store.beat()
        except StoreAway:
            log.warning("beat not written: the store is away")


def _tell_systemd(state: str) -> None:
    """Tell systemd of our state, if it started us (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)


def _embedded(settings: Settings) -> str:
    try:
        from engine.store import embedded
    except ImportError as exc:
        raise WrongConfig("DATABASE_URL is not set and legwork[embedded] is not installed") from exc
    return embedded.start(settings.state_dir)
