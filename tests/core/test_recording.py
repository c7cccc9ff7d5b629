"""Recording as a table: who is recorded, from when to when, whatever is lost, refused or asked for meanwhile."""

from dataclasses import replace
from typing import Any, Literal

import orjson
import pytest

from engine.core import commands as c
from engine.core import events as e
from engine.core.call import Call
from engine.core.reconcile import reconcile
from engine.core.request import RecordingOption
from engine.core.rows import call_row, leg_rows, restore
from tests.core.conftest import call_of, party_of, request_of
from tests.core.test_click2call import A_ANSWERS, B_ANSWERS, after

SAVE = c.SaveIntent(legs=())
ACCOUNT: dict[str, Any] = {"account_id": "account_1"}


def recorded(option: RecordingOption, *events: e.Event) -> Call:
    """A call that is to be recorded so, after these events."""
    call = call_of(replace(request_of(), recording=option))
    after(call, *events)
    return call


def told(kind: type[e.RecorderEvent], at: float, *, leg: str = "b1", number: int = 1, **more: Any) -> e.RecorderEvent:
    """What Asterisk tells of a recording."""
    return kind(leg=leg, recording=number, at=at, **more)


def begun(option: RecordingOption = "both", leg: str = "b1") -> Call:
    """A call that is being recorded since 110.02."""
    call = recorded(option, *B_ANSWERS)
    call.note(told(e.Tapped, 110.01, leg=leg))
    call.note(told(e.RecordingBegan, 110.02, leg=leg))
    return call


# "How you want to record calls, agent side only, customer side only or both sides."
@pytest.mark.parametrize(
    ("option", "leg", "both"), [("both", "b1", True), ("customer", "b1", False), ("agent", "a1", False)]
)
def test_from_the_bridging_on_the_leg_is_listened_to_that_holds_who_is_asked_for(
    option: RecordingOption, leg: str, both: bool
) -> None:
    call = call_of(replace(request_of(), recording=option))
    tap = c.Tap(leg=leg, recording=1, both=both)
    assert after(call, *B_ANSWERS) == [c.Unmute(leg="a1"), SAVE, tap]
    record = c.Record(leg=leg, recording=1, **ACCOUNT)
    assert call.note(told(e.Tapped, 110.01, leg=leg)) == [record]
    assert call.note(told(e.RecordingBegan, 110.02, leg=leg)) == []
    assert [(each.name, each.started_at, each.on) for each in call.recordings] == [(f"{leg}.r1", 110.02, True)]


def test_nothing_is_recorded_before_both_talk_or_where_nobody_asked() -> None:
    assert recorded("both", *A_ANSWERS).recordings == []
    assert recorded("", *B_ANSWERS).recordings == []


def test_a_recording_ends_with_its_leg_and_with_the_call() -> None:
    call = begun()
    call.note(e.Ended(leg="b1", at=120.0, cause=16))
    assert call.recordings[0].ended_at == 120.0
    assert call.recordings[0].failed == ""
    call.note(e.Ended(leg="a1", at=120.1, cause=16))
    assert call.over
    assert len(call.recordings) == 1


def test_what_is_told_of_it_when_it_has_ended_changes_nothing() -> None:
    call = begun()
    call.note(told(e.RecordingEnded, 120.0))
    before = replace(call.recordings[0])
    for late in (e.RecordingEnded, e.TapEnded, e.RecordingBegan):
        assert call.note(told(late, 121.0)) == []
    assert call.recordings == [before]


def test_it_is_stopped_and_begun_again_under_the_next_name() -> None:
    call = begun()
    assert call.note(e.RecordingAsked(at=112.0, what="stop")) == [c.StopTap(leg="b1", recording=1)]
    assert (call.recordings[0].ended_at, call.can_record("stop")) == (112.0, "this call is not recorded")
    assert call.note(told(e.TapEnded, 112.1)) == []
    assert call.note(e.RecordingAsked(at=115.0, what="start")) == [SAVE, c.Tap(leg="b1", recording=2, both=True)]


def test_a_call_that_was_not_to_be_recorded_is_when_somebody_asks() -> None:
    call = recorded("", *B_ANSWERS)
    assert call.can_record("start") == ""
    assert call.note(e.RecordingAsked(at=115.0, what="start")) == [SAVE, c.Tap(leg="b1", recording=1, both=True)]


def test_started_again_it_holds_whom_the_request_says() -> None:
    call = begun("agent", "a1")
    call.note(e.RecordingAsked(at=112.0, what="stop"))
    assert call.note(e.RecordingAsked(at=115.0, what="start")) == [SAVE, c.Tap(leg="a1", recording=2, both=False)]


