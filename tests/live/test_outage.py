"""Postgres goes away under live calls, and the engine with it: every CDR is right, none is missing or twice."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from engine.store import embedded
from tests.live.engine import CALLER_ID, LEGWORK, Api, left_in_asterisk, make_up
from tests.live.lab import ENV_FILE, settings
from tests.live.test_restart import engine_pid
from tests.live.wire import Wire, answer, first
from tests.store.postgres import OwnPostgres

pytestmark = [
    pytest.mark.asyncio(loop_scope="function"),
    pytest.mark.timeout(120),
    pytest.mark.skipif("DATABASE_URL" in os.environ, reason="Postgres is not the lab's to stop"),
]

LINE = 97 * int(time.time()) % 1000
LAB = ENV_FILE.parent


def number(line: int, row: str) -> str:
    return f"9199100{(LINE + line) % 1000:03}{row}"


@pytest_asyncio.fixture(loop_scope="function")
async def wire() -> AsyncIterator[Wire]:
    """What was said to the carrier; all that was stopped is up again afterwards."""
    wire = Wire.open()
    yield wire
    wire.close()
    await make_up()


@pytest_asyncio.fixture(loop_scope="function")
async def api(wire: Wire) -> AsyncIterator[Api]:
    api = await Api.open()
    yield api
    await api.http.close()


async def refused(api: Api) -> None:
    body = {"agent_number": number(99, "01"), "destination_number": number(99, "02"), "caller_id": CALLER_ID}
    began = time.monotonic()
    async with api.http.post(api.url + "/api/click2call", json=body) as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert time.monotonic() - began < 2.5


async def cdrs_of(call_ids: list[str]) -> list[str]:
    """The request ids of all CDRs of these calls, as the table has them."""
    connection = await asyncpg.connect(settings()["DATABASE_URL"])
    try:
        found = await connection.fetch("SELECT request_id FROM cdrs WHERE request_id = ANY ($1::text[])", call_ids)
    finally:
        await connection.close()
    return [row["request_id"] for row in found]


def agrees(cdr: dict[str, Any], wire: Wire, destination: str) -> None:
    """The record says what went over the wire."""
    dialog = wire.dialog(destination)
    assert cdr["dial_status"] == "ANSWER"
    assert cdr["billsec"] == pytest.approx(first(dialog, "BYE").at - answer(dialog).at, abs=0.2)
    assert wire.dialled(destination) == 1


async def test_calls_that_end_and_legs_that_are_placed_while_postgres_is_stopped_lose_nothing(
    api: Api, wire: Wire
) -> None:
    ending = [await api.call(number(line, "01"), number(line, "60")) for line in range(10)]
    placing = [await api.call(number(line, "11"), number(line, "60")) for line in range(10, 14)]  # after 6 s
    await asyncio.sleep(1)
    await asyncio.to_thread(embedded.stop, LAB)
    await refused(api)
    await asyncio.sleep(8)
    await refused(api)
    assert all(wire.dialled(number(line, "60")) == 1 for line in range(14))
    await asyncio.to_thread(embedded.start, LAB)
    for line, call_id in enumerate(ending + placing):
        agrees(await api.cdr(call_id, seconds=15), wire, number(line, "60"))
    assert sorted(await cdrs_of(ending + placing)) == sorted(ending + placing)
    assert wire.dialled(number(99, "01")) == 0
    assert await left_in_asterisk({*ending, *placing}) == []


async def test_an_engine_killed_while_postgres_is_stopped_loses_nothing_either(api: Api, wire: Wire) -> None:
    ending = [await api.call(number(line, "01"), number(line, "60")) for line in range(20, 30)]
    placing = [await api.call(number(line, "10"), number(line, "02")) for line in range(30, 34)]  # after 5 s
    await asyncio.sleep(1)
    await asyncio.to_thread(embedded.stop, LAB)
    await asyncio.sleep(7)
    os.kill(engine_pid(), signal.SIGKILL)
    await make_up()
    for line, call_id in enumerate(ending, start=20):
        agrees(await api.cdr(call_id, seconds=15), wire, number(line, "60"))
    connection = await asyncpg.connect(settings()["DATABASE_URL"])
    for call_id in placing:
        await connection.execute("UPDATE calls SET hangup_asked_at = now() WHERE call_id = $1", call_id)
    await connection.execute("SELECT pg_notify('legwork', 'hangup')")
    await connection.close()
    for line, call_id in enumerate(placing, start=30):
        cdr = await api.cdr(call_id, seconds=15)
        agrees(cdr, wire, number(line, "02"))
        assert "its end was not seen" not in {leg["reason"] for leg in cdr["legs"]}
    assert sorted(await cdrs_of(ending + placing)) == sorted(ending + placing)
    assert await left_in_asterisk({*ending, *placing}) == []


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgres]:
    with OwnPostgres.run() as postgres:
        postgres.stop()
        yield postgres


@asynccontextmanager
async def other_engine(state: Path, log: Path, **told: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A second engine beside the lab's, under a name of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    told |= {
        "LEGWORK_NODE": "other",
        "LEGWORK_HTTP_PORT": port,
        "LEGWORK_STATE_DIR": str(state),
        "LEGWORK_AGI_PORT": "0",
    }
    with log.open("wb") as out:
        environment = os.environ | settings() | {"DATABASE_URL": ""} | told
        engine = await asyncio.create_subprocess_exec(LEGWORK, "run", env=environment, stdout=out, stderr=out)
    try:
        yield engine
    finally:
        engine.terminate()
        code = await engine.wait()
    assert code == 0


async def test_an_engine_that_starts_without_postgres_waits_and_says_so_once(
    own_postgres: OwnPostgres, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with other_engine(tmp_path, log, DATABASE_URL=own_postgres.url) as engine:
        await says(log, "waiting for Postgres")
        await asyncio.sleep(2)
        assert engine.returncode is None
        assert len(log.read_text().splitlines()) == 1
        await asyncio.to_thread(own_postgres.start)
        await says(log, "engine started")


async def test_an_embedded_postgres_that_has_ended_is_started_again(tmp_path: Path) -> None:
    state, log = LAB / f"test-engine-{secrets.token_hex(4)}", tmp_path / "log"
    try:
        async with other_engine(state, log):
            await says(log, "engine started")
            server = int((state / "postgres/postmaster.pid").read_text().split()[0])
            os.kill(server, signal.SIGQUIT)  # as Postgres itself does when it can not write
            await says(log, "over: the embedded Postgres has ended")
    finally:
        embedded.stop(state)
        shutil.rmtree(state)


async def says(log: Path, event: str) -> None:
    async with asyncio.timeout(20):
        while f'"event":"{event}' not in log.read_text():
            await asyncio.sleep(0.1)
