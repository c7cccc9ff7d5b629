"""What Prometheus would read of the lab's engine before, during and after a call."""

import asyncio
import time

import aiohttp
import pytest

from tests.api.test_metrics import Samples, labels, samples
from tests.live.engine import Api, legwork
from tests.live.lab import settings

pytestmark = pytest.mark.asyncio(loop_scope="function")

LINE = 67 * int(time.time()) % 1000


def number(row: str) -> str:
    return f"9199100{LINE:03}{row}"


async def scraped() -> Samples:
    lab = settings()
    async with aiohttp.ClientSession() as http, http.get(lab["LEGWORK_URL"] + "/metrics") as reply:
        text = await reply.text()
    for name in ("CPAAS_AUTH", "CPAAS_ACCOUNT", "ARI_PASSWORD"):
        assert lab[name] not in text
    return samples(text)


async def test_a_call_is_seen_while_it_lives_and_by_its_outcome() -> None:
    api = await Api.open()
    before = await scraped()
    request_id = await api.call(number("01"), number("02"))
    await asyncio.sleep(2)
    during = await scraped()
    await legwork("hangup", request_id)
    await api.cdr(request_id)
    busy = await api.call(number("01"), number("20"))
    await api.cdr(busy)
    await asyncio.sleep(0.5)
    after = await scraped()
    await api.http.close()

    def grown(name: str, **values: str) -> float:
        sample = name, labels(**values)
        return after[sample] - before.get(sample, 0)

    nothing = labels()
    assert during["legwork_live_calls", nothing] - before["legwork_live_calls", nothing] == 1
    assert during["legwork_live_legs", nothing] - before["legwork_live_legs", nothing] == 2
    assert after["legwork_live_calls", nothing] == before["legwork_live_calls", nothing]
    assert grown("legwork_calls_started_total", kind="click2call") == 2
    assert grown("legwork_calls_ended_total", kind="click2call", disposition="ANSWER") == 1
    assert grown("legwork_calls_ended_total", kind="click2call", disposition="BUSY") == 1
    assert grown("legwork_legs_ended_total", side="customer", disposition="BUSY", cause="17") == 1
    assert after["legwork_asterisk_up", nothing] == after["legwork_postgres_up", nothing] == 1
    assert after["legwork_adopt_runs_total", nothing] >= 1
    lag = after["legwork_event_loop_lag_seconds_bucket", labels(le="+Inf")]
    assert lag > before["legwork_event_loop_lag_seconds_bucket", labels(le="+Inf")]
