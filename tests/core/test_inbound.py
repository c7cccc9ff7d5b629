"""Calls that come in: whom they are for, and how each goes, as a table of events and commands."""

from dataclasses import replace

import pytest

from engine.core import commands as c
from engine.core import events as e
from engine.core.account import Account, Agent, Did, Route
from engine.core.call import Call
from engine.core.cdr import cdr
from engine.core.connect import QUEUE_SECONDS
from engine.core.inbound import ANONYMOUS, Arrival, caller_of, digits, request
from engine.core.inbound import call as inbound_call
from engine.core.ivr import Choice, Ivr, Prompt, Step
from engine.core.reach import give_up
from engine.core.reconcile import reconcile
from engine.core.refusal import InvalidRequest
from engine.core.request import CallRequest, Limits, Party, RecordingOption, Target
from tests.core.conftest import CALLER_ID, inbound_of, party_of

LIMITS = Limits(ring_seconds=30, max_talk_seconds=7200)
ARRIVAL = Arrival(channel="1700000000.7", at=100.0, dialled=CALLER_ID, caller="919910088888")
ROUTES = (Route("91", ("PJSIP/{number}@carrier",)),)
IVR = Ivr(
    ivr_id="survey",
    steps=(
        Step(
            name="q",
            prompt=Prompt(media="sound:/q", seconds=2.0),
            keys={"0": Choice(then="transfer", to="extension:104")},
        ),
    ),
)
ACCOUNT = Account(
    account_id="account_1",
    name="Demo shop",
    region="IN",
    extensions=("104",),
    agents={
        **{name: Agent(agent_id=name, number=f"9199100{name}01") for name in ("201", "202", "205")},
        "204": Agent(agent_id="204", number="104"),
    },
    groups={"301": ("201", "202")},
    endpoints={"bot": "PJSIP/bot@carrier"},
    ivrs={"survey": IVR},
)
STAFFED = Party(
    targets=tuple(
        Target(number=f"91991000{name}", endpoints=(f"PJSIP/91991000{name}@carrier",), agent_id=name)
        for name in ("201", "202")
    ),
    ring_seconds=30,
    caller_id="919910088888",
    queue_seconds=60,
)


def asked(
    to: str, *, caller: str = "919910088888", sticky: str | None = None, recording: RecordingOption = ""
) -> CallRequest:
    ivr = IVR if to == "ivr:survey" else None
    limits = {"routes": ROUTES, "limits": LIMITS}
    account = replace(ACCOUNT, dids={CALLER_ID: Did(to=to, recording=recording)})
    return request(account, did=CALLER_ID, caller=caller, sticky=sticky, ivr=ivr, **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize("recording", ["", "both", "agent", "customer"])
def test_calls_to_a_number_are_recorded_as_it_says(recording: RecordingOption) -> None:
    assert asked("agent:201", recording=recording).recording == recording


def agents(party: Party | None) -> list[str]:
    return [target.agent_id or target.number for target in party.targets] if party else []


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("919910088888", "919910088888"),
        ("+919910088888", "919910088888"),
        ("9910088888", "919910088888"),  # as people write it there
        ("09910088888", "919910088888"),
        ("00919910088888", "919910088888"),
        ("18005551212", "18005551212"),  # in the US, though 1800 555 1212 is a number in India, too
        ("+18005551212", "18005551212"),
        ("6591234567", "6591234567"),  # in Singapore
        ("112", "112"),
        ("31337", "31337"),
        ("anonymous", ANONYMOUS),
        ("", ANONYMOUS),
        ("1", ANONYMOUS),
        ("9" * 16, ANONYMOUS),
        ("919910088888\n", ANONYMOUS),
        ("919910088888;DROP TABLE cdrs", ANONYMOUS),
        ("<b>919910088888</b>", ANONYMOUS),
        ("../../etc/passwd", ANONYMOUS),
        ("${SHELL(id)}", ANONYMOUS),
        ("١٢٣٤٥", ANONYMOUS),
    ],
)
def test_of_who_calls_only_digits_are_taken(text: str, known: str) -> None:
    assert caller_of(ACCOUNT, text) == known


@pytest.mark.parametrize(
    ("text", "did"), [("+15168148111", CALLER_ID), (CALLER_ID, CALLER_ID), ("1516x", ""), ("*", "")]
)
def test_a_dialled_number_is_its_digits_or_none(text: str, did: str) -> None:
    assert digits(text) == did


