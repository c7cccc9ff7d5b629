"""Each minute: what leaks is ended."""

import asyncio

import structlog

from engine.errors import StoreAway
from engine.switch import Switch

AUDIT_SECONDS = 60.0

log = structlog.get_logger()


async def run(switch: Switch) -> None:
    """Have the switch compare Asterisk's list, its calls in memory and the rows, for ever."""
    while True:
        await asyncio.sleep(AUDIT_SECONDS)
        if not switch.ready:
            continue
        try:
            await switch.audit()
        except (ConnectionError, StoreAway) as exc:
            log.warning("audit not made", error=str(exc))
