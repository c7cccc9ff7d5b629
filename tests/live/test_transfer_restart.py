"""Transfers whose engine dies half-way, and one nobody is left for: each party says one tone, and hears another."""

import asyncio
import time
from pathlib import Path

import pytest

from engine.core import events as e
from engine.core.request import Alert, CallRequest, Party
from tests.live.engine import left_in_asterisk
from tests.live.lab import RATE, loudness, read, recordings, started_at, tones
from tests.live.own_node import OwnNode, engine_on, fresh, own_database, own_node, party, tone

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(90)]

AGENT, CUSTOMER, THIRD, LATE = 650, 700, 750, 400  # what the carrier's rows 05, 06, 07 and 10 say
ALERT, ALERT_SECONDS, ALERT_AFTER_SECONDS = 1000, 0.6, 2
STEP_SECONDS = 3.5
TONE_SECONDS = 3.0
QUIET = 50


def request(agent: Party, customer: Party) -> CallRequest:
    """A click2call between these, with an alert."""
    return CallRequest(
        account_id="account_1",
        kind="click2call",
        customer=customer,
        agent=agent,
        max_talk_seconds=60,
        alerts=(Alert(after_seconds=ALERT_AFTER_SECONDS, media=tone(ALERT, ALERT_SECONDS)),),
    )


async def talks(node: OwnNode, agent: str, customer: str) -> str:
    """A call of these numbers, once both talk."""
    call_id = await node.switch.start(request(party(agent), party(customer)))
    async with asyncio.timeout(10):
        while (row := await node.store.call(call_id, account_id="account_1")) is None or row[0]["bridged_at"] is None:
            await asyncio.sleep(0.05)
    return call_id


def asked(to: Party, *, attended: bool) -> e.TransferAsked:
    return e.TransferAsked(leg="a1", at=time.time(), attended=attended, party=to)


def hears(number: str, since: float, until: float) -> set[int]:
    """The tones that number hears for most of that time."""
    path = recordings(number)[-1]
    piece = read(path)[int((since - started_at(path)) * RATE) : int((until - started_at(path)) * RATE)]
    enough = 0.6 * (until - since)
    return {
        hz
        for hz in (AGENT, CUSTOMER, THIRD, LATE)
        if sum(each.seconds for each in tones(piece, [hz])) > enough and loudness(piece) > QUIET
    }


async def test_an_engine_killed_during_transfers_goes_on_with_them(tmp_path: Path) -> None:
    consulting, ringing = (fresh("05"), fresh("06"), fresh("07")), (fresh("05"), fresh("06"), fresh("10"))
    async with own_database() as url:
        async with engine_on(url, tmp_path) as node:
            calls = [await talks(node, *each[:2]) for each in (consulting, ringing)]
            assert node.switch.ask(calls[0], asked(party(consulting[2]), attended=True)) == ""
            assert node.switch.ask(calls[1], asked(party(ringing[2]), attended=False)) == ""
            await asyncio.sleep(STEP_SECONDS)
        killed = time.time()
        await asyncio.sleep(1.0)
        async with engine_on(url, tmp_path) as node:
            await asyncio.sleep(STEP_SECONDS)
            assert node.switch.ask(calls[0], e.TransferSettled(at=time.time(), how="complete")) == ""
            completed = time.time()
            await asyncio.sleep(5.0)  # row 10 answers five seconds after it was rung
            ended = time.time()
            for call_id in calls:
                assert node.switch.ask(call_id, e.Cancelled(at=time.time())) == ""
            cdrs = [await node.cdr(call_id) for call_id in calls]
    await asyncio.sleep(1)  # the recordings are complete
    for number in consulting:
        found = [each for each in tones(read(recordings(number)[-1]), [ALERT]) if each.seconds > ALERT_SECONDS / 2]
        assert len(found) == 1, "an alert is heard by who talks and by who waits"
    # Nobody noticed that there was no engine for a while.
    assert hears(consulting[2], killed - 1.0, completed - 0.1) == {AGENT}
    assert not hears(consulting[1], killed - 1.0, completed - 0.1) & {AGENT, CUSTOMER, THIRD}, "music"
    assert hears(consulting[1], completed + 0.5, ended) == {THIRD}
    assert hears(consulting[2], completed + 0.5, ended) == {CUSTOMER}
    assert hears(ringing[1], ended - 2.0, ended) == {LATE}
    assert hears(ringing[2], ended - 2.0, ended) == {CUSTOMER}
    assert [cdr["disposition"] for cdr in cdrs] == ["ANSWER", "ANSWER"]
    assert await left_in_asterisk(set(calls)) == []


async def test_whoever_is_left_alone_hears_why_and_is_let_go(tmp_path: Path) -> None:
    agent, customer, third = fresh("60"), fresh("06"), fresh("20")
    again = party(third, retries=3)  # busy, and tried again until the agent has gone
    async with own_node(tmp_path) as node:
        call_id = await talks(node, agent, customer)
        assert node.switch.ask(call_id, asked(again, attended=True)) == ""
        call = await node.ended(call_id)
        assert call.release_reason == "third_not_reached"
        assert {leg.outcome.disposition for leg in call.legs_of("third")} == {"BUSY"}
    await asyncio.sleep(1)
    path = recordings(customer)[-1]
    sound = read(path)
    left = started_at(path) + len(sound) / RATE
    gone = call.legs["a1"].ended_at or 0.0
    assert left >= gone + TONE_SECONDS - 0.1, "a tone, and no dead air"
    last = sound[-int(2.5 * RATE) : -int(0.2 * RATE)]
    busy = [each for each in tones(last, [480]) if each.seconds > 0.3]  # half a second on, half a second off
    assert len(busy) >= 2, "the busy tone (480 and 620 Hz)"
