"""The pace of an account's calls on a simulated clock: never more in any second, never later than needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.pacing import QUEUE_SECONDS, Pace

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
