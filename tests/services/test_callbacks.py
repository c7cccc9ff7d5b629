"""Callbacks on a real Postgres: fired once by one of two nodes, whatever clocks, people and nodes do meanwhile."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from engine.accounts import Accounts
from engine.api.schedule import Schedule
from engine.core.account import Route
from engine.core.asks import ChangeCallback, DeleteCallback
from engine.core.call import Call
from engine.core.callback import Due, resolve
from engine.core.flows import FLOWS
from engine.core.request import CallRequest, Limits
from engine.counts import Counts
from engine.errors import AsteriskAway, Draining, NotOwner, OverCapacity, Refusal, Stopped, TooLate
from engine.services import callbacks
from engine.services.callbacks import CallbackClock
from engine.store.connection import connect
from engine.store.postgres import Store
from engine.store.spool import Spool
from tests.core.test_callback import TIMES, callback_of
from tests.core.test_request import ACCOUNT
from tests.store.conftest import database_url, execute, store

__all__ = ["database_url", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

NOON = 1_800_000_000.0
GRACE_SECONDS = 900.0
LIMITS = Limits(ring_seconds=30, max_talk_seconds=7200)


@dataclass(slots=True)
class Wall:
    """A clock on the wall, that somebody sets."""

    at: float = NOON

    def __call__(self) -> float:
        return self.at


@dataclass(slots=True)
class SwitchDouble:
    """Commits each call as the switch does, and notes whom it would ring, and when."""

    store: Store
    now: Callable[[], float]
    ready: bool = True
    refusals: list[Refusal] = field(default_factory=list)  # one for each start, the last one for ever
    rung: list[tuple[str, float]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    async def start(self, request: CallRequest, *, due: Due) -> str:
        if self.refusals:
            raise self.refusals.pop(0) if len(self.refusals) > 1 else self.refusals[0]
        now = self.now()
        flow = FLOWS[request.kind]
        call = Call(call_id=due.request_id, request=request, flow=flow, requested_at=now, now=now)
        call.start(now)
        await self.store.writer.accept(call, due)
        self.rung.append((call.call_id, now))
        return call.call_id


@dataclass(slots=True)
class Node:
    """One engine's part in it."""

    store: Store
    switch: SwitchDouble
    clock: CallbackClock
    tasks: list[asyncio.Task[None]]

    async def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.store.writer._ledger.lose()
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)


@dataclass(slots=True)
class Rig:
    """Two nodes on one database, whose clocks are one."""

    wall: Wall
    accounts: Accounts
    one: Node
    two: Node
    url: str

    @property
    def nodes(self) -> tuple[Node, Node]:
        return self.one, self.two

    @property
    def rung(self) -> list[tuple[str, float]]:
        """Who was rung, and when, by whichever node."""
        return [each for node in self.nodes for each in node.switch.rung]

    @property
    def ids(self) -> list[str]:
        return [call_id for call_id, _ in self.rung]

    async def keep(self, *due_at: float, **more: Any) -> list[str]:
        """New callbacks due at those times; their ids."""
        ids = [f"c{number:09x}" for number in range(len(due_at))]
        for request_id, at in zip(ids, due_at, strict=True):
            await self.one.store.callbacks.schedule(callback_of(request_id, due_at=at, **more))
        return ids

    async def state(self, request_id: str) -> str:
        found = await self.one.store.callbacks.one("account_1", request_id)
        assert found is not None
        return found.state

    async def states(self) -> Counter[str]:
        return Counter(each.state for each in await self.one.store.callbacks.of("account_1", count=5000))

    async def settled(self, *, seconds: float = 20) -> None:
        """Wait until nothing is due any more."""
        async with asyncio.timeout(seconds):
            while await self.query("SELECT FROM callbacks WHERE state = 'scheduled' AND due_at <= $1", self.wall()):
                await asyncio.sleep(0.01)
            while any(node.clock._under_way for node in self.nodes):
                await asyncio.sleep(0.01)

    async def query(self, statement: str, *times: float) -> list[Any]:
        """The rows of a statement on times."""
        numbered = statement.replace("$1", "to_timestamp($1)")
        connection = await connect(self.url)
        try:
            return list(await connection.fetch(numbered, *times))
        finally:
            await connection.close()

    async def looked(self) -> None:
        """Let both nodes look several times."""
        await asyncio.sleep(0.08)