def test_paused_and_resumed() -> None:
    call = begun()
    assert call.note(e.RecordingAsked(at=112.0, what="pause")) == [c.PauseRecording(leg="b1", recording=1, **ACCOUNT)]
    assert call.can_record("pause") == "the recording is paused already"
    assert call.note(e.RecordingAsked(at=113.0, what="pause")) == []
    assert call.note(e.RecordingAsked(at=114.0, what="resume")) == [c.ResumeRecording(leg="b1", recording=1, **ACCOUNT)]
    assert call.can_record("resume") == "the recording is not paused"


def test_paused_before_it_has_begun_it_is_paused_as_it_begins() -> None:
    call = recorded("both", *B_ANSWERS)
    pause = c.PauseRecording(leg="b1", recording=1, **ACCOUNT)
    assert call.note(e.RecordingAsked(at=110.005, what="pause")) == [pause]  # which may come too early
    call.note(told(e.Tapped, 110.01))
    assert call.note(told(e.RecordingBegan, 110.02)) == [c.PauseRecording(leg="b1", recording=1, **ACCOUNT)]


def test_stopped_before_it_has_begun_nothing_is_left_of_it() -> None:
    call = recorded("both", *B_ANSWERS)
    assert call.note(e.RecordingAsked(at=110.005, what="stop")) == [c.StopTap(leg="b1", recording=1)]
    assert call.note(told(e.Tapped, 110.01)) == [c.StopTap(leg="b1", recording=1)]


@pytest.mark.parametrize("what", ["start", "stop", "pause", "resume"])
def test_what_can_not_be_done_is_said_and_not_done(what: Literal["start", "stop", "pause", "resume"]) -> None:
    for call in (recorded("both", *A_ANSWERS), recorded("both", *B_ANSWERS, e.Cancelled(at=111.0))):
        assert call.can_record(what) == "there is nothing to be recorded: the parties do not talk"
        assert call.note(e.RecordingAsked(at=112.0, what=what)) == []
    assert begun().can_record("start") == "this call is recorded already"
    for asked in ("stop", "pause", "resume"):
        assert recorded("", *B_ANSWERS).can_record(asked) == "this call is not recorded"


@pytest.mark.parametrize("status", [500, 404, 400, 507])
@pytest.mark.parametrize("which", [c.Tap, c.Record])
def test_refused_it_has_failed_and_is_not_tried_for_ever(which: type[c.RecorderCommand], status: int) -> None:
    call = recorded("both", *B_ANSWERS)
    more: dict[str, Any] = {"both": True} if which is c.Tap else ACCOUNT
    command = which(leg="b1", recording=1, **more)
    assert call.note(e.Refused(at=110.01, command=command, status=status)) == [c.StopTap(leg="b1", recording=1)]
    assert (call.recordings[0].failed, call.recordings[0].on) == ("disk_full" if status == 507 else "refused", False)
    assert call.note(e.Pressed(leg="b1", at=111.0, digit="5")) == []
    assert not call.releasing, "the talk goes on"


def test_what_asterisk_could_not_write_has_failed_with_its_reason() -> None:
    call = begun()
    assert call.note(told(e.RecordingFailed, 112.0, cause="disk full")) == [c.StopTap(leg="b1", recording=1)]
    assert (call.recordings[0].failed, call.recordings[0].ended_at) == ("disk full", 112.0)
    assert len(call.recordings) == 1


@pytest.mark.parametrize("before", [(), (e.RecordingEnded,), (e.TapEnded,), (e.RecordingEnded, e.TapEnded)])
def test_a_customer_that_goes_on_talking_on_another_leg_is_recorded_on(before: tuple[Any, ...]) -> None:
    """As a transfer leaves it: the recorded leg is gone, another of that side talks.

    Asterisk may tell of the recording's end, of the copy's, of the leg's in any order.
    """
    call = moved()
    for kind in before:
        assert call.note(told(kind, 119.9)) == []
    assert call.note(e.Ended(leg="b1", at=120.0, cause=16)) == [SAVE, c.Tap(leg="b2", recording=2, both=True)]
    assert [(each.name, each.asked_at) for each in call.recordings] == [("b1.r1", 110), ("b2.r2", 120.0)]
    first = call.recordings[0]
    assert (first.ended_at, first.failed) == (119.9 if before else 120.0, "")
    assert not [name for name in call.deadlines if name.startswith("recording")]


def moved() -> Call:
    """A call that is recorded, whose customer has another leg, too."""
    call = begun()
    call.legs["b2"] = replace(call.legs["b1"], name="b2")
    call.flow = Silent()
    return call


