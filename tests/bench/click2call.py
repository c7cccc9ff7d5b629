"""Calls through Legwork: POST /api/click2call, and one CDR each."""

import asyncio
import time
from pathlib import Path

import aiohttp
import asyncpg
import orjson

from tests.bench.lab import Lab
from tests.bench.pace import Batch, Full, pace
from tests.bench.phones import BILLSEC, numbers
from tests.bench.tail import Tail

ENDED_SECONDS = 15
WRITTEN_SECONDS = 5
POLL_SECONDS = 0.05

WRONG = """
SELECT asked.id, count(cdrs.*) AS cdrs, min(disposition) AS disposition, min(billsec) AS billsec
FROM unnest($1::text[]) AS asked (id) LEFT JOIN cdrs ON cdrs.request_id = asked.id
GROUP BY asked.id
HAVING count(cdrs.*) <> 1 OR min(disposition) <> 'ANSWER' OR coalesce(min(billsec) NOT BETWEEN $2 AND $3, true)
"""
UNASKED = "SELECT request_id FROM cdrs WHERE call_date >= to_timestamp($2) AND request_id <> ALL ($1::text[])"


class Click2Call:
    """The product, asked as its customers ask."""

    name = "legwork"
    rates: tuple[float, ...] | None = None

    def __init__(self, lab: Lab, api: aiohttp.ClientSession, *, billsec: tuple[float, float] = BILLSEC) -> None:
        self.pid = lab.engine
        self._lab = lab
        self._api = api
        self._billsec = billsec
        self._began = time.time()
        self.ended: dict[str, dict[str, list[int]]] = {}  # by call, what the engine's log says at its end

    async def call(self, *, rate: float, seconds: float) -> Batch:
        """Place calls and see them end."""
        log = Tail(Path(self._lab["ENGINE_LOG"]))
        self._began = time.time()
        self.ended = {}
        batch = await pace(self._place, rate=rate, seconds=seconds)
        last = time.monotonic() + ENDED_SECONDS
        while not self.ended.keys() >= set(batch.ids) and time.monotonic() < last:
            await asyncio.sleep(POLL_SECONDS)
            for line in log.lines():
                if b'"call ended"' in line:
                    fact = orjson.loads(line)
                    self.ended[fact["call"]] = fact
        return batch

    async def wrong(self, batch: Batch) -> list[str]:
        """Each call without exactly one CDR that says what happened, and each CDR nobody asked for."""
        database = await asyncpg.connect(self._lab["DATABASE_URL"])
        try:
            for _ in range(round(WRITTEN_SECONDS / POLL_SECONDS)):
                if not (rows := await database.fetch(WRONG, batch.ids, *self._billsec)):
                    break
                await asyncio.sleep(POLL_SECONDS)
            unasked = await database.fetch(UNASKED, batch.ids, self._began)
        finally:
            await database.close()
        return [
            *batch.failed,
            *(f"{row['id']}: {row['cdrs']} CDRs, {row['disposition']}, billsec {row['billsec']}" for row in rows),
            *(f"{row['request_id']}: a CDR that nobody asked for" for row in unasked),
        ]

    def times_us(self, name: str) -> list[int]:
        """All times of that name (`reaction_us`, `commit_us`) in the engine's log of the calls just made."""
        return [each for fact in self.ended.values() for each in fact.get(name, [])]

    async def _place(self, turn: int) -> str:
        agent, destination = numbers(turn)
        body = {"agent_number": agent, "destination_number": destination, "caller_id": "15168148111"}
        async with self._api.post("/api/click2call", json=body) as reply:
            answer = orjson.loads(await reply.read())
            if reply.status == 429:
                raise Full
            if reply.status != 200:
                raise ValueError(f"HTTP {reply.status} {answer}")
            return str(answer["response"]["request_id"])
