"""A walk through an IVR as tables: given a step, these keys and these ends of what was said: what follows."""

from typing import Any

import orjson
import pytest

from engine.core import commands as c
from engine.core import events as e
from engine.core.call import Call
from engine.core.cdr import cdr
from engine.core.ivr import IVR_SECONDS, Choice, Ivr, Prompt, Step
from engine.core.rows import call_row, leg_rows, restore
from tests.core.conftest import call_of, campaign_of, party_of

KEPT = c.SaveIntent(legs=())
HANGUP = c.Hangup(leg="b1", cause=16)
FIRST = Prompt(media="sound:/m/first", seconds=3.0)
SECOND = Prompt(media="sound:/m/second", seconds=2.0)
NO_SUCH_KEY = Prompt(media="sound:/m/wrong", seconds=1.0)
NEXT = Choice(then="next", answer="yes")


def step(name: str, prompt: Prompt, keys: dict[str, Choice], **more: Any) -> Step:
    return Step(name=name, prompt=prompt, keys=keys, **more)


def survey(**more: Any) -> Ivr:
    """Two questions; `more` is of the first one."""
    keys = {
        "1": NEXT,
        "2": Choice(then="go_to", to="second"),
        "3": Choice(then="go_to", to="gone", answer="lost"),
        "7": Choice(then="hang_up", answer="no"),
        "8": Choice(then="repeat"),
        "9": Choice(then="transfer", to="agent:201", answer="agent"),
        "0": Choice(then="transfer", to="nobody"),
    }
    return Ivr(
        ivr_id="survey",
        steps=(
            step("first", FIRST, keys, **more),
            step("second", SECOND, {"1": Choice(then="next", answer="good"), "2": Choice(then="next", answer="bad")}),
        ),
    )


def asked(ivr: Ivr) -> Call:
    """A call whose customer answered at 110 and is asked the first question, until 113."""
    call = call_of(campaign_of(ivr=ivr, choices={"agent:201": party_of("919910000101")}))
    call.start(100.0)
    call.note(e.Created(leg="b1", at=101))
    assert call.note(e.Answered(leg="b1", at=110)) == [KEPT, play(FIRST, 1)]
    return call


def play(prompt: Prompt, number: int) -> c.Play:
    return c.Play(leg="b1", media=prompt.media, playback=number, times=1)


def stop(number: int) -> c.StopPlay:
    return c.StopPlay(leg="b1", playback=number)


def press(call: Call, digit: str, at: float = 111.0) -> list[c.Command]:
    return call.note(e.Pressed(leg="b1", at=at, digit=digit))


def heard(call: Call, playback: int, at: float) -> list[c.Command]:
    return call.note(e.Played(leg="b1", playback=playback, at=at))


def passed(call: Call, at: float) -> list[c.Command]:
    return [order for event in call.due(at) for order in call.note(event)]


@pytest.mark.parametrize(
    ("digit", "orders", "answers"),
    [
        ("1", [stop(1), KEPT, play(SECOND, 2)], {"first": "yes"}),
        ("2", [stop(1), KEPT, play(SECOND, 2)], {}),
        ("3", [stop(1), HANGUP], {"first": "lost"}),
        ("7", [stop(1), HANGUP], {"first": "no"}),
        ("8", [stop(1), KEPT, play(FIRST, 2)], {}),
        ("0", [stop(1), HANGUP], {}),
        ("5", [stop(1), KEPT, play(FIRST, 2)], {}),
    ],
)
def test_a_key_ends_what_is_said_at_once(digit: str, orders: list[c.Command], answers: dict[str, str]) -> None:
    call = asked(survey())
    assert press(call, digit) == orders
    assert call.visit is not None
    assert call.visit.answers == answers
    assert call.digits == digit


def test_who_has_heard_the_question_is_waited_for_and_there_is_nothing_to_stop() -> None:
    call = asked(survey(timeout_seconds=4))
    assert heard(call, 1, 113) == []
    assert passed(call, 116.9) == []
    assert press(call, "1", 116.9) == [KEPT, play(SECOND, 2)]
    assert heard(call, 2, 119) == []
    assert press(call, "2", 120) == [HANGUP]
    call.note(e.Ended(leg="b1", at=120.1, cause=16))
    record = cdr(call, node="n1")
    assert (record.answers, record.digits, record.disposition) == ({"first": "yes", "second": "bad"}, "12", "ANSWER")
    assert (record.ended_by, call.release_reason) == ("us", "finished")


