"""An announcement: who answers hears the speech so many times, and what the CDR says of it."""

from dataclasses import replace

import orjson
import pytest

from engine.core import commands as c
from engine.core import events as e
from engine.core.call import Call
from engine.core.cdr import Cdr, cdr
from engine.core.rows import call_row, leg_rows, restore
from tests.core.conftest import CALLER_ID, call_of, otp_of, party_of

KEPT = c.SaveIntent(legs=())
HANGUP = c.Hangup(leg="b1", cause=16)


def play(number: int) -> c.Play:
    return c.Play(leg="b1", media="sound:/run/legwork/speech", playback=number, times=1)


def answered(*, seconds: float = 4.0, times: int = 1) -> Call:
    """A call that was answered at 110, and hears its speech."""
    call = call_of(otp_of(seconds=seconds, times=times))
    call.start(100.0)
    call.note(e.Created(leg="b1", at=101))
    assert call.note(e.Answered(leg="b1", at=110)) == [KEPT, play(1)]
    return call


def ended(call: Call, at: float, cause: int = 16) -> Cdr:
    call.note(e.Ended(leg="b1", at=at, cause=cause))
    assert call.over
    assert call.deadlines == {}
    return cdr(call, node="n1")


def test_one_party_is_rung_and_nobody_else() -> None:
    call = call_of(otp_of())
    orders = call.start(100.0)
    assert orders[0] == c.SaveIntent(legs=("b1",))
    assert isinstance(orders[1], c.CreateLeg)
    assert (orders[1].caller_id, orders[1].originator) == (CALLER_ID, None)
    assert call.note(e.Created(leg="b1", at=101)) == [c.Dial(leg="b1", ring_seconds=90)]
    assert not call.connected
    call.note(e.Answered(leg="b1", at=110))
    assert call.connected


def test_it_is_played_to_its_end_so_many_times_and_then_the_call_ends() -> None:
    call = answered(times=3)
    assert call.note(e.Played(leg="b1", playback=1, at=114)) == [KEPT, play(2)]
    assert call.note(e.Played(leg="b1", playback=1, at=114.1)) == []
    assert call.note(e.Played(leg="b1", playback=2, at=118.1)) == [KEPT, play(3)]
    assert call.note(e.Played(leg="b1", playback=3, at=122.2)) == [HANGUP]
    record = ended(call, 122.3)
    assert (record.disposition, record.ended_by, record.agent_number) == ("ANSWER", "us", "")
    assert (record.heard_seconds, record.announcement_seconds, record.billsec) == (12.0, 12.0, 12.3)
    assert (record.customer_number, record.dialed_number) == ("919910000202", "919910000202")


@pytest.mark.parametrize("told_first", [True, False])
def test_who_hangs_up_early_is_a_normal_end_and_heard_as_much(told_first: bool) -> None:
    """Asterisk tells of the end of what it plays before that of the leg, or not at all."""
    call = answered(times=2)
    call.note(e.Played(leg="b1", playback=1, at=114))
    if told_first:
        assert call.note(e.Played(leg="b1", playback=2, at=115.5)) == []
    record = ended(call, 115.5)
    assert (record.disposition, record.reason, record.ended_by) == ("ANSWER", "answered", "customer")
    assert (record.heard_seconds, record.announcement_seconds) == (5.5, 8.0)


def test_a_commit_that_takes_its_two_seconds_costs_no_repeat() -> None:
    call = answered(times=2)
    assert call.due(116.3) == []
    assert call.note(e.Played(leg="b1", playback=1, at=116.3)) == [KEPT, play(2)]


def test_what_can_not_be_played_does_not_leave_anybody_in_silence() -> None:
    call = answered()
    assert call.note(e.Played(leg="b1", playback=1, at=110.01)) == []
    assert [call.note(event) for event in call.due(112.1)] == [[HANGUP]]
    record = ended(call, 112.2)
    assert (record.reason, record.heard_seconds) == ("answered; the announcement could not be played", 0.01)


def test_neither_does_an_end_that_nobody_tells() -> None:
    call = answered()
    assert call.due(118.9) == []
    assert [call.note(event) for event in call.due(119.0)] == [[HANGUP]]
    assert ended(call, 119.1).heard_seconds == 4.0


