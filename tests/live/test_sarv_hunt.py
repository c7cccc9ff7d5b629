"""Sarv: who is rung, in which order, how often, and with which number shown; seen on the wire."""

import asyncio
import itertools
import re

import pytest

from tests.live.engine import left_in_asterisk
from tests.live.lab import heard
from tests.live.sarv import Customer, Seen, number
from tests.live.wire import answer, first

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(180)]

PAUSE_SECONDS = 2.0
FORKS = 200
AT_ONCE = 8


def shown(seen: Seen, rung: str) -> str:
    """The caller id in the INVITE to that number."""
    found = re.search(r"<sip:([^@>]+)@", first(seen.dialogs(rung)[0], "INVITE").headers["from"])
    assert found is not None
    return found[1]


async def test_the_to_number_is_called_once_the_from_number_has_answered() -> None:
    """`from`: "Number mentioned in from will be called first. Once it will answer, system will call … to" (F1)."""
    came, went = number("10"), number("00")
    async with Customer.open() as customer:
        seen = await customer.call(came, went)
    assert seen.invited_at(went) > answer(seen.dialogs(came)[0]).at
    assert seen.cdr["dial_status"] == "ANSWER"


async def test_one_by_one_goes_on_after_ring_time_and_busy() -> None:
    """F2."""
    came, silent, busy, there = number("01"), number("30"), number("20"), number("02")
    async with Customer.open() as customer:
        seen = await customer.call(came, f"{silent},{busy},{there}", toRingTime=3)
    rung = first(seen.dialogs(silent)[0], "CANCEL").at - seen.invited_at(silent)
    assert rung == pytest.approx(3, abs=0.3)
    assert first(seen.dialogs(silent)[0], "CANCEL").at < seen.invited_at(busy) < seen.invited_at(there)
    assert [leg["dial_status"] for leg in seen.legs("customer")] == ["NOANSWER", "BUSY", "ANSWER"]
    assert (seen.cdr["dialed_number"], seen.cdr["customer_number"]) == (there, there)
    assert heard(seen.heard_by(came), 500) > 0.5


async def test_to_all_rings_everybody_and_cancels_whoever_is_slower() -> None:
    """F3."""
    came, slow, quick, silent = number("01"), number("12"), number("10"), number("30")
    async with Customer.open() as customer:
        seen = await customer.call(came, f"{slow},{quick},{silent}", toStrategy="TO_ALL")
    times = [seen.invited_at(each) for each in (slow, quick, silent)]
    assert max(times) - min(times) < 0.05
    for loser in (slow, silent):
        cancel = first(seen.dialogs(loser)[0], "CANCEL")
        assert 0 <= cancel.at - answer(seen.dialogs(quick)[0]).at < 0.2
        assert "cause=200" in cancel.headers.get("reason", ""), "completed elsewhere: no missed call on the phone"
    assert seen.cdr["dialed_number"] == quick


async def test_retries_are_counted_and_paused_and_end() -> None:
    """`toRetryCount`: "Number of retries on to number … Maximum allowed value : 3" (F4)."""
    came, busy = number("01"), number("20")
    async with Customer.open() as customer:
        seen = await customer.call(came, busy, toRetryCount=3)
    dialogs = seen.dialogs(busy)
    assert len(dialogs) == 4
    for earlier, later in itertools.pairwise(dialogs):
        pause = first(later, "INVITE").at - first(earlier, "SIP/2.0 486").at
        assert pause == pytest.approx(PAUSE_SECONDS, abs=0.3)
    assert [leg["dial_status"] for leg in seen.legs("customer")] == ["BUSY"] * 4
    assert seen.cdr["dial_status"] == "BUSY"


@pytest.mark.parametrize("row", ["50", "55"])
async def test_no_such_number_and_declined_are_not_retried(row: str) -> None:
    came, refusing = number("01"), number(row)
    async with Customer.open() as customer:
        seen = await customer.call(came, refusing, toRetryCount=2)
    assert len(seen.dialogs(refusing)) == 1


