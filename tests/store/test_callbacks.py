"""The schedule in a real Postgres: a callback becomes its call in one commit, or nothing of that is written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.core.callback import Callback, Due, State, unrung
from engine.core.idempotency import Answer, KeptAnswer
from engine.errors import IdTaken, KeyTaken, OverCapacity, StoreAway, TooLate
from engine.services import retention
from engine.store.connection import connect
from engine.store.postgres import Store
from engine.store.snapshot import Snapshot
from engine.store.spool import Spool
from tests.core.test_callback import callback_of
from tests.store.conftest import execute
from tests.store.test_keys import kept, key
from tests.store.test_store import new_call

pytestmark = pytest.mark.asyncio(loop_scope="function")

ID = "c7362de4f0"


def due(callback: Callback, state: State = "fired") -> Due:
    return Due(callback.request_id, callback.version, 1000.5, state, "missed" if state == "missed" else "")


async def scheduled(store: Store, request_id: str = ID, **more: Any) -> Callback:
    """A callback that is kept."""
    made = callback_of(request_id, **more)
    await store.callbacks.schedule(made)
    return made


async def state(store: Store, request_id: str = ID) -> str:
    found = await store.callbacks.one("account_1", request_id)
    assert found is not None
    return found.state


async def live(store: Store) -> dict[str, str]:
    """The live calls and their nodes."""
    return {row["call_id"]: row["node"] for row, legs in await store.all_live_calls() if legs}


@asynccontextmanager
async def another(url: str, state: Path) -> AsyncIterator[Store]:
    """Another node's store."""
    async with Store.open(url, node="n2", spool=Spool(state)) as store:
        writing = asyncio.create_task(store.writer.run())
        yield store
        writing.cancel()
        await asyncio.wait([writing])
        await store.writer.close()


@asynccontextmanager
async def killed(url: str, state: Path) -> AsyncIterator[Store]:
    """That node's store, whose engine is killed in the end."""
    spool = Spool(state)
    async with Store.open(url, node="n2", spool=spool) as store:
        writing = asyncio.create_task(store.writer.run())
        yield store
        writing.cancel()
        await asyncio.wait([writing])
        store.writer._ledger.lose()
        await spool.close()


FETCH = Store._fetch


async def lost(store: Store, *arguments: Any) -> list[Any]:
    """Postgres carries it out, and its answer is lost."""
    await FETCH(store, *arguments)
    raise StoreAway


async def ids(store: Store) -> set[str]:
    return {each.request_id for each in await store.callbacks.of("account_1", count=10)}


async def test_a_callback_is_kept_as_it_is_and_seen_by_its_account_only(store: Store) -> None:
    made = await scheduled(store, wall="2023-08-15 12:55:00", time_zone="Asia/Kolkata", due_at=1692084300.0)
    assert await store.callbacks.one("account_1", ID) == made
    assert await store.callbacks.one("account_2", ID) is None
    assert await store.callbacks.of("account_2", count=10) == []
    assert not await store.callbacks.delete("account_2", ID, now=950.0)
    assert not await store.callbacks.change(replace(made, account_id="account_2"))


async def test_a_due_callback_and_its_call_are_one_commit(store: Store) -> None:
    made = await scheduled(store)
    await store.writer.accept(new_call(ID), due(made))
    assert await store.callbacks.one("account_1", ID) == replace(made, state="fired", settled_at=1000.5)
    assert await live(store) == {ID: "n1"}


async def test_what_was_changed_deleted_or_fired_since_it_was_read_is_not_called(store: Store) -> None:
    read = [await scheduled(store, f"c{number:09x}") for number in range(4)]
    changed, deleted, fired, same = read
    assert await store.callbacks.change(replace(changed, customer_number="919910000303"))
    assert await store.callbacks.delete("account_1", deleted.request_id, now=950.0)
    await store.writer.accept(new_call(fired.request_id), due(fired))
    tried = [store.writer.accept(new_call(each.request_id, at=1688710099.0), due(each)) for each in read]
    plain = store.writer.accept(new_call("57362de4f0"))
    answers = await asyncio.gather(*tried, plain, return_exceptions=True)
    assert [type(each) for each in answers] == [TooLate, TooLate, TooLate, type(None), type(None)]
    assert set(await live(store)) == {fired.request_id, same.request_id, "57362de4f0"}
    assert [await state(store, each.request_id) for each in read] == ["scheduled", "deleted", "fired", "fired"]


