"""One key, one call, on the wire: fifty at once, an engine killed afterwards, an engine killed in between."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.live.engine import CALLER_ID, Api, left_in_asterisk, legwork, make_up
from tests.live.lab import settings
from tests.live.wire import Wire

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]

LINE = 61 * int(time.time()) % 1000
REQUEST_ID = slice(27, 37)  # of {"response":{"request_id":"…


def number(row: str, *, line: int = 0) -> str:
    return f"9199100{(LINE + line) % 1000:03}{row}"


@pytest_asyncio.fixture(loop_scope="function")
async def api() -> AsyncIterator[Api]:
    """account_1's client; whatever died is up again afterwards."""
    api = await Api.open()
    yield api
    await api.http.close()
    await make_up()


async def call(api: Api, key: str, agent: str, destination: str) -> tuple[int, bytes, str | None]:
    """Ask for a call: status, body, and whether it says that this was answered before."""
    body = {"agent_number": agent, "destination_number": destination, "caller_id": CALLER_ID}
    headers = {"Idempotency-Key": key}
    async with api.http.post(api.url + "/api/click2call", json=body, headers=headers) as reply:
        return reply.status, await reply.read(), reply.headers.get("Idempotent-Replayed")


def kill_engine() -> None:
    os.kill(int(Path(settings()["ENGINE_PID_FILE"]).read_text()), signal.SIGKILL)


async def test_fifty_requests_at_once_ring_once_and_a_killed_engine_does_not_forget(api: Api) -> None:
    key, agent, destination = secrets.token_hex(16), number("01"), number("02")
    wire = Wire.open()
    answers = await asyncio.gather(*(call(api, key, agent, destination) for _ in range(50)))
    assert {status for status, _, _ in answers} <= {200, 409}
    (body,) = {body for status, body, _ in answers if status == 200}
    await asyncio.sleep(2)
    kill_engine()
    await make_up()
    assert await call(api, key, agent, destination) == (200, body, "true")
    assert (await call(api, key, agent, number("03")))[0] == 422
    request_id = body.decode()[REQUEST_ID]
    assert await legwork("hangup", request_id) == (0, "")
    assert (await api.cdr(request_id))["dial_status"] == "ANSWER"
    assert await call(api, key, agent, destination) == (200, body, "true")
    await asyncio.sleep(1)
    wire.close()
    assert [wire.dialled(each) for each in (agent, destination, number("03"))] == [1, 1, 0]
    assert await left_in_asterisk({request_id}) == []


async def test_an_engine_killed_between_commit_and_answer_rings_nobody_twice(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, agent, destination = secrets.token_hex(16), number("01", line=1), number("02", line=1)
    wire = Wire.open()
    kill_engine()
    with monkeypatch.context() as crash:
        crash.setenv("LEGWORK_CRASH_AT", "write.committed")
        await make_up()
    with pytest.raises(aiohttp.ClientError):
        await call(api, key, agent, destination)
    await make_up()
    status, body, mark = await call(api, key, agent, destination)
    assert (status, mark) == (200, "true")
    cdr = await api.cdr(body.decode()[REQUEST_ID])
    wire.close()
    assert (cdr["dial_status"], [leg["reason"] for leg in cdr["legs"]]) == ("CONGESTION", ["its end was not seen"])
    assert [wire.dialled(each) for each in (agent, destination)] == [0, 0]
