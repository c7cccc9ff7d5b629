"""Postgres stopped, frozen, read-only or failing at random: the same rows as without."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest

from engine.core.call import Call
from engine.core.events import Answered, Created, Ended
from engine.errors import StoreAway
from engine.main import _own
from engine.store.connection import connect
from engine.store.ledger import Ledger
from engine.store.migrate import migrate
from engine.store.postgres import Store
from engine.store.snapshot import Snapshot
from engine.store.spool import FILE, Spool, SpoolRefused
from tests.store.conftest import execute
from tests.store.postgres import OwnPostgres
from tests.store.test_store import ended, new_call, until_back

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with OwnPostgres.run() as postgres:
        asyncio.run(migrate(postgres.url))
        yield postgres


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres is tried again after 50 ms."""
    monkeypatch.setattr("engine.store.writer.RETRY_SECONDS", 0.05)


@asynccontextmanager
async def running(url: str, folder: Path, *, killed: bool = False) -> AsyncIterator[Store]:
    """The store of an engine; one that is killed writes nothing at its end."""
    spool = Spool(folder)
    async with Store.open(url, node="n1", spool=spool) as store:
        writing = asyncio.create_task(store.writer.run())
        try:
            yield store
        finally:
            writing.cancel()
            await asyncio.wait([writing])
            if killed:
                store.writer._ledger.lose()
                await spool.close()
            else:
                await store.writer.close()


async def rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """All that is kept of calls."""
    connection = await connect(url)
    found = {
        table: [dict(row) for row in await connection.fetch(f"SELECT * FROM {table} ORDER BY {key}")]
        for table, key in (("calls", "call_id"), ("legs", "leg_id"), ("cdrs", "request_id"))
    }
    await connection.close()
    for row in found["cdrs"]:
        del row["id"]
    return found


async def empty(url: str) -> None:
    await execute(url, "TRUNCATE calls, legs, cdrs RESTART IDENTITY")


async def spooled(store: Store, depth: int) -> None:
    async with asyncio.timeout(5):
        while store.writer.depth != depth:
            await asyncio.sleep(0.01)


def place_customer(call: Call) -> None:
    """The agent has answered: the intent to ring the customer is to be saved."""
    call.note(Created(leg="a1", at=call.requested_at + 0.1))
    call.note(Answered(leg="a1", at=call.requested_at + 2))


async def test_while_postgres_is_stopped_calls_go_on_and_all_is_there_afterwards(
    postgres: OwnPostgres, tmp_path: Path
) -> None:
    await empty(postgres.url)
    live, ending = new_call("live000000"), [new_call(f"end{number:07}") for number in range(450)]
    async with running(postgres.url, tmp_path) as store:
        await asyncio.gather(*(store.writer.accept(call) for call in (live, *ending)))
        await asyncio.to_thread(postgres.stop)
        with pytest.raises(StoreAway):
            await store.writer.accept(new_call("refused000"))
        began = time.monotonic()
        place_customer(live)
        await store.writer.commit(live)  # may be placed: it is on disk
        assert time.monotonic() - began < 0.5
        with pytest.raises(StoreAway):
            await store.writer.accept(new_call("refused001"))
        for call in ending:
            store.writer.note(ended(call))
        await spooled(store, 452)  # with the one to be taken back
        await asyncio.to_thread(postgres.start)
        await until_back(store)
        assert store.writer.depth == 0
        assert not (tmp_path / FILE).exists()
        found = await rows(postgres.url)
        assert {row["call_id"] for row in found["calls"]} == {"live000000", *(call.call_id for call in ending)}
        assert [row["name"] for row in found["legs"] if row["call_id"] == "live000000"] == ["a1", "b1"]
        assert {row["request_id"]: row["disposition"] for row in found["cdrs"]} == {
            call.call_id: "BUSY" for call in ending
        }
        await store.writer.accept(new_call("accepted00"))