@pytest.mark.parametrize(
    ("to", "sticky", "reached"),
    [
        ("agent:201", None, ["201"]),
        ("group:301", None, ["201", "202"]),
        ("group:301", "202", ["202", "201"]),
        ("group:301", "205", ["205", "201", "202"]),
        ("group:301", "gone", ["201", "202"]),
        ("extension:104", None, ["104"]),
        ("extension:104", "205", ["205", "104"]),
        ("extension:104", "204", ["104"]),  # that telephone is rung, whatever its agent says
        ("endpoint:bot", None, ["bot"]),
        ("ivr:survey", None, []),
        ("ivr:survey", "205", ["205"]),
    ],
)
def test_the_callers_own_agent_comes_first(to: str, sticky: str | None, reached: list[str]) -> None:
    assert agents(asked(to, sticky=sticky).agent) == reached


def begun(to: str, *, sticky: str | None) -> tuple[Call, list[c.Command]]:
    call = inbound_call(asked(to, sticky=sticky), ARRIVAL, call_id="57362de4f0")
    return call, call.start(100.0)


@pytest.mark.parametrize(("to", "endpoint"), [("extension:104", "PJSIP/104"), ("endpoint:bot", "PJSIP/bot@carrier")])
def test_where_the_own_agent_is_busy_or_does_not_answer_the_one_the_number_leads_to_is_rung(
    to: str, endpoint: str
) -> None:
    call, orders = begun(to, sticky="201")
    assert orders[-1] == c.SeekAgent(side="agent", targets=(0, 1), every=False, since=100.0)
    call.note(e.AgentsFree(at=100, side="agent", targets=(1,)))  # the own agent is busy
    assert call.legs["a1"].endpoint == endpoint

    call, _ = begun(to, sticky="201")
    call.note(e.AgentsFree(at=100, side="agent", targets=(0,)))
    call.note(e.Created(leg="a1", at=100.1))
    orders = call.note(e.Ended(leg="a1", at=130, cause=19))
    assert orders[-1] == c.SeekAgent(side="agent", targets=(1,), every=False, since=100.0)
    call.note(e.AgentsFree(at=130, side="agent", targets=(1,)))
    assert call.legs["a2"].endpoint == endpoint


@pytest.mark.parametrize("caller", ["919910088888", "31337", "112"])
@pytest.mark.parametrize(
    ("to", "inside"), [("extension:104", True), ("agent:204", True), ("agent:201", False), ("endpoint:bot", False)]
)
def test_own_telephones_see_who_calls_and_a_trunk_the_number_called(to: str, inside: bool, caller: str) -> None:
    call = inbound_call(asked(to, caller=caller), ARRIVAL, call_id="57362de4f0")
    created = call.start(100.0)
    if isinstance(created[-1], c.SeekAgent):
        created = call.note(e.AgentsFree(at=100, side="agent", targets=(0,)))
    (order,) = [order for order in created if isinstance(order, c.CreateLeg)]
    assert order.caller_id == call.legs["a1"].caller_id == (caller if inside else CALLER_ID)


def test_each_telephone_of_a_party_is_shown_its_own() -> None:
    call, _ = begun("extension:104", sticky="201")
    call.note(e.AgentsFree(at=100, side="agent", targets=(0,)))
    call.note(e.Created(leg="a1", at=100.1))
    call.note(e.Ended(leg="a1", at=130, cause=19))
    call.note(e.AgentsFree(at=130, side="agent", targets=(1,)))
    assert [call.legs[name].caller_id for name in ("a1", "a2")] == [CALLER_ID, "919910088888"]


def test_nobody_who_hides_is_shown() -> None:
    assert asked("extension:104", caller=ANONYMOUS).party("agent").caller_id == CALLER_ID


def test_an_own_agent_keeps_nobody_waiting_in_front_of_an_ivr() -> None:
    assert asked("ivr:survey", sticky="205").party("agent").queue_seconds == 0
    assert asked("group:301", sticky="205").party("agent").queue_seconds == QUEUE_SECONDS
    assert list(asked("ivr:survey").choices) == ["extension:104"]


@pytest.mark.parametrize("to", ["agent:999", "group:999", "extension:109", "ivr:gone"])
def test_what_is_gone_is_said(to: str) -> None:
    with pytest.raises(InvalidRequest):
        asked(to)