def test_nothing_pressed_is_asked_again_and_then_it_is_otherwise() -> None:
    call = asked(survey(timeout_seconds=4, times=2, otherwise=Choice(then="go_to", to="second", answer="none")))
    heard(call, 1, 113)
    assert passed(call, 117) == [KEPT, play(FIRST, 2)]
    heard(call, 2, 120)
    assert passed(call, 124) == [KEPT, play(SECOND, 3)]
    assert call.visit is not None
    assert call.visit.answers == {"first": "none"}


def test_a_wrong_key_is_told_so_and_one_pressed_meanwhile_counts() -> None:
    call = asked(survey(wrong=NO_SUCH_KEY))
    assert press(call, "5") == [stop(1), KEPT, play(NO_SUCH_KEY, 2)]
    assert heard(call, 1, 111.1) == [], "that is the one we stopped"
    assert heard(call, 2, 112) == [KEPT, play(FIRST, 3)]
    assert press(call, "6", 113) == [stop(3), KEPT, play(NO_SUCH_KEY, 4)]
    assert press(call, "1", 113.5) == [stop(4), KEPT, play(SECOND, 5)]


@pytest.mark.parametrize("digit", ["5", "8"])
def test_wrong_keys_and_repeats_come_to_an_end(digit: str) -> None:
    call = asked(survey(times=2))
    assert press(call, digit) == [stop(1), KEPT, play(FIRST, 2)]
    assert press(call, digit, 112) == [stop(2), HANGUP]


def test_what_leads_in_circles_ends_with_the_longest_visit() -> None:
    call = asked(survey(times=1, otherwise=Choice(then="repeat")))
    now, number = 110.0, 1
    while not call.releasing and now < 2000:
        heard(call, number, now + 3)
        now += 8
        orders = passed(call, now)
        number = call.plays
    assert now == pytest.approx(110 + IVR_SECONDS, abs=10)
    assert (orders[-1], call.release_reason) == (HANGUP, "max_ivr")


def test_a_transfer_lets_the_customer_wait_and_rings_the_agent() -> None:
    call = asked(survey())
    orders = press(call, "9")
    kinds = [type(order).__name__ for order in orders]
    assert kinds == ["StopPlay", "StartRing", "SaveIntent", "OpenBridge", "CreateLeg"]
    assert (call.connecting, call.digits) == ("agent:201", "9")
    assert call.visit is not None
    assert call.visit.answers == {"first": "agent"}
    assert press(call, "1", 112) == [], "nobody asks any more"


def test_an_end_that_nobody_tells_is_waited_for_no_longer_than_five_seconds() -> None:
    call = asked(survey(timeout_seconds=4))
    assert passed(call, 117.9) == []
    assert passed(call, 118) == []
    assert passed(call, 122) == [KEPT, play(FIRST, 2)]


@pytest.mark.parametrize("said", [True, False])
def test_after_a_restart_it_is_asked_again_and_no_asking_is_lost(said: bool) -> None:
    before = asked(survey(times=2, timeout_seconds=4))
    if said:
        heard(before, 1, 113)
    row, legs = orjson.loads(orjson.dumps((call_row(before, node="n1"), leg_rows(before, node="n1"))))
    call = restore(row, legs, flow=before.flow, now=114.0)
    assert call.note(e.TakenBack(at=114)) == [stop(1), KEPT, play(FIRST, 2)]
    assert heard(call, 1, 114.1) == [], "that is the one we stopped"
    heard(call, 2, 117)
    assert passed(call, 121) == [KEPT, play(FIRST, 3)], "it was asked once before"


def test_a_question_that_asterisk_refuses_to_play_is_no_silence() -> None:
    call = asked(survey())
    assert call.note(e.Refused(command=play(FIRST, 1), status=500, at=110.1)) == [HANGUP]


def test_a_question_that_can_not_be_played_ends_the_call_and_is_not_waited_for_in_silence() -> None:
    call = asked(survey())
    assert heard(call, 1, at=110.1) == []
    assert call.note(e.DeadlinePassed(at=112.1, name="unheard")) == [HANGUP]
    call.note(e.Ended(leg="b1", at=112.2, cause=16))
    assert cdr(call, node="n1").reason == "answered; the announcement could not be played"


def test_a_leg_that_ends_cuts_its_question_short_and_that_is_all() -> None:
    call = asked(survey())
    assert heard(call, 1, at=111.0) == []
    call.note(e.Ended(leg="b1", at=111.1, cause=16))
    assert call.over
    assert cdr(call, node="n1").reason == "answered"
