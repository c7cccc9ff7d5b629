"""A campaign's call as tables: who answered, what is said, and what comes after."""

from typing import Any

import orjson
import pytest

from engine.core import commands as c
from engine.core import events as e
from engine.core.amd import Amd
from engine.core.call import Call
from engine.core.cdr import Cdr, cdr
from engine.core.hearing import judge
from engine.core.ivr import Choice, Ivr, Prompt, Step
from engine.core.reach import life_seconds
from engine.core.reconcile import reconcile
from engine.core.request import AROUND_SPEECH_SECONDS, Alert, Party, Speech, Target
from engine.core.rows import call_row, leg_rows, restore
from tests.core.conftest import CALLER_ID, call_of, campaign_of, party_of

KEPT = c.SaveIntent(legs=())
HANGUP = c.Hangup(leg="b1", cause=16)
STOP = c.StopSnoop(leg="b1")
SPEECH = Speech(media="sound:/run/legwork/speech", seconds=4.0, times=1)
IVR = Ivr(
    ivr_id="survey",
    steps=(Step(name="q", prompt=Prompt(media="sound:/m/q", seconds=1.0), keys={"1": Choice(then="next")}),),
)
AGENTS = {"group:301": party_of("919910000101"), "agent:201": party_of("919910000102")}


def play(number: int, media: str = SPEECH.media) -> c.Play:
    return c.Play(leg="b1", media=media, playback=number, times=1)


def answered(**more: Any) -> tuple[Call, list[c.Command]]:
    """A call that was answered at 110, and what followed."""
    call = call_of(campaign_of(**more))
    call.start(100.0)
    call.note(e.Created(leg="b1", at=101))
    return call, call.note(e.Answered(leg="b1", at=110))


def detecting(**more: Any) -> Call:
    """One that is listened to since 110.1."""
    amd = more.pop("amd", Amd())
    call, orders = answered(amd=amd, speech=more.pop("speech", SPEECH), **more)
    assert orders == [KEPT, c.Snoop(leg="b1")]
    assert call.note(e.Snooped(leg="b1", at=110.1)) == [c.TuneAmd(leg="b1", amd=amd), c.Detect(leg="b1")]
    return call


def verdict(call: Call, status: str, cause: str, at: float = 113.0) -> list[c.Command]:
    return call.note(e.AmdHeard(leg="b1", at=at, status=status, cause=cause))


def passed(call: Call, at: float) -> list[c.Command]:
    return [order for event in call.due(at) for order in call.note(event)]


def ended(call: Call, at: float) -> Cdr:
    call.note(e.Ended(leg="b1", at=at, cause=16))
    assert call.over
    assert call.deadlines == {}
    return cdr(call, node="n1")


# -- without an ear for machines -----------------------------------------------------------------


def test_nothing_is_listened_to_where_nobody_asked_for_it() -> None:
    _, orders = answered(speech=SPEECH)
    assert orders == [KEPT, play(1)]


@pytest.mark.parametrize(
    ("more", "after"),
    [
        ({}, [HANGUP]),
        ({"ivr": IVR, "connect_to": "group:301"}, [KEPT, play(2, "sound:/m/q")]),
        ({"connect_to": "gone"}, [HANGUP]),
    ],
)
def test_what_comes_after_the_speech(more: dict[str, Any], after: list[c.Command]) -> None:
    call, _ = answered(speech=SPEECH, choices=AGENTS, **more)
    assert call.note(e.Pressed(leg="b1", at=112, digit="4")) == [], "it is noted, and answers nothing yet"
    assert call.note(e.Played(leg="b1", playback=1, at=114)) == after
    record = ended(call, 120)
    assert (record.digits, record.heard_seconds, record.disposition) == ("4", 4.0, "ANSWER")


def test_without_a_speech_it_begins_with_what_comes_after() -> None:
    _, orders = answered(ivr=IVR)
    assert orders == [KEPT, play(1, "sound:/m/q")]
    call, orders = answered(connect_to="group:301", choices=AGENTS)
    assert [type(order).__name__ for order in orders] == ["StartRing", "SaveIntent", "OpenBridge", "CreateLeg"]
    assert not call.connected


def test_a_customer_that_is_not_reached_is_no_answer() -> None:
    call = call_of(campaign_of(speech=SPEECH))
    call.start(100.0)
    call.note(e.Created(leg="b1", at=101))
    call.note(e.Ended(leg="b1", at=103, cause=17, sip_code=486))
    assert call.over
    record = cdr(call, node="n1")
    assert (record.disposition, record.unique_id) == ("BUSY", "CM57362de4f0_LS57362de4f0_7-u1")
    assert (record.amd_status, record.answers) == (None, None)


