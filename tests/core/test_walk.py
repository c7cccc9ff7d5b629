"""Random lives of a call: whatever happens, in whatever order, it ends whole."""

import os
from random import Random

from engine.core.cdr import cdr
from tests.core.conftest import call_of, party_of, request_of
from tests.core.exchange import Life

LIVES = int(os.environ.get("WALK_LIVES", "5000"))
TRUNKS = ("one", "two")


def test_no_life_leaks_a_leg_or_a_bridge_or_ends_twice() -> None:
    outcomes: dict[str, int] = {}
    for seed in range(LIVES):
        random = Random(seed)
        trunks = TRUNKS[: random.randint(1, 2)]
        customer = party_of("919910000202", *trunks, ring_seconds=random.randint(1, 30))
        life = Life(call_of(request_of(customer=customer)), random)
        life.run()
        call = life.call
        where = f"seed {seed}"
        assert call.over, where
        assert life.times_over == 1, where
        assert life.channels == {}, where
        assert life.bridges == set(), where
        assert call.deadlines == {}, where
        record = cdr(call, node="n1")
        assert record.billsec is None or record.billsec >= 0, where
        for leg in call.legs.values():
            known = [time for time in (leg.created_at, leg.answered_at, leg.ended_at) if time is not None]
            assert known == sorted(known), where
        outcomes[record.disposition] = outcomes.get(record.disposition, 0) + 1
    assert outcomes.keys() >= {"ANSWER", "NOANSWER", "BUSY", "CONGESTION", "CHANUNAVAIL", "CANCEL"}, outcomes
