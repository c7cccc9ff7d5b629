"""One CDR a request, keyed to the leg that tells the story."""

from engine.core.call import Call
from engine.core.causes import Disposition
from engine.core.cdr import cdr
from engine.core.events import Answered, Created, DeadlinePassed, Ended, Event, NotPlaced, Rang
from engine.core.reconcile import reconcile


def lived(call: Call, *events: Event) -> Call:
    """The call after those events."""
    call.start(100.0)
    for event in events:
        call.note(event)
    assert call.over
    return call


def test_an_answered_call_is_told_by_the_customers_leg(call: Call) -> None:
    """The document's sample: call_date = end, call_duration = end - creation, billsec = end - answer."""
    lived(
        call,
        Created(leg="a1", at=100.1),
        Answered(leg="a1", at=103),
        Created(leg="b1", at=103.2),
        Rang(leg="b1", at=104),
        Answered(leg="b1", at=110),
        Ended(leg="b1", at=118.557, cause=16),
        Ended(leg="a1", at=118.6, cause=16),
    )
    record = cdr(call, node="n1")
    assert (record.dialed_number, record.agent_number) == ("919910000202", "919910000101")
    assert (record.disposition, record.ended_by) == (Disposition.ANSWER, "customer")
    assert (record.call_date, record.ended_at, record.answered_at) == (118.557, 118.557, 110)
    assert (record.billsec, record.duration) == (8.557, 15.357)
    assert record.channel == "n1-57362de4f0.b1"


def test_an_agent_that_never_answered_is_the_number_dialled(call: Call) -> None:
    lived(call, Created(leg="a1", at=100.1), Ended(leg="a1", at=100.6, cause=17, sip_code=486))
    record = cdr(call, node="n1")
    assert (record.dialed_number, record.customer_number) == ("919910000101", "919910000202")
    assert (record.disposition, record.billsec, record.duration) == (Disposition.BUSY, 0.0, 0.5)


def test_a_customer_that_never_answered_is_the_number_dialled(call: Call) -> None:
    lived(
        call,
        Created(leg="a1", at=100.1),
        Answered(leg="a1", at=103),
        Created(leg="b1", at=103.2),
        DeadlinePassed(name="ring:b1", at=133.2),
        Ended(leg="b1", at=133.3, cause=19, sip_code=480),
        DeadlinePassed(name="tone", at=136.3),
        Ended(leg="a1", at=136.4, cause=16),
    )
    record = cdr(call, node="n1")
    assert (record.dialed_number, record.disposition) == ("919910000202", Disposition.NOANSWER)
    assert (record.call_date, record.answered_at, record.billsec) == (133.3, None, 0.0)


def test_an_agent_that_answered_in_vain_is_the_number_dialled_with_the_customers_outcome(call: Call) -> None:
    lived(
        call,
        Created(leg="a1", at=100.1),
        Answered(leg="a1", at=103),
        NotPlaced(leg="b1", at=103.1, reason="store_away"),
        DeadlinePassed(name="tone", at=106.1),
        Ended(leg="a1", at=106.2, cause=16),
    )
    record = cdr(call, node="n1")
    assert (record.dialed_number, record.disposition) == ("919910000101", Disposition.CONGESTION)
    assert (record.answered_at, record.billsec, record.duration) == (None, 0.0, 6.1)


def test_what_was_lost_ended_when_asterisk_was_last_seen_and_was_not_given_up(call: Call) -> None:
    call.start(100.0)
    for event in (Created(leg="a1", at=100.1), Answered(leg="a1", at=103), Created(leg="b1", at=103.2)):
        call.note(event)
    for missed in reconcile(call, {}, at=120, seen_at=110):
        call.note(missed)
    assert call.over
    record = cdr(call, node="n1")
    assert (record.disposition, record.reason) == (Disposition.CONGESTION, "its end was not seen")
    assert (record.call_date, record.ended_by) == (110, "us")


def test_early_media_outlives_an_adopt_and_a_leg_that_may_not_have_been_dialled_does_not(call: Call) -> None:
    call.start(100.0)
    for event in (Created(leg="a1", at=100.1), Answered(leg="a1", at=103), Created(leg="b1", at=103.2)):
        call.note(event)
    call.note(Rang(leg="b1", at=104))
    for missed in reconcile(call, {"a1": "Up", "b1": "Down"}, at=106, seen_at=105):
        assert call.note(missed) == []
    call.legs["b1"].rang_at = None
    orders = [
        order
        for event in reconcile(call, {"a1": "Up", "b1": "Down"}, at=106, seen_at=105)
        for order in call.note(event)
    ]
    assert [type(order).__name__ for order in orders] == ["Hangup"]
