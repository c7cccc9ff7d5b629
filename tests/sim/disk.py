"""A simulated disk under the engine's spool: what was put outlives the engine."""

import asyncio
from random import Random

from engine.store.spool import Spooled
from tests.sim.loop import EPOCH
from tests.sim.process import Process


class Disk:
    """The spool's file of a node."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.position = 0
        self.held: dict[str, Spooled] = {}  # oldest first


class SimulatedSpool:
    """The spool's methods on that disk, for as long as its process lives."""

    def __init__(self, disk: Disk, process: Process) -> None:
        self._disk = disk
        self._process = process
        self.depth = 0

    @property
    def left_over(self) -> bool:
        """Whether there is something in it."""
        return bool(self._disk.held)

    async def put(self, snapshots: list[tuple[str, bytes | None]]) -> None:
        """Keep each, the newest last."""
        now = EPOCH + asyncio.get_running_loop().time()
        await self._turn()
        for call_id, body in snapshots:
            self._disk.position += 1
            self._disk.held.pop(call_id, None)
            self._disk.held[call_id] = Spooled(self._disk.position, call_id, now, body)
        self.depth = len(self._disk.held)
        await self._turn()

    async def oldest(self, count: int) -> list[Spooled]:
        """The first of them."""
        await self._turn()
        return list(self._disk.held.values())[:count]

    async def remove(self, batch: list[Spooled]) -> None:
        """Take out what was drained, unless there is something newer."""
        await self._turn()
        last = batch[-1].position
        self._disk.held = {key: each for key, each in self._disk.held.items() if each.position > last}
        self.depth = len(self._disk.held)

    async def clear(self) -> None:
        """Take all out."""
        await self._turn()
        self._disk.held.clear()
        self.depth = 0

    async def release(self) -> None:
        """Let another engine have it."""

    async def close(self) -> None:
        """Let go of it."""

    async def _turn(self) -> None:
        await asyncio.sleep(self._disk.random.uniform(0.0005, 0.005))
        await self._process.running()
