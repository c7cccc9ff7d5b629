"""Checks that this host can run calls; each failure says how to mend it."""

import ipaddress
import os
import re
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import aiohttp

from engine import disk
from engine.ari.client import Ari
from engine.config import Settings
from engine.core.account import Address
from engine.core.speech import Manner
from engine.errors import StoreAway, VoiceFailed
from engine.media import convert
from engine.media.casting import cast
from engine.secret import weakness
from engine.store import migrate
from engine.store.connection import AWAY, connect
from engine.store.postgres import Store
from engine.store.spool import FILE

MINIMUM = (22, 10, 1)
AMI_PORT = 5038
# Of /proc/net/tcp: the state of a socket that listens.
LISTENS = "0A"
MODULES = ("res_stasis", "res_ari_channels", "res_ari_bridges", "chan_pjsip", "bridge_softmix", "bridge_simple")
AMD_MODULES = ("app_amd", "func_talkdetect", "res_stasis_snoop")  # a campaign may do without
POSTGRES = 14
CLOCK_SECONDS = 2.0
ENTERED_BY_OTHERS = 0o011  # the group, or anybody
FIXES = {
    "polly": "check the AWS key and LEGWORK_AWS_REGION, or set LEGWORK_VOICES=espeak",
    "espeak": "apt-get install espeak-ng sox",
}


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
            "ARI's password": lambda: _password(settings),
            "open ports": lambda: _ports(settings),
            "Postgres": lambda: _postgres(settings),
            "dialling": lambda: _dialling(settings),
            "time zones": _zones,
            "voices": lambda: _voices(settings),
            "sounds": _sounds,
            "their folders": lambda: _folders(settings),
            "disk": lambda: _disk(settings.state_dir),
            "spool": lambda: _spool(settings.state_dir),
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
    deaf = [name for name in AMD_MODULES if name not in running]
    return f"{len(running)} running" + (f"; no answering machine is found without {', '.join(deaf)}" if deaf else "")


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


async def _password(settings: Settings) -> str:
    password = settings.ari_password.get_secret_value()
    wrong = "is the user's name" if password == settings.ari_user else weakness(password)
    if wrong:
        raise Failed(wrong, "put one of openssl rand -hex 32 into ari.conf and LEGWORK_ARI_PASSWORD")
    return f"{len(password)} characters"


async def _ports(settings: Settings) -> str:
    ports = {urlsplit(settings.ari_url).port or 80: "http.conf", AMI_PORT: "manager.conf"}
    for address, port in listening(Path("/proc/net")):
        if port in ports and not address.is_loopback:
            raise Failed(
                f"port {port} listens on {address}",
                f"set bindaddr=127.0.0.1 in {ports[port]}" + (", or enabled=no" if port == AMI_PORT else ""),
            )
    return f"{' and '.join(map(str, ports))} on loopback at most"


def listening(folder: Path) -> list[tuple[Address, int]]:
    """Every address and port that somebody on this host listens on (TCP), as /proc/net lists them."""
    found: list[tuple[Address, int]] = []
    for table in (folder / "tcp", folder / "tcp6"):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for _, local, _, state, *_ in (line.split() for line in lines):
            if state == LISTENS:
                address, _, port = local.partition(":")
                found.append((_address_of(address), int(port, 16)))
    return found


def _address_of(text: str) -> Address:
    """`0100007F` is 127.0.0.1: words of 32 bits, each in this host's order of bytes."""
    words = (int(text[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8))
    address = ipaddress.ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address


async def _postgres(settings: Settings) -> str:
    if not settings.database_url:
        return "embedded, starts with the engine"
    try:
        connection = await connect(settings.database_url)
    except AWAY as exc:
        raise Failed(str(exc) or type(exc).__name__, "start Postgres, check DATABASE_URL") from exc
    try:
        if connection.get_server_version().major < POSTGRES:
            raise Failed(f"version {connection.get_server_version().major}", f"use Postgres {POSTGRES} or newer")
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


async def _voices(settings: Settings) -> str:
    voices = cast(settings.voices, region=settings.aws_region, at_once=1, environment=os.environ, home=Path.home())
    for voice in voices:
        try:
            await voice.speak("one", Manner())
        except VoiceFailed as exc:
            raise Failed(f"{voice.name}: {exc.message}", FIXES[voice.name]) from exc
    return ", then ".join(voice.name for voice in voices)


async def _folders(settings: Settings) -> str:
    """Asterisk has to enter the folders it plays from, by its group if not as anybody; root's are root's to know."""
    for name, folder in (("LEGWORK_MEDIA_DIR", settings.sounds), ("LEGWORK_SPEECH_DIR", settings.speeches)):
        for part in (folder, *folder.parents):
            found = part.stat() if part.is_dir() else None
            if found and found.st_uid and not found.st_mode & ENTERED_BY_OTHERS:
                fix = f"let {name} name a folder that Asterisk's group may enter, as systemd/legwork.service does"
                raise Failed(f"{folder}: only its owner may enter {part}", fix)
    return f"{settings.sounds}, {settings.speeches}"


async def _sounds() -> str:
    fix = "apt-get install sox libsox-fmt-mp3: announcements are uploaded through it"
    if shutil.which("sox") is None:
        raise Failed("there is no sox", fix)
    missing = {"mp3", "vorbis"} - await convert.formats()
    if missing:
        raise Failed(f"sox does not read {' and '.join(sorted(missing))}", fix)
    return "sox reads WAV, MP3 and Ogg Vorbis"


async def _disk(folder: Path) -> str:
    free = round(disk.free_percent(folder))
    if free < disk.FREE_PERCENT:
        raise Failed(f"{free} % free", f"free some space on {disk.existing(folder)}")
    return f"{free} % free"


async def _spool(folder: Path) -> str:
    if not os.access(disk.existing(folder), os.W_OK):
        raise Failed(
            f"{disk.existing(folder)} can not be written", "give it to the user the engine runs as (LEGWORK_STATE_DIR)"
        )
    file = folder / FILE
    return f"{file.stat().st_size >> 10} KB wait for Postgres" if file.exists() else "empty"


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
