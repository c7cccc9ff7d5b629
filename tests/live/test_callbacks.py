"""Callbacks in the lab: both phones are rung at the second; not if deleted; late if the engine was killed."""

import asyncio
import json
import math
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from tests.live.engine import CALLER_ID, Api, left_in_asterisk, legwork, log_lines, make_up
from tests.live.lab import settings
from tests.live.wire import Wire, answer, first

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]

LINE = 89 * int(time.time()) % 1000
ZONE = "US/Eastern"


def number(row: str, *, line: int = 0) -> str:
    return f"9199100{(LINE + line) % 1000:03}{row}"


@pytest_asyncio.fixture(loop_scope="function")
async def api() -> AsyncIterator[Api]:
    """account_1's client; whatever died is up again afterwards."""
    api = await Api.open()
    yield api
    await api.http.close()
    await make_up()


def seconds_ahead(seconds: float) -> float:
    """The next full second that is so far away, at least."""
    return float(math.ceil(time.time() + seconds))


async def schedule(api: Api, due_at: float, agent: str, destination: str) -> str:
    """A callback due then; its request id."""
    body = {
        "agent_number": agent,
        "destination_number": destination,
        "caller_id": CALLER_ID,
        "time_zone": ZONE,
        "scheduled_at": datetime.fromtimestamp(due_at, ZoneInfo(ZONE)).strftime("%Y-%m-%d %H:%M:%S"),
    }
    status, response = await api.post("/api/callback", body)
    assert status == 200, response
    resolved = datetime.fromtimestamp(due_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (response["success"], response["resolved_at_utc"]) == ("true", resolved)
    request_id: str = response["request_id"]
    return request_id


async def state(api: Api, request_id: str) -> str:
    """What our own API says of it."""
    async with api.http.get(f"{api.url}/v1/callbacks/{request_id}") as reply:
        assert reply.status == 200
        found: dict[str, Any] = await reply.json()
    return str(found["state"])


async def until(done: Any, *, seconds: float = 20) -> None:
    """Wait for that."""
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.05)


async def test_both_phones_are_rung_at_the_second_and_hear_each_other_out(api: Api) -> None:
    agent, destination, wire = number("01"), number("02"), Wire.open()
    due_at = seconds_ahead(3)
    request_id = await schedule(api, due_at, agent, destination)
    assert await state(api, request_id) == "scheduled"
    code, listed = await legwork("callbacks", "--json")
    assert (code, request_id in {each["request_id"] for each in json.loads(listed)}) == (0, True)
    await until(lambda: wire.dialled(destination))
    assert 0 <= first(wire.dialog(agent), "INVITE").at - due_at < 1
    assert answer(wire.dialog(agent)).at < first(wire.dialog(destination), "INVITE").at
    assert await state(api, request_id) == "fired"
    for method in ("PATCH", "DELETE"):
        async with api.http.request(method, f"{api.url}/api/callback", json={"request_id": request_id}) as reply:
            assert reply.status == 409
    await asyncio.sleep(2)
    assert (await api.get("/api/get_live_call_statistics"))["result"]["live_calls_c2c"] >= 1
    assert await legwork("hangup", request_id) == (0, "")
    cdr = await api.cdr(request_id)
    assert (cdr["destination_context"], cdr["dial_status"], cdr["dialed_number"]) == ("callback", "ANSWER", destination)
    wire.close()
    assert [wire.dialled(each) for each in (agent, destination)] == [1, 1]
    (fired,) = [line for line in log_lines(request_id) if line["event"] == "callback fired"]
    assert 0 <= fired["late_seconds"] < 1
    assert await left_in_asterisk({request_id}) == []


async def test_a_deleted_one_rings_nobody_and_a_changed_one_whom_it_says_then(api: Api) -> None:
    deleted, changed, wire = number("01", line=1), number("02", line=1), Wire.open()
    due_at = seconds_ahead(3)
    gone = await schedule(api, due_at, deleted, number("03", line=1))
    kept = await schedule(api, due_at, deleted, number("03", line=1))
    async with api.http.delete(f"{api.url}/api/callback", json={"request_id": gone}) as reply:
        assert reply.status == 200
    async with api.http.patch(f"{api.url}/api/callback", json={"request_id": kept, "agent_number": changed}) as reply:
        assert reply.status == 200
    await until(lambda: wire.dialled(number("03", line=1)))
    await asyncio.sleep(1.5)
    assert await legwork("hangup", kept) == (0, "")
    await api.cdr(kept)
    wire.close()
    assert [wire.dialled(each) for each in (deleted, changed, number("03", line=1))] == [0, 1, 1]
    assert [await state(api, each) for each in (gone, kept)] == ["deleted", "fired"]


async def test_what_comes_due_while_the_engine_is_dead_is_rung_when_it_is_back(api: Api) -> None:
    agent, destination, wire = number("01", line=2), number("02", line=2), Wire.open()
    request_id = await schedule(api, seconds_ahead(2), agent, destination)
    os.kill(int(Path(settings()["ENGINE_PID_FILE"]).read_text()), signal.SIGKILL)
    await asyncio.sleep(4)
    assert wire.dialled(agent) == 0
    await make_up()
    await until(lambda: wire.dialled(destination))
    await asyncio.sleep(1)
    assert await legwork("hangup", request_id) == (0, "")
    assert (await api.cdr(request_id))["dial_status"] == "ANSWER"
    wire.close()
    assert [wire.dialled(each) for each in (agent, destination)] == [1, 1]


async def test_two_hundred_changed_or_deleted_at_the_due_instant_are_that_or_rung_once_never_both(api: Api) -> None:
    """The agents are busy (row 20), each has a number of its own: one INVITE is one call."""
    wire, due_at = Wire.open(), seconds_ahead(6)
    agents = [f"9199100{line:03}20" for line in range(200)]
    ids = [await schedule(api, due_at, agent, number("60")) for agent in agents]
    later = datetime.fromtimestamp(due_at + 7 * 86400, ZoneInfo(ZONE)).strftime("%Y-%m-%d %H:%M:%S")

    async def strike(place: int) -> int:
        await asyncio.sleep(due_at + 0.0005 * place - 0.03 - time.time())  # it takes some 50 ms until all are fired
        method, body = ("DELETE", {}) if place % 2 else ("PATCH", {"scheduled_at": later})
        request = {"request_id": ids[place], **body}
        async with api.http.request(method, f"{api.url}/api/callback", json=request) as reply:
            return reply.status

    statuses = await asyncio.gather(*(strike(place) for place in range(len(ids))))
    await asyncio.sleep(4)
    wire.close()
    states = [await state(api, each) for each in ids]
    for place, (status, agent) in enumerate(zip(statuses, agents, strict=True)):
        settled = ("deleted" if place % 2 else "scheduled") if status == 200 else "fired"
        assert (status in (200, 409), states[place]) == (True, settled), place
        assert wire.dialled(agent) == (status == 409), place
    print(f"{statuses.count(200)} changed or deleted, {statuses.count(409)} rung")
    for place, status in enumerate(statuses):
        if status == 200 and place % 2 == 0:
            async with api.http.delete(f"{api.url}/api/callback", json={"request_id": ids[place]}) as reply:
                assert reply.status == 200
