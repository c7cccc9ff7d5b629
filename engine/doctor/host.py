"""Whether this host keeps time, has room, and runs an engine."""

import ctypes
import os
import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import aiohttp

from engine import disk
from engine.config import Settings
from engine.doctor import ari, database
from engine.doctor.findings import Failed
from engine.store.spool import FILE

CLOCK_SECONDS = 2.0
NTP = "run an NTP client here and there: apt-get install chrony"
TIME_ERROR = 5  # of adjtimex(2): nobody keeps this clock
TIMEX_BYTES = 512  # more than struct timex has
ZONES = ("US/Eastern", "Europe/London", "Asia/Kolkata")
FILES = 4096


async def clock(settings: Settings) -> str:
    """Whether this host's clock is that of Postgres and of Asterisk, and somebody keeps it."""
    for name, there in (("Postgres", await database.now(settings)), ("Asterisk", await _asterisk(settings))):
        late = 0.0 if there is None else time.time() - there
        if abs(late) > CLOCK_SECONDS:
            raise Failed(f"{abs(late):.0f} s {'ahead of' if late > 0 else 'behind'} {name}'s", NTP)
    if settings.ntp and unsynchronised():
        fix = "apt-get install chrony; LEGWORK_NTP=false where the host of this machine keeps its clock"
        raise Failed("nobody keeps it: the kernel says that it is not synchronised", fix)
    return "right by Postgres and Asterisk" + ("" if settings.ntp else "; kept by others")


def unsynchronised() -> bool:
    """Whether the kernel knows of nobody who keeps its clock right."""
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    return state == TIME_ERROR


async def _asterisk(settings: Settings) -> float | None:
    try:
        told = await ari.known(settings, "asterisk/ping")
    except Failed:  # the first line says it
        return None
    return datetime.fromisoformat(told["timestamp"]).timestamp()


async def zones(_: Settings) -> str:
    """Whether time zones have their rules here."""
    try:
        return f"{', '.join(ZoneInfo(name).key for name in ZONES)} are known"
    except ZoneInfoNotFoundError as exc:
        raise Failed(
            f"{exc.args[0]}", "pip install tzdata into the engine's environment, or apt-get install tzdata"
        ) from exc


async def room(settings: Settings) -> str:
    """Whether there is room for what Postgres does not take, and for recordings."""
    shares = {folder: round(disk.free_percent(folder)) for folder in (settings.state_dir, settings.recordings_dir)}
    folder, free = min(shares.items(), key=lambda each: each[1])
    if free < disk.FREE_PERCENT:
        unrecorded = f"; below {disk.FULL_PERCENT} % no call is recorded" if folder == settings.recordings_dir else ""
        raise Failed(f"{free} % free{unrecorded}", f"free some space on {disk.existing(folder)}")
    return f"{free} % free"


async def spool(settings: Settings) -> str:
    """Whether what Postgres does not take can be kept."""
    folder = settings.state_dir
    if not os.access(disk.existing(folder), os.W_OK):
        raise Failed(
            f"{disk.existing(folder)} can not be written", "give it to the user the engine runs as (LEGWORK_STATE_DIR)"
        )
    file = folder / FILE
    return f"{file.stat().st_size >> 10} KB wait for Postgres" if file.exists() else "empty"


async def engine(settings: Settings) -> str:
    """Whether an engine runs, is ready, and has our clock."""
    fix = "start it: systemctl start legwork, or legwork run"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http,
            http.get(f"{settings.url}/readyz") as reply,
        ):
            ready, state = reply.status == 200, await reply.json()
            there = parsedate_to_datetime(reply.headers["Date"]).timestamp()
    except (aiohttp.ContentTypeError, ValueError, KeyError) as exc:
        fix = "see which program listens there (ss -ltnp), and mend LEGWORK_URL or LEGWORK_HTTP_PORT"
        raise Failed(f"{settings.url} is not an engine", fix) from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise Failed(f"{settings.url} does not answer", fix) from exc
    if not ready:
        raise Failed(f"not ready: {state}", "see the lines above, then its log")
    if abs(there - time.time()) > CLOCK_SECONDS:
        raise Failed("its clock differs from this host's", "run an NTP client on both")
    return f"ready at {settings.url}"


async def open_files(settings: Settings) -> str:
    """Whether the engine may open as many files as many calls and requests need."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http,
            http.get(f"{settings.url}/metrics") as reply,
        ):
            lines = (await reply.text()).splitlines()
    except (aiohttp.ClientError, OSError) as exc:
        raise Failed("not known", "mend the line above first") from exc
    told = dict(line.split(" ", 1) for line in lines if line.startswith("process_") and line.count(" ") == 1)
    most = int(float(told.get("process_max_fds", 0)))
    if 0 < most < FILES:
        raise Failed(f"{most} at once", "set LimitNOFILE=16384 in its unit, or ulimit -n before legwork run")
    return f"{most} at once, {int(float(told.get('process_open_fds', 0)))} now" if most else "not told"
