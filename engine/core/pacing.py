"""How many calls may start, and when: an account's in any second, a campaign's in any minute."""

from collections import deque
from dataclasses import dataclass, field

QUEUE_SECONDS = 2.0
# A campaign's starts are granted so far apart that a minute's worth of them takes this long: who starts up to 1.5 s
# late, on whichever node, never makes one minute hold one more.
MINUTE_SECONDS = 61.5
AHEAD_SECONDS = 1.0  # so long before its time a start is granted
BEHIND_SECONDS = 0.5  # so long after it one still is: looking now and then costs none
LATEST_SECONDS = 1.0  # after its time: a start that is missed by more is not made up for
CLOCKS_SECONDS = 1.0  # so far two nodes differ in what they take Postgres's clock to show, at most


@dataclass(slots=True)
class Pace:
    """The starts of one account's calls, those promised for later included.

    A start is free as soon as the one `per_second` before it is a second old: room is used at once, in a burst
    if need be, and yet no second, wherever it begins, holds more.
    """

    _starts: deque[float] = field(default_factory=deque)

    def take(self, now: float, *, per_second: int) -> float | None:
        """Take the next start: seconds until then, 0 where there is room; None, and none taken, if too far off."""
        starts = self._starts
        while len(starts) > per_second:
            starts.popleft()
        at = now
        if starts:
            at = max(now, starts[-1])  # first come, first served, though the limit was raised meanwhile
        if len(starts) == per_second:
            at = max(at, starts[0] + 1.0)
        if at - now > QUEUE_SECONDS:
            return None
        starts.append(at)
        return at - now


def spacing_seconds(per_minute: int) -> float:
    """How far apart the starts of a campaign's calls are."""
    return MINUTE_SECONDS / per_minute


def granted_until(next_at: float, now: float, spacing: float) -> float:
    """Until when starts are granted, 0 for no grant: none reaches further than that, unless the clock was put back."""
    return next_at if next_at <= now + AHEAD_SECONDS + spacing + CLOCKS_SECONDS else 0.0


def next_start(next_at: float, now: float, *, spacing: float, not_before: float = 0.0) -> float | None:
    """When a campaign's next call starts, that is not to start before `next_at`; None if that is too far off.

    It may be a moment ago; what was not used for longer is lost.
    """
    next_at = granted_until(next_at, now, spacing)
    at = max(next_at if next_at >= now - BEHIND_SECONDS else now, not_before)
    return at if at <= now + AHEAD_SECONDS else None
