"""One engine owns an Asterisk: a second one waits, one that lost it dials nothing, a deploy hands it over."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from engine.store.queries import QUERIES
from tests.live.engine import CALLER_ID, LEGWORK, Api, left_in_asterisk, legwork, make_up
from tests.live.lab import settings
from tests.live.wire import Wire

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]

LINE = 71 * int(time.time()) % 1000


def number(row: str, *, line: int = 0) -> str:
    return f"9199100{(LINE + line) % 1000:03}{row}"


def engine_pid() -> int:
    return int(Path(settings()["ENGINE_PID_FILE"]).read_text().split()[0])


def environment(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


@pytest_asyncio.fixture(loop_scope="function")
async def api() -> AsyncIterator[Api]:
    """account_1's client; an engine runs afterwards."""
    api = await Api.open()
    yield api
    await api.http.close()
    await make_up()


async def accepted(api: Api, agent: str, destination: str, *, seconds: float) -> str:
    """A call's id, as soon as it is accepted; until then the answer is 503 with Retry-After."""
    body = {"agent_number": agent, "destination_number": destination, "caller_id": CALLER_ID}
    async with asyncio.timeout(seconds):
        while True:
            async with api.http.post(api.url + "/api/click2call", json=body) as reply:
                if reply.status == 200:
                    return str((await reply.json())["response"]["request_id"])
                assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
            await asyncio.sleep(0.1)


async def hang_up(request_id: str) -> None:
    assert await legwork("hangup", request_id) == (0, "")


async def test_a_second_engine_waits_or_says_why_not(api: Api) -> None:
    told = environment(engine_pid())
    told["LEGWORK_HTTP_PORT"] = str(int(told["LEGWORK_HTTP_PORT"]) + 50)
    told["LEGWORK_AGI_PORT"] = "0"
    refused = await asyncio.create_subprocess_exec(
        LEGWORK, "run", "--no-wait", env=told, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await refused.communicate()
    assert refused.returncode == 1
    assert "another engine owns this Asterisk" in output.decode()
    waiting = await asyncio.create_subprocess_exec(
        LEGWORK, "run", env=told, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        assert waiting.stdout is not None
        async with asyncio.timeout(10):
            while b"engine waits" not in await waiting.stdout.readline():
                pass
        request_id = await api.call(number("01"), number("60"))  # the first is not disturbed
        assert (await api.cdr(request_id))["dial_status"] == "ANSWER"
        os.kill(engine_pid(), signal.SIGKILL)
        async with asyncio.timeout(5):  # the other takes its place
            while b"engine started" not in await waiting.stdout.readline():
                pass
    finally:
        waiting.kill()
        await waiting.wait()


async def test_an_engine_whose_lock_another_has_dials_nothing_until_it_has_it_again(api: Api) -> None:
    talking = await api.call(number("03"), number("04"))
    await asyncio.sleep(1)
    thief = await asyncpg.connect(settings()["DATABASE_URL"])
    try:
        await thief.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = "
            "hashtext('legwork-n1')::oid"
        )
        async with asyncio.timeout(3):
            while not await thief.fetchval(QUERIES["take_lock"], "legwork-n1"):
                await asyncio.sleep(0.001)
        await asyncio.sleep(3)
        body = {"agent_number": number("05"), "destination_number": number("06"), "caller_id": CALLER_ID}
        async with api.http.post(api.url + "/api/click2call", json=body) as reply:
            assert reply.status == 503
        async with api.http.get(api.url + "/readyz") as reply:
            assert reply.status == 503
    finally:
        await thief.close()
    again = await accepted(api, number("07"), number("60"), seconds=5)
    assert (await api.cdr(again))["dial_status"] == "ANSWER"
    counted = await api.get("/api/get_live_call_statistics")
    assert counted["result"]["live_calls_c2c"] == 1  # taken back
    await hang_up(talking)
    assert (await api.cdr(talking))["billsec"] > 5
    assert await left_in_asterisk({talking, again}) == []


async def test_a_deploy_lets_what_rings_finish_and_hands_over_what_talks(api: Api) -> None:
    wire = Wire.open()
    talking = await api.call(number("01", line=1), number("02", line=1))
    await asyncio.sleep(1)
    ringing = await api.call(number("03", line=1), number("11", line=1))  # rings for 6 s, then talks
    await asyncio.sleep(2)
    pid = engine_pid()
    os.kill(pid, signal.SIGTERM)
    await asyncio.sleep(0.5)
    body = {"agent_number": number("05", line=1), "destination_number": number("06"), "caller_id": CALLER_ID}
    async with api.http.post(api.url + "/api/click2call", json=body) as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    began = time.monotonic()
    async with asyncio.timeout(10):
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            await asyncio.sleep(0.05)
    assert 2 < time.monotonic() - began < 6  # until the ringing one was answered
    await make_up()
    for request_id in (talking, ringing):
        await hang_up(request_id)
    first, second = await api.cdr(talking), await api.cdr(ringing)
    wire.close()
    assert (first["dial_status"], second["dial_status"]) == ("ANSWER", "ANSWER")
    assert [wire.dialled(number(row, line=1)) for row in ("01", "02", "03", "11", "05")] == [1, 1, 1, 1, 0]
    assert await left_in_asterisk({talking, ringing}) == []
