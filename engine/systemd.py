"""What the engine tells systemd of itself: ready, alive, stopping (sd_notify(3))."""

import asyncio
import os
import socket
import time
from collections.abc import Callable

import structlog

BEAT_SECONDS = 2.0
LATE_SECONDS = 2.0  # an event loop that is later than this is not alive
EXTEND = "EXTEND_TIMEOUT_USEC=30000000"  # patience with a start or a stop, from now

log = structlog.get_logger()


def tell(*states: str) -> None:
    """Tell systemd these things, if it started us."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.sendto("\n".join(states).encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError as exc:  # calls do not depend on it
        log.warning("systemd not told", states=states, error=str(exc))


def wait(why: str) -> None:
    """Have it wait for a start that takes longer."""
    tell(EXTEND, f"STATUS={why}")


async def beat(status: Callable[[], str], *, stopping: Callable[[], bool]) -> None:
    """Tell for ever that this loop turns, as long as it does so in time, and how things are.

    While `stopping`, it asks for time: the drain ends by itself.
    """
    while True:
        due = time.monotonic() + BEAT_SECONDS
        await asyncio.sleep(BEAT_SECONDS)
        if time.monotonic() - due < LATE_SECONDS:
            tell("WATCHDOG=1", *([EXTEND] if stopping() else []), f"STATUS={status()}")
