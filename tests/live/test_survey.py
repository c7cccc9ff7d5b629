"""A survey, and whom a campaign connects to, on the real Asterisk: every question is a tone of its own.

Rows 80-89 of the carrier press their digit three seconds after they answered, row 92 presses 1234# after one.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.core.ivr import Choice, Ivr, Prompt, Step
from engine.core.request import CallRequest, Speech, Target
from tests.live.engine import left_in_asterisk
from tests.live.lab import Stretch, read, recordings, tones
from tests.live.own_node import AGENTS, BOT, campaign_call, fresh, own_node, party, tone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

FIRST, SECOND, WRONG, SPEECH = 1000, 1200, 1400, 1600
QUESTIONS = (FIRST, SECOND, WRONG, SPEECH)
FIRST_SECONDS, PRESSED_SECONDS = 5.0, 3.0
TALKING = (400, 450, 500, 550, 600)  # what rows 00-04 send
STAFF = {agent.number: agent.agent_id for agent in AGENTS.values()}


def prompt(hz: int, seconds: float) -> Prompt:
    return Prompt(media=tone(hz, seconds), seconds=seconds)


def survey() -> Ivr:
    """Two questions, by every way there is through them."""
    first = {
        "0": Choice(then="hang_up", answer="stop"),
        "1": Choice(then="next", answer="yes"),
        "2": Choice(then="go_to", to="second", answer="no"),
        "8": Choice(then="repeat"),
        "9": Choice(then="transfer", to="group:301", answer="agent"),
    }
    second = {"1": Choice(then="next", answer="good"), "2": Choice(then="next", answer="bad")}
    return Ivr(
        ivr_id="survey",
        steps=(
            Step(
                name="first",
                prompt=prompt(FIRST, FIRST_SECONDS),
                keys=first,
                timeout_seconds=2.0,
                times=2,
                wrong=prompt(WRONG, 1.0),
            ),
            Step(name="second", prompt=prompt(SECOND, 1.0), keys=second, timeout_seconds=1.5, times=2),
        ),
    )


@dataclass(slots=True)
class Visited:
    """A customer: what it was played, in order, and its CDR."""

    asked: list[tuple[int, float]]
    talked: list[Stretch]
    cdr: dict[str, Any]
    joined: list[Stretch]  # what the agent's number heard of the customer's tone


Calls = dict[str, Visited]


def requests() -> dict[str, tuple[str, CallRequest]]:
    """By what is special about it: the customer's number, and the call."""
    ivr = survey()
    speech = Speech(media=tone(SPEECH, 1.0), seconds=1.0, times=2)
    group = party(*STAFF, agents=STAFF, queue_seconds=20)
    made: dict[str, tuple[str, CallRequest]] = {}
    for row in ("80", "81", "82", "85", "88", "89", "92", "00"):
        number = fresh(row)
        made[row] = number, campaign_call(number, ivr=ivr, choices={"group:301": group})
    for name, agent in (("extension", fresh("03")), ("engaged", fresh("20"))):
        number = fresh("01")
        made[name] = (
            number,
            campaign_call(number, speech=speech, choices={"extension:101": party(agent)}, connect_to="extension:101"),
        )
    bot = Target(number=BOT, endpoints=(f"PJSIP/{fresh('04')}@carrier",))
    number = fresh("02")
    made["endpoint"] = (
        number,
        campaign_call(number, choices={"endpoint:bot": replace(party(""), targets=(bot,))}, connect_to="endpoint:bot"),
    )
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    """All made at once."""
    since = time.time() - 1
    scratch: Path = tmp_path_factory.mktemp("t1")
    async with own_node(scratch) as node:
        asked = requests()
        ids = {name: await node.switch.start(request) for name, (_, request) in asked.items()}
        await asyncio.sleep(15)
        for name in ("89", "extension", "endpoint"):  # their agents would talk for ever
            node.switch.cancel(ids[name])
        cdrs = {name: await node.cdr(call_id) for name, call_id in ids.items()}
        await asyncio.sleep(1.2)  # a recording is complete within a second
        found: Calls = {}
        for name, (number, _) in asked.items():
            samples = read(recordings(number, since=since)[-1])
            agent = cdrs[name]["agent_number"]
            joined = [tones(read(path), TALKING) for path in recordings(agent, since=since)] if agent else []
            found[name] = Visited(
                [(each.hz, each.seconds) for each in tones(samples, QUESTIONS)],
                tones(samples, TALKING),
                cdrs[name],
                joined[-1] if joined else [],
            )
        assert await left_in_asterisk(set(ids.values())) == []
    yield found


