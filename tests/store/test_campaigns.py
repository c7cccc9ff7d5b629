"""Campaigns in a real Postgres: made once, started, paused and stopped, and how far they are."""

import asyncio
import time
from typing import Any

import pytest

from engine.core.campaign import Campaign, State
from engine.core.idempotency import Answer
from engine.core.progress import Progress
from engine.errors import KeyTaken, NameTaken, NotFound
from engine.store.connection import connect
from engine.store.postgres import Store
from tests.core.test_progress import NOW, campaign_of
from tests.store.conftest import execute
from tests.store.test_keys import kept, key

pytestmark = pytest.mark.asyncio(loop_scope="function")

ID = "CMcc0cb33a01"
LIST, DND_LIST, ANOTHERS = "LS608c393614", "DNd2b09f8f80", "LSffffffffff"

LISTS = f"""
INSERT INTO lists (list_id, account_id, kind, name, created_at) VALUES
    ('{LIST}', 'account_1', 'contacts', 'people', now()), ('{DND_LIST}', 'account_1', 'dnd', 'never', now()),
    ('{ANOTHERS}', 'account_2', 'contacts', 'people', now())
"""
# Of `contacts` so many are leads: by their position modulo 10 done 0-4, calling 5, queued 6-7, to be called again 8-9.
CONTACTS = """
WITH lengthened AS (UPDATE lists SET last_position = {contacts} WHERE list_id = '{list_id}')
INSERT INTO contacts (list_id, position, number, name, fields)
SELECT '{list_id}', n, 919910000000 + n, '', '{{"field1": "x"}}' FROM generate_series(1, {contacts}) AS n
"""
LEADS = """
INSERT INTO leads (campaign_id, position, number, name, fields, state, attempts, due_at, call_id, disposition)
SELECT '{campaign_id}', n, 919910000000 + n, '', '{{"field1": "x"}}',
    CASE WHEN n % 10 < 5 THEN 'done' WHEN n % 10 = 5 THEN 'calling' ELSE 'queued' END,
    CASE WHEN n % 10 IN (6, 7) THEN 0 ELSE 1 END, to_timestamp({now} + n), n, 'BUSY'
FROM generate_series(1, {leads}) AS n
"""
CDRS = """
INSERT INTO cdrs (request_id, account_id, node, kind, agent_number, customer_number, dialed_number, caller_id,
    disposition, reason, ended_by, call_date, channel, digits, campaign_id, is_dnd, amd_status)
SELECT '{campaign_id}' || n, 'account_1', 'n1', 'campaign', '', n, n, '15168148111',
    (ARRAY['ANSWER', 'ANSWER', 'BUSY', 'NOANSWER', 'DND'])[n % 5 + 1], '', 'us', to_timestamp({now}), '', '',
    '{campaign_id}', n % 5 = 4, (ARRAY['human', 'machine', NULL, NULL, NULL])[n % 5 + 1]
FROM generate_series(1, {cdrs}) AS n
"""
CALLS = """
INSERT INTO calls (call_id, node, account_id, kind, request, requested_at, bridge, bridge_open, members, digits,
    deadlines, ended_at)
SELECT '{campaign_id}' || n, 'n1', 'account_1', 'campaign',
    jsonb_build_object('campaign', jsonb_build_object('campaign_id', '{campaign_id}')),
    to_timestamp({now} - n), 1, false, '[]', '', '{{}}', CASE WHEN n > 5 THEN to_timestamp({now}) END
FROM generate_series(1, {calls}) AS n
"""


async def lists(url: str) -> None:
    """A contact list and a DND list of account_1, a contact list of account_2."""
    await execute(url, LISTS)


async def under_way(
    url: str, campaign_id: str = ID, *, list_id: str = LIST, contacts: int = 100, leads: int = 50, now: float = NOW
) -> None:
    """A campaign half-way: its contacts, leads, CDRs (20 of each outcome and answer) and 65 calls a second apart."""
    filled = {"campaign_id": campaign_id, "list_id": list_id, "contacts": contacts, "leads": leads, "now": now}
    for statement in (CONTACTS, LEADS, CDRS, CALLS):
        await execute(url, statement.format(**filled, cdrs=contacts, calls=65))


