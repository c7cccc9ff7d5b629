"""`legwork hangup`: a live call ends, one that is over is said to be, one whose engine is away waits for it."""

import asyncio
import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.live.engine import Api, left_in_asterisk, legwork, make_up
from tests.live.lab import settings
from tests.live.wire import Wire, first

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]

LINE = 73 * int(time.time()) % 1000


def number(row: str) -> str:
    return f"9199100{LINE:03}{row}"


async def test_both_parties_are_hung_up_at_once_and_a_second_time_it_is_over() -> None:
    api, wire = await Api.open(), Wire.open()
    request_id = await api.call(number("01"), number("02"))
    await asyncio.sleep(2)
    asked_at = time.time()
    assert await legwork("hangup", request_id) == (0, "")
    cdr = await api.cdr(request_id)
    wire.close()
    await api.http.close()
    assert (cdr["dial_status"], {leg["ended_by"] for leg in cdr["legs"]}) == ("ANSWER", {"us"})
    for party in (number("01"), number("02")):
        assert first(wire.dialog(party), "BYE").at - asked_at < 3  # most of it is the command starting
    code, output = await legwork("hangup", request_id)
    assert code == 0
    assert re.fullmatch(rf"call {request_id} was over at [0-9:.]+ already: ANSWER \(answered\)\n", output)
    assert await left_in_asterisk({request_id}) == []


async def test_a_call_whose_engine_is_away_ends_when_it_is_back() -> None:
    api = await Api.open()
    request_id = await api.call(number("03"), number("04"))
    await asyncio.sleep(3)
    os.kill(int(Path(settings()["ENGINE_PID_FILE"]).read_text()), signal.SIGKILL)
    try:
        await asyncio.sleep(8.5)
        code, output = await legwork("hangup", request_id)
        assert await left_in_asterisk({request_id}) != []
    finally:
        await make_up()
    assert code == 1
    words = rf"call {request_id} is not ended yet: engine n1 has not been heard of for \d+ s; "
    assert re.fullmatch(words + r"it ends the call when it is back\n", output)
    cdr = await api.cdr(request_id, seconds=10)
    await api.http.close()
    assert cdr["dial_status"] == "ANSWER"
    await asyncio.sleep(1)
    assert await left_in_asterisk({request_id}) == []
