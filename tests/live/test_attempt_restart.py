"""An engine that dies with a campaign's calls in hand, and its successor, which says, asks and listens on."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.core.amd import Amd
from engine.core.ivr import Choice, Ivr, Prompt, Step
from engine.core.request import Speech
from tests.live.engine import left_in_asterisk
from tests.live.lab import Stretch, read, recordings, tones
from tests.live.own_node import campaign_call, engine_on, fresh, own_database, party, tone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

SPEECH, QUESTION, AGENT = 1000, 1200, 550  # Hz; row 03 sends the last
DIES_SECONDS = 1.3  # after the calls were asked for; a key is pressed when its successor is there
TALK_SECONDS = 8


@dataclass(slots=True)
class Survived:
    """A call that two engines led: its CDR, and what its customer heard."""

    cdr: dict[str, Any]
    heard: list[Stretch]

    def seconds(self, hz: int) -> float:
        """For how long it heard that."""
        return sum(each.seconds for each in self.heard if each.hz == hz)


Calls = dict[str, Survived]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    """One at each stage when the engine died."""
    since, scratch = time.time() - 1, tmp_path_factory.mktemp("t1")
    said = Speech(media=tone(SPEECH, 4.0), seconds=4.0, times=1)
    question = Step(
        name="first",
        prompt=Prompt(media=tone(QUESTION, 1.0), seconds=1.0),
        keys={"5": Choice(then="hang_up", answer="yes")},
        timeout_seconds=4.0,
        times=1,
    )
    numbers = {"speech": fresh("00"), "ivr": fresh("85"), "amd": fresh("70"), "talk": fresh("01")}
    requests = {
        "speech": campaign_call(numbers["speech"], speech=said),
        "ivr": campaign_call(numbers["ivr"], ivr=Ivr(ivr_id="survey", steps=(question,))),
        "amd": campaign_call(numbers["amd"], speech=said, amd=Amd()),
        "talk": campaign_call(
            numbers["talk"],
            choices={"extension:103": party(fresh("03"))},
            connect_to="extension:103",
            max_talk_seconds=TALK_SECONDS,
        ),
    }
    async with own_database() as url:
        async with engine_on(url, scratch) as first:
            ids = {name: await first.switch.start(request) for name, request in requests.items()}
            await asyncio.sleep(DIES_SECONDS)
            assert not first.over
        async with engine_on(url, scratch) as second:
            cdrs = {name: await second.cdr(call_id) for name, call_id in ids.items()}
            await asyncio.sleep(1.2)  # a recording is complete within a second
            assert await left_in_asterisk(set(ids.values())) == []
    yield {
        name: Survived(cdr, tones(read(_only(numbers[name], since)), (SPEECH, QUESTION, AGENT)))
        for name, cdr in cdrs.items()
    }


def _only(number: str, since: float) -> Path:
    [recording] = recordings(number, since=since)
    return recording


async def test_the_speech_is_said_again_from_its_beginning(calls: Calls) -> None:
    call = calls["speech"]
    assert 5 < call.seconds(SPEECH) < 8, "it went on until it was begun anew, and then it was heard whole"
    assert (call.cdr["disposition"], call.cdr["heard_seconds"]) == ("ANSWER", 4.0)


async def test_the_question_is_asked_again_and_its_answer_is_kept(calls: Calls) -> None:
    call = calls["ivr"]
    assert len([each for each in call.heard if each.hz == QUESTION]) == 2
    assert (call.cdr["answers"], call.cdr["digits"]) == ({"first": "yes"}, "5")


async def test_who_answered_is_found_out_or_else_spoken_to(calls: Calls) -> None:
    call = calls["amd"]
    assert call.cdr["amd_status"] in ("machine", "unsure")
    assert call.cdr["heard_seconds"] == (0.0 if call.cdr["amd_status"] == "machine" else 4.0)


async def test_two_who_talk_go_on_talking_until_their_time_is_over(calls: Calls) -> None:
    call = calls["talk"]
    [talk] = [each for each in call.heard if each.hz == AGENT]
    assert talk.seconds == pytest.approx(TALK_SECONDS, abs=0.6)
    assert (call.cdr["disposition"], call.cdr["ended_by"]) == ("ANSWER", "us")
