"""Ends what is in Asterisk under our name and belongs to no call: paced, and never on a guess."""

import asyncio
from collections.abc import Callable

import structlog

from engine.ari.client import Ari
from engine.census import Census
from engine.errors import StoreAway
from engine.store.postgres import Store

AT_ONCE = 10  # a mass hang-up drops SIP requests: so many, then a pause
PAUSE_SECONDS = 0.1
RETRY_SECONDS = 1.0

log = structlog.get_logger()


class Sweep:
    """`owned` says whether a call of that id is ours to lead."""

    def __init__(self, ari: Ari, store: Store, *, owned: Callable[[str], bool]) -> None:
        self._ari = ari
        self._store = store
        self._owned = owned

    async def after(self, seconds: float, census: Census) -> None:
        """End what was there at that census and has no owner so much later, as soon as the store can be read."""
        while True:
            await asyncio.sleep(seconds)
            if await self._readable():
                break
            seconds = RETRY_SECONDS
        channels, bridges = census.orphans(self._owned)
        if not self._ari.ready or not self._store.writer.lock.ours:  # cut off, or replaced: the next adopt looks again
            return
        await self.hang_up(channels)
        for bridge in bridges:
            await self._ari.bridges.destroy(bridgeId=bridge)

    async def hang_up(self, channels: list[str]) -> None:
        """End these."""
        for position, channel in enumerate(channels, start=1):
            if (await self._ari.channels.hangup(channelId=channel)).done:  # else it has ended by itself meanwhile
                log.warning("orphan hung up", channel=channel)
            if position % AT_ONCE == 0:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _readable(self) -> bool:
        try:
            await self._store.ping()
        except StoreAway:
            return False
        return True
