"""Random lives of a call: whatever happens, in whatever order, it ends whole."""

import os
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from engine.core.amd import Amd
from engine.core.call import Call
from engine.core.cdr import cdr
from engine.core.ivr import Choice, Ivr, Prompt, Step, Then
from engine.core.request import Alert, CallRequest, Pair, Party, Speech, Target
from tests.core.conftest import CALLER_ID, call_of, campaign_of, inbound_of, otp_of, request_of
from tests.core.exchange import Life

LIVES = int(os.environ.get("WALK_LIVES", "5000"))
TRUNKS = ("one", "two")


def request(random: Random) -> CallRequest:
    """A request for anything there is."""
    if random.random() < 0.25:
        customer = party(random, "91991000020", of_agents=False)
        return otp_of(customer, seconds=random.choice((0.8, 5.0)), times=random.choice((1, 1, 3)))
    if random.random() < 0.5:
        return campaign(random)
    return replace(
        request_of(agent=party(random, "91991000010"), customer=party(random, "91991000020")),
        ring_tone=random.choice(("", "", "sound:/x/y")),
        alerts=tuple(
            Alert(after_seconds=random.randint(1, 9), media="sound:beep") for _ in range(random.choice((0, 2)))
        ),
        pair=random.choice((None, Pair(number="919910000202", seconds=60))),
        max_talk_seconds=random.choice((10, 7200)),
        recording=random.choice(("", "both", "agent", "customer")),
    )


def came(random: Random) -> Call:
    """A call that comes in, for anybody."""
    choices = {name: party(random, f"9199100{place}10") for place, name in enumerate(("agent:1", "group:1"))}
    asked = random.choice((None, ivr(random)))
    reached = party(random, "91991000010")
    return inbound_of(random.choice((None, reached)) if asked else reached, ivr=asked, choices=choices)


def campaign(random: Random) -> CallRequest:
    """A campaign's attempt of any kind."""
    speech = Speech(media="sound:/run/legwork/speech", seconds=random.choice((0.8, 5.0)), times=random.choice((1, 3)))
    choices = {name: party(random, f"9199100{place}10") for place, name in enumerate(("agent:1", "group:1"))}
    return campaign_of(
        party(random, "91991000020", of_agents=False),
        speech=random.choice((None, speech, speech)),
        amd=random.choice((None, Amd(on_machine=random.choice(("hangup", "play", "beep"))))),
        ivr=random.choice((None, ivr(random))),
        choices=choices,
        connect_to=random.choice(("", *choices)),
        ring_tone=random.choice(("", "", "sound:/x/y")),
        alerts=(Alert(after_seconds=random.randint(1, 9), media="sound:beep"),),
    )


def ivr(random: Random) -> Ivr:
    """Questions whose keys lead anywhere."""
    names = [f"q{place}" for place in range(random.randint(1, 3))]
    kinds: tuple[Then, ...] = ("next", "next", "go_to", "repeat", "transfer", "hang_up")

    def choice() -> Choice:
        then = random.choice(kinds)
        to = random.choice(names) if then == "go_to" else random.choice(("agent:1", "group:1", "agent:gone"))
        return Choice(then=then, to=to, answer=random.choice((None, "yes", "no")))

    prompt = Prompt(media="sound:/run/legwork/prompt", seconds=2.0)
    return Ivr(
        ivr_id="survey",
        steps=tuple(
            Step(
                name=name,
                prompt=prompt,
                keys={key: choice() for key in random.sample("125", random.randint(0, 3))},
                timeout_seconds=random.choice((0.5, 5.0)),
                times=random.randint(1, 3),
                wrong=random.choice((None, prompt)),
                otherwise=choice(),
            )
            for name in names
        ),
    )


def party(random: Random, number: str, *, of_agents: bool | None = None) -> Party:
    """A party of one number, several, or agents."""
    of_agents = random.random() < 0.3 if of_agents is None else of_agents
    targets = tuple(
        Target(
            number=f"{number}{place}",
            endpoints=tuple(f"PJSIP/{number}{place}@{trunk}" for trunk in TRUNKS[: random.randint(1, 2)]),
            agent_id=str(place) if of_agents else "",
        )
        for place in range(random.choice((1, 1, 3)))
    )
    return Party(
        targets=targets,
        ring_seconds=random.randint(1, 30),
        caller_id=CALLER_ID,
        strategy=random.choice(("one_by_one", "to_all")),
        retries=random.choice((0, 0, 2)),
        queue_seconds=random.choice((0, 20)) if of_agents else 0,
    )


def third(random: Random) -> Party:
    """Whom a call is transferred to."""
    return party(random, "91991000030")


