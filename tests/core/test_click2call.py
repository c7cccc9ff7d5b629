"""A click2call as a table: given, events, expected commands."""

import pytest

from engine.core.call import Call
from engine.core.causes import Disposition
from engine.core.cdr import cdr
from engine.core.commands import (
    AddToBridge,
    CloseBridge,
    Command,
    CreateLeg,
    Dial,
    Hangup,
    Mute,
    OpenBridge,
    PlayTone,
    SaveIntent,
    StopRing,
    Unmute,
)
from engine.core.events import (
    Answered,
    Cancelled,
    Created,
    DeadlinePassed,
    Ended,
    Event,
    Missed,
    NotPlaced,
    Pressed,
    Progressed,
    Rang,
    Refused,
    TakenBack,
)
from tests.core.conftest import call_of, party_of, request_of

CLOSE = CloseBridge(bridge=1)
A_ANSWERS = (Created(leg="a1", at=100.1), Rang(leg="a1", at=101), Answered(leg="a1", at=105))
B_RINGS = (*A_ANSWERS, Created(leg="b1", at=105.1), Rang(leg="b1", at=106))
B_ANSWERS = (*B_RINGS, Answered(leg="b1", at=110))


def after(call: Call, *events: Event) -> list[Command]:
    """What the call orders upon the last of the events."""
    orders = call.start(100.0)
    for event in events:
        orders = call.note(event)
    return orders


def test_the_agent_is_placed_first_and_its_intent_is_saved_before(call: Call) -> None:
    create = CreateLeg(
        leg="a1",
        endpoint="PJSIP/919910000101@carrier",
        caller_id="15168148111",
        account_id="account_1",
        life_seconds=30 + 30 + 7200 + 60,
    )
    assert call.start(100.0) == [SaveIntent(legs=("a1",)), create]


def test_the_agent_is_dialled_once_its_channel_is_ours(call: Call) -> None:
    assert after(call, Created(leg="a1", at=100.1)) == [Dial(leg="a1", ring_seconds=90)]


def test_the_destination_is_placed_only_when_the_agent_answers(call: Call) -> None:
    orders = after(call, *A_ANSWERS)
    assert [type(order) for order in orders] == [SaveIntent, OpenBridge, Mute, CreateLeg]
    assert orders[-1] == CreateLeg(
        leg="b1",
        endpoint="PJSIP/919910000202@carrier",
        caller_id="15168148111",
        account_id="account_1",
        life_seconds=30 + 30 + 7200 + 60,
        originator="a1",
    )


def test_both_are_in_the_bridge_before_the_destination_rings_so_that_early_media_is_heard(call: Call) -> None:
    orders = after(call, *A_ANSWERS, Created(leg="b1", at=105.1))
    assert orders == [AddToBridge(bridge=1, legs=("a1", "b1")), Dial(leg="b1", ring_seconds=90)]


def test_the_agent_is_heard_only_from_the_destinations_answer_on(call: Call) -> None:
    assert Mute(leg="a1") in after(call, *A_ANSWERS)
    assert after(call_of(call.request), *B_ANSWERS) == [Unmute(leg="a1")]


def test_talk_time_is_limited_from_the_bridge_on(call: Call) -> None:
    after(call, *B_ANSWERS)
    assert call.deadlines == {"talk": 110 + 7200}
    orders = call.note(DeadlinePassed(name="talk", at=7310))
    assert orders == [Hangup(leg="a1", cause=16), Hangup(leg="b1", cause=16), CLOSE]


def test_either_side_hanging_up_ends_the_other_and_the_bridge(call: Call) -> None:
    for left, other, side in (("a1", "b1", "agent"), ("b1", "a1", "customer")):
        call = call_of(call.request)
        assert after(call, *B_ANSWERS, Ended(leg=left, at=120, cause=16)) == [Hangup(leg=other, cause=16), CLOSE]
        assert call.note(Ended(leg=other, at=120.1, cause=16)) == []
        assert call.over
        assert call.ended_by == side
        assert cdr(call, node="n1").billsec == pytest.approx((120 if left == "b1" else 120.1) - 110)


def test_agent_hanging_up_while_the_destination_rings_stops_the_ringing(call: Call) -> None:
    assert after(call, *B_RINGS, Ended(leg="a1", at=107, cause=16)) == [Hangup(leg="b1", cause=16), CLOSE]
    call.note(Ended(leg="b1", at=107.1, cause=16))
    record = cdr(call, node="n1")
    assert (record.disposition, record.ended_by) == (Disposition.CANCEL, "agent")
    assert (record.billsec, record.answered_at) == (0.0, None)