async def test_another_accounts_callback_is_not_settled(store: Store) -> None:
    made = await scheduled(store, account_id="account_2")
    with pytest.raises(TooLate):
        await store.writer.accept(new_call(ID), due(made))
    assert await live(store) == {}


async def test_a_missed_one_has_its_cdr_in_the_same_commit_and_only_one(store: Store) -> None:
    made = await scheduled(store)
    await store.writer.accept(unrung(made, "missed", now=2000.0), due(made, "missed"))
    with pytest.raises(TooLate):
        await store.writer.accept(unrung(made, "missed", now=2001.0), due(made, "missed"))
    cdr = await store.cdr(ID, account_id="account_1")
    assert cdr is not None
    assert (cdr["call_date"], cdr["reason"]) == (2000.0, "missed")
    assert await store.callbacks.one("account_1", ID) == replace(
        made, state="missed", reason="missed", settled_at=1000.5
    )
    assert await store.live_calls() == []


async def test_a_commit_that_is_made_again_is_no_other(store: Store) -> None:
    """One bad row in the batch: each call is written by itself, those that had come through, too."""
    made = await scheduled(store)
    bad, good = new_call("bad0000000"), new_call(ID)
    bad.digits = "\0"  # no text Postgres can keep
    answers = await asyncio.gather(
        store.writer.accept(good, due(made)), store.writer.commit(bad), return_exceptions=True
    )
    assert answers[0] is None
    assert isinstance(answers[1], IdTaken)
    assert (await state(store), await live(store)) == ("fired", {ID: "n1"})


async def test_keys_and_callbacks_share_a_commit(store: Store) -> None:
    made = await scheduled(store)
    await asyncio.gather(
        store.writer.accept(new_call(ID), due(made)), store.writer.accept(new_call("keyed00000"), kept("a"))
    )
    assert set(await live(store)) == {ID, "keyed00000"}
    assert await store.replay(key("a")) is not None


async def test_a_change_waits_for_the_commit_that_fires_and_comes_too_late(store: Store, database_url: str) -> None:
    made = await scheduled(store)
    firing = await connect(database_url)
    async with firing.transaction():
        await firing.execute("UPDATE callbacks SET state = 'fired'")
        changing = asyncio.create_task(store.callbacks.change(made))
        deleting = asyncio.create_task(store.callbacks.delete("account_1", ID, now=950.0))
        await asyncio.sleep(0.2)
        assert not changing.done()
        assert not deleting.done()
    await firing.close()
    assert (await changing, await deleting) == (False, False)


async def test_a_commit_waits_for_the_change_and_calls_nobody(store: Store, database_url: str) -> None:
    made = await scheduled(store)
    changing = await connect(database_url)
    async with changing.transaction():
        await changing.execute("UPDATE callbacks SET version = version + 1")
        firing = asyncio.ensure_future(store.writer.accept(new_call(ID), due(made)))
        await asyncio.sleep(0.2)
        assert not firing.done()
    await changing.close()
    with pytest.raises(TooLate):
        await firing
    assert (await live(store), await state(store)) == ({}, "scheduled")


async def test_nodes_take_callbacks_in_one_order_and_never_wait_in_a_ring(store: Store, database_url: str) -> None:
    """Another node holds the first one and wants the second; we want both, the second first."""
    first, second = await scheduled(store, "c000000001"), await scheduled(store, "c000000002")
    other = await connect(database_url)
    take = "UPDATE callbacks SET state = 'fired' WHERE request_id = $1"
    async with other.transaction():
        await other.execute(take, first.request_id)
        calls = [(new_call(each.request_id), each) for each in (second, first)]
        ours = asyncio.gather(*(store.writer.accept(call, due(each)) for call, each in calls), return_exceptions=True)
        await asyncio.sleep(0.3)
        await other.execute(take, second.request_id)
    await other.close()
    assert [type(each) for each in await ours] == [TooLate, TooLate]


