"""Who answered, found out on the real Asterisk, and when what is said is said: the carrier's recordings tell."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.core.amd import Amd, OnMachine
from engine.core.leg import Leg
from engine.core.request import Speech
from tests.live.engine import left_in_asterisk
from tests.live.lab import Stretch, read, recordings, tones
from tests.live.own_node import campaign_call, fresh, own_node, tone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

HZ = 1000
SPEECH_SECONDS = 2.0
GREETING_AND_BEEP_SECONDS = 6.2  # of row 70, at least
EACH = 3
ROWS: tuple[tuple[str, OnMachine], ...] = (
    *(("70", "hangup"), ("70", "play"), ("70", "beep")),
    *(("71", "hangup"), ("72", "hangup"), ("95", "hangup"), ("60", "hangup")),
)


@dataclass(slots=True)
class Heard:
    """A call: its leg that was answered, its CDR, and where in the recording the speech is."""

    leg: Leg
    cdr: dict[str, Any]
    speech: list[Stretch]

    @property
    def verdict_seconds(self) -> float:
        """How long after the answer the verdict came."""
        assert self.leg.amd_at is not None
        assert self.leg.answered_at is not None
        return self.leg.amd_at - self.leg.answered_at


Calls = dict[tuple[str, OnMachine], list[Heard]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    """So many calls of each kind, all made at once."""
    since = time.time()
    said = Speech(media=tone(HZ, SPEECH_SECONDS), seconds=SPEECH_SECONDS, times=1)
    scratch: Path = tmp_path_factory.mktemp("t1")
    async with own_node(scratch) as node:
        begun = []
        for row, on_machine in ROWS * EACH:
            number = fresh(row)
            request = campaign_call(number, amd=Amd(on_machine=on_machine), speech=said)
            begun.append(((row, on_machine), number, await node.switch.start(request)))
        cdrs = [await node.cdr(call_id) for _, _, call_id in begun]
        await asyncio.sleep(1.2)  # a recording is complete within a second
        found: Calls = {key: [] for key, _, _ in begun}
        for (key, number, call_id), cdr in zip(begun, cdrs, strict=True):
            recorded = recordings(number, since=since - 1)
            where = tones(read(recorded[-1]), [HZ]) if key[0] != "95" else []  # its recording has no time axis
            leg = node.over[call_id].talker("customer")
            assert leg is not None
            found[key].append(Heard(leg, cdr, where))
        assert await left_in_asterisk({call_id for _, _, call_id in begun}) == [], "not even a copy"
    yield found


async def test_a_machine_is_hung_up_on_and_hears_nothing(calls: Calls) -> None:
    for call in calls["70", "hangup"]:
        assert (call.cdr["disposition"], call.cdr["amd_status"], call.cdr["ended_by"]) == ("ANSWER", "machine", "us")
        assert (call.speech, call.cdr["heard_seconds"]) == ([], 0.0)
        assert call.cdr["billsec"] < 5.5


@pytest.mark.parametrize("row", ["71", "72"])
async def test_a_person_is_taken_for_one_and_spoken_to_at_once(calls: Calls, row: str) -> None:
    for call in calls[row, "hangup"]:
        assert (call.cdr["amd_status"], call.cdr["amd_reason"].partition("-")[0]) == ("human", "HUMAN")
        assert call.verdict_seconds < 4.5
        [speech] = call.speech
        assert speech.seconds == pytest.approx(SPEECH_SECONDS, abs=0.1)
        assert speech.start_seconds == pytest.approx(call.verdict_seconds, abs=0.25)


async def test_a_message_is_left_without_waiting_where_that_is_wanted(calls: Calls) -> None:
    for call in calls["70", "play"]:
        assert call.cdr["amd_status"] == "machine"
        [speech] = call.speech
        assert speech.start_seconds == pytest.approx(call.verdict_seconds, abs=0.25)


async def test_a_message_is_left_when_the_greeting_and_its_beep_are_over(calls: Calls) -> None:
    for call in calls["70", "beep"]:
        assert call.cdr["amd_status"] == "machine"
        [speech] = call.speech
        assert speech.seconds == pytest.approx(SPEECH_SECONDS, abs=0.1)
        assert GREETING_AND_BEEP_SECONDS < speech.start_seconds < GREETING_AND_BEEP_SECONDS + 3


async def test_who_says_nothing_is_no_machine(calls: Calls) -> None:
    for call in calls["95", "hangup"]:
        assert (call.cdr["amd_status"], call.cdr["amd_reason"].partition("-")[0]) == ("silence", "INITIALSILENCE")
        assert call.cdr["heard_seconds"] == SPEECH_SECONDS


async def test_who_hangs_up_meanwhile_is_not_known(calls: Calls) -> None:
    for call in calls["60", "hangup"]:
        assert call.cdr["ended_by"] == "customer"
        assert call.cdr["amd_status"] in ("unsure", "silence")  # it goes just when that is told
