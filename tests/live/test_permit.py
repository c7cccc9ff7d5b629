"""The permit, live: a stop keeps the next leg from being dialled and outlives the engine; explain says why."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio

from tests.live.engine import CALLER_ID, Api, left_in_asterisk, legwork, log_lines, make_up
from tests.live.lab import settings
from tests.live.wire import Wire, answer

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]

LINE = 61 * int(time.time()) % 1000


def number(row: str, *, line: int = 0) -> str:
    return f"9199100{(LINE + line) % 1000:03}{row}"


@pytest_asyncio.fixture(loop_scope="function")
async def api() -> AsyncIterator[Api]:
    """account_1's client; whatever was stopped is resumed afterwards."""
    api = await Api.open()
    yield api
    await api.http.close()
    await legwork("resume-dialing")
    await legwork("resume-dialing", "--account", "account_1")


async def logged(event: str, *, since: float) -> float:
    """When the engine logged this, once it has."""
    async with asyncio.timeout(10):
        while True:
            for line in Path(settings()["ENGINE_LOG"]).read_text().splitlines()[-200:]:
                if f'"event":"{event}"' in line and (at := logged_at(json.loads(line))) >= since:
                    return at
            await asyncio.sleep(0.02)


def logged_at(line: dict[str, str]) -> float:
    return datetime.fromisoformat(line["at"]).timestamp()


@pytest_asyncio.fixture(loop_scope="function")
async def wire() -> AsyncIterator[Wire]:
    """What goes over the wire meanwhile."""
    wire = Wire.open()
    yield wire
    wire.close()


async def test_a_stop_while_the_agent_rings_keeps_the_customer_from_being_rung(api: Api, wire: Wire) -> None:
    agent, customer = number("14"), number("00")  # the agent answers after 9 s
    talking = await api.call(number("01"), number("02"))
    stopped = await api.call(agent, customer)
    await asyncio.sleep(1)
    began = time.time()
    code, output = await legwork("stop-dialing", "--reason", "fraud alarm")
    assert (code, output) == (0, "dialling is stopped for every account; live calls go on\n")
    body = {"agent_number": number("03"), "destination_number": number("04"), "caller_id": CALLER_ID}
    stopped_at = await logged("dialling stopped", since=began)
    assert stopped_at - began < 15  # the command's own start, on a busy machine, and a notification
    status, response = await api.post("/api/click2call", body)
    assert (status, response["message"]) == (503, "dialling is stopped for every account: fraud alarm")
    cdr = await api.cdr(stopped)
    _, live = await legwork("calls", "--json")
    assert talking in live
    code, output = await legwork("cdr", stopped)
    assert code == 0
    assert "refused (stopped): dialling is stopped for every account: fraud alarm" in output
    assert (cdr["dial_status"], cdr["billsec"]) == ("CANCEL", 0.0)
    assert [(leg["leg"], leg["reason"]) for leg in cdr["legs"]] == [("a1", "answered"), ("b1", "dialling was stopped")]
    assert [line["reason"] for line in log_lines(stopped) if line["event"] == "leg not permitted"] == ["stopped"]
    assert (await legwork("resume-dialing"))[0] == 0
    again = await api.call(number("05"), number("60"))  # the customer hangs up after 3 s
    assert (await api.cdr(again))["dial_status"] == "ANSWER"
    assert await legwork("hangup", talking) == (0, "")
    await api.cdr(talking)
    assert [wire.dialled(each) for each in (agent, customer, number("03"), number("60"))] == [1, 0, 0, 1]
    assert answer(wire.dialog(agent)).at > stopped_at  # it was ringing, and was not hung up for the stop
    assert await left_in_asterisk({talking, stopped, again}) == []


async def test_a_stop_survives_a_restart_and_explain_and_doctor_say_so(api: Api) -> None:
    assert (await legwork("stop-dialing", "--account", "account_1", "--reason", "unpaid"))[0] == 0
    os.kill(int(Path(settings()["ENGINE_PID_FILE"]).read_text().split()[0]), signal.SIGKILL)
    assert "started engine" in await make_up()
    body = {"agent_number": number("01", line=1), "destination_number": number("02", line=1), "caller_id": CALLER_ID}
    status, response = await api.post("/api/click2call", body)
    assert (status, response["message"]) == (503, "dialling is stopped for this account: unpaid")
    code, output = await legwork("explain", number("02"), "--account", "account_1", "--json")
    found = json.loads(output)
    assert (code, found["allowed"], found["reason"]) == (1, False, "stopped")
    assert (await legwork("explain", "+19175550142", "--account", "account_2"))[0] == 0
    code, output = await legwork("doctor")
    assert code == 1
    assert "stopped for account_1: unpaid" in output
    assert (await legwork("resume-dialing", "--account", "account_1"))[0] == 0
    async with asyncio.timeout(3):
        while (reply := await api.post("/api/click2call", body))[0] != 200:
            await asyncio.sleep(0.05)
    call_id = reply[1]["request_id"]
    assert await legwork("hangup", call_id) == (0, "")
    await api.cdr(call_id)
    assert (await legwork("doctor"))[0] == 0


async def test_explain_says_why_check_by_check() -> None:
    code, output = await legwork("explain", "9910000202", "--account", "account_1")
    assert (code, output.count("✓")) == (0, 13), output
    assert "919910000202, region IN" in output
    code, output = await legwork("explain", "112", "--account", "account_1")
    assert (code, output.count("✗")) == (1, 1), output
    assert "112 may not be called now: an emergency number" in output
    assert await legwork("explain", "112", "--account", "nobody") == (4, "there is no account nobody\n")