# -- who answered --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "cause", "who"),
    [
        ("HUMAN", "HUMAN-700-700", "human"),
        ("MACHINE", "LONGGREETING-2500-2500", "machine"),
        ("MACHINE", "MAXWORDS-6-5", "machine"),
        ("MACHINE", "INITIALSILENCE-3000-3000", "silence"),
        ("NOTSURE", "TOOLONG-5000", "machine"),
        ("HANGUP", "", "unsure"),
        ("", "", "unsure"),
    ],
)
def test_whom_asterisks_words_mean(status: str, cause: str, who: str) -> None:
    assert judge(Amd(), status, cause) == who


def test_out_of_time_before_silence_is_told_is_nothing_to_hang_up_for() -> None:
    assert judge(Amd(total_analysis_time=2500), "NOTSURE", "TOOLONG-2500") == "unsure"


@pytest.mark.parametrize(
    ("status", "cause", "who"),
    [
        ("HUMAN", "HUMAN-700-700", "human"),
        ("MACHINE", "INITIALSILENCE-3000-3000", "silence"),
        ("HANGUP", "", "unsure"),
    ],
)
def test_whoever_is_not_known_to_be_a_machine_is_spoken_to(status: str, cause: str, who: str) -> None:
    call = detecting()
    assert verdict(call, status, cause) == [STOP, KEPT, play(1)]
    assert call.note(e.Played(leg="b1", playback=1, at=117)) == [HANGUP]
    record = ended(call, 117.1)
    assert (record.amd_status, record.amd_reason) == (who, cause)
    assert call.legs["b1"].amd_at == 113.0


def test_a_machine_is_hung_up_on() -> None:
    call = detecting(ivr=IVR)
    assert verdict(call, "MACHINE", "MAXWORDS-6-5") == [HANGUP]
    record = ended(call, 113.1)
    assert (record.disposition, record.amd_status, record.ended_by) == ("ANSWER", "machine", "us")
    assert (call.release_reason, record.heard_seconds) == ("machine", 0.0)


@pytest.mark.parametrize("more", [{"ivr": IVR}, {"connect_to": "group:301", "choices": AGENTS}])
def test_a_machine_may_be_left_a_message_and_nothing_more(more: dict[str, Any]) -> None:
    call = detecting(amd=Amd(on_machine="play"), **more)
    assert verdict(call, "MACHINE", "MAXWORDS-6-5") == [STOP, KEPT, play(1)]
    assert call.note(e.Played(leg="b1", playback=1, at=117)) == [HANGUP]


@pytest.mark.parametrize("on_machine", ["play", "beep"])
def test_a_machine_to_which_there_is_nothing_to_say_is_hung_up_on(on_machine: Any) -> None:
    call = detecting(amd=Amd(on_machine=on_machine), speech=None, connect_to="group:301", choices=AGENTS)
    assert verdict(call, "MACHINE", "MAXWORDS-6-5") == [HANGUP]


@pytest.mark.parametrize("status", [500, 404, 409])
def test_a_copy_that_asterisk_refuses_is_no_verdict_and_no_wait(status: int) -> None:
    call, _ = answered(amd=Amd(), speech=SPEECH)
    call.note(e.Refused(command=c.Snoop(leg="b1"), status=status, at=110.1))
    assert passed(call, 110.1) == [STOP, KEPT, play(1)]
    assert (call.legs["b1"].amd_status, call.legs["b1"].amd_reason) == ("unsure", "refused")


def test_a_copy_that_is_lost_is_no_verdict() -> None:
    call = detecting()
    assert call.note(e.SnoopEnded(leg="b1", at=111)) == []
    assert passed(call, 111.5) == [STOP, KEPT, play(1)]
    assert (call.legs["b1"].amd_status, call.legs["b1"].amd_reason) == ("unsure", "lost")


def test_a_verdict_that_does_not_come_is_waited_for_three_seconds_longer_than_it_takes() -> None:
    call = detecting()
    assert passed(call, 118.0) == []
    assert passed(call, 118.1) == [STOP, KEPT, play(1)]
    assert verdict(call, "MACHINE", "MAXWORDS-6-5", 119) == [STOP], "too late: it is spoken to"
    assert ended(call, 120).amd_reason == "no_verdict"


def test_a_copy_that_never_comes_is_waited_for_three_seconds() -> None:
    call, _ = answered(amd=Amd(), speech=SPEECH)
    assert passed(call, 112.9) == []
    assert passed(call, 113.0) == [STOP, KEPT, play(1)]