def test_what_is_paused_stays_so_on_the_next_leg_until_it_is_resumed() -> None:
    call = moved()
    call.note(e.RecordingAsked(at=112.0, what="pause"))
    call.note(e.Ended(leg="b1", at=120.0, cause=16))
    pause = c.PauseRecording(leg="b2", recording=2, **ACCOUNT)
    assert call.note(told(e.RecordingBegan, 120.1, leg="b2", number=2)) == [pause]
    call.note(e.RecordingAsked(at=121.0, what="stop"))
    call.note(e.RecordingAsked(at=122.0, what="start"))
    assert [each.paused for each in call.recordings] == [True, False, False]


# -- Asterisk goes its own way -------------------------------------------------------------------


def wait(call: Call, name: str, at: float) -> list[c.Command]:
    """What follows when that deadline has come."""
    assert call.deadlines[name] == pytest.approx(at)
    return call.note(e.DeadlinePassed(at=at, name=name))


def test_one_that_broke_off_by_itself_has_failed_and_is_begun_again_a_few_times() -> None:
    """Asterisk says `RecordingFinished` even where its disk is full."""
    call = begun()
    for number, at in ((1, 112.0), (2, 122.0), (3, 132.0)):
        call.note(told(e.RecordingBegan, at - 1, number=number))
        assert call.note(told(e.RecordingEnded, at, number=number)) == []
        call.note(told(e.TapEnded, at + 0.01, number=number))
        orders = wait(call, f"recording_broke:{number}", at + 1)
        broken = call.recordings[number - 1]
        assert (broken.failed, broken.ended_at) == ("broke_off", at)
        stop = c.StopTap(leg="b1", recording=number)
        next_one = [SAVE, c.Tap(leg="b1", recording=number + 1, both=True)]
        assert orders == [stop, *(next_one if number < 3 else [])]
    assert len(call.recordings) == 3
    assert not call.releasing, "the talk goes on"


def test_one_that_was_paused_and_broke_off_begins_again_paused() -> None:
    call = begun()
    call.note(e.RecordingAsked(at=112.0, what="pause"))
    call.note(told(e.RecordingEnded, 113.0))
    wait(call, "recording_broke:1", 114.0)
    pause = c.PauseRecording(leg="b1", recording=2, **ACCOUNT)
    assert call.note(told(e.RecordingBegan, 114.1, number=2)) == [pause]


@pytest.mark.parametrize(("what", "why"), [("pause", "not_paused"), ("resume", "not_resumed")])
@pytest.mark.parametrize("status", [500, 0, 409])
def test_what_asterisk_does_not_pause_is_told_again_and_then_ends(
    what: Literal["pause", "resume"], why: str, status: int
) -> None:
    call = begun()
    if what == "resume":
        call.note(e.RecordingAsked(at=111.0, what="pause"))
    (order,) = call.note(e.RecordingAsked(at=112.0, what=what))
    at = 112.0
    for _ in range(3):
        assert call.note(e.Refused(at=at, command=order, status=status)) == []
        at += 0.25
        assert wait(call, "recording_pause:1", at) == [order]
    call.note(e.Refused(at=at, command=order, status=status))
    orders = wait(call, "recording_pause:1", at + 0.25)
    assert orders[0] == c.StopTap(leg="b1", recording=1)
    assert (call.recordings[0].failed, call.recordings[0].on) == (why, False)
    # Who wanted to be heard again is, in the next one; who did not want to be is not.
    assert orders[1:] == ([SAVE, c.Tap(leg="b1", recording=2, both=True)] if what == "resume" else [])


def test_a_refusal_of_what_is_not_asked_for_any_more_is_nothing() -> None:
    call = begun()
    (pause,) = call.note(e.RecordingAsked(at=112.0, what="pause"))
    call.note(e.RecordingAsked(at=112.1, what="resume"))
    assert call.note(e.Refused(at=112.2, command=pause, status=500)) == []
    assert not [name for name in call.deadlines if name.startswith("recording")]


def test_where_there_is_nothing_to_pause_it_broke_off() -> None:
    call = begun()
    (pause,) = call.note(e.RecordingAsked(at=112.0, what="pause"))
    call.note(e.Refused(at=112.1, command=pause, status=404))
    assert wait(call, "recording_broke:1", 113.1)[0] == c.StopTap(leg="b1", recording=1)


def test_paused_while_an_engine_died_it_is_paused_though_its_beginning_was_never_told() -> None:
    """Asterisk records, the engine has heard neither of the copy nor of the recording, and is asked to pause."""
    call = recorded("both", *B_ANSWERS)
    (pause,) = call.note(e.RecordingAsked(at=110.5, what="pause"))
    assert call.note(e.Refused(at=110.6, command=pause, status=404)) == []
    call, orders = again(call, "b1.r1")
    assert orders == [c.Record(leg="b1", recording=1, **ACCOUNT)]
    assert call.note(e.Refused(at=130.1, command=orders[0], status=409)) == [pause]


