"""An engine of the tests' own on the lab's Asterisk, under another name, for calls as the core knows them."""

import asyncio
import itertools
import math
import secrets
import wave
from array import array
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.accounts import Accounts
from engine.ari.client import Ari
from engine.core.account import Account, Agent, Route
from engine.core.call import Call
from engine.core.request import CallRequest, CampaignAttempt, Party, Target
from engine.gate import Gate
from engine.store.migrate import migrate
from engine.store.postgres import Store
from engine.store.spool import Spool
from engine.switch import Switch
from tests.live.lab import RATE, settings
from tests.store.conftest import execute, other_database
from tests.voice import LIMITS, Voice

MEDIA = Path(__file__).resolve().parents[2] / ".lab/media/t1"  # where the lab's Asterisk sees it, too
NODE = "t1"
PLACES = itertools.count(secrets.randbelow(1000))  # of numbers: none comes twice in a run
CALLER_ID = "15168148111"
AGENTS = {f"20{place}": Agent(agent_id=f"20{place}", number=f"9199100{place}000{place}") for place in (1, 2)}
BOT = "bot"
ACCOUNT = Account(
    account_id="account_1",
    name="Demo shop",
    region="IN",
    allowed_regions=("IN",),
    caller_ids=(CALLER_ID,),
    agents=AGENTS,
    groups={"301": tuple(AGENTS)},
    endpoints={BOT: "PJSIP/bot"},
    calls_per_second=100,
    max_live_calls=400,
    attempts_per_day=0,
    requests_per_destination=0,
)
READY_SECONDS = 10


@dataclass(slots=True)
class OwnNode:
    """A switch that is ready; the calls it has ended."""

    switch: Switch
    store: Store
    over: dict[str, Call] = field(default_factory=dict)

    async def ended(self, call_id: str, *, seconds: float = 90) -> Call:
        """The call, once it is over."""
        async with asyncio.timeout(seconds):
            while call_id not in self.over:
                await asyncio.sleep(0.05)
        return self.over[call_id]

    async def cdr(self, call_id: str) -> dict[str, Any]:
        """The call's CDR, once it is there."""
        await self.ended(call_id)
        async with asyncio.timeout(5):
            while (found := await self.store.cdr(call_id)) is None:
                await asyncio.sleep(0.02)
        return found


@asynccontextmanager
async def own_node(scratch: Path) -> AsyncIterator[OwnNode]:
    """An engine with a database of its own."""
    async with own_database() as url, engine_on(url, scratch) as node:
        yield node


@asynccontextmanager
async def own_database() -> AsyncIterator[str]:
    """A migrated database in the lab's Postgres, dropped afterwards."""
    server, name = settings()["DATABASE_URL"], f"legwork_test_{secrets.token_hex(4)}"
    await execute(server, f"CREATE DATABASE {name}")
    try:
        url = other_database(server, name)
        await migrate(url)
        yield url
    finally:
        await execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def engine_on(url: str, scratch: Path) -> AsyncIterator[OwnNode]:
    """An engine, once it is ready; it ends as if killed: live calls stay, what is not written yet is lost."""
    lab = settings()
    async with (
        Store.open(url, node=NODE, spool=Spool(scratch / "state")) as store,
        Ari.open(url=lab["ARI_URL"], user=lab["ARI_USER"], password=lab["ARI_PASSWORD"], app=f"legwork-{NODE}") as ari,
        asyncio.TaskGroup() as tasks,
    ):
        accounts = Accounts(accounts={"account_1": ACCOUNT}, routes=(Route("91", ("PJSIP/{number}@carrier",)),))
        over: dict[str, Call] = {}
        switch = Switch(
            ari,
            store,
            tasks,
            node=NODE,
            gate=Gate(accounts, store),
            limits=LIMITS,
            voice=Voice(),
            ended=lambda call: over.update({call.call_id: call}),
        )
        running = [
            tasks.create_task(store.writer.run()),
            tasks.create_task(ari.run(owned=store.writer.lock.held, adopt=switch.adopt, note=switch.note)),
        ]
        async with asyncio.timeout(READY_SECONDS):
            while not switch.ready:
                await asyncio.sleep(0.01)
        yield OwnNode(switch, store, over)
        switch.close()
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await store.writer._ledger.close()  # its lock goes with its connection, as with its process


def fresh(row: str) -> str:
    """A number that behaves as that row of the carrier's, called by nobody else just now."""
    return f"9199100{next(PLACES) % 1000:03}{row}"


def party(*numbers: str, agents: Mapping[str, str] | None = None, **more: Any) -> Party:
    """Those numbers over the carrier's trunk; `agents` says by number whose they are."""
    whose = agents or {}
    targets = (
        Target(number=each, endpoints=(f"PJSIP/{each}@carrier",), agent_id=whose.get(each, "")) for each in numbers
    )
    return Party(targets=tuple(targets), ring_seconds=20, caller_id=CALLER_ID, **more)


def campaign_call(number: str, **more: Any) -> CallRequest:
    """A campaign's attempt to reach that number."""
    attempt = CampaignAttempt(
        campaign_id="CM57362de4f0",
        campaign_type=1,
        list_id="LS57362de4f0",
        position=1,
        attempt=1,
        max_retries=0,
        retry_seconds=60,
        retry_on=(),
    )
    return CallRequest(
        account_id="account_1",
        kind="campaign",
        customer=party(number),
        campaign=attempt,
        **{"max_talk_seconds": 60, **more},
    )


def tone(hz: int, seconds: float) -> str:
    """The media URI of a steady tone."""
    MEDIA.mkdir(parents=True, exist_ok=True)
    path = MEDIA / f"tone-{hz}-{round(1000 * seconds)}"
    with wave.open(f"{path}.wav", "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(RATE)
        turn = 2 * math.pi * hz / RATE
        audio.writeframes(array("h", (round(8000 * math.sin(turn * at)) for at in range(round(RATE * seconds)))))
    return f"sound:{path}"
