"""What happens to calls when something under them dies: Postgres, Asterisk."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from docker import containers
from docker.choices import NAME
from engine.store import embedded
from tests.live.engine import CALLER_ID, Api, left_in_asterisk, make_up
from tests.live.lab import ENV_FILE
from tests.live.wire import Wire, answer, first

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]

LINE = 89 * int(time.time()) % 1000
OUTSIDE = "DATABASE_URL" in os.environ  # then Postgres is not the lab's to stop


def number(row: str, *, line: int = 0) -> str:
    return f"9199100{(LINE + line) % 1000:03}{row}"


@pytest_asyncio.fixture(loop_scope="function")
async def api() -> AsyncIterator[Api]:
    """account_1's client; whatever died is up again afterwards."""
    api = await Api.open()
    yield api
    await api.http.close()
    await make_up()


async def accepted(api: Api, *, seconds: float) -> str:
    """A call's id, as soon as one is accepted."""
    body = {"agent_number": number("60", line=9), "destination_number": number("20", line=9), "caller_id": CALLER_ID}
    async with asyncio.timeout(seconds):
        while True:
            status, response = await api.post("/api/click2call", body)
            if status == 200:
                request_id: str = response["request_id"]
                return request_id
            assert status == 503
            await asyncio.sleep(0.2)


async def test_a_call_outlives_postgres_and_its_cdr_is_written_when_it_is_back(api: Api) -> None:
    assert not OUTSIDE, "this test stops Postgres: run it without DATABASE_URL"
    wire = Wire.open()
    request_id = await api.call(number("01"), number("60"))  # the destination hangs up after 3 s
    await asyncio.sleep(1)
    await asyncio.to_thread(embedded.stop, ENV_FILE.parent)
    body = {"agent_number": number("01", line=1), "destination_number": number("02"), "caller_id": CALLER_ID}
    async with api.http.post(api.url + "/api/click2call", json=body) as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    await asyncio.sleep(4)
    await asyncio.to_thread(embedded.start, ENV_FILE.parent)
    cdr = await api.cdr(request_id, seconds=10)
    wire.close()
    dialog = wire.dialog(number("60"))
    assert cdr["dial_status"] == "ANSWER"
    assert cdr["billsec"] == pytest.approx(first(dialog, "BYE").at - answer(dialog).at, abs=0.05)
    assert wire.dialled(number("01", line=1)) == 0
    await api.cdr(await accepted(api, seconds=5), seconds=15)
    assert await left_in_asterisk({request_id}) == []


async def test_calls_of_a_killed_asterisk_end_when_it_was_last_seen(api: Api) -> None:
    talking = await api.call(number("01", line=2), number("02", line=2))
    ringing = await api.call(number("03", line=2), number("30", line=2))
    await asyncio.sleep(3)
    await asyncio.to_thread(containers.call, "kill", "--signal=KILL", f"{NAME}-n1")
    await asyncio.sleep(3)
    body = {"agent_number": number("01"), "destination_number": number("02"), "caller_id": CALLER_ID}
    status, _ = await api.post("/api/click2call", body)
    assert status == 503
    await make_up()
    cdr, lost = await api.cdr(talking, seconds=15), await api.cdr(ringing, seconds=15)
    assert cdr["dial_status"] == "ANSWER"
    assert cdr["billsec"] == pytest.approx(3, abs=1.5)
    assert {leg["ended_by"] for leg in cdr["legs"]} == {"us"}
    assert lost["dial_status"] == "CONGESTION"
    assert {leg["reason"] for leg in cdr["legs"]} == {"answered; then Asterisk was restarted"}
    assert {leg["reason"] for leg in lost["legs"]} == {
        "answered; then Asterisk was restarted",
        "Asterisk was restarted",
    }
    await api.cdr(await accepted(api, seconds=8), seconds=15)
