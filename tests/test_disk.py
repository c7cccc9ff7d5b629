"""The alarm before a disk is full."""

import asyncio
import shutil
from pathlib import Path

import pytest

from engine import disk

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def test_a_disk_that_fills_up_is_told_once_and_once_that_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    free = iter((11, 9, 8, 7, 12, 13))
    all_seen = asyncio.Event()

    def usage(_: Path) -> shutil._ntuple_diskusage:
        percent = next(free)
        if percent == 13:
            loop.call_soon_threadsafe(all_seen.set)
        return shutil._ntuple_diskusage(100, 100 - percent, percent)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr("engine.disk.shutil.disk_usage", usage)
    monkeypatch.setattr("engine.disk.LOOK_SECONDS", 0.01)
    watching = asyncio.create_task(disk.Disk(tmp_path / "not there yet").watch())
    await asyncio.wait_for(all_seen.wait(), 5)
    watching.cancel()
    told = [line for line in capsys.readouterr().out.splitlines() if "of the disk is free" in line]
    assert ["over" in line for line in told] == [False, True]
    assert "free_percent=9" in told[0]


async def test_it_is_full_before_nothing_is_left_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 50
    monkeypatch.setattr("engine.disk.free_percent", lambda _: free)
    monkeypatch.setattr("engine.disk.LOOK_SECONDS", 0.01)
    watched = disk.Disk(tmp_path)
    watching = asyncio.create_task(watched.watch())
    for free, full in ((50, False), (9, False), (4, True), (6, False)):
        await asyncio.sleep(0.1)
        assert watched.full == full, free
    watching.cancel()
