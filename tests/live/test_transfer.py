"""Transfers as the parties hear them: each says one tone, and the carrier records what each hears.

All calls are made at once; each test then looks at who heard whom, and when.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.live.engine import CALLER_ID, Api, left_in_asterisk
from tests.live.lab import RATE, loudness, read, recordings, started_at, tones

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

RUN = int(time.time())
# What each says, by the carrier's rows 05, 06, 07 and 10; 109 and 103 are rows 08 and 02; 61 and 62 before and after.
AGENT, CUSTOMER, THIRD, LATE, OF_109, OF_103 = 650, 700, 750, 400, 800, 500
REFERS, REFERRED_IN_VAIN = 850, 750
RING = 440
TONES = (AGENT, CUSTOMER, THIRD, OF_109, REFERS, RING)  # none of which the ring tone's or the music's others look like
SILENT = 3.0  # seconds, until row 60 hangs up
STEP_SECONDS = 2.0
GAP_SECONDS = 0.5  # what may pass until what was ordered is heard
QUIET = 50


def number(line: int, row: str) -> str:
    """A number of that row that nobody else in this run uses, and no do-not-disturb list has."""
    return f"9199100{400 + (89 * RUN + line) % 500:03}{row}"


@dataclass(slots=True)
class Seen:
    """One call: its numbers, when each step of it was, what became of it."""

    api: Api
    agent: str
    customer: str
    request_id: str = ""
    marks: list[float] = field(default_factory=list)
    replies: list[tuple[int, Any]] = field(default_factory=list)
    third: str = ""
    shown: list[set[str]] = field(default_factory=list)  # whose legs the API shows at the end of each step
    cdr: dict[str, Any] = field(default_factory=dict)

    async def talks(self, seconds: float) -> None:
        """Made, and both talk for a while."""
        self.request_id = await self.api.call(self.agent, self.customer)
        async with asyncio.timeout(10):
            while len([leg for leg in await self.legs() if leg["state"] == "up"]) < 2:
                await asyncio.sleep(0.05)
        await self.passes(seconds)

    async def legs(self) -> list[dict[str, Any]]:
        """What the API shows of it."""
        async with self.api.http.get(f"{self.api.url}/v1/live_calls") as reply:
            calls = (await reply.json())["calls"]
        return next((call["legs"] for call in calls if call["request_id"] == self.request_id), [])

    async def passes(self, seconds: float = STEP_SECONDS) -> None:
        """That step lasts so long."""
        self.marks.append(time.time())
        await asyncio.sleep(seconds)
        self.shown.append({leg["leg"] for leg in await self.legs()})

    async def modify(self, modify_type: str, to: str = "") -> None:
        body = {"request_id": self.request_id, "modify_type": modify_type, "transfer_to": to}
        self.replies.append(await self.api.post("/api/modify_call", body))

    async def settle(self, how: str) -> None:
        url = f"{self.api.url}/v1/calls/{self.request_id}/transfer/{how}"
        async with self.api.http.post(url) as reply:
            self.replies.append((reply.status, await reply.json()))

    async def ends(self) -> "Seen":
        """Hung up, if it is on."""
        self.marks.append(time.time())
        if await self.legs():
            await self.modify("2")
        self.cdr = await self.api.cdr(self.request_id)
        return self

    def heard(self, by: str, step: int, *also: int) -> set[int]:
        """The tones this number hears through a step, once that has settled."""
        path = self.recording(by)
        start = self.marks[step] + GAP_SECONDS - started_at(path)
        end = self.marks[step + 1] - 0.1 - started_at(path)
        piece = read(path)[max(0, int(start * RATE)) : int(end * RATE)]
        assert end - start > 0.5, "too short to tell"
        found = {hz: sum(each.seconds for each in tones(piece, [hz])) for hz in (*TONES, *also)}
        if loudness(piece) < QUIET:
            return set()
        return {hz for hz, seconds in found.items() if seconds > 0.6 * (end - start)} or {-1}

    def recording(self, by: str) -> Path:
        """What that number heard."""
        return recordings(by, since=self.marks[0] - 15)[-1]

    def left_at(self, by: str) -> float:
        """When that number's recording ends: its call does."""
        path = self.recording(by)
        return started_at(path) + len(read(path)) / RATE


MUSIC = {-1}  # loud, and none of the tones


