"""How many calls may start now: no more than so many in any second, the others in a queue."""

from collections import deque
from dataclasses import dataclass, field

QUEUE_SECONDS = 2.0


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
