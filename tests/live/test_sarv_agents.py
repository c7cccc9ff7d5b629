"""Sarv: agents, groups, their queue, and sticky pairs; one call after the other, as agents can only be on one.

The lab's agents 201-205 answer at once; groups 301 is 201 and 202, 302 is 203, 204 and 205.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.live.engine import legwork, make_up
from tests.live.lab import RATE, heard, loudness, read, settings
from tests.live.sarv import Customer, number

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(180)]

AGENTS = {
    "201": "919910020101",
    "202": "919910020202",
    "203": "919910020303",
    "204": "919910020404",
    "205": "919910020505",
}
LOUD = 200
RING_TONE, RING_TONE_HZ = "1610448604_87.wav", 1400


@pytest_asyncio.fixture(loop_scope="function")
async def customer() -> AsyncIterator[Customer]:
    async with Customer.open() as opened:
        yield opened


async def test_an_agent_is_reached_by_id(customer: Customer) -> None:
    """`toType`: "Agent"."""
    seen = await customer.call(number("01"), "203", toType="Agent")
    assert (seen.cdr["customer_number"], seen.cdr["dial_status"]) == (AGENTS["203"], "ANSWER")


async def test_an_agent_on_a_call_is_busy_for_every_other(customer: Customer) -> None:
    """Also when it is on the line as a plain number, and after the death of the engine."""
    call_id = await customer.start(number("01"), AGENTS["203"])
    await customer.bridged(call_id)
    assert (await customer.ask(number("01"), "203", toType="Agent"))["code"] == "1579"
    assert (await customer.ask("203", number("01"), fromType="Agent"))["code"] == "1578"
    os.kill(int(Path(settings()["ENGINE_PID_FILE"]).read_text()), signal.SIGKILL)
    await make_up()
    assert (await customer.ask(number("01"), "203", toType="Agent"))["code"] == "1579"
    rung = await customer.call(number("01"), "203,204", toType="Agent")
    assert rung.cdr["customer_number"] == AGENTS["204"], "the next one in the list"
    await customer.ended(call_id)
    freed = await customer.call(number("01"), "203", toType="Agent")
    assert freed.cdr["dial_status"] == "ANSWER"


async def test_a_group_is_rung_in_its_order_and_logged_out_agents_are_left_out(customer: Customer) -> None:
    """`toWebLogin`: "Can use when toType is an agent or a group." (F11)"""
    assert (await legwork("agent", "logout", "203", "--web", "--account", "account_1"))[0] == 0
    try:
        seen = await customer.call(number("01"), "302", toType="Group", toWebLogin="yes")
        assert seen.cdr["customer_number"] == AGENTS["204"]
        assert (await customer.ask(number("01"), "302", toType="Group", toCallLogin="yes"))["code"] == "1544"
        seen = await customer.call(number("01"), "302", toType="Group", toWebLogin="no")
        assert seen.cdr["customer_number"] == AGENTS["203"]
    finally:
        assert (await legwork("agent", "login", "203", "--web", "--account", "account_1"))[0] == 0


async def test_callers_wait_for_an_agent_first_come_first_served(customer: Customer) -> None:
    """`queueTimeout`, and what is heard meanwhile (F12)."""
    busy = [await customer.start(number("01"), agent, toType="Agent") for agent in ("201", "202")]
    for call_id in busy:
        await customer.bridged(call_id)
    came = [number("01"), number("01")]
    first_id = await customer.start(came[0], "301", toType="Group", queueTimeout=30, ringTone=RING_TONE)
    await asyncio.sleep(0.5)
    second_id = await customer.start(came[1], "301", toType="Group", queueTimeout=30)
    await asyncio.sleep(2)
    await customer.ended(busy[0])
    freed_at = time.time()
    assert await customer.bridged(first_id) - freed_at < 1
    await asyncio.sleep(1)
    found = await customer.store.call(second_id)
    assert found is not None
    assert found[0]["bridged_at"] is None, "its turn has not come"
    await customer.ended(busy[1])
    await customer.bridged(second_id)
    first, second = await customer.end(first_id), await customer.end(second_id)
    assert first.cdr["customer_number"] == AGENTS["201"]
    assert second.cdr["customer_number"] == AGENTS["202"]
    assert heard(first.heard_by(came[0]), RING_TONE_HZ) > 2
    waited = read(second.heard_by(came[1]))[: 2 * RATE]
    assert loudness(waited) > LOUD, "music"
    assert heard(second.heard_by(came[1]), RING_TONE_HZ) == 0


async def test_the_queue_survives_the_death_of_the_engine(customer: Customer) -> None:
    busy = [await customer.start(number("01"), agent, toType="Agent") for agent in ("201", "202")]
    for call_id in busy:
        await customer.bridged(call_id)
    waiting = await customer.start(number("01"), "301", toType="Group", queueTimeout=30)
    await asyncio.sleep(1)
    os.kill(int(Path(settings()["ENGINE_PID_FILE"]).read_text()), signal.SIGKILL)
    await make_up()
    await customer.ended(busy[1])
    await customer.bridged(waiting)
    seen = await customer.end(waiting)
    assert seen.cdr["customer_number"] == AGENTS["202"]
    await customer.ended(busy[0])


async def test_a_queue_that_ends_in_vain_says_so(customer: Customer) -> None:
    busy = [await customer.start(number("01"), agent, toType="Agent") for agent in ("201", "202")]
    for call_id in busy:
        await customer.bridged(call_id)
    seen = await customer.call(number("01"), "301", toType="Group", queueTimeout=2)
    assert (seen.cdr["dial_status"], seen.cdr["reason"]) == ("NOANSWER", "queue_timeout")
    assert seen.legs("customer") == []
    await customer.ended(*busy)


async def test_a_group_calls_out(customer: Customer) -> None:
    """`fromType`: "Group"; the to party is shown the CLI of the agent who answered (F14)."""
    went = number("02")
    seen = await customer.call("301", went, fromType="Group", toCLI="AGENT_CLI")
    assert (seen.cdr["agent_number"], seen.cdr["dial_status"]) == (AGENTS["201"], "ANSWER")
    assert seen.cdr["caller_id"] == "15168148111"


async def test_a_number_comes_back_to_its_agent(customer: Customer) -> None:
    """`sticky`, and the three ways of `stickyAgentBusy` (F13)."""
    came = number("01")
    sticky = {"toType": "Group", "sticky": "yes", "stickyTimeType": "hour"}

    async def agent(**more: object) -> str:
        seen = await customer.call(came, "302", talk_seconds=0.3, seconds=60, **(sticky | more))
        rung: str = seen.cdr["customer_number"]
        return rung

    occupied = await customer.start(number("01"), "203", toType="Agent")
    await customer.bridged(occupied)
    assert await agent() == AGENTS["204"], "paired"
    await customer.ended(occupied)
    assert await agent() == AGENTS["204"], "though 203 is free and comes first"

    occupied = await customer.start(number("01"), "204", toType="Agent")
    await customer.bridged(occupied)
    assert await agent(stickyAgentBusy="retryTemp") == AGENTS["203"], "for this call only"
    waiting = await customer.start(came, "302", **(sticky | {"queueTimeout": 30}))
    await asyncio.sleep(2)
    found = await customer.store.call(waiting)
    assert found is not None
    assert found[0]["bridged_at"] is None, "retrySame waits for the same agent"
    await customer.ended(occupied)
    await customer.bridged(waiting)
    assert (await customer.end(waiting)).cdr["customer_number"] == AGENTS["204"]

    occupied = await customer.start(number("01"), "204", toType="Agent")
    await customer.bridged(occupied)
    assert await agent(stickyAgentBusy="retryNewSticky") == AGENTS["203"]
    await customer.ended(occupied)
    assert await agent() == AGENTS["203"], "paired anew"
