"""Logging in by telephone, as a table of keys and commands."""

from engine.core import commands as c
from engine.core import events as e
from engine.core.ivr import Prompt
from engine.core.login import TEXTS, LoggedIn, LogIn, Login, Said


def login(*, to: bool = True, own: str = "") -> Login:
    prompts: dict[Said, Prompt] = {said: Prompt(media=f"sound:/{said}", seconds=2.0) for said in TEXTS}
    begun = Login(to=to, own=own, prompts=prompts)
    assert begun.start(100.0) == [c.Answer(leg="b1")]
    return begun


def said(commands: list[c.Command]) -> list[str]:
    return [order.media.removeprefix("sound:/") for order in commands if isinstance(order, c.Play)]


def press(asked: Login, keys: str, at: float = 110.0) -> list[c.Command]:
    return [order for key in keys for order in asked.note(e.Pressed(leg="b1", at=at, digit=key))]


def test_the_agent_and_the_pin_are_asked_for_and_it_is_said_how_it_came_out() -> None:
    asked = login()
    assert said(asked.note(e.Answered(leg="b1", at=101))) == ["agent"]
    assert said(press(asked, "201#")) == ["pin"]
    assert press(asked, "2010#")[-1] == LogIn(agent_id="201", pin="2010", to=True)
    assert asked.entered == ""
    assert said(asked.note(LoggedIn(at=112, how="done"))) == ["in"]
    assert asked.note(e.Played(leg="b1", at=114, playback=asked.plays)) == [c.Hangup(leg="b1", cause=16)]
    asked.note(e.Ended(leg="b1", at=114.1))
    assert (asked.over, asked.deadline) == (True, None)


def test_whose_extension_calls_is_asked_for_the_pin_only() -> None:
    asked = login(to=False, own="201")
    assert said(asked.note(e.Answered(leg="b1", at=101))) == ["pin"]
    press(asked, "20*2010#")
    assert said(asked.note(LoggedIn(at=112, how="done"))) == ["out"]


def test_three_wrong_pins_are_all() -> None:
    asked = login(own="201")
    asked.note(e.Answered(leg="b1", at=101))
    heard = []
    for _ in range(3):
        assert isinstance(press(asked, "1111#")[-1], LogIn)
        heard += said(asked.note(LoggedIn(at=112, how="wrong")))
    assert heard == ["again", "again", "refused"]
    assert press(asked, "2010#") == []
    assert asked.note(e.Played(leg="b1", at=120, playback=asked.plays)) == [c.Hangup(leg="b1", cause=16)]


def test_a_number_that_was_keyed_may_have_been_the_mistake() -> None:
    asked = login()
    asked.note(e.Answered(leg="b1", at=101))
    press(asked, "210#2010#")
    assert said(asked.note(LoggedIn(at=112, how="wrong"))) == ["anew"]
    assert said(press(asked, "201#")) == ["pin"]
    assert press(asked, "2010#")[-1] == LogIn(agent_id="201", pin="2010", to=True)


def test_keys_pressed_while_the_pin_is_proven_answer_what_is_asked_next() -> None:
    asked = login()
    asked.note(e.Answered(leg="b1", at=101))
    press(asked, "210#2010#")
    assert press(asked, "#201#20") == []
    told = asked.note(LoggedIn(at=112, how="wrong"))
    assert said(told) == ["anew", "pin"]
    assert press(asked, "10#")[-1] == LogIn(agent_id="201", pin="2010", to=True)
    press(asked, "#")
    assert said(asked.note(LoggedIn(at=113, how="wrong"))) == ["anew"]  # a second # is no answer
    assert asked.tries == 2


def test_keys_pressed_ahead_of_the_last_word_are_for_nobody() -> None:
    asked = login(own="201")
    asked.note(e.Answered(leg="b1", at=101))
    press(asked, "1111#1111#1111#")
    for at in (112, 113):
        asked.note(LoggedIn(at=at, how="wrong"))
    press(asked, "2010#")
    assert said(asked.note(LoggedIn(at=114, how="wrong"))) == ["refused"]
    assert asked.note(e.Played(leg="b1", at=120, playback=asked.plays)) == [c.Hangup(leg="b1", cause=16)]


def test_silence_is_a_wrong_answer_and_nobody_stays_for_ever() -> None:
    asked = login(own="201")
    asked.note(e.Answered(leg="b1", at=101))
    asked.note(e.Played(leg="b1", at=103, playback=1))
    (passed,) = asked.due(109.5)
    assert said(asked.note(passed)) == ["again"]
    assert asked.note(e.DeadlinePassed(at=220, name="visit")) == [c.Hangup(leg="b1", cause=16)]
    assert asked.note(LoggedIn(at=221, how="done")) == []  # too late


def test_one_whose_end_is_not_heard_is_over_some_time_after_it_was_hung_up_on() -> None:
    asked = login(own="201")
    asked.note(e.DeadlinePassed(at=220, name="visit"))
    assert not asked.over
    (passed,) = asked.due(231.0)
    assert asked.note(passed) == []
    assert (asked.over, asked.deadline) == (True, None)


def test_a_pin_is_in_no_text_of_what_is_logged() -> None:
    asked = login(own="201")
    asked.note(e.Answered(leg="b1", at=101))
    press(asked, "2010")
    assert "2010" not in repr(asked)
    press(asked, "#2010")
    assert "2010" not in repr(asked)
    assert "2010" not in repr(LogIn(agent_id="201", pin="2010", to=True))