async def test_the_from_number_is_retried_too() -> None:
    silent, there = number("30"), number("00")
    async with Customer.open() as customer:
        seen = await customer.call(silent, there, fromRetryCount=1, fromRingTime=2)
    assert [leg["dial_status"] for leg in seen.legs("agent")] == ["NOANSWER", "NOANSWER"]
    assert seen.dialogs(there) == []
    assert (seen.cdr["dialed_number"], seen.cdr["dial_status"]) == (silent, "NOANSWER")


async def test_the_from_party_hanging_up_ends_the_ringing() -> None:
    """F5."""
    came, silent, other = number("60"), number("30"), number("30")
    async with Customer.open() as customer:
        seen = await customer.call(came, f"{silent},{other}", toStrategy="TO_ALL", toRetryCount=2)
    left = first(seen.dialogs(came)[0], "BYE").at
    for each in (silent, other):
        assert 0 <= first(seen.dialogs(each)[0], "CANCEL").at - left < 0.2
        assert len(seen.dialogs(each)) == 1
    assert seen.cdr["dial_status"] == "CANCEL"
    assert await left_in_asterisk({seen.call_id}) == []


async def test_each_party_is_shown_its_own_number() -> None:
    """`fromCLI`: "Can use Valid CLI of user." (F14)"""
    async with Customer.open() as customer:
        for clis, expected in (
            ({"fromCLI": "919910099999", "toCLI": "15168148111"}, ("919910099999", "15168148111")),
            ({"fromCLI": "919910099999"}, ("919910099999", "919910099999")),
            ({}, ("15168148111", "15168148111")),
        ):
            came, went = number("01"), number("00")
            seen = await customer.call(came, went, talk_seconds=0.2, seconds=30, **dict(clis))
            assert (shown(seen, came), shown(seen, went)) == expected


@pytest.mark.parametrize(
    ("params", "code"),
    [({"mode": "developer"}, "200"), ({"dndFilter": "to"}, "1574"), ({"dndFilter": "both"}, "1574")],
)
async def test_nobody_is_rung_in_developer_mode_nor_when_on_the_dnd_list(params: dict[str, str], code: str) -> None:
    """F15, F16."""
    came, blocked = number("01"), "919910099900"
    async with Customer.open() as customer:
        assert (await customer.ask(came, blocked, **params))["code"] == code
        await asyncio.sleep(1)
        assert customer.wire.dialled(came) == 0


async def test_the_dnd_list_is_asked_for_the_side_that_is_named_only() -> None:
    async with Customer.open() as customer:
        seen = await customer.call(number("01"), "919910099900", dndFilter="from")
    assert seen.cdr["dial_status"] == "ANSWER"


async def test_of_five_that_answer_at_once_one_is_bridged_two_hundred_times() -> None:
    """Nobody is bridged twice, nobody is left, no CDR is missing."""
    async with Customer.open() as customer:
        slots = asyncio.Semaphore(AT_ONCE)

        async def fork() -> Seen:
            came, five = number("01"), [number(f"0{row}") for row in range(2, 7)]
            async with slots:
                return await customer.call(came, ",".join(five), toStrategy="TO_ALL", talk_seconds=0.5)

        every = await asyncio.gather(*(fork() for _ in range(FORKS)))
        assert await left_in_asterisk({seen.call_id for seen in every}) == []
    answered_together = 0
    for seen in every:
        legs = seen.legs("customer")
        assert len(legs) == 5
        assert [leg["dial_status"] for leg in legs].count("ANSWER") == 1, seen.call_id
        assert sum(leg["bridged_at"] is not None for leg in legs) == 1, seen.call_id
        (winner,) = (leg["number"] for leg in legs if leg["dial_status"] == "ANSWER")
        assert (seen.cdr["dialed_number"], seen.cdr["dial_status"]) == (winner, "ANSWER")
        answers = sorted(
            message.at
            for leg in legs
            for dialog in seen.dialogs(leg["number"])[-1:]
            for message in dialog
            if message.status == 200 and message.method == "INVITE"
        )
        answered_together += len(answers) > 1 and answers[1] - answers[0] < 0.02
    assert answered_together > FORKS / 4, "it was a race"