# -- outages -----------------------------------------------------------------------------------


@asynccontextmanager
async def outage(store: Store, *, came_through: bool) -> AsyncIterator[None]:
    """Postgres loses its answer to the store's next commit, and refuses it until the end."""
    ledger = store.writer._ledger
    insert = ledger._insert_provided

    async def gone(*_: Any) -> None:
        raise ConnectionRefusedError

    with pytest.MonkeyPatch.context() as away:

        async def lost(snapshots: list[Snapshot]) -> set[str]:
            if came_through:
                await insert(snapshots)
            away.setattr(ledger, "reach", gone)
            raise ConnectionResetError

        away.setattr("engine.store.writer.RETRY_SECONDS", 0.02)
        away.setattr(ledger, "_insert_provided", lost)
        yield
    async with asyncio.timeout(5):
        while store.writer.away:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("came_through", [True, False])
async def test_a_commit_whose_answer_is_lost_is_taken_back_and_the_callback_is_due_again(
    store: Store, came_through: bool
) -> None:
    made = await scheduled(store)
    async with outage(store, came_through=came_through):
        with pytest.raises(StoreAway):
            await store.writer.accept(new_call(ID), due(made))
        assert await state(store) == ("fired" if came_through else "scheduled")
    assert await store.callbacks.one("account_1", ID) == made
    assert await live(store) == {}
    await store.writer.accept(new_call(ID, at=1688710099.0), due(made))
    assert await live(store) == {ID: "n1"}


@pytest.mark.parametrize("came_through", [True, False])
async def test_a_missed_one_whose_answer_is_lost_has_one_cdr_in_the_end(store: Store, came_through: bool) -> None:
    made = await scheduled(store)
    async with outage(store, came_through=came_through):
        with pytest.raises(StoreAway):
            await store.writer.accept(unrung(made, "missed", now=2000.0), due(made, "missed"))
    assert await state(store) == ("missed" if came_through else "scheduled")
    again = store.writer.accept(unrung(made, "missed", now=2005.0), due(made, "missed"))
    (answer,) = await asyncio.gather(again, return_exceptions=True)
    assert isinstance(answer, TooLate) == came_through
    cdr = await store.cdr(ID)
    assert cdr is not None
    assert (cdr["call_date"], await state(store)) == (2000.0 if came_through else 2005.0, "missed")


async def test_what_was_missed_or_refused_uses_up_no_cap(store: Store) -> None:
    made = await scheduled(store)
    await store.writer.accept(unrung(made, "missed", now=1000.0), due(made, "missed"))
    counted = await store.attempts("account_1", "919910000202", now=1000.0, without=[], daily=True, destination=True)
    assert (counted["today"], counted["to_destination"]) == (0, 0)


