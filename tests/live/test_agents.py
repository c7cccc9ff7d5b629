"""`legwork agent …` in the lab: an agent is busy while it talks, whatever else is done; log-ins outlive an apply."""

import asyncio
import json
import time
from typing import Any

import pytest

from tests.live.engine import Api, legwork

pytestmark = pytest.mark.asyncio(loop_scope="function")

LINE = 73 * int(time.time()) % 1000
AGENT, CUSTOMER = "919910020202", f"9199100{LINE:03}03"  # agent 202


async def listed() -> dict[str, dict[str, Any]]:
    """The lab's agents as `legwork agent list` has them."""
    code, output = await legwork("agent", "list", "--json")
    assert code == 0, output
    return {each["id"]: each for each in json.loads(output)["agents"]}


async def until(state: str) -> dict[str, Any]:
    """Agent 202, once it is in this state."""
    async with asyncio.timeout(10):
        while (found := (await listed())["202"])["state"] != state:
            await asyncio.sleep(0.1)
    return found


async def test_an_agent_is_on_a_call_with_whom_until_it_ends() -> None:
    await until("free")
    api = await Api.open()
    call_id = await api.call(AGENT, CUSTOMER)
    async with asyncio.timeout(10):
        while (found := await until("on a call"))["calls"] != [{"call_id": call_id, "with": [CUSTOMER]}]:
            await asyncio.sleep(0.1)
    assert found["busy"] is False
    code, output = await legwork("agent", "list")
    assert code == 0
    (line,) = [line for line in output.splitlines() if line.startswith("202 ")]
    assert line.split()[1:] == [AGENT, "15168148111", "in", "out", "on", "a", "call", CUSTOMER]
    await legwork("hangup", call_id)
    await api.cdr(call_id)
    await until("free")
    await api.http.close()


async def test_log_ins_and_busy_are_set_and_taken_back() -> None:
    code, output = await legwork("agent", "login", "203", "--call")
    assert (code, output) == (0, "agent 203 of account_1: web log-in in, call log-in in, not set busy\n")
    await legwork("agent", "busy", "203")
    found = (await listed())["203"]
    assert (found["web_login"], found["call_login"], found["state"]) == (True, True, "busy")
    await legwork("agent", "free", "203")
    code, output = await legwork("agent", "logout", "203", "--call")
    assert (code, output) == (0, "agent 203 of account_1: web log-in in, call log-in out, not set busy\n")


async def test_exit_codes_are_those_of_the_other_commands() -> None:
    assert await legwork("agent", "login", "299", "--web") == (4, "there is no agent 299 of account_1\n")
    assert await legwork("agent", "login", "401", "--web") == (4, "there is no agent 401 of account_1\n")
    assert await legwork("agent", "set", "203", "--extension", "110") == (
        1,
        "extension 110 is not one of the account's\n",
    )
    assert (await legwork("agent", "login", "203"))[0] == 2
