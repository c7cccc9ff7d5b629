"""The Sarv Click-to-Call API, as its customer uses it; and what was seen of each call."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.store.postgres import Store
from tests.live.engine import Api
from tests.live.lab import recordings, settings
from tests.live.phone import Message
from tests.live.wire import Wire, first

PATH = "/v2/clickToCall/para"
RUN = int(time.time())
_lines = itertools.count(500)


def number(row: str) -> str:
    """A number of that row of the carrier's that nobody else in this run uses."""
    return f"9199100{(89 * RUN + next(_lines)) % 1000:03}{row}"


@dataclass(slots=True)
class Customer:
    """account_1's client of that API."""

    api: Api
    store: Store
    wire: Wire

    @classmethod
    @asynccontextmanager
    async def open(cls, *, rtp: bool = False) -> AsyncIterator["Customer"]:
        """A client, and everything on the wire from now on."""
        api, wire = await Api.open(), Wire.open(rtp=rtp)
        try:
            async with Store.open(settings()["DATABASE_URL"]) as store:
                yield cls(api, store, wire)
        finally:
            wire.close()
            await api.http.close()

    async def ask(self, came: str, went: str, **params: object) -> dict[str, str]:
        """The answer to a request to connect these two (lists)."""
        lab = settings()
        query = {"user_id": lab["SARV_USER_ID"], "token": lab["SARV_TOKEN"], "from": came, "to": went}
        query |= {name: str(value) for name, value in params.items()}
        async with self.api.http.post(lab["LEGWORK_URL"] + PATH, params=query) as reply:
            answer: dict[str, str] = await reply.json()
        return answer

    async def start(self, came: str, went: str, **params: object) -> str:
        """Start a call; its id."""
        answer = await self.ask(came, went, **params)
        assert (answer["status"], answer["code"]) == ("success", "200"), answer
        return answer["callid"]

    async def call(
        self, came: str, went: str, *, talk_seconds: float = 1.0, seconds: float = 60, **params: object
    ) -> "Seen":
        """A whole call: hung up so long after it was bridged, recorded, with its CDR."""
        call_id = await self.start(came, went, **params)
        return await self.end(call_id, talk_seconds=talk_seconds, seconds=seconds)

    async def end(self, call_id: str, *, talk_seconds: float = 0.0, seconds: float = 60) -> "Seen":
        """Hang it up so long after it was bridged, and look back at it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = await self.store.call(call_id)
            assert found is not None
            if found[0]["ended_at"] is not None:
                break
            if found[0]["bridged_at"] is not None and time.time() - found[0]["bridged_at"] >= talk_seconds:
                await self.store.order_hangup(call_id)
                break
            await asyncio.sleep(0.05)
        cdr = await self.api.cdr(call_id)
        await asyncio.sleep(1.2)  # a recording is complete within a second
        return Seen(call_id, cdr, self.wire)

    async def bridged(self, call_id: str, *, seconds: float = 20) -> float:
        """When both talked."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = await self.store.call(call_id)
            if found is not None and found[0]["bridged_at"] is not None:
                at: float = found[0]["bridged_at"]
                return at
            await asyncio.sleep(0.05)
        raise AssertionError(f"{call_id} was not bridged")

    async def ended(self, *call_ids: str) -> None:
        """End these calls, whatever they are at."""
        for call_id in call_ids:
            await self.store.order_hangup(call_id)
        for call_id in call_ids:
            await self.api.cdr(call_id)


@dataclass(slots=True)
class Seen:
    """One ended call."""

    call_id: str
    cdr: dict[str, Any]
    wire: Wire

    def legs(self, side: str) -> list[dict[str, Any]]:
        """That side's leg rows, as they were placed."""
        return [leg for leg in self.cdr["legs"] if leg["side"] == side]

    def dialogs(self, rung: str) -> list[list[Message]]:
        """Each call to that number: its SIP messages."""
        line = f"INVITE sip:{rung}@"
        ids = dict.fromkeys(m.headers["call-id"] for m in self.wire.messages if m.first_line.startswith(line))
        return [[m for m in self.wire.messages if m.headers["call-id"] == each] for each in ids]

    def invited_at(self, rung: str) -> float:
        """When the number was first rung."""
        return first(self.dialogs(rung)[0], "INVITE").at

    def heard_by(self, rung: str) -> Path:
        """What the carrier recorded of what that number heard."""
        return recordings(rung)[-1]
