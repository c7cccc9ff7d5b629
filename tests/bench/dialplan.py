"""Calls through Asterisk's own dialplan: the agent's leg is sent to an extension that dials the destination."""

import asyncio
import csv
import secrets
import time
from pathlib import Path

import aiohttp

from tests.bench.lab import Lab
from tests.bench.pace import Batch, pace
from tests.bench.phones import BILLSEC, numbers
from tests.bench.tail import Tail

ENDED_SECONDS = 15
POLL_SECONDS = 0.05
UNIQUE_ID, TALK, DISPOSITION = 0, 10, 11  # columns of the PBX's own CDRs


class Dialplan:
    """What the same call costs without any application."""

    name = "dialplan"
    rates: tuple[float, ...] | None = None
    pid: int | None = None

    def __init__(self, lab: Lab, ari: aiohttp.ClientSession) -> None:
        self._lab = lab
        self._ari = ari
        self._records: dict[str, list[list[str]]] = {}
        self._prefix = ""

    async def call(self, *, rate: float, seconds: float) -> Batch:
        """Place calls and see them end."""
        cdrs = Tail(Path(self._lab["PBX_CDR"]))
        self._records = {}
        self._prefix = f"bench-{secrets.token_hex(4)}"
        batch = await pace(self._place, rate=rate, seconds=seconds)
        last = time.monotonic() + ENDED_SECONDS
        while not self._records.keys() >= set(batch.ids) and time.monotonic() < last:
            await asyncio.sleep(POLL_SECONDS)
            for record in csv.reader(line.decode() for line in cdrs.lines()):
                self._records.setdefault(record[UNIQUE_ID], []).append(record)
        return batch

    async def wrong(self, batch: Batch) -> list[str]:
        """Each call that Asterisk itself does not call answered, with a sane billsec."""
        return [*batch.failed, *(each for each in batch.ids if not self._right(each))]

    def times_us(self, name: str) -> list[int]:
        """Nobody reacts here."""
        return []

    def _right(self, call_id: str) -> bool:
        records = self._records.get(call_id, [])
        if len(records) != 1:
            return False
        shortest, longest = BILLSEC
        return records[0][DISPOSITION] == "ANSWERED" and shortest <= float(records[0][TALK]) <= longest

    async def _place(self, turn: int) -> str:
        agent, destination = numbers(turn)
        asked = {
            "endpoint": f"PJSIP/{agent}@carrier",
            "context": "lab-bench",
            "extension": destination,
            "callerId": "15168148111",
            "channelId": f"{self._prefix}-{turn}",
        }
        async with self._ari.post("/ari/channels", params=asked) as reply:
            if reply.status != 200:
                raise ValueError(f"HTTP {reply.status} {await reply.text()}")
            return asked["channelId"]
