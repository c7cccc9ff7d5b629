"""The pace of calls on a simulated clock: never more in any second or minute, never later than needed."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.pacing import (
    AHEAD_SECONDS,
    BEHIND_SECONDS,
    LATEST_SECONDS,
    QUEUE_SECONDS,
    Pace,
    granted_until,
    next_start,
    spacing_seconds,
)

MOMENTS = st.lists(st.integers(0, 800), min_size=1, max_size=300)  # milliseconds between requests


def busiest_second(starts: list[float]) -> int:
    """The most starts in any second that begins with one of them, end excluded."""
    starts = sorted(starts)
    return max(sum(0 <= other - start < 1.0 - 1e-9 for other in starts) for start in starts)


@given(gaps=MOMENTS.map(lambda gaps: [gap % 40 for gap in gaps]) | MOMENTS, per_second=st.integers(1, 20))
def test_no_rolling_second_has_more_than_its_calls(gaps: list[int], per_second: int) -> None:
    pace, now, starts = Pace(), 1000.0, []
    for gap in gaps:
        now += gap / 1000
        wait_seconds = pace.take(now, per_second=per_second)
        if wait_seconds is not None:
            assert 0 <= wait_seconds <= QUEUE_SECONDS
            starts.append(now + wait_seconds)
    assert busiest_second(starts) <= per_second
    assert starts == sorted(starts)


@given(gaps=MOMENTS, per_second=st.integers(1, 20))
def test_nobody_waits_where_there_is_room(gaps: list[int], per_second: int) -> None:
    pace, now = Pace(), 1000.0
    starts: list[float] = []
    for gap in gaps:
        now += gap / 1000
        recent = sum(now - start < 1.0 for start in starts)
        wait_seconds = pace.take(now, per_second=per_second)
        if recent < per_second:
            assert wait_seconds == 0
        if wait_seconds is not None:
            starts.append(now + wait_seconds)


def test_a_full_queue_refuses_and_keeps_its_pace() -> None:
    pace = Pace()
    waits = [pace.take(50.0, per_second=10) for _ in range(100)]
    assert [waits.count(seconds) for seconds in (0.0, 1.0, 2.0, None)] == [10, 10, 10, 70]
    assert pace.take(51.0, per_second=10) == 2.0  # one of 53.0


@pytest.mark.parametrize(("before", "after"), [(10, 2), (2, 10)])
def test_a_limit_that_changes_holds_from_then_on(before: int, after: int) -> None:
    pace, starts = Pace(), []
    for number in range(200):
        now = 100 + number / 20
        if (wait_seconds := pace.take(now, per_second=before if number < 100 else after)) is not None:
            starts.append(now + wait_seconds)
    assert busiest_second([at for at in starts if at >= 108]) <= after
    assert busiest_second(starts) <= 10


# -- campaigns -------------------------------------------------------------------------------------


def busiest_minute(starts: list[float]) -> int:
    """The most starts in any 60 seconds that begin with one of them."""
    starts, most, first = sorted(starts), 0, 0
    for last, start in enumerate(starts):
        while start - starts[first] >= 60:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("jitter_seconds", [0.0, 1.5])
@pytest.mark.parametrize(("per_minute", "hours"), [(10, 6), (60, 4), (600, 1)])
def test_hours_of_a_campaign_never_exceed_its_pace_in_any_minute_and_keep_to_it(
    per_minute: int, hours: int, jitter_seconds: float
) -> None:
    """On two nodes that look now and then, each start up to 1.5 s late: never above, at least 95 % of it."""
    dice, starts = Random(per_minute), []
    begin = now = 1_800_000_000.0
    next_at = 0.0
    while now < begin + 3600 * hours:
        now += dice.uniform(0.02, 0.3)
        while (at := next_start(next_at, now, spacing=spacing_seconds(per_minute))) is not None:
            starts.append(max(at, now) + dice.uniform(0.0, max(0.0, jitter_seconds - max(0.0, now - at))))
            next_at = at + spacing_seconds(per_minute)
    assert busiest_minute(starts) <= per_minute
    assert len(starts) >= 0.95 * per_minute * 60 * hours


@given(
    gaps=st.lists(st.floats(0.01, 90.0), min_size=20, max_size=200),
    wanted=st.lists(st.integers(0, 40), min_size=200, max_size=200),
    per_minute=st.sampled_from([10, 60, 600]),
)
def test_a_campaign_that_rests_and_hurries_never_exceeds_its_pace(
    gaps: list[float], wanted: list[int], per_minute: int
) -> None:
    starts, now, next_at = [], 1_800_000_000.0, 0.0
    for gap, most in zip(gaps, wanted, strict=False):
        now += gap
        for _ in range(most):
            at = next_start(next_at, now, spacing=spacing_seconds(per_minute))
            if at is None:
                break
            assert now - BEHIND_SECONDS <= at <= now + AHEAD_SECONDS
            # On time, or as late as one may be that is not given back.
            starts.append(max(at, now) if most % 2 else at + LATEST_SECONDS)
            next_at = at + spacing_seconds(per_minute)
    assert busiest_minute(starts) <= per_minute


def test_a_campaign_begins_at_once_and_makes_up_for_nothing_that_is_long_ago() -> None:
    now = 1_800_000_000.0
    assert next_start(0.0, now, spacing=0.1) == now
    assert next_start(now - 0.6, now, spacing=0.1) == now
    assert next_start(now - 0.4, now, spacing=0.1) == now - 0.4
    assert next_start(now + 0.9, now, spacing=0.1) == now + 0.9
    assert next_start(now + 1.1, now, spacing=0.1) is None
    assert next_start(0.0, now, not_before=now + 0.5, spacing=0.1) == now + 0.5


def test_what_nobody_can_have_granted_was_granted_by_another_clock() -> None:
    """At 60 a minute the last start granted is 1 s ahead, the one after it 1.025 s later; nodes differ a little."""
    now = 1_800_000_000.0
    assert next_start(now + 2.0, now, spacing=1.025) is None
    assert next_start(now + 3.0, now, spacing=1.025) is None
    assert next_start(now + 3.1, now, spacing=1.025) == now
    assert next_start(now + 3600, now, spacing=1.025, not_before=now + 0.5) == now + 0.5
    assert granted_until(now + 3600, now, 1.025) == 0
    assert granted_until(now + 2.0, now, 1.025) == now + 2.0
