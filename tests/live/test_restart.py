"""The engine dies in the middle of calls; `make up` brings back only the engine, which takes them back."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from tests.live.engine import Api, ari, left_in_asterisk, legwork, make_up
from tests.live.lab import read, recordings, settings, tones
from tests.live.wire import Wire, answer, first

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]


def engine_pid() -> int:
    return int(Path(settings()["ENGINE_PID_FILE"]).read_text().split()[0])


async def test_a_killed_engine_is_brought_back_alone_and_takes_its_calls_back() -> None:
    line = 53 * int(time.time()) % 1000
    agent, destination, ringing, speaking = (f"9199100{line:03}{row}" for row in ("01", "02", "30", "90"))
    api, wire = await Api.open(), Wire.open()
    try:
        talking = await api.call(agent, destination)
        waiting = await api.call(f"9199100{(line + 1) % 1000:03}03", ringing)
        early = await api.call(f"9199100{(line + 2) % 1000:03}04", speaking)
        await asyncio.sleep(2)
        counted = await api.get("/api/get_live_call_statistics")
        assert counted["result"]["live_calls_c2c"] >= 2
        before = await ari("asterisk/info?only=status")
        os.kill(engine_pid(), signal.SIGKILL)
        await asyncio.sleep(2)
        assert "started engine" in await make_up()
        assert await ari("asterisk/info?only=status") == before
        await asyncio.sleep(2)
        _, live = await legwork("calls", "--json")
        assert talking in live
        for request_id in (talking, waiting, early):
            assert await legwork("hangup", request_id) == (0, "")
        cdr = await api.cdr(talking)
        given_up, unheard = await api.cdr(waiting), await api.cdr(early)
    finally:
        wire.close()
        await api.http.close()
    dialog = wire.dialog(destination)
    assert cdr["dial_status"] == "ANSWER"
    assert cdr["billsec"] == pytest.approx(first(dialog, "BYE").at - answer(dialog).at, abs=0.2)
    assert cdr["billsec"] > 6
    assert (given_up["dial_status"], given_up["dialed_number"]) == ("CANCEL", ringing)
    assert (unheard["dial_status"], unheard["dialed_number"]) == ("CANCEL", speaking)
    assert [wire.dialled(number) for number in (agent, destination, ringing, speaking)] == [1, 1, 1, 1]
    assert await left_in_asterisk({talking, waiting, early}) == []
    await asyncio.sleep(1.2)
    (heard,) = tones(read(recordings(destination)[-1]), [450])
    assert heard.seconds == pytest.approx(cdr["billsec"], abs=0.4)  # the talk had no hole
