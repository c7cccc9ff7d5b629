"""Checks that this host can run calls; each failure says how to mend it."""

import ipaddress
import re
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import aiohttp

from engine.ari.client import Ari
from engine.config import Settings
from engine.errors import StoreAway
from engine.store import migrate
from engine.store.connection import AWAY, connect
from engine.store.postgres import Store

MINIMUM = (22, 10, 1)
MODULES = ("res_stasis", "res_ari_channels", "res_ari_bridges", "chan_pjsip", "bridge_softmix", "bridge_simple")
FREE_PERCENT = 10
CLOCK_SECONDS = 2.0


class Failed(Exception):
    """A check did not hold: what was found, and what to do."""

    def __init__(self, found: str, fix: str) -> None:
        super().__init__(found)
        self.found = found
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `fix` is empty where all is well."""

    check: str
    found: str
    fix: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which one depends on the other."""
    async with Ari.open(
        url=settings.ari_url,
        user=settings.ari_user,
        password=settings.ari_password.get_secret_value(),
        app="legwork-doctor",
    ) as ari:
        checks: dict[str, Callable[[], Awaitable[str]]] = {
            "Asterisk": lambda: _asterisk(ari),
            "its modules": lambda: _modules(ari),
            "ARI's address": lambda: _address(settings),
            "Postgres": lambda: _postgres(settings),
            "dialling": lambda: _dialling(settings),
            "time zones": _zones,
            "disk": lambda: _disk(settings.state_dir),
            "engine": lambda: _engine(settings),
        }
        return [await _examined(name, check) for name, check in checks.items()]


async def _examined(name: str, check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(name, await check())
    except Failed as exc:
        return Finding(name, exc.found, exc.fix)


async def _asterisk(ari: Ari) -> str:
    reply = await ari.asterisk.getInfo(only="system")
    if reply.status == 0:
        raise Failed("does not answer", "start Asterisk, enable http.conf and ari.conf, check LEGWORK_ARI_URL")
    if reply.status == 401:
        raise Failed("refuses our password", "give LEGWORK_ARI_USER and LEGWORK_ARI_PASSWORD as in ari.conf")
    version: str = reply.body["system"]["version"]
    numbers = tuple(int(part) for part in re.findall(r"[0-9]+", version)[:3])
    if numbers < MINIMUM:
        raise Failed(
            f"version {version}", f"upgrade to {'.'.join(map(str, MINIMUM))} or later: older ones have known holes"
        )
    return f"version {version}"


async def _modules(ari: Ari) -> str:
    reply = await ari.asterisk.listModules()
    if not reply.done:
        raise Failed("not known", "mend the line above first")
    running = {module["name"].removesuffix(".so") for module in reply.body or [] if module["status"] == "Running"}
    missing = [name for name in MODULES if name not in running]
    if missing:
        raise Failed(f"not running: {', '.join(missing)}", "load them in modules.conf")
    return f"{len(running)} running"


async def _address(settings: Settings) -> str:
    host = urlsplit(settings.ari_url).hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        loopback = False
    if not loopback:
        raise Failed(
            f"{host} is not this host's loopback", "set bindaddr=127.0.0.1 in http.conf; an ARI login is root there"
        )
    return host


async def _postgres(settings: Settings) -> str:
    if not settings.database_url:
        return "embedded, starts with the engine"
    try:
        connection = await connect(settings.database_url)
    except AWAY as exc:
        raise Failed(str(exc) or type(exc).__name__, "start Postgres, check DATABASE_URL") from exc
    try:
        found = await migrate.version(connection)
    finally:
        await connection.close(timeout=1)
    if found != migrate.HEAD:
        raise Failed(
            f"schema {found}, this version needs {migrate.HEAD}", "start the engine or run legwork apply: both migrate"
        )
    return f"schema {found}"


async def _dialling(settings: Settings) -> str:
    if not settings.database_url:
        return "not known: the embedded Postgres starts with the engine"
    try:
        async with Store.open(settings.database_url) as store:
            stops = await store.stops()
    except (*AWAY, StoreAway) as exc:
        raise Failed("not known", "mend the line above first") from exc
    if stops:
        whose = ", ".join(row["account_id"] or "every account" for row in stops)
        reasons = "; ".join(dict.fromkeys(row["reason"] for row in stops if row["reason"]))
        raise Failed(f"stopped for {whose}" + (f": {reasons}" if reasons else ""), "legwork resume-dialing")
    return "not stopped"


async def _zones() -> str:
    return f"{ZoneInfo('US/Eastern').key} is known"


async def _disk(folder: Path) -> str:
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    usage = shutil.disk_usage(existing)
    free = round(100 * usage.free / usage.total)
    if free < FREE_PERCENT:
        raise Failed(f"{free} % free", f"free some space on {existing}")
    return f"{free} % free"


async def _engine(settings: Settings) -> str:
    fix = "start it: systemctl start legwork, or legwork run"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http,
            http.get(f"{settings.url}/readyz") as reply,
        ):
            ready, state = reply.status == 200, await reply.json()
            there = parsedate_to_datetime(reply.headers["Date"]).timestamp()
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        raise Failed(f"{settings.url} does not answer", fix) from exc
    if not ready:
        raise Failed(f"not ready: {state}", "see the lines above, then its log")
    if abs(there - time.time()) > CLOCK_SECONDS:
        raise Failed("its clock differs from this host's", "run an NTP client on both")
    return f"ready at {settings.url}"