def test_who_hangs_up_before_it_is_known_is_not_known() -> None:
    call = detecting()
    assert call.note(e.SnoopEnded(leg="b1", at=111)) == [], "the copy goes first"
    record = ended(call, 111.01)
    assert (record.amd_status, record.amd_reason, record.ended_by) == ("unsure", "hung_up", "customer")


# -- after the beep ------------------------------------------------------------------------------


def greeting() -> Call:
    call = detecting(amd=Amd(on_machine="beep"))
    assert verdict(call, "MACHINE", "MAXWORDS-6-5") == [c.Listen(leg="b1")]
    return call


def test_the_message_is_left_when_the_greeting_and_its_beep_are_over() -> None:
    call = greeting()
    assert call.note(e.Talked(leg="b1", at=113.5)) == []
    assert passed(call, 120) == []
    assert call.note(e.FellSilent(leg="b1", at=121)) == [STOP, KEPT, play(1)]
    assert call.note(e.FellSilent(leg="b1", at=122)) == []
    assert call.note(e.Played(leg="b1", playback=1, at=125)) == [HANGUP]


def test_a_machine_that_says_nothing_more_is_not_waited_for() -> None:
    assert passed(greeting(), 114.5) == [STOP, KEPT, play(1)]


def test_a_greeting_without_an_end_is_waited_for_thirty_seconds() -> None:
    call = greeting()
    call.note(e.Talked(leg="b1", at=113.5))
    assert passed(call, 142.9) == []
    assert passed(call, 143.0) == [STOP, KEPT, play(1)]


def test_a_copy_that_is_lost_tells_of_no_end() -> None:
    call = greeting()
    call.note(e.Talked(leg="b1", at=113.5))
    call.note(e.SnoopEnded(leg="b1", at=115))
    assert passed(call, 115.5) == [STOP, KEPT, play(1)]


def test_after_a_restart_a_greeting_is_waited_for_five_seconds() -> None:
    call = greeting()
    call.note(e.Talked(leg="b1", at=113.5))
    call = again(call, 116)
    assert call.note(e.TakenBack(at=116)) == []
    assert passed(call, 120.9) == []
    assert passed(call, 121.0) == [STOP, KEPT, play(1)]


# -- connecting ----------------------------------------------------------------------------------


def connecting(**more: Any) -> Call:
    call, _ = answered(connect_to="group:301", choices=more.pop("choices", AGENTS), **more)
    return call


def test_who_answers_is_bridged_with_the_customer_and_either_one_ends_it() -> None:
    for leaves, other in (("a1", "b1"), ("b1", "a1")):
        call = connecting(alerts=(Alert(after_seconds=50, media="sound:beep"),))
        create = call.legs["a1"]
        assert (create.number, create.caller_id) == ("919910000101", CALLER_ID)
        call.note(e.Created(leg="a1", at=110.1))
        assert call.note(e.Answered(leg="a1", at=115)) == [
            c.StopRing(leg="b1"),
            c.AddToBridge(bridge=1, legs=("b1", "a1")),
        ]
        assert call.connected
        assert passed(call, 165) == [KEPT, c.PlayToBridge(bridge=1, media="sound:beep", playback=1)]
        orders = call.note(e.Ended(leg=leaves, at=170, cause=16))
        assert orders == [c.Hangup(leg=other, cause=16), c.CloseBridge(bridge=1)]
        call.note(e.Ended(leg=other, at=170.1, cause=16))
        record = cdr(call, node="n1")
        assert (record.disposition, record.dialed_number, record.agent_number) == (
            "ANSWER",
            "919910000202",
            "919910000101",
        )
        assert (record.ended_by, record.billsec) == ("agent", 60.1) if leaves == "a1" else ("customer", 60.0)


def test_the_agents_leg_shares_the_customers_codecs() -> None:
    _, orders = answered(connect_to="group:301", choices=AGENTS)
    assert isinstance(orders[-1], c.CreateLeg)
    assert (orders[-1].leg, orders[-1].originator) == ("a1", "b1")


def test_the_longest_talk_is_the_requests() -> None:
    call = connecting()
    call.note(e.Created(leg="a1", at=110.1))
    call.note(e.Answered(leg="a1", at=115))
    assert passed(call, 714.9) == []
    assert [type(order) for order in passed(call, 715)] == [c.Hangup, c.Hangup, c.CloseBridge]