async def made(store: Store, campaign_id: str = ID, **more: Any) -> Campaign:
    """A campaign that is kept."""
    return await store.campaigns.create(campaign_of(campaign_id, **more))


async def test_a_campaign_is_kept_with_a_number_and_found_by_either(store: Store, database_url: str) -> None:
    await lists(database_url)
    first = await made(store, dnd_list_id=DND_LIST, ends_at=NOW + 60)
    second = await made(store, "CM0000000002", name="Ünï ' name")
    assert (first.number, second.number) == (1, 2)
    for name in (ID, "1"):
        assert await store.campaigns.one("account_1", name) == first
        assert await store.campaigns.one("account_2", name) is None
    for unknown in ("CMffffffffff", "3", "0", "-1", "9" * 30, "", "²"):
        assert await store.campaigns.one("account_1", unknown) is None
    assert await store.campaigns.of("account_1") == [first, second]
    assert await store.campaigns.of("account_2") == []
    for name in (second.name, second.campaign_id, "2"):
        assert await store.campaigns.named("account_1", name) == second


async def test_a_name_comes_before_a_number(store: Store, database_url: str) -> None:
    await lists(database_url)
    await made(store)
    second = await made(store, "CM0000000002", name="1")
    assert await store.campaigns.named("account_1", "1") == second


async def test_a_name_is_one_campaigns_of_an_account(store: Store, database_url: str) -> None:
    await lists(database_url)
    await made(store, name="diwali")
    with pytest.raises(NameTaken):
        await made(store, "CM0000000002", name="diwali")
    await made(store, "CM0000000003", name="diwali", account_id="account_2", list_id=ANOTHERS)


async def test_of_many_with_one_name_at_once_one_is_made(store: Store, database_url: str) -> None:
    await lists(database_url)
    asked = (made(store, f"CM{n:010}", name="diwali") for n in range(8))
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["Campaign", *["NameTaken"] * 7]
    assert len(await store.campaigns.of("account_1")) == 1


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"list_id": "LS0000000000"}, "list_id"),
        ({"list_id": ANOTHERS}, "list_id"),
        ({"list_id": DND_LIST}, "list_id"),
        ({"dnd_list_id": "DN0000000000"}, "dnd_list_id"),
        ({"dnd_list_id": LIST}, "dnd_list_id"),
    ],
)
async def test_lists_have_to_be_there_of_the_account_and_the_right_kind(
    store: Store, database_url: str, change: dict[str, str], param: str
) -> None:
    await lists(database_url)
    with pytest.raises(NotFound) as refused:
        await made(store, **change)
    assert refused.value.param == param
    assert await store.campaigns.of("account_1") == []


async def test_a_key_and_a_campaign_are_kept_together_or_not_at_all(store: Store, database_url: str) -> None:
    await lists(database_url)
    await made(store, name="taken")
    with pytest.raises(NameTaken):
        await store.campaigns.create(campaign_of("CM0000000002", name="taken"), kept("a"))
    assert await store.replay(key("a")) is None
    await store.campaigns.create(campaign_of("CM0000000002"), kept("a"))
    assert await store.replay(key("a")) == Answer(kept("a").answer.status, kept("a").answer.body, replayed=True)
    with pytest.raises(KeyTaken):
        await store.campaigns.create(campaign_of("CM0000000003"), kept("a"))
    assert len(await store.campaigns.of("account_1")) == 2


# -- transitions -------------------------------------------------------------------------------

AHEAD = NOW + 3600