def test_agent_hanging_up_before_the_destination_has_a_channel_leaves_nothing(call: Call) -> None:
    assert after(call, *A_ANSWERS, Ended(leg="a1", at=105.05, cause=16)) == [CLOSE]
    assert not call.still(Dial(leg="b1", ring_seconds=90))
    assert call.note(Created(leg="b1", at=105.1)) == [Hangup(leg="b1", cause=16)]
    assert call.note(Ended(leg="b1", at=105.2)) == []
    assert call.over


def test_a_destination_that_fails_is_a_tone_for_the_agent_then_the_end(call: Call) -> None:
    for cause, sip_code, tone in ((17, 486, "busy"), (34, 503, "congestion"), (1, 404, "congestion")):
        call = call_of(call.request)
        orders = after(call, *B_RINGS, Ended(leg="b1", at=108, cause=cause, sip_code=sip_code))
        assert orders == [StopRing(leg="a1"), PlayTone(leg="a1", tone=tone)]
        assert call.deadline == 108 + 3
        assert call.note(DeadlinePassed(name="tone", at=111)) == [Hangup(leg="a1", cause=16), CLOSE]
        assert call.note(Ended(leg="a1", at=111.1, cause=16)) == []


def test_ring_time_is_ours_and_counts_from_the_dial(call: Call) -> None:
    after(call, Created(leg="a1", at=100.1))
    assert call.deadline == 100.1 + 30
    assert call.note(DeadlinePassed(name="ring:a1", at=130.1)) == [Hangup(leg="a1", cause=19)]
    call.note(Ended(leg="a1", at=130.2, cause=19, sip_code=480))
    record = cdr(call, node="n1")
    assert (record.disposition, record.dialed_number) == (Disposition.NOANSWER, "919910000101")
    assert record.customer_number == "919910000202"


def test_an_answer_crossing_our_own_hang_up_is_no_answer(call: Call) -> None:
    after(call, *B_RINGS, DeadlinePassed(name="ring:b1", at=136))
    assert call.note(Answered(leg="b1", at=136.01)) == []
    call.note(Ended(leg="b1", at=136.1, cause=16))
    assert call.legs["b1"].outcome.disposition is Disposition.NOANSWER
    assert call.bridged_at is None


def test_customer_answer_crossing_agent_hangup_releases_both(call: Call) -> None:
    after(call, *B_RINGS, Ended(leg="a1", at=110, cause=16))
    assert call.note(Answered(leg="b1", at=110.001)) == []
    assert call.note(Ended(leg="b1", at=110.1, cause=16)) == []
    assert call.over


def test_a_late_or_repeated_event_changes_nothing(call: Call) -> None:
    after(call, *B_ANSWERS)
    for event in (*B_ANSWERS, Rang(leg="b1", at=111), Created(leg="nobody", at=1)):
        assert call.note(event) == []
    assert call.legs["b1"].answered_at == 110


def test_cancel_hangs_up_whatever_there_is(call: Call) -> None:
    assert after(call, *B_RINGS, Cancelled(at=107)) == [Hangup(leg="a1", cause=16), Hangup(leg="b1", cause=16), CLOSE]
    assert call.note(Cancelled(at=107.1)) == []


def test_cancel_before_the_agent_has_a_channel_waits_for_it(call: Call) -> None:
    assert after(call, Cancelled(at=100.05)) == []
    assert call.note(Created(leg="a1", at=100.1)) == [Hangup(leg="a1", cause=16)]
    call.note(Ended(leg="a1", at=100.2))
    assert cdr(call, node="n1").disposition is Disposition.CANCEL


def test_an_agent_that_was_never_dialled_has_neither_billsec_nor_channel(call: Call) -> None:
    after(call, NotPlaced(leg="a1", at=100.1, reason="unplaceable"))
    record = cdr(call, node="n1")
    assert (record.disposition, record.channel) == (Disposition.CHANUNAVAIL, "")
    assert (record.billsec, record.duration, record.ended_at) == (None, None, None)


def test_an_ambiguous_dial_is_given_up_and_never_repeated(call: Call) -> None:
    created = Created(leg="a1", at=100.1)
    refused = Refused(at=103, command=Dial(leg="a1", ring_seconds=90), status=0)
    assert after(call, created, refused) == [Hangup(leg="a1", cause=16)]


@pytest.mark.parametrize("known", [A_ANSWERS, A_ANSWERS[:2]])
def test_a_dial_whose_answer_is_lost_has_its_effect_all_the_same(call: Call, known: tuple[Event, ...]) -> None:
    """Who rings or talks was dialled, whatever became of Asterisk's answer."""
    assert after(call, *known, Refused(at=106, command=Dial(leg="a1", ring_seconds=90), status=0)) == []
    assert call.legs["a1"].hangup_reason is None


