"""Transfers as a table: who is where and hears what, whatever happens next."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest

from engine.core import commands as c
from engine.core import events as e
from engine.core.call import Call
from engine.core.causes import Disposition
from engine.core.cdr import cdr
from engine.core.reach import held
from engine.core.request import Alert, Party, Target
from engine.core.rows import call_row, leg_rows, restore
from engine.core.transfer import objection
from tests.core.conftest import CALLER_ID, CUSTOMER, call_of, campaign_of, party_of, request_of
from tests.core.exchange import Life

THIRD = party_of("919910000303")
GROUP = Party(
    targets=tuple(
        Target(number=number, endpoints=(f"PJSIP/{number}",), agent_id=f"20{number[-1]}") for number in ("103", "104")
    ),
    ring_seconds=20,
    caller_id=CALLER_ID,
    group_id="301",
    queue_seconds=60,
)
How = Literal["complete", "cancel", "swap"]


@dataclass
class Room:
    """A call whose two parties have talked since 110, and what its orders come to: who is where, who hears what."""

    call: Call
    at: float = 120.0
    inside: set[str] = field(default_factory=lambda: {"a1", "b1"})
    sounds: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    orders: list[c.Command] = field(default_factory=list)
    told: list[str] = field(default_factory=list)  # the telephone that asked

    def note(self, kind: type[e.Event], **facts: Any) -> list[c.Command]:
        """The next thing that happens, a second later."""
        self.at += 1
        return self.carry_out(self.call.note(kind(at=self.at, **facts)))

    def carry_out(self, orders: list[c.Command]) -> list[c.Command]:
        """As Asterisk would."""
        self.orders += orders
        for order in orders:
            match order:
                case c.AddToBridge(legs=legs):
                    self.inside.update(legs)
                    assert not self.sounds.keys() & set(legs), "a sound would be all it hears"
                case c.RemoveFromBridge(leg=leg):
                    self.inside.discard(leg)
                    assert self.inside, "an empty bridge ends its recording"
                case c.StartRing(leg=leg) | c.StartMusic(leg=leg):
                    self.sounds[leg] = type(order).__name__.removeprefix("Start").lower()
                case c.StopRing(leg=leg) | c.StopMusic(leg=leg):
                    if self.sounds.get(leg) == type(order).__name__.removeprefix("Stop").lower():
                        del self.sounds[leg]
                case c.Play(leg=leg):
                    assert leg not in self.sounds, "what it hears would go on with it"
                    self.sounds[leg] = "alert"
                case c.StopPlay(leg=leg):
                    del self.sounds[leg]
                case c.PlayTone(leg=leg, tone=tone):
                    self.sounds[leg] = tone
                case c.Hangup(leg=leg):
                    self.leave(leg)
                case c.TransferProgress(state=state):
                    self.told.append(state.removeprefix("channel_"))
                case _:
                    pass
        return orders

    def leave(self, leg: str) -> None:
        """It is hung up."""
        self.gone.add(leg)
        self.inside.discard(leg)
        self.sounds.pop(leg, None)

    def ask(self, *, leg: str = "a1", attended: bool = False, party: Party = THIRD, **more: Any) -> list[c.Command]:
        return self.note(e.TransferAsked, leg=leg, attended=attended, party=party, **more)

    def rings(self, leg: str = "c1") -> None:
        self.note(e.Created, leg=leg)
        self.note(e.Rang, leg=leg)

    def answers(self, leg: str = "c1") -> None:
        self.rings(leg)
        self.note(e.Answered, leg=leg)

    def hangs_up(self, leg: str, *, sip_code: int | None = None, cause: int = 16) -> list[c.Command]:
        self.leave(leg)
        return self.note(e.Ended, leg=leg, cause=cause, sip_code=sip_code)

    def settle(self, how: How) -> list[c.Command]:
        return self.note(e.TransferSettled, how=how)

    def passes(self, name: str) -> list[c.Command]:
        assert name in self.call.deadlines
        return self.note(e.DeadlinePassed, name=name)

    @property
    def heard(self) -> tuple[set[str], dict[str, str]]:
        """Who hear each other, and who hears what instead."""
        return {leg for leg in self.inside if leg not in self.sounds}, self.sounds


@pytest.fixture
def room(call: Call) -> Room:
    call.start(100.0)
    talking = (
        e.Created(leg="a1", at=100.1),
        e.Answered(leg="a1", at=105),
        e.Created(leg="b1", at=105.1),
        e.Answered(leg="b1", at=110),
    )
    for event in talking:
        call.note(event)
    assert call.bridged_at == 110
    return Room(call)


# -- blind ---------------------------------------------------------------------------------------


def test_who_is_left_hears_ringing_until_the_third_party_answers(room: Room) -> None:
    room.ask()
    assert room.heard == (set(), {"a1": "ring", "b1": "ring"})
    assert room.inside == {"b1"}
    room.answers()
    assert room.heard == ({"b1", "c1"}, {})
    assert room.gone == {"a1"}
    assert room.call.legs["c1"].side == "third"


def test_the_intent_is_saved_before_anybody_is_moved(room: Room) -> None:
    orders = room.ask()
    assert isinstance(orders[0], c.SaveIntent)
    assert isinstance(next(each for each in orders if not isinstance(each, c.SaveIntent)), c.StopRing | c.StopMusic)


def test_the_third_party_is_shown_a_caller_id_of_the_account_and_lives_no_longer_than_the_talk(room: Room) -> None:
    orders = room.ask()
    (create,) = (each for each in orders if isinstance(each, c.CreateLeg))
    assert (create.leg, create.endpoint, create.caller_id) == ("c1", "PJSIP/919910000303@carrier", CALLER_ID)
    assert create.originator == "b1"
    assert create.life_seconds == 110 + 7200 - 121 + 60


@pytest.mark.parametrize(("sip_code", "cause"), [(486, 17), (480, 19), (404, 1)])
def test_a_third_party_that_does_not_answer_leads_back_to_who_transferred(
    room: Room, sip_code: int, cause: int
) -> None:
    room.ask()
    room.rings()
    room.hangs_up("c1", sip_code=sip_code, cause=cause)
    assert room.heard == ({"a1", "b1"}, {})
    assert room.gone == {"c1"}


def test_a_silent_third_party_is_given_up_after_its_ring_time(room: Room) -> None:
    room.ask()
    room.rings()
    assert room.call.deadlines["ring:c1"] == 122 + 30
    assert room.passes("ring:c1") == [c.Hangup(leg="c1", cause=19)]
    room.note(e.Ended, leg="c1", cause=19)
    assert room.heard == ({"a1", "b1"}, {})


@pytest.mark.parametrize(("sip_code", "tone"), [(486, "busy"), (480, "congestion"), (503, "congestion")])
def test_with_nobody_to_go_back_to_it_ends_with_a_tone(room: Room, sip_code: int, tone: str) -> None:
    room.ask()
    room.rings()
    room.hangs_up("a1")
    assert room.heard == (set(), {"b1": "ring"})
    room.hangs_up("c1", sip_code=sip_code)
    assert room.heard == (set(), {"b1": tone})
    assert room.passes("transfer_tone") == [c.Hangup(leg="b1", cause=16), c.CloseBridge(bridge=1)]
    room.note(e.Ended, leg="b1", cause=16)
    assert room.call.over
    assert room.call.release_reason == "third_not_reached"


def test_the_transferer_may_hang_up_while_it_rings(room: Room) -> None:
    room.ask()
    room.rings()
    assert room.hangs_up("a1") == []
    room.note(e.Answered, leg="c1")
    assert room.heard == ({"b1", "c1"}, {})


def test_the_other_hanging_up_while_it_rings_ends_all(room: Room) -> None:
    room.ask()
    room.rings()
    room.hangs_up("b1")
    assert room.gone == {"a1", "b1", "c1"}
    assert (room.call.release_reason, room.call.ended_by) == ("hung_up", "customer")


def test_the_customer_may_transfer_as_well(room: Room) -> None:
    room.ask(leg="b1")
    room.answers()
    assert room.heard == ({"a1", "c1"}, {})
    room.hangs_up("c1")
    assert room.call.releasing
    assert room.call.ended_by == "third"


def test_a_forbidden_third_party_leads_back(room: Room) -> None:
    room.ask()
    room.note(e.NotPlaced, leg="c1", reason="region")
    assert room.heard == ({"a1", "b1"}, {})


def test_a_blind_transfer_may_be_cancelled(room: Room) -> None:
    room.ask()
    room.rings()
    room.settle("cancel")
    assert room.heard == ({"a1", "b1"}, {})
    assert room.gone == {"c1"}
    room.note(e.Ended, leg="c1", cause=16)
    assert not room.call.releasing


# -- attended ------------------------------------------------------------------------------------


def test_the_customer_hears_music_while_the_third_party_is_asked(room: Room) -> None:
    room.ask(attended=True)
    assert room.heard == (set(), {"a1": "ring", "b1": "music"})
    room.answers()
    assert room.heard == ({"a1", "c1"}, {"b1": "music"})
    assert room.gone == set()


@pytest.mark.parametrize("swaps", [0, 1, 2])
@pytest.mark.parametrize("by_call", [True, False])
def test_it_is_complete_when_the_transferer_hangs_up_or_by_call(room: Room, *, swaps: int, by_call: bool) -> None:
    room.ask(attended=True)
    room.answers()
    for _ in range(swaps):
        room.settle("swap")
    room.settle("complete") if by_call else room.hangs_up("a1")
    assert room.heard == ({"b1", "c1"}, {})
    assert room.gone == {"a1"}
    if by_call:
        room.note(e.Ended, leg="a1", cause=16)
    assert not room.call.releasing


def test_swapped_the_third_party_hears_music(room: Room) -> None:
    room.ask(attended=True)
    room.answers()
    room.settle("swap")
    assert room.heard == ({"a1", "b1"}, {"c1": "music"})
    room.settle("swap")
    assert room.heard == ({"a1", "c1"}, {"b1": "music"})


@pytest.mark.parametrize("swaps", [0, 1])
@pytest.mark.parametrize("by_call", [True, False])
def test_without_the_third_party_the_two_talk_again(room: Room, *, swaps: int, by_call: bool) -> None:
    room.ask(attended=True)
    room.answers()
    for _ in range(swaps):
        room.settle("swap")
    room.settle("cancel") if by_call else room.hangs_up("c1")
    assert room.heard == ({"a1", "b1"}, {})
    assert room.gone == {"c1"}
    assert not room.call.releasing


def test_cancelled_while_it_rings_the_third_party_is_let_alone(room: Room) -> None:
    room.ask(attended=True)
    room.rings()
    room.settle("cancel")
    assert room.heard == ({"a1", "b1"}, {})
    assert room.gone == {"c1"}
    room.note(e.Answered, leg="c1")  # it crossed our hang-up
    assert room.heard == ({"a1", "b1"}, {})


def test_a_transferer_that_hangs_up_while_it_rings_has_transferred_blind(room: Room) -> None:
    room.ask(attended=True)
    room.rings()
    room.hangs_up("a1")
    assert room.heard == (set(), {"b1": "ring"})
    room.note(e.Answered, leg="c1")
    assert room.heard == ({"b1", "c1"}, {})


def test_completed_while_it_rings_it_is_a_blind_one(room: Room) -> None:
    room.ask(attended=True)
    room.rings()
    room.settle("complete")
    assert room.heard == (set(), {"b1": "ring"})
    assert room.gone == {"a1"}
    room.note(e.Answered, leg="c1")
    assert room.heard == ({"b1", "c1"}, {})


@pytest.mark.parametrize("swaps", [0, 1])
def test_the_customer_hanging_up_ends_all(room: Room, swaps: int) -> None:
    room.ask(attended=True)
    room.answers()
    for _ in range(swaps):
        room.settle("swap")
    room.hangs_up("b1")
    assert room.gone == {"a1", "b1", "c1"}


@pytest.mark.parametrize(("sip_code", "cause"), [(486, 17), (480, 19)])
def test_a_third_party_that_can_not_be_asked_leads_back(room: Room, sip_code: int, cause: int) -> None:
    room.ask(attended=True)
    room.rings()
    room.hangs_up("c1", sip_code=sip_code, cause=cause)
    assert room.heard == ({"a1", "b1"}, {})


# -- a telephone's own ---------------------------------------------------------------------------


def test_a_refer_is_looked_up_and_told_how_it_goes(room: Room) -> None:
    assert room.note(e.Referred, leg="a1", to="103") == [c.FindThird(leg="a1", to="103")]
    room.ask(referred=True)
    assert room.told == ["progress"]
    assert room.note(e.Referred, leg="a1", to="103") == []  # it comes back with what we told
    room.answers()
    assert room.told == ["progress", "answered"]
    assert room.heard == ({"b1", "c1"}, {})
    assert room.gone == set()  # it hangs up by itself, mostly
    assert room.passes("released:a1") == [c.Hangup(leg="a1", cause=16)]


def test_a_telephone_that_hangs_up_right_after_its_refer_has_transferred(room: Room) -> None:
    room.note(e.Referred, leg="a1", to="103")
    room.ask(referred=True)
    room.hangs_up("a1")
    room.answers()
    assert room.heard == ({"b1", "c1"}, {})
    assert room.told == ["progress"]


def test_a_telephone_is_told_that_nobody_answered(room: Room) -> None:
    room.ask(referred=True)
    room.rings()
    room.hangs_up("c1", sip_code=486, cause=17)
    assert room.told == ["progress", "unavailable"]
    assert room.heard == ({"a1", "b1"}, {})


@pytest.mark.parametrize("to", ["", "agent:201", "103@evil", "1" * 21, "103\n"])
def test_what_is_no_number_is_declined(room: Room, to: str) -> None:
    assert room.note(e.Referred, leg="a1", to=to) == [c.TransferProgress(leg="a1", state="channel_declined")]


def test_whom_nobody_knows_is_declined(room: Room) -> None:
    room.note(e.Referred, leg="a1", to="999")
    room.note(e.ThirdUnknown, leg="a1")
    assert room.told == ["declined"]
    assert room.heard == ({"a1", "b1"}, {})


def test_a_telephone_that_asks_during_a_transfer_by_the_api_is_declined(room: Room) -> None:
    # "Subscription expires 600 s: nothing else times out"
    room.ask(attended=True)
    room.note(e.Referred, leg="a1", to="103")
    assert room.told == ["declined"]
    room.answers()
    room.note(e.Referred, leg="a1", to="104")
    assert room.told == ["declined", "declined"]
    assert room.heard == ({"a1", "c1"}, {"b1": "music"})


def test_the_other_ones_telephone_is_declined_during_a_transfer(room: Room) -> None:
    room.ask()
    room.note(e.Referred, leg="b1", to="103")
    assert room.told == ["declined"]
    room.ask(leg="b1", referred=True)  # the look-up took longer
    assert room.told == ["declined", "declined"]


def test_a_telephone_that_talks_to_nobody_is_declined(call: Call) -> None:
    call.start(100.0)
    call.note(e.Created(leg="a1", at=100.1))
    call.note(e.Answered(leg="a1", at=105))
    declined = [c.TransferProgress(leg="a1", state="channel_declined")]
    assert call.note(e.Referred(leg="a1", at=106, to="103")) == declined


# -- what is not possible ------------------------------------------------------------------------


def asked(leg: str = "a1") -> e.TransferAsked:
    return e.TransferAsked(leg=leg, at=130, attended=False, party=THIRD)


def settled(how: How) -> e.TransferSettled:
    return e.TransferSettled(at=130, how=how)


def test_a_transfer_is_refused_unless_two_talk(call: Call) -> None:
    call.start(100.0)
    assert objection(call, asked()) == "the call is not talking"
    call.note(e.Created(leg="a1", at=100.1))
    call.note(e.Answered(leg="a1", at=105))
    assert objection(call, asked()) == "the call is not talking"
    assert call.note(asked()) == []
    assert call.transfer is None


def test_what_can_not_be_is_said_and_not_done(room: Room) -> None:
    assert objection(room.call, asked("b2")) == "there are no two parties that talk"
    assert objection(room.call, settled("cancel")) == "no transfer is under way"
    room.ask()
    for event, words in (
        (asked(), "a transfer is under way"),
        (asked("b1"), "a transfer is under way"),
        (settled("complete"), "a blind transfer completes by itself"),
        (settled("swap"), "the third party has not answered yet"),
    ):
        before = room.heard
        assert objection(room.call, event) == words
        assert room.carry_out(room.call.note(event)) == []
        assert room.heard == before
    room.hangs_up("a1")
    assert objection(room.call, settled("cancel")) == "who transfers has hung up"
    room.hangs_up("b1")
    assert objection(room.call, asked()) == "the call is not talking"
    assert objection(room.call, e.Cancelled(at=130)) == ""


def test_a_hang_up_that_is_asked_for_ends_all_that_is_there(room: Room) -> None:
    room.ask(attended=True)
    room.answers()
    room.note(e.Cancelled)
    assert room.gone == {"a1", "b1", "c1"}


# -- the call goes on ----------------------------------------------------------------------------


def test_a_call_may_be_transferred_again_and_again(room: Room) -> None:
    room.ask()
    room.answers()
    room.note(e.Ended, leg="a1", cause=16)
    room.ask(leg="c1", attended=True, party=party_of("919910000304"))
    room.answers("c2")
    assert room.heard == ({"c1", "c2"}, {"b1": "music"})
    room.hangs_up("c1")
    assert room.heard == ({"b1", "c2"}, {})
    room.hangs_up("c2")
    assert room.gone == {"a1", "b1", "c1", "c2"}


def test_the_limit_counts_from_when_they_were_first_bridged(room: Room) -> None:
    room.ask()
    room.answers()
    assert room.call.deadlines["talk"] == 110 + 7200
    room.passes("talk")
    assert room.gone == {"a1", "b1", "c1"}
    assert room.call.release_reason == "max_talk"


@pytest.fixture
def alerted(room: Room) -> Room:
    """One that hears an alert at 170."""
    room.call.request = replace(room.call.request, alerts=(Alert(after_seconds=60, media="sound:beep"),))
    room.call.deadlines["alert:0"] = 170.0
    return room


def over(room: Room, leg: str) -> None:
    """What is played to it has come to its end."""
    del room.sounds[leg]
    number = next(each.playback for each in reversed(room.orders) if isinstance(each, c.Play) and each.leg == leg)
    room.note(e.Played, leg=leg, playback=number)


@pytest.mark.parametrize(("attended", "sound"), [(True, "music"), (False, "ring")])
def test_an_alert_is_played_to_those_who_wait_in_place_of_what_they_hear(
    alerted: Room, *, attended: bool, sound: str
) -> None:
    room = alerted
    room.ask(attended=attended)
    room.passes("alert:0")
    assert room.sounds == {"a1": "alert", "b1": "alert"}
    over(room, "b1")
    assert room.sounds == {"a1": "alert", "b1": sound}
    over(room, "a1")
    assert room.sounds == {"a1": "ring", "b1": sound}


def test_an_alert_during_a_consultation_is_heard_by_all_three(alerted: Room) -> None:
    room = alerted
    room.ask(attended=True)
    room.answers()
    assert room.passes("alert:0")[-1] == c.PlayToBridge(bridge=1, media="sound:beep", playback=2)
    assert room.heard == ({"a1", "c1"}, {"b1": "alert"})
    over(room, "b1")
    assert room.heard == ({"a1", "c1"}, {"b1": "music"})


def test_who_is_brought_back_during_an_alert_hears_the_other_at_once(alerted: Room) -> None:
    room = alerted
    room.ask(attended=True)
    room.answers()
    room.passes("alert:0")
    room.settle("complete")
    assert room.heard == ({"b1", "c1"}, {})
    room.note(e.Played, leg="b1", playback=1)
    assert room.heard == ({"b1", "c1"}, {})


def test_alerts_are_played_to_whoever_talks(alerted: Room) -> None:
    room = alerted
    room.ask()
    room.answers()
    assert room.passes("alert:0")[-1] == c.PlayToBridge(bridge=1, media="sound:beep", playback=1)


def test_one_request_is_one_cdr_that_names_the_agent_and_each_leg_is_in_it(room: Room) -> None:
    room.ask()
    room.answers()
    room.note(e.Ended, leg="a1", cause=16)
    room.hangs_up("c1")
    room.note(e.Ended, leg="b1", cause=16)
    assert room.call.over
    record = cdr(room.call, node="n1")
    assert (record.agent_number, record.customer_number) == ("919910000101", "919910000202")
    assert (record.disposition, record.channel) == (Disposition.ANSWER, "n1-57362de4f0.b1")
    assert record.billsec == pytest.approx((room.call.legs["b1"].ended_at or 0) - 110)
    assert record.ended_by == "third"
    legs = leg_rows(room.call, node="n1")
    assert [(leg["name"], leg["side"], leg["disposition"]) for leg in legs] == [
        ("a1", "agent", "ANSWER"),
        ("b1", "customer", "ANSWER"),
        ("c1", "third", "ANSWER"),
    ]


def test_who_has_transferred_is_free_once_his_leg_is_gone(room: Room) -> None:
    room.ask(party=GROUP)
    assert "919910000101" in held(room.call)
    room.note(e.AgentsFree, side="third", targets=(1,))
    assert "104" in held(room.call)
    room.answers()
    room.note(e.Ended, leg="a1", cause=16)
    assert held(room.call) == {"919910000202", "104"}


def test_an_agent_of_a_group_is_waited_for_and_nobody_for_ever(room: Room) -> None:
    seek = room.ask(party=GROUP)[-1]
    assert seek == c.SeekAgent(side="third", targets=(0, 1), every=False, since=121)
    assert room.heard == (set(), {"a1": "ring", "b1": "ring"})
    room.passes("queue:third")
    assert room.heard == ({"a1", "b1"}, {})
    assert room.call.seeking == {}


def test_a_campaigns_call_is_transferred_in_the_same_way() -> None:
    call = call_of(campaign_of(choices={"agent:201": CUSTOMER}, connect_to="agent:201"))
    call.start(100.0)
    for event in (
        e.Created(leg="b1", at=101),
        e.Answered(leg="b1", at=102),
        e.Created(leg="a1", at=103),
        e.Answered(leg="a1", at=104),
    ):
        call.note(event)
    room = Room(call)
    room.ask(attended=True)
    room.answers()
    room.hangs_up("a1")
    assert room.heard == ({"b1", "c1"}, {})


# -- nothing is lost -----------------------------------------------------------------------------


def restored(room: Room) -> Room:
    """The same call in the next engine, from its rows."""
    row, legs = call_row(room.call, node="n1"), leg_rows(room.call, node="n1")
    life = Life.__new__(Life)
    life.call = room.call
    life._save()
    row, legs = life.saved
    room.call = restore(row, legs, flow=room.call.flow, now=room.at)
    return room


@pytest.mark.parametrize("phase", ["reaching", "consulting", "back", "over"])
@pytest.mark.parametrize("told", [True, False])
def test_a_restart_brings_everybody_back_to_where_he_was(room: Room, phase: str, *, told: bool) -> None:
    room.ask(attended=True)
    if phase != "reaching":
        room.answers()
    if phase == "back":
        room.settle("swap")
    if phase == "over":
        room.settle("complete")
        room.note(e.Ended, leg="a1", cause=16)
    expected = set(room.heard[0]), dict(room.heard[1])
    again = restored(room)
    assert again.call.transfer == room.call.transfer
    if not told:  # what was ordered last was lost
        again.inside, again.sounds = set(), {}
    again.note(e.TakenBack, members=frozenset(again.inside))
    assert again.heard == expected
    if phase != "over":
        again.hangs_up("b1")
        assert again.call.releasing


def test_an_answer_that_nobody_heard_is_found(room: Room) -> None:
    room.ask()
    room.rings()
    again = restored(room)
    again.note(e.Found, leg="c1")
    again.note(e.Answered, leg="c1")
    assert again.heard == ({"b1", "c1"}, {})


@pytest.mark.parametrize("status", [409, 422])
def test_a_third_party_that_hangs_up_as_it_answers_takes_nobody_along(room: Room, status: int) -> None:
    room.ask(attended=True)
    room.answers()
    room.inside.discard("c1")
    room.note(e.Refused, command=c.AddToBridge(bridge=1, legs=("c1",)), status=status)
    assert room.gone == set()
    room.hangs_up("c1")
    assert room.heard == ({"a1", "b1"}, {})


@pytest.mark.parametrize("status", [0, 404])
def test_a_leg_that_did_not_get_into_the_bridge_is_put_there_again(room: Room, status: int) -> None:
    room.ask()
    room.answers()
    lost = c.AddToBridge(bridge=1, legs=("c1",))
    room.inside.discard("c1")
    room.note(e.Refused, command=lost, status=status)
    if status == 404:
        assert room.passes("open") == [c.OpenBridge(bridge=1)]
        room.inside.clear()
    room.passes("arrange")
    assert room.heard == ({"b1", "c1"}, {})


def test_a_leg_that_did_not_get_out_of_the_bridge_is_taken_out_again(room: Room) -> None:
    room.ask()
    room.inside.add("a1")
    room.note(e.Refused, command=c.RemoveFromBridge(leg="a1", bridge=1), status=0)
    room.passes("arrange")
    assert room.heard == (set(), {"a1": "ring", "b1": "ring"})
    assert room.inside == {"b1"}


def test_music_that_may_not_have_ended_is_ended_again(room: Room) -> None:
    room.ask(attended=True)
    room.answers()
    room.settle("cancel")
    room.sounds["b1"] = "music"
    room.note(e.Refused, command=c.StopMusic(leg="b1"), status=0)
    room.passes("arrange")
    assert room.heard == ({"a1", "b1"}, {})


def test_a_telephone_that_is_gone_need_not_be_told(room: Room) -> None:
    room.ask(referred=True)
    progress = c.TransferProgress(leg="a1", state="channel_progress")
    assert room.note(e.Refused, command=progress, status=404) == []
    assert room.call.deadlines.keys() == {"talk"}


def test_a_leg_that_was_gone_when_it_was_to_enter_leaves_the_others_where_they_are(room: Room) -> None:
    room.ask(attended=True)
    room.answers()
    room.inside.discard("c1")
    room.note(e.Refused, command=c.AddToBridge(bridge=1, legs=("c1",)), status=400)
    room.hangs_up("c1")
    assert room.heard == ({"a1", "b1"}, {})


def test_two_talk_to_the_third_in_the_same_bridge_as_before(room: Room) -> None:
    room.ask(attended=True)
    room.answers()
    room.settle("complete")
    assert {each.bridge for each in room.orders if isinstance(each, c.AddToBridge | c.RemoveFromBridge)} == {1}


def test_an_agent_of_ours_is_not_bridged_with_itself_for_want_of_another(room: Room) -> None:
    assert objection(call_of(request_of()), asked()) == "the call is not talking"
    room.hangs_up("b1")
    assert room.ask() == []
