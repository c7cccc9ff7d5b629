"""Campaigns on a real Postgres: nodes whose switch rings nobody, but says what became of each call."""

import asyncio
import json
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg

from engine.accounts import Accounts
from engine.core.account import Announcement, Route
from engine.core.call import Call
from engine.core.campaign import Campaign, Claim, Settings
from engine.core.flows import FLOWS
from engine.core.request import CallRequest, Limits
from engine.core.speech import Manner, Part, Text
from engine.counts import Counts
from engine.errors import NotOwner, Refusal, VoiceAway
from engine.leads.speech import LeadSpeech
from engine.media.prompts import Prompts
from engine.media.speeches import Speeches
from engine.services.campaigns import CampaignClock
from engine.store.connection import connect
from engine.store.postgres import Store
from engine.store.spool import Spool
from tests.core.test_request import ACCOUNT
from tests.media.test_speeches import silence

LIMITS = Limits(ring_seconds=30, max_talk_seconds=7200)
ROUTES = (Route("91", ("PJSIP/{number}@carrier",)),)
HEARD = Announcement(media="sound:/srv/sounds/offer", seconds=3.0)
BUSY, ANSWER, NO_SUCH = 17, 16, 1
RICH = replace(
    ACCOUNT, announcements={"offer": HEARD}, max_live_calls=50, calls_per_second=50, requests_per_destination=0
)


def number(position: int) -> str:
    """The contact's of that row."""
    return f"9199100{position:05}"


@dataclass(slots=True)
class StudioDouble:
    """Notes what it was to say."""

    said: list[str] = field(default_factory=list)
    fails: bool = False

    async def render(self, parts: Sequence[Part], manner: Manner) -> bytes:
        if self.fails:
            raise VoiceAway
        self.said.append(" ".join(part.text for part in parts if isinstance(part, Text)))
        return silence(0.5)


@dataclass(slots=True)
class Rung:
    """One attempt that somebody's telephone rang for."""

    campaign_id: str
    position: int
    attempt: int
    at: float
    call_id: str


@dataclass(slots=True)
class SwitchDouble:
    """Commits each call as the switch does; each then lasts so long, and ends as `outcome` says (a Q.850 cause)."""

    store: Store
    accounts: Accounts
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    ready: bool = True
    call_seconds: float = 0.0
    outcome: Callable[[Rung], int] = lambda _: ANSWER
    refusals: list[Refusal] = field(default_factory=list)  # one for each start
    rung: list[Rung] = field(default_factory=list)
    requests: list[CallRequest] = field(default_factory=list)
    live: Counter[str] = field(default_factory=Counter)
    most_live: Counter[str] = field(default_factory=Counter)
    counts: Counts = field(default_factory=Counts)
    hesitates_seconds: float = 0.0
    ended: Callable[[Call], None] = lambda _: None

    def live_calls(self, account_id: str) -> int:
        return self.live[account_id]

    def check(self, request: CallRequest) -> None:
        pass

    async def start(self, request: CallRequest, *, due: Claim) -> str:
        if self.refusals:
            raise self.refusals.pop(0)
        now = time.time()
        call = Call(
            call_id=f"0{secrets.token_hex(5)[1:]}", request=request, flow=FLOWS["campaign"], requested_at=now, now=now
        )
        call.start(now)
        await asyncio.sleep(self.hesitates_seconds)
        await self.store.writer.accept(call, due)
        campaign = request.campaign
        assert campaign is not None
        rung = Rung(campaign.campaign_id, campaign.position, campaign.attempt, time.time(), call.call_id)
        self.rung.append(rung)
        self.requests.append(request)
        self.live[request.account_id] += 1
        self.most_live[request.account_id] = max(self.most_live[request.account_id], self.live[request.account_id])
        task = asyncio.create_task(self._live(call, rung))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return call.call_id

    async def _live(self, call: Call, rung: Rung) -> None:
        await asyncio.sleep(self.call_seconds)
        self.end(call, self.outcome(rung))
        self.live[call.request.account_id] -= 1
        self.ended(call)
        await self.store.writer.commit(call)

    def end(self, call: Call, cause: int) -> None:
        """It is over."""
        call.now = now = time.time()
        leg = call.latest("customer")
        assert leg is not None
        leg.created_at = leg.dialed_at = call.requested_at
        leg.answered_at = now if cause == ANSWER else None
        leg.cause, leg.ended_at = cause, now
        call.release("hung_up", ended_by="customer")
        assert call.over


