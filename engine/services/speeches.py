"""Each minute: what was to be spoken in calls that are over is dropped."""

import asyncio

from engine.media.speeches import Speeches
from engine.switch import Switch

EVERY_SECONDS = 30.0


async def run(speeches: Speeches, switch: Switch) -> None:
    """Drop what an engine that died has left, for ever; not before its calls are taken back."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        if switch.ready:
            await speeches.sweep(switch.speeches())
