"""Who of the agents is free, and who waits for one: in turn, and nobody twice."""

from collections import deque
from dataclasses import replace

from engine.accounts import Accounts
from engine.core import commands as c
from engine.core import events as e
from engine.core.account import Account, Agent
from engine.core.call import Call
from engine.core.flows import click2call
from engine.core.request import Party, Side, Target
from engine.staff import Staff
from tests.core.conftest import CALLER_ID, inbound_of, party_of, request_of

AGENTS = {
    name: Agent(agent_id=name, number=f"91991002{name}", web_login=name != "203") for name in ("201", "202", "203")
}


class Calls:
    """Some calls that look for agents, as the lines lead them."""

    def __init__(self) -> None:
        self.account = Account(account_id="account_1", name="Demo", region="IN", agents=AGENTS)
        self.accounts = Accounts(accounts={"account_1": self.account})
        self.ready = True
        self.staff = Staff(self.accounts, self._found, ready=lambda: self.ready)
        self.calls: dict[str, Call] = {}
        self.rung: deque[tuple[str, str]] = deque()

    def begin(self, name: str, *agents: str, at: float, queue_seconds: int = 60, **more: object) -> Call:
        """A call whose agent's party is these."""
        targets = tuple(Target(number=AGENTS[each].number, endpoints=("PJSIP/101",), agent_id=each) for each in agents)
        staffed = Party(
            targets=targets,
            ring_seconds=20,
            caller_id=CALLER_ID,
            queue_seconds=queue_seconds,
            **more,  # type: ignore[arg-type]
        )
        request = request_of(agent=staffed, customer=party_of(f"9199100{len(self.calls):03}02"))
        call = self.calls[name] = Call(call_id=name, request=request, flow=click2call, requested_at=at, now=at)
        self.follow(call, call.start(at))
        return call

    def comes_in(self, name: str, party: Party, *, at: float) -> None:
        """A call that came in for that party."""
        call = self.calls[name] = inbound_of(party)
        call.call_id = name
        self.follow(call, call.start(at))

    def note(self, name: str, event: e.Event) -> None:
        self.follow(self.calls[name], self.calls[name].note(event))

    def follow(self, call: Call, orders: list[c.Command]) -> None:
        for order in orders:
            if isinstance(order, c.SeekAgent):
                self.staff.seek(call, order)
            elif isinstance(order, c.CreateLeg):
                self.rung.append((call.call_id, call.legs[order.leg].agent_id))
        self.staff.note(call)

    def end(self, name: str, leg: str = "a1", **how: int) -> None:
        self.note(name, e.Ended(leg=leg, at=self.calls[name].now + 1, cause=how.get("cause", 16)))

    def _found(self, call_id: str, side: Side, targets: tuple[int, ...]) -> None:
        self.note(call_id, e.AgentsFree(at=self.calls[call_id].now, side=side, targets=targets))


def test_the_first_free_agent_in_order_is_rung_and_busy_from_then_on() -> None:
    calls = Calls()
    calls.begin("one", "201", "202", at=100)
    calls.begin("two", "201", "202", at=101)
    calls.begin("three", "201", "202", at=102)
    assert list(calls.rung) == [("one", "201"), ("two", "202")]
    calls.end("one")
    assert calls.rung[-1] == ("three", "201")


def test_whoever_was_not_answered_keeps_its_turn() -> None:
    calls = Calls()
    calls.begin("one", "201", "202", at=100)
    calls.begin("other", "202", at=101)
    calls.begin("two", "202", at=105)
    calls.end("one", cause=19)  # 201 does not answer; 202 is on a call
    calls.end("other")
    assert calls.rung[-1] == ("one", "202"), "it came before two"


def test_what_is_no_agents_is_rung_where_the_callers_own_agent_is_not_reached() -> None:
    calls = Calls()
    own = Target(number=AGENTS["201"].number, endpoints=("PJSIP/201@carrier",), agent_id="201")
    extension = Target(number="104", endpoints=("PJSIP/104",))
    party = Party(targets=(own, extension), ring_seconds=20, caller_id=CALLER_ID)
    calls.comes_in("one", party, at=100)
    calls.comes_in("two", party, at=101)  # 201 rings
    calls.comes_in("three", party, at=102)  # so does 104: it says by itself that it is busy
    assert list(calls.rung) == [("one", "201"), ("two", ""), ("three", "")]
    calls.end("one", cause=19)
    assert calls.rung[-1] == ("one", "")


def test_an_agent_is_held_while_a_retry_is_due() -> None:
    calls = Calls()
    one = calls.begin("one", "201", at=100, retries=1)
    calls.begin("two", "201", at=101)
    calls.end("one", cause=17)
    assert "pause:agent" in one.deadlines
    one.now += 10  # the alarm is late, or nobody was there to hear it
    calls.staff.note(one)
    assert [name for name, _ in calls.rung] == ["one"]
    calls.note("one", e.DeadlinePassed(name="pause:agent", at=one.now))
    assert [name for name, _ in calls.rung] == ["one", "one"]


def test_after_a_restart_all_queue_up_before_one_is_served() -> None:
    calls = Calls()
    calls.ready = False
    calls.begin("later", "201", at=120)
    calls.begin("first", "201", at=105)
    assert not calls.rung
    calls.ready = True
    calls.staff.look()
    assert list(calls.rung) == [("first", "201")]


def test_nobody_is_told_that_all_are_busy_before_it_is_known() -> None:
    calls = Calls()
    calls.ready = False
    call = calls.begin("one", "201", at=100, queue_seconds=0)
    assert not call.releasing
    calls.ready = True
    calls.staff.look()
    assert list(calls.rung) == [("one", "201")]
    other = calls.begin("two", "201", at=101, queue_seconds=0)
    assert (other.release_reason, other.gave_up) == ("agent_not_reached", "no_agent_free")


def test_only_who_is_logged_in_as_asked_for_is_rung_at_that_time() -> None:
    calls = Calls()
    calls.begin("one", "203", "201", at=100, web_login=True)
    calls.begin("two", "203", "201", at=101, web_login=True)
    assert list(calls.rung) == [("one", "201")]
    logged_in = replace(calls.account, agents={**AGENTS, "203": replace(AGENTS["203"], web_login=True)})
    calls.accounts.accounts["account_1"] = logged_in
    calls.staff.look()
    assert calls.rung[-1] == ("two", "203")


def test_nothing_is_kept_of_calls_that_are_over() -> None:
    calls = Calls()
    for place in range(50):
        call = calls.begin(str(place), "201", at=100 + place)
        calls.note(call.call_id, e.Cancelled(at=150 + place))
        calls.end(call.call_id)
        calls.staff.forget(call)
    assert (calls.staff._held, calls.staff._busy, calls.staff._waiting) == ({}, {}, {})
