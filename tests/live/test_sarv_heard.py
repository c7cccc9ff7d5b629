"""Sarv: what both parties hear, and how long they may talk; from the carrier's recordings and the wire.

The lab's announcements: 1610448603_86.wav is 3 s of 1000 Hz, 1610448604_87.wav is 2 s of 1400 Hz.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.live.engine import make_up
from tests.live.lab import RATE, Stretch, heard, loudness, read, settings, tones
from tests.live.sarv import Customer, Seen, number
from tests.live.wire import answer, first

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

ALERT, ALERT_HZ, ALERT_SECONDS = "1610448603_86.wav", 1000, 3.0
RING_TONE, RING_TONE_HZ = "1610448604_87.wav", 1400
CAME_HZ, WENT_HZ = 450, 500  # rows 01 and 02 (12)
OURS_HZ = 440  # of the ring-back
QUIET = 50


@dataclass(frozen=True, slots=True)
class Calls:
    """All made at once; each test looks at its own."""

    alerts: Seen
    unlimited: Seen
    own_tone: Seen
    ring_tone: Seen
    to_all: Seen
    early: Seen
    retried: Seen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls() -> AsyncIterator[Calls]:
    async with Customer.open() as customer:
        limited: dict[str, Any] = {"timeLimit": 10, "timeLimtAlert": "2,6", "alertAudio": ALERT}
        warned: dict[str, Any] = {
            "timeLimit": 4,
            "timeLimitHangup": "false",
            "timeLimtAlert": "1,2",
            "alertAudio": f"{ALERT},{RING_TONE}",
        }
        every = await asyncio.gather(
            customer.call(number("01"), number("13"), talk_seconds=60, **limited),  # it rings for 8 s
            customer.call(number("01"), number("02"), talk_seconds=7, **warned),
            customer.call(number("01"), number("02"), timeLimit=4, timeLimtAlert=1, talk_seconds=60),
            customer.call(number("01"), number("12"), talk_seconds=3, ringTone=RING_TONE),
            customer.call(number("01"), f"{number('12')},{number('30')}", talk_seconds=2, toStrategy="TO_ALL"),
            customer.call(number("01"), number("91"), talk_seconds=2),
            customer.call(number("01"), number("20"), ringTone=RING_TONE, toRetryCount=1),
        )
    yield Calls(*every)


def sides(seen: Seen) -> tuple[Path, Path]:
    """What the from party heard, and what the to party heard."""
    return seen.heard_by(seen.cdr["agent_number"]), seen.heard_by(seen.cdr["customer_number"])


def stretches(recording: Path, hz: int) -> list[Stretch]:
    return [each for each in tones(read(recording), [hz]) if each.seconds > 0.1]


def answered_at(seen: Seen, side: str) -> float:
    return answer(seen.dialogs(seen.cdr[f"{side}_number"])[-1]).at


async def test_the_limit_counts_from_the_bridge_and_not_from_the_ringing(calls: Calls) -> None:
    """`timeLimit`: "Ring durations of from and to are not included in timeLimit" (F6)."""
    dialog = calls.alerts.dialogs(calls.alerts.cdr["customer_number"])[0]
    assert answer(dialog).at - first(dialog, "INVITE").at == pytest.approx(8, abs=0.5)
    assert first(dialog, "BYE").at - answer(dialog).at == pytest.approx(10, abs=0.5)
    assert calls.alerts.cdr["billsec"] == pytest.approx(10, abs=0.5)


async def test_both_hear_each_alert_in_time_and_go_on_talking(calls: Calls) -> None:
    """`timeLimtAlert`: "This announcement will be heard by both the numbers" (F7); one id for all (F8)."""
    seen = calls.alerts
    came, went = sides(seen)
    rings = answered_at(seen, "customer") - answered_at(seen, "agent")
    for recording, offset, partner in ((came, rings, CAME_HZ + 100), (went, 0.0, CAME_HZ)):
        found = stretches(recording, ALERT_HZ)
        assert [each.start_seconds - offset for each in found] == pytest.approx([2, 6], abs=0.3)
        assert [each.seconds for each in found] == pytest.approx([ALERT_SECONDS] * 2, abs=0.2)
        assert heard(recording, partner) == pytest.approx(10, abs=0.6), "the partner's tone goes on all the time"


async def test_without_hang_up_the_limit_warns_and_does_not_cut(calls: Calls) -> None:
    """`timeLimitHangup`: "If timeLimit is set … and timeLimitHangup is true then call will be disconnected" (F8)."""
    seen = calls.unlimited
    assert seen.cdr["billsec"] == pytest.approx(7, abs=0.5)
    for recording in sides(seen):
        assert stretches(recording, ALERT_HZ)[0].start_seconds == pytest.approx(1, abs=0.3)
        assert heard(recording, RING_TONE_HZ) == pytest.approx(2, abs=0.2), "one id for each alert"


async def test_an_alert_without_an_announcement_is_our_own_short_tone(calls: Calls) -> None:
    for recording in sides(calls.own_tone):
        (found,) = stretches(recording, 700)
        assert found.start_seconds == pytest.approx(1, abs=0.3)
        assert found.seconds < 1


async def test_the_ring_tone_loops_until_the_answer_and_not_a_moment_longer(calls: Calls) -> None:
    """`ringTone`: "announcement will be heard by from number in loop while dialing to number" (F9)."""
    seen = calls.ring_tone
    came, went = sides(seen)
    rings = answered_at(seen, "customer") - answered_at(seen, "agent")
    (tone,) = stretches(came, RING_TONE_HZ)
    assert tone.start_seconds < 0.3
    assert tone.end_seconds == pytest.approx(rings, abs=0.1)
    (talk,) = stretches(came, WENT_HZ)
    assert talk.start_seconds - tone.end_seconds < 0.2
    assert heard(went, RING_TONE_HZ) == 0
    assert heard(went, CAME_HZ) == pytest.approx(3, abs=0.5)


async def test_with_to_all_our_ring_back_is_heard_and_no_network(calls: Calls) -> None:
    came, _ = sides(calls.to_all)
    rings = answered_at(calls.to_all, "customer") - answered_at(calls.to_all, "agent")
    assert stretches(came, OURS_HZ)[0].start_seconds < 0.3
    assert all(each.end_seconds < rings + 0.1 for each in stretches(came, OURS_HZ))
    talk = tones(read(came)[round(rings * RATE) :], [WENT_HZ])[0]  # before it, 480 Hz is near
    assert talk.start_seconds < 0.2
    assert talk.seconds == pytest.approx(2, abs=0.5)


async def test_without_ring_tone_the_operators_own_announcement_is_heard(calls: Calls) -> None:
    """`ringTone`: "If not passed, the original announcement (played by mobile operator) will be heard" (F10)."""
    samples = read(sides(calls.early)[0])
    assert loudness(samples[: 4 * RATE]) > 4 * QUIET
    assert stretches(sides(calls.early)[0], 950)[0].seconds == pytest.approx(5, abs=0.3)


async def test_the_ring_tone_goes_on_through_a_retry_and_gives_way_to_the_busy_tone(calls: Calls) -> None:
    came = calls.retried.heard_by(calls.retried.cdr["agent_number"])
    (tone,) = stretches(came, RING_TONE_HZ)
    assert tone.seconds == pytest.approx(2, abs=0.4), "the pause between both attempts"
    assert heard(came, 480) > 1


async def test_limit_and_alerts_survive_the_death_of_the_engine() -> None:
    async with Customer.open() as customer:
        params: dict[str, Any] = {"timeLimit": 12, "timeLimtAlert": 7, "alertAudio": ALERT}
        call_id = await customer.start(number("01"), number("02"), **params)
        await customer.bridged(call_id)
        await asyncio.sleep(1)
        os.kill(int(Path(settings()["ENGINE_PID_FILE"]).read_text()), signal.SIGKILL)
        await make_up()
        seen = await customer.end(call_id, talk_seconds=60)
    assert seen.cdr["billsec"] == pytest.approx(12, abs=0.5)
    for recording in sides(seen):
        (alert,) = stretches(recording, ALERT_HZ)
        assert alert.start_seconds == pytest.approx(7, abs=0.3)


async def test_a_ring_tone_survives_the_death_of_the_engine() -> None:
    async with Customer.open() as customer:
        call_id = await customer.start(number("01"), number("14"), ringTone=RING_TONE)  # it rings for 9 s
        await asyncio.sleep(2)
        os.kill(int(Path(settings()["ENGINE_PID_FILE"]).read_text()), signal.SIGKILL)
        await make_up()
        seen = await customer.end(call_id, talk_seconds=2)
    came, _ = sides(seen)
    rings = answered_at(seen, "customer") - answered_at(seen, "agent")
    assert heard(came, RING_TONE_HZ) == pytest.approx(rings, abs=0.5)
    assert heard(came, 600) == pytest.approx(2, abs=0.5)
