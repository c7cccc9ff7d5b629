"""Turns: so many of one account's requests are at a dear work at once, so many wait; nobody keeps the others out."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.errors import OverCapacity


class Turns:
    """For each account `at_once` of them, and `waiting` behind these. `what` is too much then. Needs an event loop."""

    def __init__(self, *, at_once: int, waiting: int, what: str) -> None:
        self._what = what
        self._most = at_once + waiting
        self._there: Counter[str] = Counter()  # by account id
        self._turns: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(at_once))

    @asynccontextmanager
    async def of(self, account_id: str) -> AsyncIterator[None]:
        """The account's turn. Raises `OverCapacity` where too many wait already."""
        if self._there[account_id] >= self._most:
            raise OverCapacity(f"{self._what}, please try again")
        self._there[account_id] += 1
        try:
            async with self._turns[account_id]:
                yield
        finally:
            self._there[account_id] -= 1
            if not self._there[account_id]:
                del self._there[account_id], self._turns[account_id]