@asynccontextmanager
async def running(url: str, name: str, wall: Wall, accounts: Accounts, state: Path) -> AsyncIterator[Node]:
    """A node that fires callbacks."""
    async with Store.open(url, node=name, spool=Spool(state / name)) as store:
        switch = SwitchDouble(store, wall)
        clock = CallbackClock(
            switch=switch, store=store, accounts=accounts, limits=LIMITS, grace_seconds=GRACE_SECONDS, now=wall
        )
        tasks = [asyncio.create_task(each) for each in (store.writer.run(), clock.run())]
        yield Node(store, switch, clock, tasks)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [each for each in ended if not isinstance(each, asyncio.CancelledError)] == []
        await store.writer.close()


@pytest_asyncio.fixture(loop_scope="function")
async def rig(store: Store, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    """Two nodes that look a hundred times a second."""
    monkeypatch.setattr(callbacks, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(callbacks, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(callbacks, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(callbacks, "CLAIM_SECONDS", 0.5)
    wall = Wall()
    accounts = Accounts(accounts={"account_1": ACCOUNT}, routes=(Route("91", ("PJSIP/{number}@carrier",)),))
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(running(database_url, name, wall, accounts, tmp_path))
            for name in ("m1", "m2")
        ]
        yield Rig(wall, accounts, one, two, database_url)


# -- when --------------------------------------------------------------------------------------


async def test_each_zones_gaps_overlaps_and_year_ends_fire_once_at_their_second(rig: Rig) -> None:
    rig.wall.at = -1e9  # 1938
    due: dict[str, float] = {}
    for number, (zone, _, wall, _) in enumerate(TIMES):
        due[f"c{number:09x}"] = due_at = resolve(wall, zone)
        kept = callback_of(f"c{number:09x}", wall=wall, time_zone=zone, due_at=due_at)
        await rig.one.store.callbacks.schedule(kept)
    for moment in sorted(set(due.values())):
        before = len(rig.rung)
        rig.wall.at = moment - 0.001
        await asyncio.sleep(0.05)
        assert len(rig.rung) == before
        rig.wall.at = moment
        await rig.settled()
        assert {request_id for request_id, _ in rig.rung[:]} == {each for each, at in due.items() if at <= moment}
    await rig.looked()
    assert sorted(rig.rung) == sorted(due.items())


async def test_stepping_the_clock_an_hour_to_and_fro_fires_nothing_twice(rig: Rig) -> None:
    due, missed, soon, later = await rig.keep(NOON + 10, NOON + 1800, NOON + 3000, NOON + 4000)
    for minutes in (0, 1, 61, 1, 61, 1, -59, 1):
        rig.wall.at = NOON + 60 * minutes
        await rig.settled()
        await rig.looked()
    # The hour that was left out is the grace's to judge, once.
    assert sorted(rig.ids) == [due, soon]
    assert [await rig.state(each) for each in (due, missed, soon, later)] == ["fired", "missed", "fired", "scheduled"]
    assert len(await rig.query("SELECT FROM cdrs")) == 1
    rig.wall.at = NOON + 4000
    await rig.settled()
    assert sorted(rig.ids) == [due, soon, later]


async def test_with_a_real_clock_none_is_early_and_none_a_second_late(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    """As an engine looks: twice a second. The last one is scheduled between two looks, for the next moment."""
    accounts = Accounts(accounts={"account_1": ACCOUNT}, routes=(Route("91", ("PJSIP/{number}@carrier",)),))
    began = time.time()
    due = {f"c{number:09x}": began + 1 + number / 97 for number in range(50)}
    for request_id, at in due.items():
        await store.callbacks.schedule(callback_of(request_id, due_at=at))
    async with running(database_url, "m1", time.time, accounts, tmp_path) as node:  # type: ignore[arg-type]
        await asyncio.sleep(0.3)
        due["cffffffffe"] = time.time() + 0.02
        await store.callbacks.schedule(callback_of("cffffffffe", due_at=due["cffffffffe"]))
        async with asyncio.timeout(10):
            while len(node.switch.rung) < len(due):
                await asyncio.sleep(0.01)
        late = [at - due[request_id] for request_id, at in node.switch.rung]
        assert len(late) == len(due)
        assert 0 <= min(late) <= max(late) < 0.9


# -- once --------------------------------------------------------------------------------------


MANY = """
INSERT INTO callbacks (request_id, account_id, agent_number, customer_number, caller_id, wall, time_zone, due_at,
    requested_at, state, version, reason)
SELECT 'c' || lpad(to_hex(n), 9, '0'), 'account_1', '101', '919910000202', '15168148111', '', 'Etc/UTC',
    to_timestamp({noon}) + (n * 7919 % 60) * interval '1 second', to_timestamp({noon} - 60), 'scheduled', 1, ''
FROM generate_series(1, 1000) AS n
"""


async def minute(rig: Rig, *, half_way: Callable[[], Any] | None = None) -> None:
    """The minute from NOON on, at thirty times its pace, and all that is due in it settled."""
    for second in range(61):
        rig.wall.at = NOON + second
        await asyncio.sleep(1 / 30)
        if second == 30 and half_way is not None:
            await half_way()
    await rig.settled()


async def test_a_thousand_due_within_a_minute_are_fired_by_two_nodes_once_each(rig: Rig) -> None:
    await execute(rig.url, MANY.format(noon=NOON))
    await minute(rig)
    assert (len(rig.ids), len(set(rig.ids))) == (1000, 1000)
    assert await rig.states() == {"fired": 1000}
    assert len(await rig.query("SELECT FROM calls")) == len(await rig.query("SELECT FROM legs")) == 1000
    assert min(len(node.switch.rung) for node in rig.nodes) > 100  # both took part


async def test_a_node_that_is_killed_half_way_leaves_the_rest_to_the_other_and_nothing_is_fired_twice(
    rig: Rig,
) -> None:
    await execute(rig.url, MANY.format(noon=NOON))
    rig.two.clock.switch = Hesitant(rig.two.switch, Counts())
    killed = list(rig.two.tasks)

    async def kill() -> None:
        rig.one.switch.ready = False  # so that it is the other that has done some, and is in the middle of others
        rig.wall.at += 5
        async with asyncio.timeout(5):
            while len(rig.two.switch.rung) < 20 or not rig.two.clock._under_way:
                rig.wall.at += 0.1
                await asyncio.sleep(0.01)
        await rig.two.kill()
        rig.two.clock._under_way.clear()
        rig.one.switch.ready = True

    await minute(rig, half_way=kill)
    assert all(task.done() for task in killed)
    assert await rig.states() == {"fired": 1000}
    calls = {row["call_id"]: row["node"] for row in await rig.query("SELECT call_id, node FROM calls")}
    assert len(calls) == 1000
    assert len(rig.ids) == len(set(rig.ids))
    assert all(calls[call_id] == "m1" for call_id, _ in rig.one.switch.rung)
    assert len(rig.one.switch.rung) == list(calls.values()).count("m1")  # what one has, it has rung
    assert 20 <= list(calls.values()).count("m2") < 980


@dataclass(slots=True)
class Hesitant:
    """A switch on a slow machine: between claim and commit there is time to die."""

    switch: SwitchDouble
    counts: Counts

    @property
    def ready(self) -> bool:
        return self.switch.ready

    async def start(self, request: CallRequest, *, due: Due) -> str:
        await asyncio.sleep(0.05)
        return await self.switch.start(request, due=due)


async def test_a_node_that_dies_between_claim_and_call_leaves_it_to_the_other(rig: Rig) -> None:
    (due,) = await rig.keep(NOON + 1)
    dead = Store(rig.one.store._pool, rig.one.store.writer, url="", node="dead")
    assert [each.request_id for each in await dead.callbacks.claim(5, now=NOON + 1, seconds=0.4)] == [due]
    rig.wall.at = NOON + 1
    await asyncio.sleep(0.2)
    assert rig.ids == []  # it could still be at it
    await rig.settled()
    assert rig.ids == [due]


async def test_a_claim_that_is_over_too_soon_rings_nobody_twice(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims share out the work. Without any, each node tries all of them, and the commit decides."""
    monkeypatch.setattr(callbacks, "CLAIM_SECONDS", 0.0)
    ids = await rig.keep(*[NOON] * 200)
    rig.wall.at = NOON
    await rig.settled()
    assert sorted(rig.ids) == ids


# -- people ------------------------------------------------------------------------------------


async def race(rig: Rig, ask: Callable[[str], ChangeCallback | DeleteCallback]) -> list[tuple[str, str, str]]:
    """Ask at the due instant, 200 times: what was answered, the callback's state then, and by whom it was called."""
    random, seen = Random(11), []
    schedule = Schedule(rig.one.store.callbacks, rig.accounts, LIMITS, rig.wall)

    async def answered(request_id: str) -> str:
        await asyncio.sleep(random.uniform(0, 0.03))
        try:
            await schedule.answer(ACCOUNT, ask(request_id))
        except TooLate as exc:
            return exc.code
        return "done"

    for _ in range(10):
        await execute(rig.url, "TRUNCATE callbacks, calls, legs, cdrs")
        rig.wall.at = NOON - 1
        ids = await rig.keep(*[NOON] * 20)
        rig.wall.at = NOON
        answers = await asyncio.gather(*map(answered, ids))
        await rig.settled()
        await rig.looked()
        for request_id, answer in zip(ids, answers, strict=True):
            seen.append((answer, await rig.state(request_id), str(rig.ids.count(request_id))))
        for node in rig.nodes:
            node.switch.rung.clear()
    return seen


async def test_a_delete_at_the_due_instant_deletes_or_comes_too_late(rig: Rig) -> None:
    seen = await race(rig, DeleteCallback)
    assert len(seen) == 200
    assert set(seen) == {("done", "deleted", "0"), ("too_late", "fired", "1")}


async def test_a_change_at_the_due_instant_changes_or_comes_too_late(rig: Rig) -> None:
    hour_later = "2027-01-15 09:00:00"
    assert resolve(hour_later, "Etc/UTC") == NOON + 3600
    seen = await race(rig, lambda request_id: ChangeCallback(request_id=request_id, wall=hour_later))
    assert len(seen) == 200
    assert set(seen) == {("done", "scheduled", "0"), ("too_late", "fired", "1")}


async def test_a_number_changed_at_the_due_instant_is_the_one_that_is_rung(rig: Rig) -> None:
    """It is due now all the same: whoever had read the old number has to look again."""
    seen = await race(rig, lambda request_id: ChangeCallback(request_id=request_id, customer_number="+919910000303"))
    assert {state for _, state, _ in seen} == {"fired"}
    assert {rung for _, _, rung in seen} == {"1"}
    assert {answer for answer, _, _ in seen} == {"done", "too_late"}
    rows = await rig.query(
        "SELECT request_id FROM callbacks JOIN calls ON call_id = request_id "
        "WHERE request #>> '{customer,targets,0,number}' <> customer_number"
    )
    assert rows == []


# -- what is not rung --------------------------------------------------------------------------


async def test_what_came_due_while_everything_was_down_is_rung_within_the_grace_and_missed_after_it(
    rig: Rig,
) -> None:
    late, too_late = await rig.keep(NOON - GRACE_SECONDS, NOON - GRACE_SECONDS - 1)
    await rig.settled()
    assert rig.ids == [late]
    assert [await rig.state(each) for each in (late, too_late)] == ["fired", "missed"]
    cdr = await rig.two.store.cdr(too_late, account_id="account_1")
    assert cdr is not None
    assert (cdr["disposition"], cdr["reason"], cdr["kind"], cdr["legs"]) == ("CANCEL", "missed", "callback", [])
    assert (cdr["call_date"], cdr["node"] in ("m1", "m2")) == (NOON, True)
    assert await rig.one.store.cdr(late) is None


async def test_two_nodes_that_both_find_one_missed_write_one_cdr(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "CLAIM_SECONDS", 0.0)
    ids = await rig.keep(*[NOON - 3600] * 100)
    await rig.settled()
    assert await rig.states() == {"missed": 100}
    assert sorted(row["request_id"] for row in await rig.query("SELECT request_id FROM cdrs")) == ids
    ended = sum((node.switch.counts.calls_ended for node in rig.nodes), Counter[tuple[str, str]]())
    assert (rig.ids, ended) == ([], {("callback", "CANCEL"): 100})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"caller_ids": ()}, "a caller id that is not the account's any more"),
        ({"allowed_regions": ()}, "a region the account may not call"),
        ({"extensions": ()}, "not a valid telephone number"),
        (None, "the account was disabled"),
    ],
)
async def test_what_may_not_be_called_any_more_ends_with_a_cdr_that_says_why(
    rig: Rig, change: dict[str, Any] | None, reason: str
) -> None:
    (due,) = await rig.keep(NOON + 1)
    rig.accounts.accounts = {} if change is None else {"account_1": replace(ACCOUNT, **change)}
    rig.wall.at = NOON + 1
    await rig.settled()
    cdr = await rig.one.store.cdr(due)
    assert cdr is not None
    assert (cdr["disposition"], cdr["reason"], await rig.state(due), rig.ids) == ("CANCEL", reason, "refused", [])


@pytest.mark.parametrize("refusal", [OverCapacity(), Stopped(), AsteriskAway(), NotOwner(), Draining()])
async def test_what_is_refused_for_the_moment_is_tried_again(rig: Rig, refusal: Refusal) -> None:
    (due,) = await rig.keep(NOON + 1)
    for node in rig.nodes:
        node.switch.refusals = [refusal]
    rig.wall.at = NOON + 1
    await asyncio.sleep(0.2)
    assert (rig.ids, await rig.state(due)) == ([], "scheduled")
    for node in rig.nodes:
        node.switch.refusals.clear()
    await rig.settled()
    assert rig.ids == [due]


async def test_what_is_refused_until_the_grace_is_over_is_missed(rig: Rig) -> None:
    (due,) = await rig.keep(NOON + 1)
    for node in rig.nodes:
        node.switch.refusals = [OverCapacity()]
    rig.wall.at = NOON + 1
    await rig.looked()
    rig.wall.at = NOON + 1 + GRACE_SECONDS + 1
    await rig.settled()
    assert (await rig.state(due), rig.ids) == ("missed", [])


async def test_a_full_account_holds_up_no_other_and_is_not_asked_again_and_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "PAUSE_SECONDS", 0.3)
    rig.accounts.accounts["account_2"] = replace(ACCOUNT, account_id="account_2")
    started = Counter[str]()
    original = SwitchDouble.start

    async def start(self: SwitchDouble, request: CallRequest, *, due: Due) -> str:
        started[request.account_id] += 1
        if request.account_id == "account_1":
            raise OverCapacity
        return await original(self, request, due=due)

    monkeypatch.setattr(SwitchDouble, "start", start)
    await execute(rig.url, MANY.format(noon=NOON - 60))
    for number in range(20):
        await rig.one.store.callbacks.schedule(
            callback_of(f"cffffff{number:03x}", account_id="account_2", due_at=NOON + 1)
        )
    rig.wall.at = NOON + 1
    async with asyncio.timeout(3):
        while len(rig.ids) < 20:
            await asyncio.sleep(0.01)
    assert started["account_2"] == 20
    assert 1 <= started["account_1"] <= 20
    put_off = await rig.query("SELECT FROM callbacks WHERE state = 'scheduled' AND claimed_until > now()")
    assert len(put_off) >= callbacks.MOST_AT_ONCE


async def test_a_node_that_can_not_dial_leaves_all_to_the_other(rig: Rig) -> None:
    rig.one.switch.ready = False
    ids = await rig.keep(*[NOON + 1] * 50)
    rig.wall.at = NOON + 1
    await rig.settled()
    assert sorted(call_id for call_id, _ in rig.two.switch.rung) == ids
    assert rig.one.switch.rung == []


async def test_a_fault_of_ours_costs_one_callback_a_while_and_no_other(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await rig.keep(NOON + 1, NOON + 1)
    original = SwitchDouble.start
    faults: list[Due] = []

    async def start(self: SwitchDouble, request: CallRequest, *, due: Due) -> str:
        if due.request_id == ids[0] and not faults:
            faults.append(due)
            raise RuntimeError("a bug")
        return await original(self, request, due=due)

    monkeypatch.setattr(SwitchDouble, "start", start)
    rig.wall.at = NOON + 1
    await rig.settled()
    assert sorted(rig.ids) == ids
