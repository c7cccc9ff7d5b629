"""One answer for one idempotency key: the first request is carried out, the others are given its answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from engine.core.idempotency import Answer, Key
from engine.errors import InFlight, KeyReused, KeyTaken, Unavailable

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Flight:
    """A request that is being carried out."""

    fingerprint: str
    landed: asyncio.Event = field(default_factory=asyncio.Event)


class Once:
    """This engine's requests with a key. What was carried out, here or elsewhere, is in the store.

    The store takes a key and a call in one commit, so a request that is refused leaves its key free.
    """

    def __init__(self, replay: Callable[[Key], Awaitable[Answer | None]]) -> None:
        self._replay = replay
        self._flights: dict[tuple[str, str], Flight] = {}

    async def answer(self, key: Key, first: Callable[[Key], Awaitable[Answer]]) -> Answer:
        """The answer kept under the key, else that of `first`. Raises `InFlight`, `KeyReused`."""
        name = key.account_id, key.text
        while (flight := self._flights.get(name)) is not None:
            if flight.fingerprint != key.fingerprint:
                raise KeyReused
            if not key.patient:
                raise InFlight
            await flight.landed.wait()
        flight = self._flights[name] = Flight(key.fingerprint)
        try:
            return await self._carried_out(key, first)
        finally:
            del self._flights[name]
            flight.landed.set()

    async def _carried_out(self, key: Key, first: Callable[[Key], Awaitable[Answer]]) -> Answer:
        for _ in range(ATTEMPTS):
            kept = await self._replay(key)
            if kept is not None:
                return kept
            try:
                return await first(key)
            except KeyTaken:  # by another engine, a moment ago: its answer is there now
                continue
        raise Unavailable