def test_when_nobody_can_be_reached_the_customer_hears_so() -> None:
    call = connecting()
    call.note(e.Created(leg="a1", at=110.1))
    assert call.note(e.Ended(leg="a1", at=112, cause=17, sip_code=486)) == [
        c.StopRing(leg="b1"),
        c.PlayTone(leg="b1", tone="busy"),
    ]
    assert passed(call, 115) == [HANGUP, c.CloseBridge(bridge=1)]
    record = ended(call, 115.1)
    assert (record.disposition, record.ended_by, call.release_reason) == ("ANSWER", "us", "agent_not_reached")


STAFF = Party(
    targets=tuple(
        Target(number=f"91991000010{place}", endpoints=(f"PJSIP/{place}@carrier",), agent_id=str(place))
        for place in (1, 2)
    ),
    ring_seconds=20,
    caller_id=CALLER_ID,
    queue_seconds=60,
)


def test_a_free_agent_is_waited_for_with_music() -> None:
    call, orders = answered(connect_to="group:301", choices={"group:301": STAFF})
    seek = c.SeekAgent(side="agent", targets=(0, 1), every=False, since=110.0)
    assert orders == [KEPT, c.OpenBridge(bridge=1), c.StartMusic(leg="b1"), seek]
    orders = call.note(e.AgentsFree(at=130, side="agent", targets=(1,)))
    assert [type(order) for order in orders] == [c.StopMusic, c.StartRing, c.SaveIntent, c.CreateLeg]
    assert call.legs["a1"].agent_id == "2"


def test_a_queue_that_takes_too_long_was_answered_all_the_same() -> None:
    call, _ = answered(connect_to="group:301", choices={"group:301": STAFF})
    assert passed(call, 170) == [c.StopMusic(leg="b1"), c.PlayTone(leg="b1", tone="busy")]
    passed(call, 173)
    assert ended(call, 173.1).disposition == "ANSWER"


# -- restarts, and how long a leg may live --------------------------------------------------------


def again(call: Call, at: float) -> Call:
    row, legs = orjson.loads(orjson.dumps((call_row(call, node="n1"), leg_rows(call, node="n1"))))
    return restore(row, legs, flow=call.flow, now=at)


def test_after_a_restart_the_speech_is_said_again_and_the_verdict_stands() -> None:
    call = detecting()
    verdict(call, "HUMAN", "HUMAN-700-700")
    call = again(call, 115)
    assert call.note(e.TakenBack(at=115)) == [c.StopPlay(leg="b1", playback=1), KEPT, play(2)]
    call.note(e.Played(leg="b1", playback=2, at=119))
    assert ended(call, 119.1).amd_status == "human"


def test_after_a_restart_a_verdict_is_waited_for_no_longer_than_before() -> None:
    call = again(detecting(), 112)
    assert call.note(e.TakenBack(at=112)) == []
    assert verdict(again(call, 112), "HUMAN", "HUMAN-700-700") == [STOP, KEPT, play(1)]
    assert passed(call, 118.1) == [STOP, KEPT, play(1)]


def test_after_a_restart_an_agent_is_looked_for_again_and_who_waits_hears_something() -> None:
    call, _ = answered(connect_to="group:301", choices={"group:301": STAFF})
    call = again(call, 115)
    assert call.request.agent == STAFF
    assert call.note(e.TakenBack(at=115)) == [
        c.StopMusic(leg="b1"),
        c.StartMusic(leg="b1"),
        c.SeekAgent(side="agent", targets=(0, 1), every=False, since=110.0),
    ]


def test_asterisks_own_limit_is_behind_all_that_may_happen() -> None:
    request = campaign_of(speech=SPEECH, amd=Amd(), ivr=IVR, choices={**AGENTS, "staff": STAFF})
    analysis, beep, speech = 5 + 3 + 3, 30, 4 + AROUND_SPEECH_SECONDS
    assert life_seconds(request) == 30 + analysis + beep + speech + 900 + (2 * 20 + 60) + 600 + 60


def test_a_leg_cut_off_while_dialling_is_not_placed_again_by_the_same_call() -> None:
    """Its campaign may have been stopped meanwhile: its lead is queued again, where that holds."""
    call = call_of(campaign_of())
    call.start(100.0)
    call.note(e.Created(leg="b1", at=100.1))
    row, legs = orjson.loads(orjson.dumps((call_row(call, node="n1"), leg_rows(call, node="n1"))))
    again = restore(row, legs, flow=call.flow, now=110.0)
    told = reconcile(again, {"b1": "Down"}, at=110.0, seen_at=101.0)
    orders = [order for event in told for order in again.note(event)]
    orders += again.note(e.Ended(leg="b1", at=110.1, cause=0))
    assert not [order for order in orders if isinstance(order, c.CreateLeg)]
    assert again.over
    assert cdr(again, node="n1").disposition == "CONGESTION"