# -- how it goes -------------------------------------------------------------------------------


def kinds(commands: list[c.Command]) -> list[str]:
    return [type(order).__name__ for order in commands]


def test_it_rings_until_the_agent_answers_then_is_answered_and_both_talk() -> None:
    call = inbound_of()
    begun = call.start(100.0)
    assert kinds(begun) == ["StartRing", "SaveIntent", "TakeIn", "OpenBridge", "CreateLeg"]
    assert kinds(call.note(e.Created(leg="a1", at=100.1))) == ["Dial"]
    call.note(e.Rang(leg="a1", at=101))
    answer = call.note(e.Answered(leg="a1", at=105))
    assert kinds(answer) == ["StopRing", "Answer"]
    assert call.bridged_at is None
    assert call.note(e.Answered(leg="b1", at=105.1)) == [c.AddToBridge(bridge=1, legs=("b1", "a1"))]
    assert call.deadlines == {"talk": 705.1}
    assert kinds(call.note(e.Ended(leg="b1", at=110.1, cause=16))) == ["Hangup", "CloseBridge"]
    call.note(e.Ended(leg="a1", at=110.2, cause=16))
    record = cdr(call, node="n1")
    assert (record.kind, record.disposition, record.ended_by) == ("inbound", "ANSWER", "customer")
    # "customer_number = caller, dialed_number = the DID"; the channel is Asterisk's own
    assert (record.customer_number, record.agent_number) == ("919910088888", "919910000101")
    assert (record.dialed_number, record.caller_id) == (CALLER_ID, "919910088888")
    assert (record.channel, record.billsec, record.duration) == ("1700000000.7", 5.0, 10.1)


def rung_in_vain(**ended: int) -> tuple[Call, list[c.Command]]:
    call = inbound_of()
    call.start(100.0)
    call.note(e.Created(leg="a1", at=100.1))
    return call, call.note(e.Ended(leg="a1", at=101, **ended))


@pytest.mark.parametrize(
    ("cause", "sip_code", "told", "disposition"),
    [(17, 486, 17, "BUSY"), (19, 480, 19, "NOANSWER"), (34, 503, 34, "CONGESTION"), (1, 404, 34, "CONGESTION")],
)
def test_who_reaches_nobody_is_told_why_by_the_own_network(
    cause: int, sip_code: int, told: int, disposition: str
) -> None:
    call, orders = rung_in_vain(cause=cause, sip_code=sip_code)
    assert orders == [c.Hangup(leg="b1", cause=told), c.CloseBridge(bridge=1)]
    call.note(e.Ended(leg="b1", at=101.1, cause=told))
    record = cdr(call, node="n1")
    assert (record.disposition, record.ended_by, record.billsec) == (disposition, "us", 0.0)


def test_who_gives_up_cancels_what_rings() -> None:
    call = inbound_of()
    call.start(100.0)
    call.note(e.Created(leg="a1", at=100.1))
    assert c.Hangup(leg="a1", cause=16) in call.note(e.Ended(leg="b1", at=103, cause=127, sip_code=487))
    call.note(e.Ended(leg="a1", at=103.1, cause=16))
    record = cdr(call, node="n1")
    assert (record.disposition, record.ended_by, record.reason) == (
        "CANCEL",
        "customer",
        "hung up before anybody answered",
    )


def test_who_waits_hears_ringing_first_then_music_until_somebody_is_free() -> None:
    call = inbound_of(STAFFED)
    begun = call.start(100.0)
    assert kinds(begun) == ["SaveIntent", "TakeIn", "OpenBridge", "StartRing", "SeekAgent"]
    assert call.due(100.4) == [e.DeadlinePassed(at=100.4, name="queued")]
    assert kinds(call.note(e.DeadlinePassed(at=100.4, name="queued"))) == ["StopRing", "StartMusic"]
    rung = call.note(e.AgentsFree(at=110, side="agent", targets=(1,)))
    assert kinds(rung) == ["StopMusic", "StartRing", "SaveIntent", "CreateLeg"]
    assert call.legs["a1"].agent_id == "202"