@pytest.mark.parametrize(("status", "ends"), [(500, True), (409, True), (404, False), (0, False)])
def test_what_asterisk_refuses_to_play_ends_the_call_unless_the_leg_is_gone(status: int, ends: bool) -> None:
    """No answer is none: it may have been heard, and is waited for."""
    call = answered()
    assert (call.note(e.Refused(command=play(1), status=status, at=110.1)) == [HANGUP]) == ends


def test_after_a_restart_it_is_played_from_its_beginning() -> None:
    before = answered(times=2)
    before.note(e.Played(leg="b1", playback=1, at=114))
    row, legs = orjson.loads(orjson.dumps((call_row(before, node="n1"), leg_rows(before, node="n1"))))
    call = restore(row, legs, flow=before.flow, now=116.0)
    orders = call.note(e.TakenBack(at=116))
    assert orders == [c.StopPlay(leg="b1", playback=2), KEPT, play(3)]
    assert call.note(e.Played(leg="b1", playback=2, at=116.1)) == [], "that is the one we stopped"
    assert call.note(e.Played(leg="b1", playback=3, at=120)) == [HANGUP]
    assert ended(call, 120.1).heard_seconds == 8.0


def test_what_was_cut_short_before_a_restart_is_said_again_and_heard_once() -> None:
    call = answered(times=2)
    call.note(e.Played(leg="b1", playback=1, at=114))
    call.note(e.Played(leg="b1", playback=2, at=116))
    assert call.note(e.TakenBack(at=117)) == [c.StopPlay(leg="b1", playback=2), KEPT, play(3)]
    assert call.due(120) == [], "nobody is cut off for the silence before"
    assert call.note(e.Played(leg="b1", playback=3, at=121)) == [HANGUP]
    assert ended(call, 121.1).heard_seconds == 8.0


def test_one_that_rings_at_a_restart_hears_it_when_it_answers() -> None:
    call = call_of(otp_of())
    call.start(100.0)
    call.note(e.Created(leg="b1", at=101))
    assert call.note(e.TakenBack(at=105)) == []
    assert call.note(e.Answered(leg="b1", at=110)) == [KEPT, play(1)]


@pytest.mark.parametrize(("cause", "sip_code", "disposition"), [(17, 486, "BUSY"), (1, 404, "CHANUNAVAIL")])
def test_who_is_not_reached_has_heard_nothing(cause: int, sip_code: int, disposition: str) -> None:
    call = call_of(otp_of())
    call.start(100.0)
    call.note(e.Created(leg="b1", at=101))
    call.note(e.Ended(leg="b1", at=103, cause=cause, sip_code=sip_code))
    assert call.over
    record = cdr(call, node="n1")
    assert (record.disposition, record.heard_seconds, record.billsec) == (disposition, 0.0, 0.0)


def test_ring_time_and_retries_are_those_of_any_party() -> None:
    call = call_of(otp_of(party_of("919910000202", ring_seconds=5, retries=1)))
    call.start(100.0)
    call.note(e.Created(leg="b1", at=101))
    assert [call.note(event) for event in call.due(106.0)] == [[c.Hangup(leg="b1", cause=19)]]
    call.note(e.Ended(leg="b1", at=106.1, cause=19))
    orders = [order for event in call.due(108.2) for order in call.note(event)]
    assert [type(order).__name__ for order in orders] == ["SaveIntent", "CreateLeg"]
    call.note(e.Created(leg="b2", at=109))
    call.note(e.Ended(leg="b2", at=110, cause=17, sip_code=486))
    assert call.over
    assert cdr(call, node="n1").disposition == "BUSY"


def test_a_call_that_is_ended_by_order_was_heard_until_then() -> None:
    call = answered()
    assert call.note(e.Cancelled(at=112)) == [HANGUP]
    assert ended(call, 112.1).heard_seconds == 2.1


def test_a_click_to_call_has_heard_nothing_of_the_kind() -> None:
    call = call_of(replace(otp_of(), kind="click2call", speech=None, agent=party_of("919910000101")))
    call.start(100.0)
    call.note(e.Created(leg="a1", at=101))
    call.note(e.Ended(leg="a1", at=102, cause=17))
    record = cdr(call, node="n1")
    assert (record.heard_seconds, record.announcement_seconds) == (None, None)