@dataclass(frozen=True, slots=True)
class Calls:
    """All made at once; each test looks at its own."""

    blind: Seen
    blind_outside: Seen
    busy: Seen
    unknown: Seen
    silent: Seen
    attended: Seen
    cancelled: Seen
    cancelled_early: Seen
    third_leaves: Seen
    agent_leaves: Seen
    agent_leaves_early: Seen
    referred: Seen
    referred_in_vain: Seen

    def all(self) -> list[Seen]:
        return [getattr(self, name) for name in self.__slots__]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls() -> AsyncIterator[Calls]:
    api, lines = await Api.open(), itertools.count()

    async def lived(modify_type: str, row: str, *steps: str, agent: str = "05", talk_seconds: float = 2.0) -> Seen:
        """A call transferred to that row (or extension), and what follows, a step each."""
        line = next(lines)
        await asyncio.sleep(0.1 * line)
        seen = Seen(api, number(line, agent), number(line, "06"))
        await seen.talks(talk_seconds)
        if modify_type:
            seen.third = number(line, row) if len(row) == 2 else f"91991000000{int(row) - 101}"
            await seen.modify(modify_type, row if len(row) == 3 else seen.third)
            await seen.passes()
        for step in steps:
            if step != "wait":
                await seen.settle(step)
            await seen.passes()
        return await seen.ends()

    every = await asyncio.gather(
        lived("0", "109"),
        lived("0", "07"),
        lived("0", "20"),
        lived("0", "50"),
        lived("0", "30", "cancel"),
        lived("1", "07", "swap", "swap", "complete"),
        lived("1", "07", "cancel"),
        lived("1", "30", "cancel"),
        lived("1", "60", "wait", "wait"),
        lived("1", "07", "wait", agent="60", talk_seconds=0.8),
        lived("1", "10", "wait", "wait", "wait", agent="60", talk_seconds=0.8),
        lived("", "", "wait", "wait", agent="61"),
        lived("", "", "wait", "wait", agent="62"),
    )
    await asyncio.sleep(1)  # the recordings are complete
    yield Calls(*every)
    await api.http.close()


async def test_all_are_answered_as_asked_and_nothing_is_left(calls: Calls) -> None:
    for seen in calls.all():
        assert {status for status, _ in seen.replies} <= {200}, seen.replies
    assert await left_in_asterisk({seen.request_id for seen in calls.all()}) == []


async def test_each_talk_is_one_before_it_is_transferred(calls: Calls) -> None:
    for seen in (calls.blind, calls.busy, calls.attended):
        assert seen.heard(seen.customer, 0) == {AGENT}
        assert seen.heard(seen.agent, 0) == {CUSTOMER}


@pytest.mark.parametrize(("which", "tone"), [("blind", OF_109), ("blind_outside", THIRD)])
async def test_a_blind_transfer_leaves_the_customer_with_the_third_party(calls: Calls, which: str, tone: int) -> None:
    seen: Seen = getattr(calls, which)
    assert seen.heard(seen.customer, 1) == {tone}
    assert seen.heard(seen.third, 1) == {CUSTOMER}
    assert seen.left_at(seen.agent) == pytest.approx(seen.marks[1], abs=0.7)
    assert seen.shown[1] == {"b1", "c1"}


@pytest.mark.parametrize("which", ["busy", "unknown"])
async def test_a_third_party_that_is_not_reached_leads_back(calls: Calls, which: str) -> None:
    seen: Seen = getattr(calls, which)
    assert seen.heard(seen.customer, 1) == {AGENT}
    assert seen.heard(seen.agent, 1) == {CUSTOMER}
    (leg,) = (leg for leg in seen.cdr["legs"] if leg["side"] == "third")
    assert leg["dial_status"] == ("BUSY" if which == "busy" else "CHANUNAVAIL")


async def test_while_the_third_party_rings_both_hear_ringing_and_talk_again_when_it_is_cancelled(calls: Calls) -> None:
    seen = calls.silent
    assert seen.heard(seen.customer, 1) == {RING}
    assert seen.heard(seen.agent, 1) == {RING}
    assert seen.heard(seen.customer, 2) == {AGENT}
    assert seen.heard(seen.agent, 2) == {CUSTOMER}