@pytest.mark.parametrize(
    ("state", "to", "becomes"),
    [
        (State.SCHEDULED, "stop", State.STOPPED),
        (State.RUNNING, "stop", State.STOPPED),
        (State.PAUSED, "stop", State.STOPPED),
        (State.STOPPED, "stop", None),
        (State.COMPLETED, "stop", None),
        (State.FAILED, "stop", None),
        (State.RUNNING, "pause", State.PAUSED),
        (State.SCHEDULED, "pause", State.PAUSED),
        (State.PAUSED, "pause", None),
        (State.COMPLETED, "pause", None),
        (State.PAUSED, "resume", State.RUNNING),
        (State.RUNNING, "resume", None),
        (State.STOPPED, "resume", None),
        (State.SCHEDULED, "start", State.RUNNING),
        (State.STOPPED, "start", State.RUNNING),
        (State.COMPLETED, "start", State.RUNNING),
        (State.PAUSED, "start", State.RUNNING),
        (State.FAILED, "start", State.RUNNING),
        (State.RUNNING, "start", None),
    ],
)
async def test_what_a_campaign_may_become(
    store: Store, database_url: str, state: State, to: Any, becomes: State | None
) -> None:
    await lists(database_url)
    await made(store, state=state)
    assert await store.campaigns.change("account_2", ID, to, now=NOW) is None
    changed = await store.campaigns.change("account_1", ID, to, now=NOW)
    assert (changed and changed.state) == becomes
    found = await store.campaigns.one("account_1", "1")
    assert found is not None
    assert found.state == (state if becomes is None else becomes)
    assert found.settled_at == (NOW if becomes == State.STOPPED else None)


async def test_a_paused_one_whose_start_is_to_come_waits_for_it(store: Store, database_url: str) -> None:
    await lists(database_url)
    await made(store, state=State.SCHEDULED, starts_at=AHEAD, started_at=None)
    await store.campaigns.change("account_1", ID, "pause", now=NOW)
    resumed = await store.campaigns.change("account_1", ID, "resume", now=NOW)
    assert resumed is not None
    assert (resumed.state, resumed.started_at) == (State.SCHEDULED, None)
    await store.campaigns.change("account_1", ID, "pause", now=NOW)
    started = await store.campaigns.change("account_1", ID, "start", now=NOW)
    assert started is not None
    assert (started.state, started.starts_at, started.started_at) == (State.RUNNING, NOW, NOW)


async def test_nothing_starts_after_its_end(store: Store, database_url: str) -> None:
    await lists(database_url)
    await made(store, state=State.COMPLETED, ends_at=NOW)
    await made(store, "CM0000000002", state=State.PAUSED, ends_at=NOW)
    assert await store.campaigns.change("account_1", ID, "start", now=NOW) is None
    assert await store.campaigns.change("account_1", "CM0000000002", "resume", now=NOW) is None


async def test_engines_are_told_of_each_change(store: Store, database_url: str) -> None:
    await lists(database_url)
    heard: list[str] = []
    connection = await connect(database_url)
    await connection.add_listener("legwork", lambda *arguments: heard.append(str(arguments[3])))
    await made(store)
    for to in ("pause", "resume", "stop", "start"):
        await store.campaigns.change("account_1", ID, to, now=NOW)
    await connection.fetch("SELECT 1")
    await connection.close()
    assert heard == [f"campaign {ID}"] * 5


# -- progress ----------------------------------------------------------------------------------


async def test_progress_counts_leads_attempts_and_the_last_minutes_calls(store: Store, database_url: str) -> None:
    await lists(database_url)
    campaign = await made(store)
    await made(store, "CM0000000002")
    await under_way(database_url)
    found = await store.campaigns.progress(ID, now=NOW)
    assert found == Progress(
        campaign=campaign,
        at=NOW,
        contacts=100,
        enrolled=50,
        queued=20,
        retrying=10,
        calling=5,
        done=25,
        last_due_at=NOW + 49,
        last_minute=59,  # the sixtieth second is over
        outcomes={"ANSWER": 40, "BUSY": 20, "NOANSWER": 20, "DND": 20},
        verdicts={"human": 20, "machine": 20},
    )
    other = await store.campaigns.progress("CM0000000002", now=NOW)
    assert other is not None
    assert (other.contacts, other.enrolled, other.last_minute, other.outcomes) == (100, 0, 0, {})
    assert await store.campaigns.progress("CMffffffffff", now=NOW) is None


async def test_progress_may_be_asked_each_second_on_a_hundred_thousand_leads(store: Store, database_url: str) -> None:
    await lists(database_url)
    await made(store)
    await under_way(database_url, contacts=100_000, leads=100_000)
    await execute(database_url, "ANALYZE leads, contacts, cdrs, calls")
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        found = await store.campaigns.progress(ID, now=NOW)
        taken.append(time.perf_counter() - begun)
        assert found is not None
        assert found.enrolled == 100_000
    assert min(taken) < 0.5