def test_a_hang_up_without_an_answer_is_tried_again_until_the_leg_is_gone(call: Call) -> None:
    (hangup, *_) = after(call, *B_RINGS, Cancelled(at=107))
    assert call.note(Refused(at=110, command=hangup, status=0)) == []
    assert call.deadline == 111
    assert call.note(DeadlinePassed(name="hangup:a1", at=111)) == [Hangup(leg="a1", cause=16)]
    call.note(Refused(at=114, command=hangup, status=0))
    call.note(Ended(leg="a1", at=114.5))
    assert call.deadline is None


def test_a_hang_up_is_tried_again_though_the_call_was_released_meanwhile(call: Call) -> None:
    (hangup,) = after(call, *B_RINGS, DeadlinePassed(name="ring:b1", at=135.1))
    call.note(Refused(at=138, command=hangup, status=0))
    call.note(Ended(leg="a1", at=138.5, cause=16))
    assert call.note(DeadlinePassed(name="hangup:b1", at=139)) == [Hangup(leg="b1", cause=16)]


def test_an_unmute_without_an_answer_is_done_again(call: Call) -> None:
    (unmute,) = after(call, *B_ANSWERS)
    assert call.note(Refused(at=113, command=unmute, status=0)) == []
    assert call.note(DeadlinePassed(name="unmute:a1", at=114)) == [unmute]


def test_a_bridge_that_can_not_be_opened_ends_the_call(call: Call) -> None:
    refused = Refused(at=105.01, command=OpenBridge(bridge=1), status=500)
    assert after(call, *A_ANSWERS, refused) == [Hangup(leg="a1", cause=16), CLOSE]


def test_a_bridge_whose_opening_got_no_answer_is_opened_again_and_may_be_there(call: Call) -> None:
    lost = OpenBridge(bridge=1)
    assert after(call, *A_ANSWERS, Refused(at=108, command=lost, status=0)) == []
    assert call.note(DeadlinePassed(name="open", at=109)) == [lost]
    assert call.note(Refused(at=109.1, command=lost, status=409)) == []
    assert not call.releasing


def test_legs_whose_adding_got_no_answer_are_added_again(call: Call) -> None:
    add = AddToBridge(bridge=1, legs=("a1", "b1"))
    assert after(call, *B_ANSWERS, Refused(at=113, command=add, status=0)) == []
    assert call.note(DeadlinePassed(name="add:a1,b1", at=114)) == [add]


def test_who_may_not_be_in_the_bridge_is_put_there_with_the_next_attempt(call: Call) -> None:
    lost = AddToBridge(bridge=1, legs=("a1", "b1"))
    after(call, *A_ANSWERS, Created(leg="b1", at=105.1), Refused(at=108, command=lost, status=0))
    call.note(Refused(at=108.1, command=Dial(leg="b1", ring_seconds=90), status=0))
    call.note(Ended(leg="b1", at=108.2, cause=16))
    (add, dial) = call.note(Created(leg="b2", at=108.3))
    assert add == AddToBridge(bridge=1, legs=("a1", "b2"))
    assert isinstance(dial, Dial)


def test_who_is_found_outside_the_bridge_is_put_into_it(call: Call) -> None:
    after(call, *B_ANSWERS)
    orders = call.note(TakenBack(at=120, members=frozenset({"b1"})))
    assert orders == [AddToBridge(bridge=1, legs=("a1",)), Unmute(leg="a1")]


def test_a_bridge_that_is_not_there_is_opened_before_its_legs_are_added_again(call: Call) -> None:
    missing = AddToBridge(bridge=1, legs=("a1", "b1"))
    assert after(call, *B_ANSWERS, Refused(at=110.1, command=missing, status=404)) == []
    orders = [order for event in call.due(112) for order in call.note(event)]
    assert sorted(type(order).__name__ for order in orders) == ["AddToBridge", "OpenBridge"]


def test_a_leg_we_hung_up_unheard_was_there_until_then(call: Call) -> None:
    after(call, *B_ANSWERS, DeadlinePassed(name="talk", at=7310))
    for leg in ("b1", "a1"):
        call.note(Missed(leg=leg, at=7200, reason="end_not_seen"))
    assert cdr(call, node="n1").billsec == 7200.0


