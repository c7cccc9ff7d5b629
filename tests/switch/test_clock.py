"""The one timer behind all deadlines."""

import asyncio
import time

import pytest

from engine.clock import SLACK, AlarmClock

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def test_each_key_rings_once_at_its_latest_time_and_in_order() -> None:
    rung: list[str] = []
    clock, now = AlarmClock(rung.append), time.time()
    clock.set("never", now + 0.05)
    clock.set("never", None)
    clock.set("late", now + 0.02)
    clock.set("late", now + 0.2)
    clock.set("middle", now + 0.1)
    clock.set("past", now - 5)
    await asyncio.sleep(0.15)
    assert rung == ["past", "middle"]
    await asyncio.sleep(0.1)
    assert rung == ["past", "middle", "late"]


async def test_times_that_were_taken_back_are_forgotten() -> None:
    clock = AlarmClock(lambda _: None)
    for number in range(10 * SLACK):
        clock.set(f"call {number}", time.time() + 7200)
        clock.set(f"call {number}", None)
    assert len(clock._heap) <= 2 * SLACK