@pytest.mark.timeout(60 + LIVES / 100)  # a hundred thousand take a minute on a quiet core
def test_no_life_leaks_a_leg_or_a_bridge_or_ends_twice() -> None:
    outcomes: dict[str, int] = {}
    spoken, asked, met = 0, 0, 0
    transferred: dict[str, int] = {}
    verdicts: set[str | None] = set()
    came_in: set[tuple[str, bool, bool]] = set()
    led_on = 0
    for seed in range(LIVES + LIVES // 4):
        random = Random(seed)
        life = Life(call_of(request(random)) if seed < LIVES else came(random), random, third)
        life.run()
        call = life.call
        where = f"seed {seed}"
        assert call.over, where
        assert life.times_over == 1, where
        assert life.channels == {}, where
        assert life.bridges == set(), where
        assert life.snoops == set(), where
        assert life.taps == set(), where
        for each in call.recordings:
            assert each.ended_at is not None, where
            assert call.bridged_at is not None, where
            assert each.asked_at <= each.ended_at, where
        assert call.deadlines == {}, where
        record = cdr(call, node="n1")
        if call.request.speech is not None:
            assert record.heard_seconds is not None, where
            assert 0 <= record.heard_seconds <= (record.announcement_seconds or 0), where
            assert record.billsec is None or record.heard_seconds <= record.billsec + 0.5, where
            spoken += record.heard_seconds == record.announcement_seconds
        assert record.billsec is None or record.billsec >= 0, where
        for leg in call.legs.values():
            known = [time for time in (leg.created_at, leg.answered_at, leg.ended_at) if time is not None]
            assert known == sorted(known), where
        for side, party in call.request.parties.items():
            legs = [leg for leg in call.legs.values() if leg.side == side]
            cut_off = sum(leg.hangup_reason == "interrupted" for leg in legs)
            for place, target in enumerate(party.targets):
                tried = [leg for leg in legs if leg.target == place]
                assert len(tried) <= (1 + party.retries) * max(1, len(target.endpoints)) + cut_off, where
            assert sum(leg.answered_at is not None and leg.target >= 0 for leg in legs) <= 1, where
        if call.request.did:
            caller = call.legs["b1"]
            assert call.bridged_at is None or caller.answered_at is not None, where
            came_in.add((record.disposition, caller.answered_at is not None, call.bridged_at is not None))
            led_on += bool(call.visit) and any(leg.target < 0 for leg in call.legs.values()) and bool(call.connecting)
        if call.request.campaign:
            verdicts.add(record.amd_status)
            asked += bool(record.answers)
            met += call.bridged_at is not None
            if call.talker("customer") is not None:
                assert record.disposition == "ANSWER", where
            if any(leg.amd_status == "machine" for leg in call.legs.values()):
                assert call.visit is None, where
                assert not call.connecting, where
        for phase in life.phases:
            transferred[phase] = transferred.get(phase, 0) + 1
        outcomes[record.disposition] = outcomes.get(record.disposition, 0) + 1
    assert outcomes.keys() >= {"ANSWER", "NOANSWER", "BUSY", "CONGESTION", "CHANUNAVAIL", "CANCEL"}, outcomes
    assert transferred.keys() >= {"reaching", "consulting", "back", "over"}, transferred
    assert transferred["over"] > LIVES / 100
    assert spoken > LIVES / 100
    assert asked > LIVES / 200
    assert met > LIVES / 500
    assert {
        ("ANSWER", True, True),
        ("CANCEL", False, False),
        ("BUSY", False, False),
        ("NOANSWER", False, False),
    } <= came_in
    assert led_on
    assert verdicts == {None, "human", "machine", "silence", "unsure"}


@pytest.mark.timeout(60 + LIVES / 100)
def test_no_talk_is_recorded_but_as_it_was_asked_for_and_none_goes_on_alone() -> None:
    seen: Counter[str] = Counter()
    for seed in range(LIVES // 5):
        random = Random(f"talk {seed}")  # a life of its own
        asked = replace(request_of(), recording=random.choice(("", "both", "agent", "customer")))
        life = Life(call_of(asked), random, patient=True)
        life.run()
        call, where = life.call, f"seed {seed}"
        assert (call.over, life.taps, call.deadlines) == (True, set(), {}), where
        for place, each in enumerate(call.recordings):
            assert each.ended_at is not None, where
            assert each.asked_at <= each.ended_at, where
            before = call.recordings[place - 1].ended_at if place else 0.0
            assert before is not None, where
            assert each.asked_at >= before, f"{where}: two at once"
            side = call.legs[each.leg].side
            assert each.side in (side, "both"), where
            assert call.legs[each.leg].answered_at is not None, where
            seen[each.side] += 1
        steady = call.bridged_at is not None and life.steadily
        assert not steady or bool(call.recordings) == bool(asked.recording), where
        seen["begun"] += any(each.started_at is not None for each in call.recordings)
        seen["again"] += len(call.recordings) > 1
        seen["failed"] += any(each.failed for each in call.recordings)
        seen["paused"] += any(each.paused for each in call.recordings)
        seen["steady"] += steady and bool(asked.recording)
    named = ("both", "agent", "customer", "begun", "again", "failed", "paused", "steady")
    assert min(seen[each] for each in named) > LIVES / 2000, seen