def test_nobody_waits_for_ever() -> None:
    call = inbound_of(STAFFED)
    call.start(100.0)
    assert call.note(e.DeadlinePassed(at=160, name="queue:agent"))[0] == c.Hangup(leg="b1", cause=17)
    call.note(e.Ended(leg="b1", at=160.1, cause=17))
    assert (cdr(call, node="n1").disposition, cdr(call, node="n1").reason) == ("NOANSWER", "queue_timeout")


def test_an_ivr_answers_at_once_and_transfers() -> None:
    call = inbound_of(None, ivr=IVR, choices={"extension:104": party_of("104")})
    assert kinds(call.start(100.0)) == ["SaveIntent", "TakeIn", "Answer"]
    assert kinds(call.note(e.Answered(leg="b1", at=100.1))) == ["SaveIntent", "Play"]
    orders = call.note(e.Pressed(leg="b1", at=102, digit="0"))
    assert kinds(orders) == ["StopPlay", "StartRing", "SaveIntent", "OpenBridge", "CreateLeg"]
    call.note(e.Created(leg="a1", at=102.1))
    assert kinds(call.note(e.Answered(leg="a1", at=103))) == ["StopRing", "AddToBridge"]


def test_where_the_own_agent_is_not_reached_the_ivr_is_left_and_leads_on() -> None:
    call = inbound_of(party_of("919910000205"), ivr=IVR, choices={"extension:104": party_of("104")})
    call.start(100.0)
    call.note(e.Created(leg="a1", at=100.1))
    assert kinds(call.note(e.Ended(leg="a1", at=101, cause=17))) == ["StopRing", "SaveIntent", "Answer"]
    assert kinds(call.note(e.Answered(leg="b1", at=101.1))) == ["SaveIntent", "Play"]
    assert kinds(call.note(e.Pressed(leg="b1", at=102, digit="0")))[-1] == "CreateLeg"
    assert (call.legs["a2"].number, call.bridge) == ("104", 1)


def test_an_answer_that_asterisk_may_not_have_got_is_sent_again() -> None:
    call = inbound_of()
    call.start(100.0)
    call.note(e.Created(leg="a1", at=100.1))
    (_, answer) = call.note(e.Answered(leg="a1", at=105))
    assert call.note(e.Refused(at=106, command=answer, status=0)) == []
    assert call.note(e.DeadlinePassed(at=107, name="answer:b1")) == [c.Answer(leg="b1")]
    taken = [
        order
        for event in reconcile(call, {"a1": "Up", "b1": "Ring"}, at=108, seen_at=107)
        for order in call.note(event)
    ]
    assert c.Answer(leg="b1") in taken
    assert c.TakeIn(leg="b1", account_id="account_1", life_seconds=690) == taken[0]  # the engine may have died before


def test_that_a_caller_may_stay_is_said_until_asterisk_has_heard_it() -> None:
    call = inbound_of()
    take_in = next(order for order in call.start(100.0) if isinstance(order, c.TakeIn))
    assert call.note(e.Refused(at=100.1, command=take_in, status=0)) == []
    assert call.deadline == pytest.approx(101.1)
    (passed,) = call.due(101.2)
    assert call.note(passed) == [take_in]
    assert call.note(e.Refused(at=101.3, command=take_in, status=404)) == []  # gone: its end is on its way
    assert call.deadlines == {}


def test_a_caller_taken_back_during_a_transfer_may_stay_as_long() -> None:
    call = inbound_of()
    call.start(100.0)
    for event in (e.Created(leg="a1", at=100.1), e.Answered(leg="a1", at=105), e.Answered(leg="b1", at=105.1)):
        call.note(event)
    call.note(e.TransferAsked(leg="a1", at=110, attended=False, party=party_of("104")))
    assert kinds(call.note(e.TakenBack(at=111, members=frozenset({"b1"}))))[0] == "TakeIn"
    assert call.legs["b1"].dialed_at == 100.0


def test_the_late_end_of_a_party_that_was_given_up_rings_nobody_during_the_ivr() -> None:
    call = inbound_of(ivr=IVR)
    call.start(100.0)
    (own,) = call.legs_of("agent")
    call.note(e.Created(leg=own.name, at=100.1))
    give_up(call, "agent")
    orders = call.note(e.Ended(leg=own.name, at=101, cause=17, sip_code=486))
    assert not [each for each in orders if isinstance(each, c.CreateLeg | c.SeekAgent)]
    assert call.legs_of("agent") == [own]