class Silent:
    """A flow that lets everything be."""

    def start(self, call: Call) -> list[c.Command]:
        return []

    def decide(self, call: Call, event: e.Event) -> list[c.Command]:
        return []


# -- an engine that dies -----------------------------------------------------------------------


def again(call: Call, *copies: str) -> tuple[Call, list[c.Command]]:
    """The call as the next engine takes it back where Asterisk has both legs and these copies, and what it orders."""
    rows = orjson.loads(orjson.dumps((call_row(call, node="n1"), leg_rows(call, node="n1"))))
    restored = restore(*rows, flow=call.flow, now=130.0)
    assert restored.recordings == call.recordings
    there = {"a1": "Up", "b1": "Up"} | dict.fromkeys(copies, "Up")
    return restored, [
        order
        for event in reconcile(restored, there, at=130.0, seen_at=129.0)
        for order in restored.note(event)
        if isinstance(order, c.RecorderCommand)
    ]


def test_a_recording_that_went_on_is_the_same_recording() -> None:
    call, orders = again(begun(), "b1.r1")
    assert orders == [c.ResumeRecording(leg="b1", recording=1, **ACCOUNT)]
    assert [(each.name, each.on, each.started_at) for each in call.recordings] == [("b1.r1", True, 110.02)]


def test_one_that_was_paused_stays_so() -> None:
    call = begun()
    call.note(e.RecordingAsked(at=112.0, what="pause"))
    assert again(call, "b1.r1")[1] == [c.PauseRecording(leg="b1", recording=1, **ACCOUNT)]


def test_a_copy_that_nobody_had_recorded_yet_is_recorded_now_and_not_twice() -> None:
    call, orders = again(recorded("both", *B_ANSWERS), "b1.r1")
    assert orders == [c.Record(leg="b1", recording=1, **ACCOUNT)]
    # Asterisk: "409: A recording with the same name is currently in progress", "422: … already exists on the system"
    for status in (409, 422):
        # It went on as it was told last, and may be told anew.
        resume = c.ResumeRecording(leg="b1", recording=1, **ACCOUNT)
        assert call.note(e.Refused(at=130.1, command=orders[0], status=status)) == [resume]
        assert call.note(e.Refused(at=130.1, command=resume, status=404)) == []
        assert (call.recordings[0].failed, call.recordings[0].on) == ("", True)


def test_a_copy_that_is_gone_or_never_was_is_followed_by_the_next() -> None:
    for lost, why in ((recorded("both", *B_ANSWERS), ""), (begun(), "broke_off")):
        call, orders = again(lost)
        assert orders == [c.Tap(leg="b1", recording=2, both=True)]
        assert [(each.on, each.failed) for each in call.recordings] == [(False, why), (True, "")]


def test_one_that_begins_as_the_call_is_taken_back_waits_for_its_copy() -> None:
    """Its answer was missed: what is found is an answer, and the recording begins with it."""
    call, orders = again(recorded("both", *A_ANSWERS, e.Created(leg="b1", at=105.1), e.Rang(leg="b1", at=106)))
    assert orders == [c.Tap(leg="b1", recording=1, both=True)]
    assert call.note(told(e.Tapped, 130.1)) == [c.Record(leg="b1", recording=1, **ACCOUNT)]


def test_a_call_of_an_older_version_has_no_recordings() -> None:
    row, legs = orjson.loads(orjson.dumps((call_row(begun(), node="n1"), leg_rows(begun(), node="n1"))))
    row["recordings"] = row["recorded"] = None
    del row["request"]["recording"], row["request"]["transcript"]
    call = restore(row, legs, flow=begun().flow, now=130.0)
    assert (call.recordings, call.recorded, call.request.recording) == ([], None, "")


# -- transfers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "follows"), [("both", []), ("customer", []), ("agent", [c.Tap])])
def test_a_recording_follows_the_call_to_the_third_party(option: RecordingOption, follows: list[type]) -> None:
    call = begun(option, leg="a1" if option == "agent" else "b1")
    call.note(e.TransferAsked(leg="a1", at=120, attended=False, party=party_of("919910000303")))
    call.note(e.Created(leg="c1", at=121))
    call.note(e.Answered(leg="c1", at=125))
    orders = call.note(e.Ended(leg="a1", at=126, cause=16))
    assert [type(each) for each in orders if isinstance(each, c.RecorderCommand)] == follows
    (on,) = [each for each in call.recordings if each.on]
    assert on.leg == ("c1" if option == "agent" else "b1")
    assert call.can_record("stop") == ""
