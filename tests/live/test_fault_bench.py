"""A short run of the fault bench: the engine is killed among calls in flight, then cut off from Asterisk."""

import pytest

from tests.faults.plan import plan
from tests.faults.rounds import run
from tests.live.engine import make_up
from tests.live.lab import settings

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]

CALLS = 8


@pytest.mark.parametrize(("seed", "kind"), [(11, "kill"), (12, "ari-cut")])
async def test_nothing_is_lost_with_calls_in_flight(seed: int, kind: str) -> None:
    try:
        done = await run(plan(seed, calls=CALLS, kind=kind), settings())
    finally:
        await make_up()
    assert done.in_flight >= CALLS / 2
    assert done.broken == []
