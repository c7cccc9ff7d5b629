"""A click-to-call between parties of several: who is rung, who wins, what is heard meanwhile, when it ends."""

from dataclasses import replace
from typing import Any

from engine.core import commands as c
from engine.core import events as e
from engine.core.call import Call
from engine.core.cdr import cdr
from engine.core.reach import held
from engine.core.request import AGENT_CLI, Alert, Pair, Party, Target
from engine.core.waiting import LOOPS
from tests.core.conftest import AGENT, CALLER_ID, CUSTOMER, call_of, request_of

TONE = "sound:/srv/ring"
KEPT = c.SaveIntent(legs=())


def party(*numbers: str, agents: bool = False, cli: str = "", **more: Any) -> Party:
    targets = (
        Target(number=each, endpoints=(f"PJSIP/{each}@carrier",), agent_id=f"20{place}" if agents else "", cli=cli)
        for place, each in enumerate(numbers)
    )
    return Party(targets=tuple(targets), ring_seconds=20, caller_id=CALLER_ID, **more)


def reached(call: Call, leg: str = "a1", at: float = 105) -> list[c.Command]:
    """That leg is created and answers; the orders upon its answer."""
    call.note(e.Created(leg=leg, at=at - 2))
    return call.note(e.Answered(leg=leg, at=at))


def begun(**changes: Any) -> Call:
    """A call whose agent has answered at 105."""
    call = call_of(replace(request_of(), **changes))
    call.start(100.0)
    reached(call)
    return call


def kinds(orders: list[c.Command]) -> list[str]:
    return [type(order).__name__ for order in orders]


def test_to_all_rings_everybody_at_once_after_one_commit() -> None:
    call = call_of(request_of(customer=party("1001", "1002", strategy="to_all")))
    call.start(100.0)
    orders = reached(call)
    assert kinds(orders) == ["StartRing", "SaveIntent", "OpenBridge", "CreateLeg", "CreateLeg"], (
        "our ring-back, not two networks"
    )
    assert orders[1] == c.SaveIntent(legs=("b1", "b2"))


def test_the_first_answer_wins_and_the_others_are_told_that_it_was_answered_elsewhere() -> None:
    call = begun(customer=party("1001", "1002", "1003", strategy="to_all"))
    for leg in ("b1", "b2", "b3"):
        call.note(e.Created(leg=leg, at=105.1))
    orders = call.note(e.Answered(leg="b2", at=107))
    assert orders == [
        c.Hangup(leg="b1", cause=26),
        c.Hangup(leg="b3", cause=26),
        c.StopRing(leg="a1"),
        c.AddToBridge(bridge=1, legs=("a1", "b2")),
    ]
    assert call.note(e.Answered(leg="b3", at=107.001)) == [], "it crossed our hang-up: no second winner"
    assert call.members == {"a1", "b2"}
    assert call.note(e.Ended(leg="b3", at=107.01, cause=26)) == []
    assert call.note(e.Ended(leg="b1", at=107.01, cause=26)) == []
    assert not call.releasing


def test_a_leg_that_was_asked_for_and_lost_before_it_existed_goes_as_soon_as_it_does() -> None:
    call = begun(customer=party("1001", "1002", strategy="to_all"))
    reached(call, "b1", at=106)
    assert call.note(e.Created(leg="b2", at=106.1)) == [c.Hangup(leg="b2", cause=16)]


def test_a_retry_comes_after_the_pause_and_the_ring_back_of_the_first_is_stopped() -> None:
    call = begun(customer=replace(CUSTOMER, retries=1))
    call.note(e.Created(leg="b1", at=105.1))
    call.note(e.Rang(leg="b1", at=106))
    assert call.note(e.Ended(leg="b1", at=110, cause=17, sip_code=486)) == [c.StopRing(leg="a1")]
    assert call.deadlines["pause:customer"] == 112
    assert held(call) == {AGENT.number, CUSTOMER.number}, "nobody else rings it meanwhile"
    orders = call.note(e.DeadlinePassed(name="pause:customer", at=112))
    assert kinds(orders) == ["SaveIntent", "CreateLeg"]
    assert call.legs["b2"].attempt == 2
    call.note(e.Created(leg="b2", at=112.1))
    assert kinds(call.note(e.Ended(leg="b2", at=113, cause=17, sip_code=486))) == ["StopRing", "PlayTone"]