async def test_an_attended_transfer_is_asked_swapped_and_completed(calls: Calls) -> None:
    seen = calls.attended
    consulted, swapped, again, completed = 1, 2, 3, 4
    for step in (consulted, again):
        assert seen.heard(seen.customer, step) == MUSIC
        assert seen.heard(seen.agent, step) == {THIRD}
        assert seen.heard(seen.third, step) == {AGENT}
    assert seen.heard(seen.customer, swapped) == {AGENT}
    assert seen.heard(seen.agent, swapped) == {CUSTOMER}
    assert seen.heard(seen.third, swapped) == MUSIC
    assert seen.heard(seen.customer, completed) == {THIRD}
    assert seen.heard(seen.third, completed) == {CUSTOMER}
    assert seen.left_at(seen.agent) == pytest.approx(seen.marks[completed], abs=0.7)


async def test_a_cancelled_one_leads_back(calls: Calls) -> None:
    seen = calls.cancelled
    assert seen.heard(seen.customer, 1) == MUSIC
    assert seen.heard(seen.customer, 2) == {AGENT}
    assert seen.heard(seen.agent, 2) == {CUSTOMER}
    assert seen.left_at(seen.third) == pytest.approx(seen.marks[2], abs=0.7)


async def test_cancelled_while_it_rings_it_leads_back(calls: Calls) -> None:
    seen = calls.cancelled_early
    assert (seen.heard(seen.customer, 1), seen.heard(seen.agent, 1)) == (MUSIC, {RING})
    assert (seen.heard(seen.customer, 2), seen.heard(seen.agent, 2)) == ({AGENT}, {CUSTOMER})


async def test_a_third_party_that_hangs_up_first_leads_back(calls: Calls) -> None:
    seen = calls.third_leaves  # after 3 s
    assert seen.heard(seen.customer, 1) == MUSIC
    assert seen.heard(seen.third, 1) == {AGENT}
    assert seen.heard(seen.customer, 3) == {AGENT}
    assert seen.heard(seen.agent, 3) == {CUSTOMER}


async def test_a_transferer_that_hangs_up_has_completed_it(calls: Calls) -> None:
    seen = calls.agent_leaves
    assert seen.left_at(seen.agent) - started_at(seen.recording(seen.agent)) == pytest.approx(SILENT, abs=0.3)
    assert seen.heard(seen.customer, 2) == {THIRD}
    assert seen.heard(seen.third, 2) == {CUSTOMER}


async def test_a_transferer_that_hangs_up_while_it_rings_has_transferred_blind(calls: Calls) -> None:
    seen = calls.agent_leaves_early
    assert seen.heard(seen.customer, 1) == MUSIC
    assert seen.heard(seen.customer, 2) == {RING}
    assert seen.heard(seen.customer, 4, LATE) == {LATE}
    assert seen.heard(seen.third, 4) == {CUSTOMER}


async def test_a_telephones_own_refer_is_the_same(calls: Calls) -> None:
    seen = calls.referred
    assert seen.heard(seen.customer, 0) == {REFERS}
    assert seen.heard(seen.customer, 2, OF_103) == {OF_103}
    assert seen.left_at(seen.agent) - started_at(seen.recording(seen.agent)) == pytest.approx(SILENT, abs=0.5)
    assert [(leg["leg"], leg["side"], leg["number"]) for leg in seen.cdr["legs"]][-1] == ("c1", "third", "103")


async def test_a_refer_to_somebody_busy_leads_back_and_the_telephone_is_told(calls: Calls) -> None:
    seen = calls.referred_in_vain
    assert seen.heard(seen.customer, 0) == {REFERS}
    assert seen.heard(seen.customer, 2) == {REFERRED_IN_VAIN}  # by which the carrier says that it was told


async def test_one_request_is_one_cdr_whoever_talked(calls: Calls) -> None:
    for seen in calls.all():
        assert seen.cdr["request_id"] == seen.request_id
        assert (seen.cdr["agent_number"], seen.cdr["customer_number"]) == (seen.agent, seen.customer)
        assert seen.cdr["caller_id"] == CALLER_ID
        assert seen.cdr["dial_status"] == "ANSWER"
        talked = seen.left_at(seen.customer) - started_at(seen.recording(seen.customer))
        assert seen.cdr["billsec"] == pytest.approx(talked, abs=0.3)