def test_what_was_gone_before_we_hung_it_up_is_not_billed_until_then(call: Call) -> None:
    after(call, *B_ANSWERS, DeadlinePassed(name="talk", at=7310))
    call.note(Refused(at=7310.01, command=Hangup(leg="b1", cause=16), status=404))
    call.note(Missed(leg="b1", at=7200, reason="end_not_seen"))
    call.note(Missed(leg="a1", at=7200, reason="asterisk_restart"))
    assert [leg.ended_at for leg in call.legs.values()] == [7200, 7200]


TWO_TRUNKS = party_of("919910000202", "one", "two", ring_seconds=9)


def test_the_next_endpoint_is_tried_when_the_trunk_fails_before_ringing() -> None:
    for failure in (
        Ended(leg="b1", at=105.2, cause=34, sip_code=503),
        Ended(leg="b1", at=105.2, cause=38, sip_code=500),
        Ended(leg="b1", at=105.2, cause=58, sip_code=488),
        NotPlaced(leg="b1", at=105.2, reason="unplaceable"),
    ):
        call = call_of(request_of(customer=TWO_TRUNKS))
        orders = after(call, *A_ANSWERS, failure)
        assert [type(order) for order in orders] == [SaveIntent, CreateLeg]
        assert isinstance(orders[1], CreateLeg)
        assert (orders[1].leg, orders[1].endpoint) == ("b2", "PJSIP/919910000202@two")


def test_no_next_endpoint_after_ringing_or_a_refusal() -> None:
    for failure in (
        (Rang(leg="b1", at=105.2), Ended(leg="b1", at=106, cause=34, sip_code=503)),
        (Progressed(leg="b1", at=105.2), Ended(leg="b1", at=106, cause=34, sip_code=503)),
        (Ended(leg="b1", at=106, cause=21, sip_code=603),),
    ):
        call = call_of(request_of(customer=TWO_TRUNKS))
        orders = after(call, *A_ANSWERS, Created(leg="b1", at=105.1), *failure)
        assert [type(order) for order in orders] == [StopRing, PlayTone]


@pytest.mark.parametrize(("leg", "before"), [("a", (Created(leg="a1", at=100.1),)), ("b", B_RINGS[:-1])])
def test_a_dial_nobody_knows_the_fate_of_is_given_up_for_one_new_attempt(leg: str, before: tuple[Event, ...]) -> None:
    call = call_of(request_of())
    unknown = Refused(at=108, command=Dial(leg=f"{leg}1", ring_seconds=90), status=0)
    assert after(call, *before, unknown) == [Hangup(leg=f"{leg}1", cause=16)]
    save, create = call.note(Ended(leg=f"{leg}1", at=108.1, cause=16))
    assert isinstance(create, CreateLeg)
    assert (save, create.leg) == (SaveIntent(legs=(f"{leg}2",)), f"{leg}2")
    call.note(Created(leg=f"{leg}2", at=108.2))
    call.note(Refused(at=111.3, command=Dial(leg=f"{leg}2", ring_seconds=90), status=0))
    orders = call.note(Ended(leg=f"{leg}2", at=111.4, cause=16))
    assert not [order for order in orders if isinstance(order, CreateLeg)], "at most one"


@pytest.mark.parametrize(
    "then",
    [
        (Rang(leg="a1", at=103.21), Ended(leg="a1", at=103.22, cause=16)),
        (Missed(leg="a1", at=103, reason="end_not_seen"),),
    ],
)
def test_a_number_that_rang_after_all_or_may_have_is_not_rung_again(call: Call, then: tuple[Event, ...]) -> None:
    call.start(100.0)
    dial = call.note(Created(leg="a1", at=100.1))[0]
    assert call.note(Refused(at=103.2, command=dial, status=0)) == [Hangup(leg="a1", cause=16)]
    assert [order for event in then for order in call.note(event)] == []
    assert call.over


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("end_not_seen", "answered; its end was not seen"),
        ("asterisk_restart", "answered; then Asterisk was restarted"),
    ],
)
def test_legs_found_gone_end_the_call_with_a_cause_of_their_own(call: Call, reason: str, words: str) -> None:
    after(call, *B_ANSWERS, Missed(leg="b1", at=120, reason=reason), Missed(leg="a1", at=120, reason=reason))
    record = cdr(call, node="n1")
    assert call.release_reason == reason
    assert (record.disposition, record.reason, record.ended_by, record.billsec) == ("ANSWER", words, "us", 10.0)
    assert all(leg.estimated for leg in call.legs.values())


def test_keys_the_destination_presses_are_kept_in_order(call: Call) -> None:
    keys = [Pressed(leg="b1", at=111 + n, digit=digit) for n, digit in enumerate("12*#")]
    after(call, *B_ANSWERS, *keys, Pressed(leg="a1", at=120, digit="9"))
    assert call.digits == "12*#"
