"""Looks how late the event loop is, twice a second."""

import asyncio
import time

from engine.counts import Lag

EVERY_SECONDS = 0.5


async def run(lag: Lag) -> None:
    """Note for ever how much later than asked for a sleep ends."""
    while True:
        due = time.monotonic() + EVERY_SECONDS
        await asyncio.sleep(EVERY_SECONDS)
        lag.note(max(0.0, time.monotonic() - due))
