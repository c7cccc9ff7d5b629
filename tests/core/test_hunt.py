"""The hunt: whom to ring next. Random targets, outcomes, retries and glare; and the rules one by one."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import hunt
from engine.core.leg import Leg
from engine.core.request import Party, Target
from tests.core.conftest import CALLER_ID

PAUSE_SECONDS = 2.0
Outcome = Mapping[str, object]
BUSY: Outcome = {"cause": 17, "sip_code": 486}
NO_ANSWER: Outcome = {"cause": 19, "sip_code": 480, "hangup_reason": "ring_time", "rang_at": 1.0}
CONGESTION: Outcome = {"cause": 34, "sip_code": 503}
UNAVAILABLE: Outcome = {"cause": 58, "sip_code": 488}
NO_SUCH_NUMBER: Outcome = {"cause": 1, "sip_code": 404}
FORBIDDEN: Outcome = {"cause": 21, "sip_code": 403}
DECLINED: Outcome = {"cause": 21, "sip_code": 603}
NOT_PERMITTED: Outcome = {"hangup_reason": "stopped"}
CUT_OFF: Outcome = {"hangup_reason": "interrupted", "cause": 16}
ELSEWHERE: Outcome = {"hangup_reason": "elsewhere", "cause": 26}
RETRIED = (BUSY, NO_ANSWER, CONGESTION, UNAVAILABLE)
FINAL = (NO_SUCH_NUMBER, FORBIDDEN, DECLINED, NOT_PERMITTED, ELSEWHERE)


def party_of(*numbers: str, trunks: int = 1, agents: bool = False, **more: object) -> Party:
    targets = tuple(
        Target(
            number=number,
            endpoints=tuple(f"PJSIP/{number}@trunk{trunk}" for trunk in range(trunks)),
            agent_id=f"agent {number}" if agents else "",
        )
        for number in numbers
    )
    return Party(targets=targets, ring_seconds=20, caller_id=CALLER_ID, **more)  # type: ignore[arg-type]


def rung(party: Party, legs: list[Leg], tries: tuple[hunt.Try, ...], *, at: float = 0.0) -> None:
    """Place what the hunt asks for."""
    for each in tries:
        target = party.targets[each.target]
        leg = Leg(name=f"b{len(legs) + 1}", side="customer", number=target.number, endpoint=each.endpoint)
        leg.target, leg.attempt, leg.created_at, leg.dialed_at = each.target, each.attempt, at, at
        legs.append(leg)


def ended(leg: Leg, how: Outcome, *, at: float) -> None:
    for name, value in how.items():
        setattr(leg, name, value)
    leg.ended_at = at


def step(party: Party, legs: list[Leg], now: float) -> hunt.Step:
    return hunt.next_step(party, legs, now=now, pause_seconds=PAUSE_SECONDS)


def order(party: Party, *outcomes: Outcome) -> list[str]:
    """The numbers rung, in order, when they come out like this; the hunt has to be at its end after these."""
    legs: list[Leg] = []
    now = 0.0
    rest = list(outcomes)
    while not isinstance(found := step(party, legs, now), hunt.GiveUp):
        if isinstance(found, hunt.Pause):
            assert found.until == now + PAUSE_SECONDS
            now = found.until
            continue
        assert isinstance(found, hunt.Ring)
        rung(party, legs, found.tries, at=now)
        for leg in [each for each in legs if not each.over]:
            ended(leg, rest.pop(0), at=now)
    assert rest == []
    return [leg.number for leg in legs]


def test_one_by_one_goes_through_the_numbers_in_their_order() -> None:
    assert order(party_of("1", "2", "3"), BUSY, NO_SUCH_NUMBER, NO_ANSWER) == ["1", "2", "3"]


@pytest.mark.parametrize("outcome", RETRIED)
def test_busy_no_answer_congestion_and_unavailable_are_retried_before_the_next_number(
    outcome: Outcome,
) -> None:
    party = party_of("1", "2", retries=2)
    assert order(party, outcome, outcome, outcome, BUSY, BUSY, BUSY) == ["1", "1", "1", "2", "2", "2"]


@pytest.mark.parametrize("outcome", FINAL)
def test_nothing_else_is_retried(outcome: Outcome) -> None:
    assert order(party_of("1", "2", retries=3), outcome, outcome) == ["1", "2"]


def test_to_all_rings_everybody_and_repeats_the_fork_without_those_who_can_not_be_meant() -> None:
    party = party_of("1", "2", "3", strategy="to_all", retries=1)
    assert order(party, BUSY, DECLINED, NO_ANSWER, BUSY, BUSY) == ["1", "2", "3", "1", "3"]


def test_to_all_waits_for_the_last_one_that_rings() -> None:
    party = party_of("1", "2", strategy="to_all", retries=1)
    legs: list[Leg] = []
    found = step(party, legs, 0.0)
    assert isinstance(found, hunt.Ring)
    rung(party, legs, found.tries)
    ended(legs[0], BUSY, at=1.0)
    assert step(party, legs, 1.0) == hunt.Wait()
    ended(legs[1], NO_ANSWER, at=20.0)
    assert step(party, legs, 20.0) == hunt.Pause((0, 1), 22.0)


def test_another_trunk_is_no_retry() -> None:
    party = party_of("1", trunks=2, retries=1)
    legs: list[Leg] = []
    for expected in (("trunk0", 1), ("trunk1", 1), ("trunk0", 2), ("trunk1", 2)):
        found = step(party, legs, 100.0 * len(legs))
        assert isinstance(found, hunt.Ring)
        (chosen,) = found.tries
        assert (chosen.endpoint.partition("@")[2], chosen.attempt) == expected
        rung(party, legs, found.tries)
        ended(legs[-1], CONGESTION, at=100.0 * (len(legs) - 1))
    assert step(party, legs, 1000.0) == hunt.GiveUp()


def test_agents_are_asked_for_and_one_that_was_rung_is_not_asked_for_again() -> None:
    party = party_of("1", "2", "3", agents=True)
    legs: list[Leg] = []
    assert step(party, legs, 0.0) == hunt.Seek((0, 1, 2), every=False)
    rung(party, legs, hunt.found(party, (1,)).tries)
    assert step(party, legs, 0.0) == hunt.Wait()
    ended(legs[0], NO_ANSWER, at=20.0)
    assert step(party, legs, 20.0) == hunt.Seek((0, 2), every=False)
    assert step(replace(party, strategy="to_all"), [], 0.0) == hunt.Seek((0, 1, 2), every=True)


OUTCOMES = st.sampled_from([*RETRIED, *FINAL, CUT_OFF])
PARTIES = st.builds(
    lambda count, trunks, agents, strategy, retries: party_of(
        *(str(number) for number in range(count)), trunks=trunks, agents=agents, strategy=strategy, retries=retries
    ),
    st.integers(1, 5),
    st.integers(1, 2),
    st.booleans(),
    st.sampled_from(["one_by_one", "to_all"]),
    st.integers(0, 3),
)


@given(PARTIES, st.data())
def test_any_hunt_ends_and_never_rings_more_often_or_in_another_order_than_it_may(
    party: Party, data: st.DataObject
) -> None:
    legs: list[Leg] = []
    now, steps = 0.0, 0
    while True:
        steps += 1
        assert steps < 500, "it does not end"
        found = step(party, legs, now)
        if isinstance(found, hunt.GiveUp):
            break
        if isinstance(found, hunt.Pause):
            assert found.until > now
            now = found.until
            continue
        if isinstance(found, hunt.Seek):
            free = [place for place in found.targets if data.draw(st.booleans())]
            if not free:
                break
            found = hunt.found(party, free if found.every else free[:1])
        if isinstance(found, hunt.Ring):
            rung(party, legs, found.tries, at=now)
        now += data.draw(st.floats(0.1, 20))
        live = [leg for leg in legs if not leg.over]
        ended(data.draw(st.sampled_from(live)), data.draw(OUTCOMES), at=now)
    cut_off = sum(leg.hangup_reason == "interrupted" for leg in legs)
    for target, count in Counter(leg.target for leg in legs).items():
        assert count <= (1 + party.retries) * len(party.targets[target].endpoints) + cut_off
    assert all(leg.attempt <= 1 + party.retries for leg in legs)
    if party.strategy == "one_by_one":
        assert [leg.target for leg in legs] == sorted(
            (leg.target for leg in legs), key=[leg.target for leg in legs].index
        )
        firsts = list(dict.fromkeys(leg.target for leg in legs))
        assert firsts == sorted(firsts) or party.staffed
    for leg in legs:
        earlier = [each for each in legs if each.target == leg.target and each.attempt == leg.attempt - 1]
        assert all(each.worth_a_retry for each in earlier[-1:])


def test_each_telephone_of_a_fork_that_was_cut_off_gets_its_one_new_leg() -> None:
    party = party_of("1", "2", strategy="to_all")
    legs: list[Leg] = []
    found = step(party, legs, 0.0)
    assert isinstance(found, hunt.Ring)
    rung(party, legs, found.tries)
    for leg in legs:
        ended(leg, CUT_OFF, at=1.0)
    assert step(party, legs, 1.0) == found