@dataclass(slots=True)
class Node:
    """One engine's part in it."""

    store: Store
    switch: SwitchDouble
    clock: CampaignClock
    studio: StudioDouble
    speeches: Path
    tasks: list[asyncio.Task[None]]

    async def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.store.writer._ledger.lose()
        tasks = [*self.tasks, *self.switch.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        self.switch.tasks.clear()


@asynccontextmanager
async def running(
    url: str, name: str, accounts: Accounts, state: Path, *, lease_seconds: float = 3.0
) -> AsyncIterator[Node]:
    """A node that carries campaigns out."""
    async with Store.open(url, node=name, spool=Spool(state / name)) as store:
        await own(store)
        folder, studio = state / name / "speeches", StudioDouble()
        speeches = Speeches(folder)
        switch = SwitchDouble(store, accounts, ended=speeches.forget)
        speech = LeadSpeech(
            studio=studio,  # type: ignore[arg-type]
            speeches=speeches,
            prompts=Prompts(state / name / "prompts", studio),  # type: ignore[arg-type]
        )
        clock = CampaignClock(
            switch=switch,
            store=store,
            accounts=accounts,
            limits=LIMITS,
            speech=speech,
            lease_seconds=lease_seconds,
        )
        tasks = [asyncio.create_task(each) for each in (store.writer.run(), clock.run())]
        node = Node(store, switch, clock, studio, folder, tasks)
        yield node
        if node.switch.tasks and not all(task.done() for task in tasks):
            await asyncio.wait(node.switch.tasks, timeout=5)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [each for each in ended if not isinstance(each, asyncio.CancelledError)] == []
        await store.writer.close()


async def own(store: Store) -> None:
    """Wait until the node before has let go of what it owned."""
    async with asyncio.timeout(5):
        while True:
            try:
                return await store.writer.own()
            except NotOwner:
                await asyncio.sleep(0.02)


def accounts_of(*ids: str, **more: Any) -> Accounts:
    """Accounts that may do much."""
    accounts = {each: replace(RICH, account_id=each, **more) for each in ids or ("account_1",)}
    return Accounts(accounts=accounts, routes=ROUTES)


@dataclass(slots=True)
class Tables:
    """Postgres, as somebody else sees it."""

    url: str

    async def query(self, statement: str, *arguments: Any) -> list[Any]:
        """The rows of a statement."""
        connection = await connect(self.url)
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    async def contacts(
        self, list_id: str, count: int, *, account: str = "account_1", first: int = 1, fields: str = "{}"
    ) -> None:
        """A list of so many contacts."""
        connection: asyncpg.Connection = await connect(self.url)
        kind = "contacts" if list_id.startswith("LS") else "dnd"
        try:
            await connection.execute(
                "INSERT INTO lists (list_id, account_id, kind, name, last_position, created_at)"
                " VALUES ($1, $2, $3, $1, $4, now()) ON CONFLICT DO NOTHING",
                list_id,
                account,
                kind,
                count,
            )
            await connection.execute(
                "INSERT INTO contacts (list_id, position, number, name, fields)"
                " SELECT $1, n, '9199100' || lpad(n::text, 5, '0'), 'Asha', $4::text::jsonb"
                " FROM generate_series($2::int, $3::int) AS n",
                list_id,
                first,
                first + count - 1,
                fields,
            )
        finally:
            await connection.close()

    async def campaign(
        self,
        campaign_id: str = "CM00000001",
        *,
        account: str = "account_1",
        list_id: str = "LS00000001",
        dnd_list_id: str = "",
        per_minute: int = 6000,
        state: int = 1,
        starts_in: float = 0.0,
        ends_in: float | None = None,
        **settings: Any,
    ) -> str:
        """A new campaign's id."""
        kept = asdict(Settings(**{"campaign_type": 0, "caller_id": "15168148111", "announcement": "offer", **settings}))
        await self.query(
            "INSERT INTO campaigns (campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute,"
            " state, starts_at, ends_at, created_at) VALUES ($1, $2, $1, $3, $4, $5::text::jsonb, $6, $7,"
            " now() + make_interval(secs => $8), now() + make_interval(secs => $9), now())",
            campaign_id,
            account,
            list_id,
            dnd_list_id,
            json.dumps(kept),
            per_minute,
            state,
            starts_in,
            ends_in,
        )
        return campaign_id

    async def turn(self, campaign_id: str, state: int) -> None:
        """As the API does."""
        await self.query("UPDATE campaigns SET state = $2 WHERE campaign_id = $1", campaign_id, state)

    async def state(self, campaign_id: str = "CM00000001") -> int:
        """The campaign's."""
        (row,) = await self.query("SELECT state FROM campaigns WHERE campaign_id = $1", campaign_id)
        return int(row["state"])

    async def settled(self, *campaign_ids: str, seconds: float = 20) -> None:
        """Wait until they are over."""
        for each in campaign_ids or ("CM00000001",):
            async with asyncio.timeout(seconds):
                while await self.state(each) in (0, 1):
                    await asyncio.sleep(0.03)

    async def leads(self, campaign_id: str = "CM00000001") -> list[dict[str, Any]]:
        """All of a campaign."""
        found = await self.query("SELECT * FROM leads WHERE campaign_id = $1 ORDER BY position", campaign_id)
        return [dict(row) for row in found]

    async def cdrs(self) -> list[dict[str, Any]]:
        """All there are."""
        return [dict(row) for row in await self.query("SELECT * FROM cdrs ORDER BY unique_id")]


def by_lead(rung: Sequence[Rung]) -> dict[int, list[int]]:
    """The attempts of each position, as they were made."""
    found: dict[int, list[int]] = defaultdict(list)
    for each in sorted(rung, key=lambda each: each.at):
        found[each.position].append(each.attempt)
    return dict(found)


def campaign_of(**more: Any) -> Campaign:
    """A campaign that plays a sound."""
    settings = Settings(campaign_type=0, caller_id="15168148111", announcement="offer")
    values = {
        "campaign_id": "CM00000001",
        "account_id": "account_1",
        "name": "spring",
        "list_id": "LS00000001",
        "dnd_list_id": "",
        "settings": settings,
        "calls_per_minute": 60,
        "starts_at": 0.0,
        "ends_at": None,
        "created_at": 0.0,
    }
    return Campaign(**{**values, **more})