def test_the_ring_tone_is_played_until_the_answer_and_the_legs_meet_then() -> None:
    call = call_of(replace(request_of(), ring_tone=TONE))
    call.start(100.0)
    orders = reached(call)
    assert kinds(orders) == ["SaveIntent", "OpenBridge", "Play", "SaveIntent", "CreateLeg"]
    assert orders[2] == c.Play(leg="a1", media=TONE, playback=1, times=LOOPS)
    assert kinds(call.note(e.Created(leg="b1", at=105.1))) == ["Dial"]
    assert call.note(e.Played(leg="a1", playback=1, at=160)) == [
        KEPT,
        c.Play(leg="a1", media=TONE, playback=2, times=LOOPS),
    ]
    assert call.note(e.Answered(leg="b1", at=161)) == [
        c.StopPlay(leg="a1", playback=2),
        c.AddToBridge(bridge=1, legs=("a1", "b1")),
    ]
    assert call.note(e.Played(leg="a1", playback=2, at=161.1)) == []


def test_a_ring_tone_that_can_not_be_played_is_our_ring_back_instead() -> None:
    call = call_of(replace(request_of(), ring_tone=TONE))
    call.start(100.0)
    reached(call)
    assert call.note(e.Played(leg="a1", playback=1, at=105.001)) == [c.StartRing(leg="a1")]
    call.note(e.Created(leg="b1", at=105.1))
    assert call.note(e.Answered(leg="b1", at=110))[0] == c.StopRing(leg="a1")


def test_whoever_waits_for_an_agent_hears_music_until_one_is_found() -> None:
    call = call_of(request_of(customer=party("1001", "1002", agents=True, queue_seconds=60)))
    call.start(100.0)
    orders = reached(call)
    seek = c.SeekAgent(side="customer", targets=(0, 1), every=False, since=105)
    assert orders == [KEPT, c.OpenBridge(bridge=1), c.Mute(leg="a1"), c.StartMusic(leg="a1"), seek]
    assert call.deadlines["queue:customer"] == 165
    found = call.note(e.AgentsFree(side="customer", targets=(1,), at=130))
    assert kinds(found) == ["StopMusic", "SaveIntent", "CreateLeg"]
    assert (call.legs["b1"].number, call.legs["b1"].agent_id) == ("1002", "201")
    assert "queue:customer" not in call.deadlines
    assert call.note(e.AgentsFree(side="customer", targets=(0,), at=131)) == [], "once is enough"


def test_a_queue_has_an_end_and_the_cdr_says_so() -> None:
    call = begun(customer=party("1001", agents=True, queue_seconds=60))
    assert kinds(call.note(e.DeadlinePassed(name="queue:customer", at=165))) == ["StopMusic", "PlayTone"]
    assert not call.still(c.SeekAgent(side="customer", targets=(0,), every=False, since=105))
    call.note(e.DeadlinePassed(name="tone", at=168))
    call.note(e.Ended(leg="a1", at=168.1, cause=16))
    record = cdr(call, node="n1")
    assert (record.disposition, record.reason, record.answered_at) == ("NOANSWER", "queue_timeout", None)
    assert (record.customer_number, record.billsec) == ("1001", 0.0)


def test_a_group_of_whom_nobody_is_free_in_time_ends_a_call_without_any_leg() -> None:
    call = call_of(request_of(agent=party("1001", agents=True, queue_seconds=5)))
    assert kinds(call.start(100.0)) == ["SeekAgent"]
    call.note(e.DeadlinePassed(name="queue:agent", at=105))
    assert call.over
    record = cdr(call, node="n1")
    assert (record.disposition, record.reason, record.call_date) == ("NOANSWER", "queue_timeout", 105)
    assert (record.channel, record.duration, record.dialed_number) == ("", None, "1001")


def test_agents_that_nobody_waits_for_are_busy() -> None:
    call = call_of(request_of(agent=party("1001", agents=True)))
    call.start(100.0)
    call.note(e.AgentsFree(side="agent", targets=(), at=100))
    assert (cdr(call, node="n1").disposition, call.release_reason) == ("BUSY", "agent_not_reached")


def test_the_next_agent_is_asked_for_when_one_does_not_answer() -> None:
    call = begun(customer=party("1001", "1002", agents=True, queue_seconds=60))
    call.note(e.AgentsFree(side="customer", targets=(0,), at=106))
    call.note(e.Created(leg="b1", at=106.1))
    assert held(call) == {AGENT.number, "1001"}
    call.note(e.DeadlinePassed(name="ring:b1", at=126))
    orders = call.note(e.Ended(leg="b1", at=126.1, cause=19))
    assert orders[-1] == c.SeekAgent(side="customer", targets=(1,), every=False, since=105), "its place in the queue"
    assert call.deadlines["queue:customer"] == 165, "and the time it may wait"


