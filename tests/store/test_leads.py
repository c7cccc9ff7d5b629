"""Leads in Postgres: enrolled in order, claimed by one, called by one commit, done or queued with their CDR."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.core.call import Call
from engine.core.campaign import Claim, Lead
from engine.core.campaign_call import request, unrung
from engine.core.flows import FLOWS
from engine.errors import StoreAway, TooLate
from engine.store.leads import Running
from engine.store.postgres import Store
from engine.store.spool import Spool
from tests.core.test_request import ROUTES
from tests.services.campaign_rig import ANSWER, BUSY, LIMITS, RICH, Tables, campaign_of
from tests.store.conftest import database_url, store

__all__ = ["database_url", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

CAMPAIGN = campaign_of()
ID = CAMPAIGN.campaign_id
CALL = "0123456789"


@pytest.fixture
def tables(store: Store, database_url: str) -> Tables:
    return Tables(database_url)


async def claimed(store: Store, tables: Tables, contacts: int = 1, **campaign: Any) -> list[Lead]:
    """The leads of a new campaign that runs, claimed."""
    await tables.contacts("LS00000001", contacts)
    await tables.campaign(ID, **campaign)
    await store.leads.enrol(ID, contacts)
    return [each.lead for each in await store.leads.claim(CAMPAIGN, contacts, seconds=60)]


def call_of(lead: Lead, call_id: str = CALL) -> Call:
    """An attempt to reach it that has begun."""
    now = time.time()
    asked = request(CAMPAIGN, lead, RICH, routes=ROUTES, limits=LIMITS)
    call = Call(call_id=call_id, request=asked, flow=FLOWS["campaign"], requested_at=now, now=now)
    call.start(now)
    return call


def end(call: Call, cause: int, *, reason: str | None = None) -> None:
    """It is over; for that `reason` before anybody was dialled."""
    leg = call.latest("customer")
    assert leg is not None
    now = time.time()
    if reason is None:
        leg.created_at = leg.dialed_at = now
        leg.answered_at = now if cause == ANSWER else None
        leg.cause = cause
    leg.hangup_reason, leg.ended_at = reason, now
    call.release("over")


def claim_of(lead: Lead, **more: Any) -> Claim:
    return Claim(lead.campaign_id, lead.position, lead.version, **more)


async def one(tables: Tables) -> dict[str, Any]:
    (lead,) = await tables.leads(ID)
    return lead


# -- campaigns ---------------------------------------------------------------------------------


async def test_campaigns_that_run_or_are_to_are_open_with_their_settings(store: Store, tables: Tables) -> None:
    await tables.contacts("LS00000001", 1)
    for number, (state, starts_in) in enumerate([(0, -1), (0, 60), (1, -1), (2, -1), (3, -1), (4, -1), (5, -1)]):
        await tables.campaign(f"CM0000000{number}", state=state, starts_in=starts_in, retry_on=("BUSY",))
    found = await store.leads.open()
    assert [(each.campaign.campaign_id[-1], each.is_to_turn) for each in found] == [("0", True), ("2", False)]
    assert found[1].campaign.settings.retry_on == ("BUSY",)
    assert (found[1].has_list, found[1].next_start_at) == (True, 0.0)
    assert abs(found[1].read_at - time.time()) < 1
    await store.leads.turn()
    assert await tables.state("CM00000000") == 1
    assert await tables.state("CM00000001") == 0


async def test_settings_of_another_version_leave_out_no_other_campaign(store: Store, tables: Tables) -> None:
    await tables.contacts("LS00000001", 1)
    await tables.campaign("CM00000001")
    await tables.campaign("CM00000002")
    await tables.query("UPDATE campaigns SET settings = settings || '{\"new\": 1}' WHERE campaign_id = 'CM00000001'")
    assert [each.campaign.campaign_id for each in await store.leads.open()] == ["CM00000002"]


async def test_starts_are_granted_to_one_of_two(store: Store, tables: Tables) -> None:
    await tables.campaign(ID)
    now = time.time()
    grants = await asyncio.gather(*(store.leads.grant(ID, next_at=0.0, then_at=now + n) for n in range(8)))
    assert [each.is_granted for each in grants if each].count(True) == 1
    (row,) = await store.leads.open()
    taken = row.next_start_at
    again = await store.leads.grant(ID, next_at=0.0, then_at=now + 20)
    assert again is not None
    assert (again.is_granted, again.next_start_at) == (False, taken)
    next_one = await store.leads.grant(ID, next_at=taken, then_at=taken + 0.1025)
    assert next_one is not None
    assert next_one.is_granted
    assert next_one.next_start_at == pytest.approx(taken + 0.1025, abs=1e-5)
    await tables.turn(ID, 2)
    assert await store.leads.grant(ID, next_at=next_one.next_start_at, then_at=now + 99) is None


async def test_it_is_completed_when_nobody_is_left_and_not_before(store: Store, tables: Tables) -> None:
    (lead,) = await claimed(store, tables)

    async def complete(up_to: int) -> bool:
        (row,) = await store.leads.open()
        return await store.leads.complete(
            Running(
                campaign=row.campaign,
                enrolled_position=up_to,
                next_start_at=0.0,
                is_to_turn=False,
                has_list=True,
                read_at=0.0,
            )
        )

    assert not await complete(1)  # queued
    call = call_of(lead)
    await store.writer.accept(call, claim_of(lead))
    assert not await complete(1)  # calling
    end(call, ANSWER)
    await store.writer.commit(call)
    assert not await complete(0)  # somebody has enrolled more since that was read
    await tables.contacts("LS00000001", 1, first=2)
    assert not await complete(1)  # one more has come into its list
    await store.leads.enrol(ID, 5)
    await tables.query("UPDATE leads SET state = 'done'")
    assert await complete(2)


# -- claims ------------------------------------------------------------------------------------


async def test_two_engines_enrol_and_claim_each_contact_once_in_order(store: Store, tables: Tables) -> None:
    await tables.contacts("LS00000001", 500)
    await tables.campaign(ID)
    enrolled = await asyncio.gather(*(store.leads.enrol(ID, 40) for _ in range(6)))
    assert enrolled == [40] * 6
    assert [lead["position"] for lead in await tables.leads(ID)] == list(range(1, 241))
    claims = await asyncio.gather(*(store.leads.claim(CAMPAIGN, 30, seconds=60) for _ in range(6)))
    positions = [each.lead.position for claim in claims for each in claim]
    assert len(positions) == len(set(positions)) == 180
    for claim in claims:  # each in its order; what one was at the other has passed over
        assert [each.lead.position for each in claim] == sorted(each.lead.position for each in claim)
    await tables.turn(ID, 4)
    assert await store.leads.enrol(ID, 40) == 0


async def test_a_claim_ends_and_may_be_kept_or_given_back(store: Store, tables: Tables) -> None:
    await claimed(store, tables, 3)
    await tables.query("UPDATE leads SET claimed_until = now()")
    first, second, third = [each.lead for each in await store.leads.claim(CAMPAIGN, 5, seconds=0.2)]
    assert first.version == 2
    assert await store.leads.keep(ID, [first, Lead(campaign_id=ID, position=2, number="", version=1)], seconds=60) == {
        1
    }
    await asyncio.sleep(0.25)
    again = [each.lead for each in await store.leads.claim(CAMPAIGN, 5, seconds=60)]
    assert [(each.position, each.version) for each in again] == [(2, 3), (3, 3)]
    await store.leads.put_off(ID, [(first, 0.0), (second, 0.0), (again[1], 30.0)])  # the second is not as it was
    assert [each.lead.position for each in await store.leads.claim(CAMPAIGN, 5, seconds=60)] == [1]
    assert third.position == 3


async def test_who_waits_for_longest_is_claimed_first_a_retry_or_a_fresh_one(store: Store, tables: Tables) -> None:
    await claimed(store, tables, 4)
    await tables.query(
        "UPDATE leads SET claimed_until = 'epoch', due_at = now() - make_interval(secs => (position * 7 % 4)::int)"
    )
    found = await store.leads.claim(CAMPAIGN, 3, seconds=60)
    assert [each.lead.position for each in found] == [1, 2, 3]  # 3, 2, 1 seconds ago


# -- the first commit --------------------------------------------------------------------------


async def test_a_call_takes_its_lead_in_one_commit_and_nobody_else_does(store: Store, tables: Tables) -> None:
    (lead,) = await claimed(store, tables)
    accepts = [store.writer.accept(call_of(lead, f"012345678{n}"), claim_of(lead)) for n in range(5)]
    came = await asyncio.gather(*accepts, return_exceptions=True)
    assert came.count(None) == 1
    assert sum(isinstance(each, TooLate) for each in came) == 4
    row = await one(tables)
    assert (row["state"], row["attempts"]) == ("calling", 1)
    assert [each["call_id"] for each, _ in await store.live_calls()] == [row["call_id"]]


LATE: dict[str, Callable[[Tables], Any]] = {
    "stopped": lambda tables: tables.turn(ID, 2),
    "paused": lambda tables: tables.turn(ID, 4),
    "claimed by another": lambda tables: tables.query("UPDATE leads SET version = version + 1"),
    "done": lambda tables: tables.query("UPDATE leads SET state = 'done'"),
    "on the list by now": lambda tables: tables.contacts("DN00000001", 1),
}


@pytest.mark.parametrize("what", LATE)
async def test_nobody_is_called_any_more(store: Store, tables: Tables, what: str) -> None:
    (lead,) = await claimed(store, tables, dnd_list_id="DN00000001")
    await LATE[what](tables)
    with pytest.raises(TooLate):
        await store.writer.accept(call_of(lead), claim_of(lead))
    assert await store.live_calls() == []
    assert (await one(tables))["attempts"] == 0


async def test_a_start_that_is_missed_is_not_made(store: Store, tables: Tables) -> None:
    (lead,) = await claimed(store, tables)
    with pytest.raises(TooLate):
        await store.writer.accept(call_of(lead), claim_of(lead, latest_at=time.time() - 0.1))
    await store.writer.accept(call_of(lead, "0123456780"), claim_of(lead, latest_at=time.time() + 5))
    assert (await one(tables))["call_id"] == "0123456780"


async def test_a_stop_waits_for_a_commit_and_none_comes_after_it(store: Store, tables: Tables) -> None:
    """A stop is final when it is answered."""
    leads = await claimed(store, tables, 40)

    async def call(number: int, lead: Lead) -> float | None:
        try:
            await store.writer.accept(call_of(lead, f"01234567{number:02}"), claim_of(lead))
        except TooLate:
            return None
        return time.monotonic()

    async def stop() -> int:
        await asyncio.sleep(0.01)
        await tables.turn(ID, 2)
        return sum(each["state"] == "calling" for each in await tables.leads(ID))

    async def calls() -> list[float | None]:
        made = []
        for number, lead in enumerate(leads):
            made.append(await call(number, lead))
        return made

    there, made = await asyncio.gather(stop(), calls())
    assert sum(each is not None for each in made) == there < 40


async def test_the_same_commit_made_again_is_harmless(store: Store, tables: Tables) -> None:
    lead, other = await claimed(store, tables, 2)
    call, done = call_of(lead), unrung(CAMPAIGN, other, "dnd", call_id="0000000001", now=time.time())
    for _ in range(2):
        await store.writer.accept(call, claim_of(lead))
        await store.writer.accept(done, claim_of(other))
    assert [(each["state"], each["attempts"]) for each in await tables.leads(ID)] == [("calling", 1), ("done", 0)]
    assert [row["disposition"] for row in await tables.cdrs()] == ["DND"]


async def test_who_is_not_rung_is_done_with_one_row(store: Store, tables: Tables) -> None:
    (lead,) = await claimed(store, tables)
    calls = [unrung(CAMPAIGN, lead, "missing_field", call_id=f"000000000{each}", now=time.time()) for each in range(3)]
    came = await asyncio.gather(*(store.writer.accept(each, claim_of(lead)) for each in calls), return_exceptions=True)
    assert came.count(None) == 1
    row = await one(tables)
    assert (row["state"], row["attempts"], row["disposition"]) == ("done", 0, "CANCEL")
    (cdr,) = await tables.cdrs()
    assert (cdr["reason"], cdr["is_dnd"], cdr["unique_id"]) == ("missing_field", False, f"{ID}_LS00000001_1-u1")
    assert await tables.query("SELECT FROM calls") == []


async def test_what_is_taken_back_leaves_its_lead_as_it_was(store: Store, tables: Tables) -> None:
    """The answer was lost: nobody is rung, and nothing is counted."""
    (lead,) = await claimed(store, tables)
    await store.writer.accept(call_of(lead), claim_of(lead))
    await store.writer.forget(CALL)
    row = await one(tables)
    assert (row["state"], row["attempts"], row["call_id"]) == ("queued", 0, None)
    assert await store.live_calls() == []
    await store.writer.accept(call_of(lead, "0123456780"), claim_of(lead))


# -- the end -----------------------------------------------------------------------------------

RETRY = {"max_retries": 1, "retry_seconds": 90}


@pytest.mark.parametrize(
    ("cause", "reason", "attempts_before", "state", "lost"),
    [
        (ANSWER, None, 0, "done", 0),
        (BUSY, None, 0, "queued", 0),
        (BUSY, None, 1, "done", 0),  # that was its retry
        (1, None, 0, "done", 0),  # no such number: not one of the outcomes
        (BUSY, "asterisk_away", 1, "queued", 1),  # nobody was dialled, and that was not its fault
        (BUSY, "unplaceable", 1, "queued", 1),
        (BUSY, "interrupted", 1, "queued", 1),
        (BUSY, "dnd", 0, "done", 0),
        (BUSY, "ring_time", 0, "queued", 0),
    ],
)
async def test_with_its_cdr_a_lead_is_done_or_queued_again(
    store: Store, tables: Tables, cause: int, reason: str | None, attempts_before: int, state: str, lost: int
) -> None:
    (lead,) = await claimed(store, tables)
    await tables.query("UPDATE leads SET attempts = $1", attempts_before)
    campaign = campaign_of(settings=campaign_settings(**RETRY))
    asked = request(campaign, lead, RICH, routes=ROUTES, limits=LIMITS)
    call = call_of(lead)
    call.request = asked
    await store.writer.accept(call, claim_of(lead))
    end(call, cause, reason=reason)
    for leg in call.legs.values():  # of an engine whose clock is behind
        leg.ended_at = (leg.ended_at or 0.0) - 600
    for _ in range(2):  # twice is harmless
        await store.writer.commit(call)
    row = await one(tables)
    assert (row["state"], row["lost"], row["attempts"]) == (state, lost, attempts_before + 1)
    if state == "queued":
        wait_seconds = row["due_at"].timestamp() - time.time()  # by Postgres's clock, whatever the engine's shows
        assert wait_seconds == pytest.approx(5 if lost else 90, abs=2)


async def test_a_call_that_ended_while_postgres_was_away_queues_its_lead_from_the_spool(
    store: Store, tables: Tables, database_url: str, tmp_path: Path
) -> None:
    (lead,) = await claimed(store, tables)
    campaign = campaign_of(settings=campaign_settings(**RETRY))
    call = call_of(lead)
    call.request = request(campaign, lead, RICH, routes=ROUTES, limits=LIMITS)
    async with Store.open(database_url, node="n2", spool=Spool(tmp_path / "n2")) as other:
        writing = asyncio.create_task(other.writer.run())
        await other.writer.accept(call, claim_of(lead))
        other.writer._mark_away(OSError("away"))
        end(call, BUSY)
        await other.writer.commit(call)
        async with asyncio.timeout(10):
            while (await one(tables))["state"] != "queued":
                await asyncio.sleep(0.02)
        writing.cancel()
        await asyncio.wait([writing])
        await other.writer.close()
    assert (await one(tables))["disposition"] == "BUSY"


async def test_while_postgres_is_away_nobody_new_is_called(store: Store, tables: Tables) -> None:
    (lead,) = await claimed(store, tables)
    store.writer.away = True
    with pytest.raises(StoreAway):
        await store.writer.accept(call_of(lead), claim_of(lead))
    store.writer.away = False
    assert (await one(tables))["state"] == "queued"


def campaign_settings(**more: Any) -> Any:
    """The campaign's, but for these."""
    return replace(CAMPAIGN.settings, **more)


@pytest.mark.parametrize(("retries", "state"), [(1, "queued"), (0, "done")])
async def test_a_node_that_does_not_come_back_keeps_no_campaign_from_its_end(
    store: Store, tables: Tables, retries: int, state: str
) -> None:
    (lead,) = await claimed(store, tables, max_retries=retries)
    await store.writer.accept(call_of(lead), claim_of(lead))
    await tables.query(
        "INSERT INTO nodes (node, seen_at) VALUES ('n1', now() - interval '59 minutes')"
        " ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at"
    )
    assert await store.leads.give_up(3600) == 0
    await tables.query("UPDATE nodes SET seen_at = now() - interval '61 minutes'")
    assert await store.leads.give_up(3600) == 1
    row = await one(tables)
    assert (row["state"], row["attempts"], row["disposition"]) == (state, 1, "CONGESTION")
