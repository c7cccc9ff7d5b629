"""How late the event loop is, seen by one that is held up."""

import asyncio
import time

import pytest

from engine.counts import LAG_SECONDS, Lag
from engine.services import lag


def test_each_lag_is_in_the_first_bucket_it_fits() -> None:
    counted = Lag()
    for seconds in (0.0, 0.001, 0.0011, 0.05, 5.0, 5.1):
        counted.note(seconds)
    assert dict(zip((*LAG_SECONDS, "more"), counted.counts, strict=True)) == {
        0.001: 2,
        0.005: 1,
        0.01: 0,
        0.05: 1,
        0.1: 0,
        0.5: 0,
        1.0: 0,
        2.0: 0,
        5.0: 1,
        "more": 1,
    }
    assert counted.sum_seconds == pytest.approx(10.1521)


@pytest.mark.asyncio(loop_scope="function")
async def test_a_loop_that_is_held_up_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "EVERY_SECONDS", 0.05)
    counted = Lag()
    running = asyncio.create_task(lag.run(counted))
    await asyncio.sleep(0.01)
    time.sleep(0.3)  # noqa: ASYNC251
    async with asyncio.timeout(5):
        while not sum(counted.counts):
            await asyncio.sleep(0.01)
    running.cancel()
    assert counted.sum_seconds > 0.2
    assert sum(counted.counts[LAG_SECONDS.index(0.1) + 1 :]) == 1