def test_alerts_are_counted_from_the_bridge_and_both_hear_them() -> None:
    alerts = (Alert(after_seconds=3, media="sound:/a"), Alert(after_seconds=6, media="sound:beep"))
    call = begun(alerts=alerts, max_talk_seconds=10)
    reached(call, "b1", at=113)
    assert {name: at for name, at in call.deadlines.items() if name != "talk"} == {"alert:0": 116, "alert:1": 119}
    assert call.deadlines["talk"] == 123, "ringing does not count"
    assert call.note(e.DeadlinePassed(name="alert:0", at=116)) == [
        KEPT,
        c.PlayToBridge(bridge=1, media="sound:/a", playback=1),
    ]
    assert call.note(e.DeadlinePassed(name="alert:1", at=119)) == [
        KEPT,
        c.PlayToBridge(bridge=1, media="sound:beep", playback=2),
    ]
    assert call.deadlines == {"talk": 123}


def test_each_party_is_shown_its_own_number() -> None:
    call = begun(customer=replace(CUSTOMER, caller_id="919910099999"))
    assert [leg.caller_id for leg in call.legs.values()] == [CALLER_ID, "919910099999"]


def test_agent_cli_is_the_cli_of_the_agent_who_answered() -> None:
    group = party("1001", agents=True, cli="919910099999")
    call = call_of(request_of(agent=group, customer=replace(CUSTOMER, caller_id=AGENT_CLI)))
    call.start(100.0)
    call.note(e.AgentsFree(side="agent", targets=(0,), at=100))
    *_, create = reached(call)
    assert isinstance(create, c.CreateLeg)
    assert create.caller_id == "919910099999"


def test_agent_cli_of_one_without_a_cli_is_what_the_agent_was_shown() -> None:
    call = begun(customer=replace(CUSTOMER, caller_id=AGENT_CLI))
    assert call.legs["b1"].caller_id == CALLER_ID


def test_a_sticky_pair_is_kept_once_both_talk() -> None:
    call = begun(customer=party("1001", agents=True), pair=Pair(number="919910000101", seconds=86400))
    call.note(e.AgentsFree(side="customer", targets=(0,), at=106))
    orders = reached(call, "b1", at=110)
    assert orders[-1] == c.KeepPair(number="919910000101", agent_id="200", seconds=86400)


def test_what_is_safe_to_repeat_is_repeated_after_a_restart() -> None:
    call = begun(customer=party("1001", agents=True, queue_seconds=60))
    seek = c.SeekAgent(side="customer", targets=(0,), every=False, since=105)
    assert call.note(e.TakenBack(at=120)) == [c.StopMusic(leg="a1"), c.StartMusic(leg="a1"), seek]
    call = begun(ring_tone=TONE)
    assert call.note(e.TakenBack(at=120)) == [
        c.StopPlay(leg="a1", playback=1),
        KEPT,
        c.Play(leg="a1", media=TONE, playback=2, times=LOOPS),
    ]


def test_who_gives_up_in_the_queue_was_not_answered() -> None:
    call = begun(customer=party("1001", agents=True, queue_seconds=60))
    call.note(e.Ended(leg="a1", at=145, cause=16))
    record = cdr(call, node="n1")
    assert (record.disposition, record.answered_at, record.billsec, record.ended_by) == ("CANCEL", None, 0.0, "agent")


def test_a_queue_that_ended_in_vain_says_so_though_one_was_rung() -> None:
    call = begun(customer=party("1001", "1002", agents=True, queue_seconds=60))
    call.note(e.AgentsFree(side="customer", targets=(0,), at=106))
    call.note(e.Created(leg="b1", at=106.1))
    call.note(e.Ended(leg="b1", at=107, cause=17, sip_code=486))
    call.note(e.DeadlinePassed(name="queue:customer", at=165))
    call.note(e.DeadlinePassed(name="tone", at=168))
    call.note(e.Ended(leg="a1", at=168.1, cause=16))
    assert (cdr(call, node="n1").disposition, cdr(call, node="n1").reason) == ("NOANSWER", "queue_timeout")


def test_of_agents_that_did_not_answer_the_last_one_tells() -> None:
    call = call_of(request_of(agent=party("1001", "1002", agents=True)))
    call.start(100.0)
    call.note(e.AgentsFree(side="agent", targets=(0,), at=100))
    call.note(e.Created(leg="a1", at=100.1))
    call.note(e.DeadlinePassed(name="ring:a1", at=120.1))
    call.note(e.Ended(leg="a1", at=120.2, cause=19))
    call.note(e.AgentsFree(side="agent", targets=(), at=120.2))
    record = cdr(call, node="n1")
    assert (record.disposition, record.dialed_number) == ("NOANSWER", "1001")