async def test_what_another_node_has_fired_meanwhile_is_not_taken_back(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    made = await scheduled(store)
    async with another(database_url, tmp_path / "n2") as other:
        async with outage(store, came_through=False):
            with pytest.raises(StoreAway):
                await store.writer.accept(new_call(ID), due(made))
            await other.writer.accept(new_call(ID, at=1688710099.0), due(made))
        await store.writer.commit(new_call("57362de4f0"))  # by then all is taken back that is
        assert await live(store) == {ID: "n2", "57362de4f0": "n1"}
        assert await state(store) == "fired"


async def test_a_callback_keeps_the_key_it_was_scheduled_under_when_its_call_is_taken_back(store: Store) -> None:
    made = callback_of()
    await store.callbacks.schedule(made, KeptAnswer(key("a"), Answer(200, "{}")))
    async with outage(store, came_through=True):
        with pytest.raises(StoreAway):
            await store.writer.accept(new_call(ID), due(made))
    assert await store.replay(key("a")) == Answer(200, "{}", replayed=True)
    assert (await state(store), await live(store)) == ("scheduled", {})


async def test_a_request_that_was_refused_is_taken_back_unless_its_key_leads_to_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(store)
    with monkeypatch.context() as outage:
        outage.setattr(Store, "_fetch", lost)
        for request_id, answer in (("c000000001", None), ("c000000002", KeptAnswer(key("a"), Answer(200, "told")))):
            with pytest.raises(StoreAway):
                await store.callbacks.schedule(callback_of(request_id), answer)
    assert await ids(store) == {ID, "c000000002"}
    assert await store.replay(key("a")) == Answer(200, "told", replayed=True)


async def test_a_request_that_was_refused_is_taken_back_by_the_next_engine_where_ours_was_killed(
    store: Store, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost, Postgres stays away, the engine dies: its successor finds what to take back in the spool."""

    async def gone(*_: Any) -> None:
        raise ConnectionRefusedError

    await scheduled(store)
    async with killed(database_url, tmp_path / "n2") as ours:
        with monkeypatch.context() as outage:
            outage.setattr(Store, "_fetch", lost)
            outage.setattr(ours.writer._ledger, "reach", gone)
            with pytest.raises(StoreAway):
                await ours.callbacks.schedule(callback_of("c000000001"))
    assert await ids(store) == {ID, "c000000001"}
    async with another(database_url, tmp_path / "n2") as successor:
        await successor.writer.recover()
        assert await ids(store) == {ID}


async def test_what_is_taken_back_is_no_callback_whose_call_is(store: Store) -> None:
    """The same id in a refused call's place: the callback stays."""
    await scheduled(store)
    await store.writer.forget(ID)
    assert await ids(store) == {ID}
    await store.writer.forget(f"untold {ID}")
    assert await ids(store) == set()


# -- keys --------------------------------------------------------------------------------------


async def test_a_key_its_answer_and_its_callback_are_one_commit(store: Store) -> None:
    kept_answer = KeptAnswer(key("a"), Answer(200, "first"))
    await store.callbacks.schedule(callback_of("c000000001"), kept_answer)
    with pytest.raises(KeyTaken):
        await store.callbacks.schedule(callback_of("c000000002"), KeptAnswer(key("a"), Answer(200, "second")))
    assert await store.replay(key("a")) == Answer(200, "first", replayed=True)
    assert [each.request_id for each in await store.callbacks.of("account_1", count=10)] == ["c000000001"]
    with pytest.raises(KeyTaken):  # the API then finds no answer, and tries again
        await store.callbacks.schedule(callback_of("c000000001"), KeptAnswer(key("b"), Answer(200, "third")))
    assert await store.replay(key("b")) is None


async def test_an_id_is_never_used_twice(store: Store) -> None:
    await scheduled(store)
    await store.writer.commit(new_call("c000000001"))
    for taken in (ID, "c000000001"):
        with pytest.raises(IdTaken):
            await scheduled(store, taken)
    assert len(await store.callbacks.of("account_1", count=10)) == 1


# -- how many ----------------------------------------------------------------------------------


async def test_an_account_has_so_many_scheduled_at_once_and_no_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.callbacks.MOST_SCHEDULED", 3)
    for number in range(3):
        await scheduled(store, f"c{number:09x}")
    await store.callbacks.schedule(callback_of("cffffffff1", account_id="account_2"))
    kept_answer = KeptAnswer(key("a"), Answer(200, "told"))
    for answer in (None, kept_answer):
        with pytest.raises(OverCapacity, match="as many as it may have"):
            await store.callbacks.schedule(callback_of("cffffffff2"), answer)
    assert await ids(store) == {f"c{number:09x}" for number in range(3)}
    assert await store.replay(key("a")) is None  # its key is free
    assert await store.callbacks.delete("account_1", "c000000000", now=950.0)
    await store.callbacks.schedule(callback_of("cffffffff2"), kept_answer)
    with pytest.raises(OverCapacity):
        await store.callbacks.schedule(callback_of("cffffffff3"))
    (fired,) = await store.callbacks.claim(1, now=1000.0, seconds=0.0, without_accounts=["account_2"])
    await store.writer.accept(new_call(fired.request_id), due(fired))
    await store.callbacks.schedule(callback_of("cffffffff3"))


# -- claims ------------------------------------------------------------------------------------


async def claimed(store: Store, count: int = 10, now: float = 1000.0, **more: Any) -> list[str]:
    found = await store.callbacks.claim(count, now=now, **{"seconds": 30.0, **more})
    return sorted(each.request_id for each in found)


async def test_what_is_due_is_claimed_once_the_first_ones_first(store: Store) -> None:
    for number, due_at in enumerate((1000.0, 999.0, 1000.001, 998.0)):
        await scheduled(store, f"c{number:09x}", due_at=due_at)
    assert await store.callbacks.next_due_at() == 998.0
    assert await claimed(store, 2) == ["c000000001", "c000000003"]
    assert await store.callbacks.next_due_at() == 1000.0
    assert await claimed(store) == ["c000000000"]
    assert await claimed(store) == []
    assert await store.callbacks.next_due_at() == 1000.001


async def test_a_claim_ends_by_itself(store: Store) -> None:
    made = await scheduled(store)
    assert await claimed(store, seconds=0.2) == [ID]
    assert await claimed(store) == []
    await asyncio.sleep(0.25)
    assert await claimed(store, seconds=30.0) == [ID]
    await store.callbacks.put_off({made: 0.0})
    assert await claimed(store) == [ID]


async def test_a_change_ends_a_claim_and_outdates_who_would_put_it_off(store: Store) -> None:
    made = await scheduled(store)
    assert await claimed(store) == [ID]
    assert await store.callbacks.change(made)
    assert not await store.callbacks.change(made)
    await store.callbacks.put_off({made: 30.0})
    (again,) = await store.callbacks.claim(10, now=1000.0, seconds=30.0)
    assert again == replace(made, version=2)


async def test_accounts_can_be_left_out(store: Store) -> None:
    await scheduled(store)
    await scheduled(store, "c000000001", account_id="account_2", due_at=999.0)
    assert await store.callbacks.next_due_at(without_accounts=["account_2"]) == 1000.0
    assert await claimed(store, without_accounts=["account_1", "account_2"]) == []
    assert await claimed(store, without_accounts=["account_2"]) == [ID]


async def test_what_somebody_is_at_is_not_waited_for(store: Store, database_url: str) -> None:
    await scheduled(store)
    await scheduled(store, "c000000001")
    other = await connect(database_url)
    async with other.transaction():
        await other.execute("SELECT FROM callbacks WHERE request_id = $1 FOR UPDATE", ID)
        async with asyncio.timeout(1):
            assert await claimed(store) == ["c000000001"]
    await other.close()


# -- lists -------------------------------------------------------------------------------------


async def test_an_accounts_are_listed_newest_first_page_by_page_and_by_state(store: Store) -> None:
    for number in range(5):
        await scheduled(store, f"c{number:09x}", requested_at=900.0 + number // 2)
    await scheduled(store, "cfffffffff", account_id="account_2", requested_at=950.0)
    await store.callbacks.delete("account_1", "c000000003", now=950.0)
    every = [each.request_id for each in await store.callbacks.of("account_1", count=10)]
    assert every == [f"c{number:09x}" for number in (4, 3, 2, 1, 0)]
    pages, after = [], ""
    while page := await store.callbacks.of("account_1", after=after, count=2):
        pages += [each.request_id for each in page]
        after = pages[-1]
    assert pages == every
    assert [each.request_id for each in await store.callbacks.of("account_1", state="deleted", count=10)] == [
        "c000000003"
    ]
    assert [each.request_id for each in await store.callbacks.scheduled(2)] == ["c000000000", "c000000001"]


async def test_old_ones_go_with_old_cdrs_and_what_is_scheduled_stays(store: Store) -> None:
    for number, (settled, days) in enumerate((("fired", 31), ("missed", 29), ("deleted", 31), ("scheduled", 31))):
        await scheduled(store, f"c{number:09x}")
        settle = f"UPDATE callbacks SET state = '{settled}', settled_at = now() - interval '{days} days'"
        await execute(store._url, f"{settle} WHERE request_id = 'c{number:09x}'")
    await retention.sweep(store, cdr_days=0)
    assert len(await store.callbacks.of("account_1", count=10)) == 4
    await retention.sweep(store, cdr_days=30)
    assert [each.request_id for each in await store.callbacks.of("account_1", count=10)] == ["c000000003", "c000000001"]