async def test_a_write_into_a_frozen_postgres_comes_out_right_whether_it_is_done_or_not(
    postgres: OwnPostgres, tmp_path: Path
) -> None:
    await empty(postgres.url)
    call = new_call()
    async with running(postgres.url, tmp_path) as store:
        await store.writer.accept(call)
        with postgres.frozen():
            began = time.monotonic()
            place_customer(call)
            refusing = store.writer.accept(new_call("refused000"))
            await store.writer.commit(call)  # Postgres holds this one, and does it when it thaws
            with pytest.raises(StoreAway):
                await refusing
            assert 1.9 < time.monotonic() - began < 3
            call.note(Created(leg="b1", at=call.requested_at + 3))
            began = time.monotonic()
            await store.writer.commit(call)
            assert time.monotonic() - began < 0.3
            reads = await asyncio.gather(*(store.ping() for _ in range(30)), return_exceptions=True)
            assert {type(each) for each in reads} == {StoreAway}
            assert time.monotonic() - began < 4
        await until_back(store)
        await asyncio.sleep(0.2)
        found = await rows(postgres.url)
        assert {row["call_id"] for row in found["calls"]} == {call.call_id}
        assert [row["created_at"] is not None for row in found["legs"]] == [True, True]


async def test_a_statement_given_up_is_ended_before_anything_newer_is_written(postgres: OwnPostgres) -> None:
    await empty(postgres.url)
    call, blocker = new_call(), await connect(postgres.url)
    old, new = Ledger(postgres.url, node="n1"), Ledger(postgres.url, node="n1")
    new.lock.signature = old.lock.signature  # the same engine's next connection
    await old.reach()
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
        writing = asyncio.create_task(old.write([Snapshot.of(call, node="n1")]))
        await asyncio.sleep(0.2)
        with pytest.raises(ConnectionError):  # the old one still has the lock; it is ended
            await new.reach()
        await asyncio.sleep(0.2)
        await new.reach()
    with pytest.raises(asyncpg.PostgresError):
        await writing
    assert (await rows(postgres.url))["calls"] == []
    old.lose()
    await new.close()
    await blocker.close()


