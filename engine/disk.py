"""How full the disk under a folder is, and an alarm before it is."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from engine.trouble import Trouble

FREE_PERCENT = 10  # with less, it is time to do something
FULL_PERCENT = 5  # with less, what can be left undone is not written
LOOK_SECONDS = 10


def existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def free_percent(folder: Path) -> float:
    """How much of the folder's disk is free."""
    usage = shutil.disk_usage(existing(folder))
    return 100 * usage.free / usage.total


@dataclass(slots=True)
class Disk:
    """The disk under a folder, which is `full` as it was when it was last looked at."""

    folder: Path
    full: bool = False

    async def watch(self) -> None:
        """Look for ever, and tell, once, when it fills up, and when there is room again."""
        filling = Trouble(f"less than {FREE_PERCENT} % of the disk is free")
        while True:
            try:
                free = await asyncio.to_thread(free_percent, self.folder)
            except OSError as exc:  # it can not be read at all
                filling.goes_on(error=str(exc), folder=str(self.folder))
            else:
                self.full = free < FULL_PERCENT
                if free < FREE_PERCENT:
                    filling.goes_on(free_percent=round(free, 1), folder=str(self.folder))
                else:
                    filling.is_over()
            await asyncio.sleep(LOOK_SECONDS)
