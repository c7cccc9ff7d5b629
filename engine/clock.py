"""One timer for all deadlines, armed for the earliest."""

import asyncio
import heapq
import time
from collections.abc import Callable

SLACK = 256


class AlarmClock:
    """Rings for a key when its time (seconds since the epoch) has come; a key has one time at most."""

    def __init__(self, ring: Callable[[str], None]) -> None:
        self._ring = ring
        self._times: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._timer: asyncio.TimerHandle | None = None

    def set(self, key: str, at: float | None) -> None:
        """Ring for the key at that time and at no other; None is never."""
        if self._times.get(key) == at:
            return
        if at is None:
            self._times.pop(key, None)
            return
        self._times[key] = at
        heapq.heappush(self._heap, (at, key))
        if len(self._heap) > 2 * len(self._times) + SLACK:  # mostly times that were set anew since
            self._heap = sorted((at, key) for key, at in self._times.items())
        if self._heap[0] == (at, key):
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        while self._heap and self._times.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # set to another time since
        self._timer = None
        if self._heap:
            wait_seconds = max(0.0, self._heap[0][0] - time.time())
            self._timer = asyncio.get_running_loop().call_later(wait_seconds, self._fire)

    def _fire(self) -> None:
        now = time.time()
        due = [key for at, key in self._pop_until(now)]
        for key in due:
            self._ring(key)
        self._arm()

    def _pop_until(self, now: float) -> list[tuple[float, str]]:
        popped = []
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._times.get(key) == at:
                del self._times[key]
                popped.append((at, key))
        return popped