async def test_an_owner_comes_back_to_a_restarted_postgres_before_who_waits_for_it(
    postgres: OwnPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.main.STANDBY_SECONDS", 2.0)
    monkeypatch.setattr("engine.main.WAIT_SECONDS", 0.01)
    await empty(postgres.url)
    call = new_call()
    async with running(postgres.url, tmp_path) as store, Store.open(postgres.url, node="n1") as other:
        await store.writer.accept(call)
        waiting = asyncio.create_task(_own(other, wait=True))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(postgres.stop)
        await store.writer.commit(ended(call))
        await asyncio.to_thread(postgres.start)
        await until_back(store)
        assert store.writer.lock.ours
        assert not waiting.done()
        assert await store.cdr(call.call_id) is not None
        waiting.cancel()


async def test_a_read_only_postgres_is_away_until_it_takes_writes(postgres: OwnPostgres, tmp_path: Path) -> None:
    await empty(postgres.url)
    call = new_call()
    async with running(postgres.url, tmp_path) as store:
        await store.writer.accept(call)
        await execute(postgres.url, "ALTER DATABASE legwork SET default_transaction_read_only = on")
        ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'legwork-n1 %'"
        await execute(postgres.url, ends)
        with pytest.raises(StoreAway):
            await store.writer.accept(new_call("refused000"))
        await spooled(store, 1)
        for _ in range(20):
            await asyncio.sleep(0.02)
            assert store.writer.away
        place_customer(call)
        await store.writer.commit(call)
        await execute(
            postgres.url,
            "BEGIN READ WRITE; ALTER DATABASE legwork RESET default_transaction_read_only; COMMIT",
        )
        await until_back(store)
        assert [row["name"] for row in (await rows(postgres.url))["legs"]] == ["a1", "b1"]


async def test_what_a_killed_engine_spooled_is_there_before_the_next_one_restores(
    postgres: OwnPostgres, tmp_path: Path
) -> None:
    await empty(postgres.url)
    live, ending = new_call("live000000"), new_call("ended00000")
    async with running(postgres.url, tmp_path, killed=True) as store:
        await asyncio.gather(*(store.writer.accept(call) for call in (live, ending)))
        await asyncio.to_thread(postgres.stop)
        with pytest.raises(StoreAway):
            await store.writer.accept(new_call("refused000"))
        place_customer(live)
        await store.writer.commit(live)
        await store.writer.commit(ended(ending))
    await asyncio.to_thread(postgres.start)
    async with running(postgres.url, tmp_path) as store:
        await store.writer.recover()
        ((row, legs),) = await store.live_calls()
        assert (row["call_id"], [leg["name"] for leg in legs]) == ("live000000", ["a1", "b1"])
        assert await store.cdr("ended00000") is not None
        assert await store.call("refused000") is None
        assert not (tmp_path / FILE).exists()


async def test_a_beat_that_a_frozen_postgres_does_late_makes_no_spooled_call_old(
    postgres: OwnPostgres, tmp_path: Path
) -> None:
    await empty(postgres.url)
    live = new_call("live000000")
    with ExitStack() as fault:
        async with running(postgres.url, tmp_path, killed=True) as store:
            await store.writer.accept(live)
            fault.enter_context(postgres.frozen())
            store.writer._ledger._beat_at = float("-inf")
            place_customer(live)
            await store.writer.commit(live)  # after the beat, which waits in Postgres
            assert store.writer.depth == 1
    await asyncio.sleep(0.5)
    async with running(postgres.url, tmp_path) as store:
        await store.writer.recover()
        ((_, legs),) = await store.live_calls()
        assert [leg["name"] for leg in legs] == ["a1", "b1"]


async def test_while_postgres_is_away_an_engine_that_starts_recovers_nothing_and_says_so(
    postgres: OwnPostgres, tmp_path: Path
) -> None:
    spool = Spool(tmp_path)
    await spool.put([("live000000", Snapshot.of(new_call("live000000"), node="n1").dump())])
    await spool.close()
    async with running(postgres.url, tmp_path) as store:
        await asyncio.to_thread(postgres.stop)
        for _ in range(2):
            with pytest.raises(StoreAway):
                await store.writer.recover()
        await asyncio.to_thread(postgres.start)
        await until_back(store)
        await store.writer.recover()
        assert await store.call("live000000") is not None  # though Postgres had no row of it


async def test_a_spooled_call_that_postgres_does_not_take_is_set_aside_alone(
    postgres: OwnPostgres, tmp_path: Path
) -> None:
    await empty(postgres.url)
    good = Snapshot.of(new_call("good000000"), node="n1")
    bad = Snapshot("bad0000000", {**good.call, "call_id": "bad0000000", "node": None}, [], None)
    spool = Spool(tmp_path)
    await spool.put([(each.call_id, each.dump()) for each in (bad, good)] + [("odd0000000", b"{")])
    await spool.close()
    async with running(postgres.url, tmp_path) as store:
        await store.writer.recover()
        assert await store.call("good000000") is not None
        assert await store.call("bad0000000") is None
    assert (tmp_path / f"{FILE}.unwritten.jsonl").read_bytes() == bad.dump() + b"\n{\n"


async def test_calls_noted_at_the_end_of_an_engine_are_spooled_for_the_next(
    postgres: OwnPostgres, tmp_path: Path
) -> None:
    await empty(postgres.url)
    call = new_call()
    async with running(postgres.url, tmp_path) as store:
        await store.writer.accept(call)
        await asyncio.to_thread(postgres.stop)
        store.writer.note(ended(call))
    await asyncio.to_thread(postgres.start)
    async with running(postgres.url, tmp_path) as store:
        await store.writer.recover()
        assert await store.cdr(call.call_id) is not None


async def test_where_the_spool_refuses_no_leg_is_placed_and_what_is_noted_is_kept_in_memory(
    postgres: OwnPostgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await empty(postgres.url)
    (tmp_path / "file").write_text("in the way")
    live, ending = new_call("live000000"), new_call("ended00000")
    async with running(postgres.url, tmp_path / "file" / "state") as store:
        await asyncio.gather(*(store.writer.accept(call) for call in (live, ending)))
        await asyncio.to_thread(postgres.stop)
        place_customer(live)
        with pytest.raises(StoreAway):
            await store.writer.commit(live)
        store.writer.note(ended(ending))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(postgres.start)
        await until_back(store)
        found = await rows(postgres.url)
        assert [row["name"] for row in found["legs"]] == ["a1", "a1", "b1"]
        assert [row["request_id"] for row in found["cdrs"]] == ["ended00000"]
    told = capsys.readouterr().out
    assert told.count("the spool refuses") == 1
    assert told.count("store is away") == 1


async def test_a_thousand_calls_a_second_are_drained(postgres: OwnPostgres, tmp_path: Path) -> None:
    await empty(postgres.url)
    spool = Spool(tmp_path)
    calls = [ended(new_call(f"{number:010x}")) for number in range(3000)]
    await spool.put([(call.call_id, Snapshot.of(call, node="n1").dump()) for call in calls])
    await spool.close()
    async with running(postgres.url, tmp_path) as store:
        began = time.monotonic()
        await store.writer.recover()
        seconds = time.monotonic() - began
        assert (await store.reports.dispositions("account_1"))["BUSY"] == 3000
    assert seconds < 3, f"{3000 / seconds:.0f} a second"


CRASHING = """
import asyncio, sys
from pathlib import Path
from tests.store.test_outage import running, spool_two

asyncio.run(spool_two(sys.argv[1], Path(sys.argv[2])))
"""


async def spool_two(url: str, folder: Path) -> None:
    """An engine in an outage of a moment: two calls go to the spool, then to Postgres."""
    async with running(url, folder) as store:
        reach, store.writer._ledger.reach = store.writer._ledger.reach, gone  # type: ignore[method-assign]
        await asyncio.gather(*(store.writer.commit(ended(new_call(name))) for name in ("one", "two")))
        store.writer._ledger.reach = reach  # type: ignore[method-assign]
        await until_back(store)


async def gone() -> None:
    raise ConnectionRefusedError


@pytest.mark.parametrize("point", ["spool.written", "spool.drained"])
async def test_an_engine_killed_at_either_side_of_the_spool_loses_and_doubles_nothing(
    point: str, postgres: OwnPostgres, tmp_path: Path
) -> None:
    await empty(postgres.url)
    command = (sys.executable, "-c", CRASHING, postgres.url, str(tmp_path))
    child = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=os.environ | {"LEGWORK_CRASH_AT": point}, stdout=asyncio.subprocess.DEVNULL
    )
    assert await child.wait() == -signal.SIGKILL
    assert len((await rows(postgres.url))["cdrs"]) == (0 if point == "spool.written" else 2)
    async with running(postgres.url, tmp_path) as store:
        await store.writer.recover()
        assert [row["request_id"] for row in (await rows(postgres.url))["cdrs"]] == ["one", "two"]
        assert not (tmp_path / FILE).exists()


# -- any sequence of outages -------------------------------------------------------------------

LIFE = (
    Created(leg="a1", at=0.1),
    Answered(leg="a1", at=2.0),
    Created(leg="b1", at=2.1),
    Answered(leg="b1", at=5.0),
    Ended(leg="b1", at=9.0, cause=16),
    Ended(leg="a1", at=9.5, cause=16),
)


def happens(call: Call, step: int) -> None:
    """The next of what happens to a call."""
    event = LIFE[step]
    call.note(
        type(event)(**{**{name: getattr(event, name) for name in _names(event)}, "at": call.requested_at + event.at})
    )


def _names(event: Any) -> list[str]:
    return [name for kind in type(event).__mro__ for name in getattr(kind, "__slots__", ())]


class Weather:
    """What fails next: Postgres before or after the effect, the spool, nothing."""

    def __init__(self, random: Random, monkeypatch: pytest.MonkeyPatch) -> None:
        self.random, self.bad = random, 0.0
        write, forget, connects, put = Ledger._insert, Ledger.forget, Ledger.reach, Spool.put

        async def insert(ledger: Ledger, snapshots: list[Snapshot]) -> set[str]:
            self._strike(asyncpg.DiskFullError("No space left on device"))
            found = await write(ledger, snapshots)
            self._strike(TimeoutError())
            return found

        async def take_back(ledger: Ledger, call_ids: list[str]) -> None:
            self._strike(TimeoutError())
            await forget(ledger, call_ids)
            self._strike(TimeoutError())

        async def reach(ledger: Ledger) -> None:
            self._strike(ConnectionRefusedError())
            await connects(ledger)

        async def keep(spool: Spool, snapshots: Sequence[tuple[str, bytes | None]]) -> None:
            self._strike(SpoolRefused(), share=0.3)
            await put(spool, snapshots)

        monkeypatch.setattr(Ledger, "_insert", insert)
        monkeypatch.setattr(Ledger, "forget", take_back)
        monkeypatch.setattr(Ledger, "reach", reach)
        monkeypatch.setattr(Spool, "put", keep)

    def _strike(self, error: Exception, *, share: float = 1.0) -> None:
        if self.random.random() < self.bad * share:
            raise error


@pytest.mark.parametrize("seed", range(8))
async def test_any_sequence_of_outages_and_kills_gives_the_rows_of_none(
    seed: int, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.writer.RETRY_SECONDS", 0.005)
    monkeypatch.setattr("engine.store.writer.LAZY_SECONDS", 0.005)
    monkeypatch.setattr("engine.store.writer.BATCH_CALLS", 3)
    random = Random(seed)
    await empty(database_url)
    steps: dict[str, int] = {}
    calls: dict[str, Call] = {}
    with monkeypatch.context() as patches:
        weather = Weather(random, patches)
        for turn in range(6):  # engines, each killed but the last
            async with running(database_url, tmp_path, killed=turn < 5) as store:
                weather.bad = 0.0
                await store.writer.recover()
                for call in calls.values():  # what adopt does: each call is as Asterisk has it, and noted
                    store.writer.note(call)
                for _ in range(60):
                    if random.random() < 0.15:
                        weather.bad = random.choice((0.0, 0.4, 1.0))
                    await _something(random, store, calls, steps, number=len(steps))
                if turn == 5:
                    weather.bad = 0.0
                    await until_back(store)
    found = await rows(database_url)
    await empty(database_url)
    async with running(database_url, tmp_path / "other") as store:
        await asyncio.gather(*(store.writer.commit(call) for call in calls.values()))
    assert len(calls) > 5
    assert found == await rows(database_url)


async def _something(
    random: Random, store: Store, calls: dict[str, Call], steps: dict[str, int], *, number: int
) -> None:
    going = [call_id for call_id in calls if steps[call_id] < len(LIFE)]
    if random.random() < 0.25 or not going:
        call = new_call(f"call{number:06}")
        steps[call.call_id] = 0
        try:
            await store.writer.accept(call)
        except StoreAway:
            return
        calls[call.call_id] = call
        return
    call = calls[random.choice(going)]
    happens(call, steps[call.call_id])
    steps[call.call_id] += 1
    if random.random() < 0.3:
        try:
            await store.writer.commit(call)
        except StoreAway:
            return
    else:
        store.writer.note(call)
    if random.random() < 0.2:
        await asyncio.sleep(0.01)