def said(call: Visited) -> list[int]:
    return [hz for hz, _ in call.asked]


def seconds(call: Visited, hz: int) -> float:
    return sum(each for tone_hz, each in call.asked if tone_hz == hz)


@pytest.mark.parametrize(("row", "answer"), [("81", "yes"), ("82", "no")])
async def test_a_key_ends_the_question_and_leads_on_and_silence_is_asked_again(
    calls: Calls, row: str, answer: str
) -> None:
    call = calls[row]
    assert said(call) == [FIRST, SECOND, SECOND]
    assert seconds(call, FIRST) == pytest.approx(PRESSED_SECONDS, abs=0.5)
    assert (call.cdr["answers"], call.cdr["digits"]) == ({"first": answer}, row[-1])
    assert (call.cdr["disposition"], call.cdr["ended_by"]) == ("ANSWER", "us")


async def test_a_key_may_end_the_call(calls: Calls) -> None:
    call = calls["80"]
    assert said(call) == [FIRST]
    assert (call.cdr["answers"], call.cdr["digits"]) == ({"first": "stop"}, "0")
    assert call.cdr["billsec"] == pytest.approx(PRESSED_SECONDS, abs=0.6)


async def test_a_wrong_key_is_told_so_and_asked_again(calls: Calls) -> None:
    call = calls["85"]
    assert said(call) == [FIRST, WRONG, FIRST]
    assert call.asked[2][1] == pytest.approx(FIRST_SECONDS, abs=0.1)
    assert (call.cdr["answers"], call.cdr["digits"]) == ({}, "5")


async def test_a_question_is_repeated_from_its_beginning(calls: Calls) -> None:
    call = calls["88"]
    assert set(said(call)) == {FIRST}
    assert seconds(call, FIRST) == pytest.approx(PRESSED_SECONDS + FIRST_SECONDS, abs=0.6)
    assert (call.cdr["answers"], call.cdr["digits"]) == ({}, "8")


async def test_who_presses_nothing_is_asked_so_often_and_let_go(calls: Calls) -> None:
    call = calls["00"]
    assert said(call) == [FIRST, FIRST]
    assert seconds(call, FIRST) == pytest.approx(2 * FIRST_SECONDS, abs=0.2)
    assert call.cdr["billsec"] == pytest.approx(2 * (FIRST_SECONDS + 2), abs=0.6)
    assert (call.cdr["answers"], call.cdr["digits"]) == ({}, "")


async def test_two_questions_are_answered_by_keys_in_quick_succession(calls: Calls) -> None:
    call = calls["92"]
    assert call.cdr["answers"] == {"first": "yes", "second": "bad"}
    assert call.cdr["digits"].startswith("12")


async def test_a_transfer_to_a_group_brings_a_free_agent(calls: Calls) -> None:
    call = calls["89"]
    assert said(call) == [FIRST]
    assert (call.cdr["answers"], call.cdr["digits"]) == ({"first": "agent"}, "9")
    assert call.cdr["agent_number"] in STAFF
    hz = 400 + 50 * int(call.cdr["agent_number"][-1])
    assert sum(each.seconds for each in call.talked if each.hz == hz) > 5


async def test_a_speech_is_heard_out_and_both_hear_each_other_then(calls: Calls) -> None:
    call = calls["extension"]
    assert seconds(call, SPEECH) == pytest.approx(2.0, abs=0.1)
    assert sum(each.seconds for each in call.talked if each.hz == 550) > 5
    assert sum(each.seconds for each in call.joined if each.hz == 450) > 5
    assert (call.cdr["heard_seconds"], call.cdr["disposition"]) == (2.0, "ANSWER")


async def test_an_endpoint_of_our_own_is_reached_without_a_number(calls: Calls) -> None:
    call = calls["endpoint"]
    assert (call.cdr["agent_number"], call.cdr["heard_seconds"]) == (BOT, None)
    assert sum(each.seconds for each in call.talked if each.hz == 600) > 5


async def test_when_nobody_can_be_connected_the_customer_is_let_go_after_a_tone(calls: Calls) -> None:
    call = calls["engaged"]
    assert (call.cdr["disposition"], call.cdr["ended_by"], call.cdr["answers"]) == ("ANSWER", "us", None)
    assert 2 + 3 - 0.2 < call.cdr["billsec"] < 2 + 3 + 2
    assert call.joined == []
