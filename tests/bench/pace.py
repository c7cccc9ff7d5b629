"""Calls placed at a steady rate, whatever becomes of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Place = Callable[[int], Awaitable[str]]  # the how-manieth call -> its id; raises Full, OSError or ValueError


class Full(Exception):
    """no room for another call, and it says so"""


@dataclass(slots=True)
class Batch:
    """Calls that were asked for: the ids of those accepted, and how late the latest was sent."""

    ids: list[str] = field(default_factory=list)
    refused: int = 0  # for want of room
    failed: list[str] = field(default_factory=list)  # neither accepted nor refused: why
    behind_ms: float = 0.0


async def pace(place: Place, *, rate: float, seconds: float) -> Batch:
    """Place `rate` calls a second; return when all have been answered."""
    batch = Batch()
    first = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for turn in range(round(rate * seconds)):
            due = first + turn / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            batch.behind_ms = max(batch.behind_ms, 1000 * (time.monotonic() - due))
            tasks.create_task(_one(batch, place, turn), name=f"call {turn}")
    return batch


async def _one(batch: Batch, place: Place, turn: int) -> None:
    try:
        batch.ids.append(await place(turn))
    except Full:
        batch.refused += 1
    except (OSError, ValueError) as exc:
        batch.failed.append(f"failed: {exc or type(exc).__name__}")
