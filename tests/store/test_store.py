"""The store on a real Postgres: nothing forgotten, nothing twice."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from engine.core.call import Call
from engine.core.events import Answered, Created, Ended
from engine.core.flows import click2call
from engine.core.rows import restore
from engine.errors import IdTaken, NotOwner, StoreAway
from engine.main import _own
from engine.store.connection import AWAY, connect
from engine.store.ledger import Ledger, Predecessor
from engine.store.postgres import Store
from engine.store.queries import QUERIES
from engine.store.snapshot import Snapshot
from tests.core.conftest import request_of
from tests.store.conftest import execute

pytestmark = pytest.mark.asyncio(loop_scope="function")


def new_call(call_id: str = "57362de4f0", at: float = 1688710079.5) -> Call:
    """A call that has just started."""
    call = Call(call_id=call_id, request=request_of(), flow=click2call, requested_at=at, now=at)
    call.start(at)
    return call


def ended(call: Call) -> Call:
    """The call after its agent was busy."""
    at = call.requested_at
    call.note(Created(leg="a1", at=at + 0.1))
    call.note(Ended(leg="a1", at=at + 1.25, cause=17, sip_code=486))
    return call


async def written(store: Store, call: Call) -> None:
    """Wait until the call is written as it is."""
    await store.writer.commit(call)


async def test_a_committed_call_is_there_with_its_legs_and_can_be_restored(store: Store) -> None:
    call = new_call()
    call.note(Created(leg="a1", at=call.requested_at + 0.1))
    await store.writer.commit(call)
    row, legs = (await store.live_calls())[0]
    assert restore(row, legs, flow=click2call, now=call.now) == call


async def test_an_ended_call_is_one_cdr_however_often_it_is_written(store: Store) -> None:
    call = ended(new_call())
    for _ in range(3):
        await written(store, call)
    assert await store.live_calls() == []
    cdr = await store.cdr("57362de4f0", account_id="account_1")
    assert cdr is not None
    assert (cdr["disposition"], cdr["duration"], cdr["billsec"]) == ("BUSY", 1.15, 0.0)
    assert cdr["call_date"] == pytest.approx(1688710080.75, abs=1e-6)
    assert [leg["name"] for leg in cdr["legs"]] == ["a1"]
    assert await store.reports.dispositions("account_1") == {"BUSY": 1}


async def test_many_calls_at_once_share_commits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = []
    original = Ledger._insert

    async def counted(self: Ledger, snapshots: list[Snapshot]) -> set[str]:
        commits.append(len(snapshots))
        return await original(self, snapshots)

    monkeypatch.setattr(Ledger, "_insert", counted)
    calls = [new_call(f"{number:010x}") for number in range(100)]
    await asyncio.gather(*(store.writer.commit(call) for call in calls))
    assert sum(commits) == 100
    assert len(commits) < 20
    assert len(await store.live_calls()) == 100


async def test_a_call_id_is_never_used_twice(store: Store) -> None:
    await store.writer.commit(new_call())
    with pytest.raises(IdTaken):
        await store.writer.commit(new_call(at=1688710099.0))
    (row, _), *rest = await store.live_calls()
    assert (row["requested_at"], rest) == (1688710079.5, [])


async def test_a_call_without_a_row_it_can_have_does_not_take_others_with_it(store: Store) -> None:
    bad, good = new_call("bad", at=1e20), new_call("good")
    results = await asyncio.gather(store.writer.commit(good), store.writer.commit(bad), return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], Exception)
    assert await store.call("good") is not None


async def test_while_postgres_is_away_nothing_is_lost_and_waiters_are_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.writer.RETRY_SECONDS", 0.05)
    with monkeypatch.context() as outage:
        outage.setattr(Ledger, "_insert", away)
        refused = new_call("refused000")
        with pytest.raises(StoreAway):
            await store.writer.accept(refused)
        began = time.monotonic()
        with pytest.raises(StoreAway):  # known to be away: told at once
            await store.writer.accept(new_call("refused001"))
        assert time.monotonic() - began < 0.05
        store.writer.note(ended(new_call("kept000000")))
    async with asyncio.timeout(3):
        while await store.cdr("kept000000") is None:
            await asyncio.sleep(0.02)
    assert await store.call("refused000") is None


async def test_after_an_outage_with_nothing_to_write_calls_are_taken_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refuse(store, monkeypatch, insert=away)
    await until_back(store)
    await store.writer.commit(new_call())


async def test_a_refused_call_whose_write_came_through_all_the_same_is_taken_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Ledger._insert

    async def written_and_lost(self: Ledger, snapshots: list[Snapshot]) -> set[str]:
        await original(self, snapshots)
        raise TimeoutError

    await refuse(store, monkeypatch, insert=written_and_lost)
    await until_back(store)
    assert await store.live_calls() == []


async def test_a_write_that_is_cut_off_by_the_end_is_done_by_the_end(database_url: str) -> None:
    blocker = await connect(database_url)
    call = new_call("cut0000000")
    async with Store.open(database_url, node="n1") as store:
        running = asyncio.create_task(store.writer.run())
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
            committing = store.writer.commit(call)
            await asyncio.sleep(0.2)
            running.cancel()
            await asyncio.wait([running])
        await store.writer.close()
        await committing
        assert await store.call("cut0000000") is not None
    await blocker.close()


async def away(*_: Any) -> Any:
    """A Postgres that refuses, whichever way."""
    raise asyncpg.ObjectNotInPrerequisiteStateError("database is not accepting connections")


async def refuse(store: Store, monkeypatch: pytest.MonkeyPatch, *, insert: Any) -> None:
    """Refuse one call as the switch does, in an outage of which `insert` is what the writer sees."""
    monkeypatch.setattr("engine.store.writer.RETRY_SECONDS", 0.05)
    refused = new_call("refused000")
    with monkeypatch.context() as outage:
        outage.setattr(Ledger, "_insert", insert)
        with pytest.raises(StoreAway):
            await store.writer.accept(refused)


async def until_back(store: Store) -> None:
    async with asyncio.timeout(3):
        while store.writer.away:
            await asyncio.sleep(0.02)


async def test_the_next_owner_learns_when_the_last_one_was_alive(database_url: str) -> None:
    async with Store.open(database_url, node="n7") as first:
        await first.writer.own()
        assert first.writer.predecessor == Predecessor()
        first.writer.note_asterisk(1000.0)
        writing = asyncio.create_task(first.writer.run())
        await first.writer.commit(new_call("0000000007"))  # behind the first beat
        writing.cancel()
        await first.writer.close()
    async with Store.open(database_url, node="n7") as second:
        await second.writer.own()
        left = second.writer.predecessor
        assert left.seen_at is not None
        assert abs(left.seen_at - time.time()) < 3
        assert left.asterisk_started_at == 1000.0
        await second.writer.close()


async def test_one_engine_owns_an_asterisk_and_the_next_waits_for_it(database_url: str) -> None:
    async with Store.open(database_url, node="n8") as first, Store.open(database_url, node="n8") as second:
        await first.writer.own()
        with pytest.raises(NotOwner):
            await second.writer.own()
        waiting = asyncio.create_task(_own(second, wait=True))
        await asyncio.sleep(0.7)
        assert not waiting.done()
        await first.writer.close()
        async with asyncio.timeout(3):
            await waiting
        assert second.writer.lock.ours
        await second.writer.close()


async def test_a_connection_we_lost_is_not_another_owner(store: Store) -> None:
    await store.writer.commit(new_call())
    ledger = store.writer._ledger
    zombie, ledger._connection = ledger._connection, None
    async with asyncio.timeout(5):
        while not ledger.there:  # by the next beat
            await asyncio.sleep(0.02)
            assert store.writer.lock.ours
    assert zombie is not None
    with pytest.raises(AWAY):
        await zombie.fetchval("SELECT 1")


async def test_an_owner_between_that_nobody_saw_is_noticed(store: Store, database_url: str) -> None:
    await store.writer.commit(new_call())
    losing = asyncio.create_task(store.writer.lock.lost())
    await execute(database_url, "UPDATE nodes SET seen_at = now() + interval '10 s'")  # somebody else's beat
    await execute(
        database_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'legwork-n1 %'"
        " AND datname = current_database()",
    )
    async with asyncio.timeout(5):
        await losing
        await store.writer.lock.held()


async def test_an_owner_cut_off_writes_nothing_until_it_has_the_lock_again(store: Store, database_url: str) -> None:
    over, live = new_call(), new_call("0000000001")
    await asyncio.gather(store.writer.commit(over), store.writer.commit(live))
    thief = await asyncpg.connect(database_url)
    try:
        await thief.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        async with asyncio.timeout(3):
            while not await thief.fetchval(QUERIES["take_lock"], "legwork-n1"):
                await asyncio.sleep(0.001)
        live.note(Created(leg="a1", at=live.requested_at + 0.1))
        store.writer.note(live)
        store.writer.note(ended(over))
        async with asyncio.timeout(5):
            await store.writer.lock.lost()
        with pytest.raises(StoreAway):
            await store.writer.accept(new_call(call_id="0000000002"))
        await asyncio.sleep(0.5)
        assert await store.cdr(over.call_id) is None
        await thief.execute("UPDATE legs SET rang_at = now() WHERE call_id = '0000000001'")  # its call now
        await thief.execute("UPDATE nodes SET seen_at = now()")
    finally:
        await thief.close()
    async with asyncio.timeout(5):
        await store.writer.lock.held()
        while await store.cdr(over.call_id) is None:  # a fact, whoever writes it down
            await asyncio.sleep(0.02)
    found = await store.call("0000000001")
    assert found is not None
    assert found[1][0]["created_at"] is None  # ours was stale
    assert found[1][0]["rang_at"] is not None


async def test_reading_from_no_postgres_is_store_away(database_url: str) -> None:
    async with Store.open(database_url) as store:
        await store._pool.close()
        with pytest.raises(StoreAway):
            await store.ping()


async def test_another_accounts_calls_are_not_there(store: Store) -> None:
    await written(store, ended(new_call()))
    assert await store.cdr("57362de4f0", account_id="account_2") is None
    assert await store.call("57362de4f0", account_id="account_2") is None
    assert await store.reports.dispositions("account_2") == {}


async def test_cdrs_of_a_day_end_before_the_next(store: Store) -> None:
    day = datetime(2023, 7, 7, tzinfo=UTC)
    for number, seconds in enumerate((-1, 0, 86398, 86400)):
        call = new_call(f"{number:010x}", at=day.timestamp() + seconds - 1.25)
        await written(store, ended(call))
    found = await store.reports.cdrs_by_date(
        "account_1", since=day, until=day + timedelta(days=1), count=1000, offset=0
    )
    assert [row["request_id"] for row in found] == ["0000000001", "0000000002"]
    paged = await store.reports.cdrs_by_date("account_1", since=day, until=day + timedelta(days=1), count=1, offset=1)
    assert [row["request_id"] for row in paged] == ["0000000002"]


async def test_live_calls_are_counted_while_they_have_a_leg(store: Store) -> None:
    call = new_call()
    await store.writer.commit(call)
    assert await store.live_kinds("account_1") == {"click2call": 1}
    await written(store, ended(call))
    assert await store.live_kinds("account_1") == {}


async def test_a_hang_up_asked_for_is_found_and_hinted_at(store: Store) -> None:
    hints = store.listen()
    assert await anext(hints) == ""
    await store.writer.commit(new_call())
    assert (await store.order_hangup("57362de4f0") or {})["node"] == "n1"
    assert await anext(hints) == "hangup 57362de4f0"
    assert await store.hangups_asked() == ["57362de4f0"]
    assert await store.order_hangup("0000000000") is None
    await hints.aclose()  # type: ignore[attr-defined]


async def test_a_hang_up_that_is_asked_for_tells_how_long_the_engine_has_been_silent(
    store: Store, database_url: str
) -> None:
    now = time.time()
    await store.writer.commit(new_call(at=now - 100))
    await execute(database_url, "UPDATE calls SET node = 'n9'")  # nobody beats for it
    asked = await store.order_hangup("57362de4f0")
    assert asked is not None
    assert asked["silent_seconds"] == pytest.approx(100, abs=2)  # it was there when the call began
    await execute(database_url, "INSERT INTO nodes VALUES ('n9', now() - interval '35 seconds')")
    asked = await store.order_hangup("57362de4f0")
    assert asked is not None
    assert asked["silent_seconds"] == pytest.approx(35, abs=1)
    await execute(database_url, "DELETE FROM nodes WHERE node = 'n9'")
    await execute(database_url, "UPDATE calls SET ended_at = now()")
    assert await store.order_hangup("57362de4f0") is None


async def test_what_is_missing_from_a_new_file_is_disabled_and_kept(store: Store, database_url: str) -> None:
    def item(name: str) -> dict[str, Any]:
        return {"kind": "account", "account_id": name, "id": name, "position": 0, "body": {"name": name}}

    await store.apply([item("one"), item("two")])
    await store.apply([item("two")])
    assert [row["id"] for row in await store.applied()] == ["two"]
    connection = await connect(database_url)
    assert await connection.fetchval("SELECT count(*) FROM applied") == 2
    await connection.close()
    await store.apply([item("one"), item("two")])
    assert [row["id"] for row in await store.applied()] == ["one", "two"]


async def test_the_newest_state_wins_however_facts_arrive(store: Store) -> None:
    call = new_call()
    await store.writer.commit(call)
    for event in (Created(leg="a1", at=call.requested_at + 0.1), Answered(leg="a1", at=call.requested_at + 2)):
        call.note(event)
        store.writer.note(call)
    await store.writer.commit(call)
    _, legs = (await store.live_calls())[0]
    assert [leg["name"] for leg in legs] == ["a1", "b1"]
    assert legs[0]["answered_at"] == call.requested_at + 2
