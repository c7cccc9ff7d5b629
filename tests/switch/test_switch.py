"""The switch between a server that speaks ARI and a real Postgres."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import pytest_asyncio

from engine.accounts import Accounts
from engine.ari.client import Ari
from engine.core.account import Account, Route
from engine.core.call import Call
from engine.core.callback import Due
from engine.core.flows import click2call
from engine.disk import Disk
from engine.errors import AsteriskAway, Draining, Stopped, StoreAway, TooLate
from engine.gate import Gate
from engine.services import audit
from engine.services.callbacks import CallbackClock
from engine.store.ledger import Ledger
from engine.store.postgres import Store
from engine.store.spool import Spool, SpoolRefused
from engine.switch import Switch
from tests.ari.fake import FakeAsterisk
from tests.core.conftest import AGENT, request_of
from tests.core.test_callback import LIMITS, callback_of
from tests.store.conftest import database_url, store
from tests.voice import Voice

__all__ = ["database_url", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")


ACCOUNT = Account(
    account_id="account_1",
    name="Demo shop",
    region="IN",
    allowed_regions=("IN",),
    caller_ids=("15168148111",),
    calls_per_second=100,
    attempts_per_day=0,
    requests_per_destination=0,
)


def stamp() -> str:
    """Now, as Asterisk writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())


@dataclass(slots=True)
class Node:
    """A switch with its Asterisk."""

    asterisk: FakeAsterisk
    ari: Ari
    switch: Switch
    store: Store
    gate: Gate
    accounts: Accounts
    disk: Disk

    async def tell(self, leg: str, kind: str, state: str = "Up", **more: Any) -> None:
        """Send an event of a leg (`<call>.a1`)."""
        channel = {"id": f"n1-{leg}", "state": state, "creationtime": stamp()}
        await self.asterisk.send({"type": kind, "timestamp": stamp(), "channel": channel, **more})

    async def asked(self, *operations: str) -> None:
        """Wait until Asterisk was asked for these, in this order, whatever came between."""
        async with asyncio.timeout(3):
            while not _in_order(operations, self.operations):
                await asyncio.sleep(0.01)

    @property
    def operations(self) -> list[str]:
        return [f"{method} {uri}" for method, uri, _, _ in self.asterisk.requests]

    async def up(self, call_id: str) -> None:
        """Lead a call to where both talk."""
        await self.asked("POST channels/create")
        await self.tell(f"{call_id}.a1", "StasisStart", "Down")
        await self.asked(f"POST channels/n1-{call_id}.a1/dial")
        await self.tell(f"{call_id}.a1", "ChannelStateChange")
        await self.asked(f"POST channels/n1-{call_id}.a1/mute", "POST channels/create")
        await self.tell(f"{call_id}.b1", "StasisStart", "Down")
        await self.asked(f"POST channels/n1-{call_id}.b1/dial")
        await self.tell(f"{call_id}.b1", "ChannelStateChange")
        await self.asked(f"DELETE channels/n1-{call_id}.a1/mute?direction=in")

    async def cdr(self, call_id: str) -> dict[str, Any]:
        """The call's CDR, once there."""
        async with asyncio.timeout(3):
            while (found := await self.store.cdr(call_id)) is None:
                await asyncio.sleep(0.02)
        return found


def _in_order(wanted: tuple[str, ...], found: list[str]) -> bool:
    remaining = iter(found)
    return all(any(each == operation for each in remaining) for operation in wanted)


@pytest_asyncio.fixture(loop_scope="function")
async def node(store: Store) -> AsyncIterator[Node]:
    """A switch that is ready."""
    async with FakeAsterisk.run() as asterisk:
        asterisk.reply("GET channels", 200, [])
        asterisk.reply("GET bridges", 200, [])
        async with (
            Ari.open(url=asterisk.url, user="u", password="p", app="legwork-n1") as ari,
            asyncio.TaskGroup() as tasks,
        ):
            accounts = Accounts(accounts={"account_1": ACCOUNT}, routes=(Route("91", ("PJSIP/{number}@carrier",)),))
            gate = Gate(accounts, store)
            disk = Disk(Path("/"))
            switch = Switch(
                ari,
                store,
                tasks,
                node="n1",
                gate=gate,
                limits=LIMITS,
                voice=Voice(),
                has_room=lambda: not disk.full,
            )
            running = tasks.create_task(ari.run(owned=store.writer.lock.held, adopt=switch.adopt, note=switch.note))
            async with asyncio.timeout(3):
                while not switch.ready:
                    await asyncio.sleep(0.01)
            yield Node(asterisk, ari, switch, store, gate, accounts, disk)
            switch.close()
            running.cancel()


async def test_a_call_from_request_to_cdr(node: Node) -> None:
    call_id = await node.switch.start(request_of())
    assert await node.store.call(call_id) is not None  # committed before anybody is told
    await node.up(call_id)
    assert node.switch.live_calls("account_1") == 1
    await node.tell(f"{call_id}.b1", "ChannelDestroyed", cause=16)
    await node.asked(f"DELETE channels/n1-{call_id}.a1?reason_code=16")
    await node.tell(f"{call_id}.a1", "ChannelDestroyed", cause=16)
    await node.asked(f"DELETE bridges/n1-{call_id}.1")
    assert (await node.cdr(call_id))["disposition"] == "ANSWER"
    assert node.switch.live_calls("account_1") == 0


async def test_the_intent_is_in_the_store_before_asterisk_is_asked(node: Node) -> None:
    seen = []
    original = node.asterisk._answer

    def answer(method: str, uri: str, body: Any, wire: str) -> tuple[int, Any]:
        if uri == "channels/create":
            seen.append((body["channelId"], node.store.writer._pending.keys() >= {body["channelId"][3:13]}))
        return original(method, uri, body, wire)

    node.asterisk._answer = answer  # type: ignore[method-assign]
    call_id = await node.switch.start(request_of())
    await node.up(call_id)
    assert seen == [(f"n1-{call_id}.a1", False), (f"n1-{call_id}.b1", False)]
    found = await node.store.call(call_id)
    assert found is not None
    assert [leg["name"] for leg in found[1]] == ["a1", "b1"]


async def test_a_callback_that_is_due_is_the_call_of_its_id(node: Node) -> None:
    await node.store.callbacks.schedule(callback_of("c7362de4f0"))
    request = replace(request_of(), kind="callback")
    assert await node.switch.start(request, due=Due("c7362de4f0", 1, 1000.0)) == "c7362de4f0"
    await node.up("c7362de4f0")
    await node.tell("c7362de4f0.b1", "ChannelDestroyed", cause=16)
    await node.tell("c7362de4f0.a1", "ChannelDestroyed", cause=16)
    cdr = await node.cdr("c7362de4f0")
    assert (cdr["kind"], cdr["disposition"]) == ("callback", "ANSWER")


async def test_a_callback_is_dialled_at_its_time_by_the_node_that_is_ready(node: Node) -> None:
    due_at = time.time() + 0.4
    await node.store.callbacks.schedule(callback_of("c7362de4f0", agent_number="919910000101", due_at=due_at))
    clock = CallbackClock(
        switch=node.switch, store=node.store, accounts=node.accounts, limits=LIMITS, grace_seconds=900.0
    )
    running = asyncio.create_task(clock.run())
    await node.asked("POST channels/create")
    assert 0 <= time.time() - due_at < 0.9
    await node.up("c7362de4f0")
    assert node.switch.live_calls("account_1") == 1
    assert node.switch.counts.calls_started == {"callback": 1}
    running.cancel()
    await asyncio.wait([running])


async def test_a_callback_that_was_changed_meanwhile_is_not_dialled(node: Node) -> None:
    callback = callback_of("c7362de4f0")
    await node.store.callbacks.schedule(callback)
    await node.store.callbacks.change(callback)
    with pytest.raises(TooLate):
        await node.switch.start(replace(request_of(), kind="callback"), due=Due("c7362de4f0", 1, 1000.0))
    assert (node.switch.live_calls("account_1"), await node.store.call("c7362de4f0")) == (0, None)
    assert "POST channels/create" not in node.operations


async def test_no_other_call_is_given_the_id_of_a_callback(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["c7362de4f0", "cfffffffff", "57362de4f0"])
    monkeypatch.setattr("engine.switch.secrets.token_hex", lambda _: next(drawn))
    assert await node.switch.start(request_of()) == "57362de4f0"


async def agent_answers_without_postgres(node: Node, monkeypatch: pytest.MonkeyPatch) -> str:
    """A call whose agent answers while Postgres is away."""
    call_id = await node.switch.start(request_of())
    await node.tell(f"{call_id}.a1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.a1/dial")
    monkeypatch.setattr(Ledger, "_insert", gone)
    monkeypatch.setattr(Ledger, "reach", gone)
    await node.tell(f"{call_id}.a1", "ChannelStateChange")
    return call_id


async def gone(*_: Any) -> Any:
    """A Postgres that is not there."""
    raise ConnectionRefusedError


async def full(*_: Any) -> Any:
    """A spool on a full disk."""
    raise SpoolRefused


async def test_without_postgres_a_leg_is_placed_once_its_intent_is_in_the_spool(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled = []
    original = node.asterisk._answer

    def answer(method: str, uri: str, body: Any, wire: str) -> tuple[int, Any]:
        if uri == "channels/create":
            spooled.append(node.store.writer.depth)
        return original(method, uri, body, wire)

    node.asterisk._answer = answer  # type: ignore[method-assign]
    with monkeypatch.context() as outage:
        call_id = await agent_answers_without_postgres(node, outage)
        await node.asked("POST channels/create", "POST channels/create")
        assert spooled == [0, 1]
        with pytest.raises(StoreAway):
            await node.switch.start(request_of())
        assert node.switch.live_calls("account_1") == 1
    await node.tell(f"{call_id}.a1", "ChannelDestroyed", cause=16)
    await node.tell(f"{call_id}.b1", "ChannelDestroyed", "Down", cause=16)
    assert [leg["name"] for leg in (await node.cdr(call_id))["legs"]] == ["a1", "b1"]


async def test_without_postgres_and_spool_no_leg_is_placed_and_the_agent_is_told_by_a_tone(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as outage:
        outage.setattr(Spool, "put", full)
        call_id = await agent_answers_without_postgres(node, outage)
        await node.asked(f"POST channels/n1-{call_id}.a1/play/n1-{call_id}.a1.tone")
        assert node.operations.count("POST channels/create") == 1
    node.switch.cancel(call_id)
    await node.tell(f"{call_id}.a1", "ChannelDestroyed", cause=16)
    assert (await node.cdr(call_id))["legs"][1]["hangup_reason"] == "store_away"


async def test_an_endpoint_asterisk_does_not_know_is_a_cdr_and_no_call(node: Node) -> None:
    node.asterisk.reply("POST channels/create", 500, {"message": "Allocation failed"})
    call_id = await node.switch.start(request_of())
    cdr = await node.cdr(call_id)
    assert (cdr["disposition"], cdr["channel"], cdr["billsec"]) == ("CHANUNAVAIL", "", None)


async def test_a_lost_answer_to_create_is_settled_by_looking(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.asterisk.reply("POST channels/create", 0)  # as the client reports no answer
    monkeypatch.setattr("engine.switch.secrets.token_hex", lambda _: "57362de4f0")
    node.asterisk.reply("GET channels/n1-57362de4f0.a1", 200, {})
    call_id = await node.switch.start(request_of())
    await node.asked("POST channels/create", f"GET channels/n1-{call_id}.a1")
    await node.tell(f"{call_id}.a1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.a1/dial")
    assert node.operations.count("POST channels/create") == 1


async def test_nothing_is_started_while_asterisk_is_away(node: Node) -> None:
    node.asterisk.refusing = True
    await node.asterisk.drop()
    async with asyncio.timeout(3):
        while node.switch.ready:
            await asyncio.sleep(0.01)
    with pytest.raises(AsteriskAway):
        await node.switch.start(request_of())
    assert node.switch.live_calls("account_1") == 0


async def test_a_leg_that_ended_while_the_socket_was_cut_ends_its_call(node: Node) -> None:
    call_id = await node.switch.start(request_of())
    await node.up(call_id)
    channel = {"id": f"n1-{call_id}.a1", "state": "Up", "creationtime": stamp()}
    node.asterisk.reply("GET channels", 200, [channel])
    await node.asterisk.drop()
    await node.asked(f"DELETE channels/n1-{call_id}.a1?reason_code=16")
    await node.tell(f"{call_id}.a1", "ChannelDestroyed", cause=16)
    cdr = await node.cdr(call_id)
    assert cdr["disposition"] == "ANSWER"
    assert [leg["estimated"] for leg in cdr["legs"]] == [False, True]


async def test_the_calls_of_an_asterisk_that_was_restarted_end_with_a_cause_of_their_own(node: Node) -> None:
    call_id = await node.switch.start(request_of())
    await node.up(call_id)
    node.asterisk.reply("GET asterisk/info", 200, {"status": {"startup_time": "2026-01-01T00:10:00.000+0000"}})
    await node.asterisk.drop()
    cdr = await node.cdr(call_id)
    assert (cdr["disposition"], cdr["reason"]) == ("ANSWER", "answered; then Asterisk was restarted")


async def test_a_leg_found_undialled_or_not_is_never_dialled_again(node: Node) -> None:
    call_id = await node.switch.start(request_of())
    await node.tell(f"{call_id}.a1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.a1/dial")
    node.asterisk.reply("GET channels", 200, [{"id": f"n1-{call_id}.a1", "state": "Down", "creationtime": stamp()}])
    await node.asterisk.drop()
    await node.asked(f"DELETE channels/n1-{call_id}.a1?reason_code=16")
    await node.tell(f"{call_id}.a1", "ChannelDestroyed", "Down", cause=16)
    await node.asked("POST channels/create", "POST channels/create")
    await node.tell(f"{call_id}.a2", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.a2/dial")
    assert node.operations.count(f"POST channels/n1-{call_id}.a1/dial") == 1


async def test_an_engine_that_lost_its_lock_dials_nothing_and_begins_anew_with_it(node: Node) -> None:
    call_id = await node.switch.start(request_of())
    await node.up(call_id)
    node.switch.step_down()
    assert node.switch.live_calls("account_1") == 0
    node.asterisk.reply("GET channels", 200, [{"id": f"n1-{call_id}.a1", "state": "Up", "creationtime": stamp()}])
    async with asyncio.timeout(3):
        while node.switch.live_calls("account_1") == 0:  # from the rows, once it is connected again
            await asyncio.sleep(0.01)
    await node.asked(f"DELETE channels/n1-{call_id}.a1?reason_code=16")


async def test_a_drain_lets_what_rings_finish_and_takes_nothing_new(node: Node) -> None:
    talking, ringing = await node.switch.start(request_of()), await node.switch.start(request_of())
    await node.up(talking)
    draining = asyncio.create_task(node.switch.drain())
    await asyncio.sleep(0.1)
    with pytest.raises(Draining):
        await node.switch.start(request_of())
    assert not draining.done()
    await node.up(ringing)  # its customer's leg is still placed
    async with asyncio.timeout(1):
        await draining
    assert node.switch.live_calls("account_1") == 2


async def test_a_drain_ends_when_the_longest_ring_time_is_over(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.switch.DRAIN_GRACE_SECONDS", 0.1)
    await node.switch.start(request_of(agent=replace(AGENT, ring_seconds=1), customer=replace(AGENT, ring_seconds=1)))
    began = time.monotonic()
    await node.switch.drain()
    assert 1.0 < time.monotonic() - began < 1.5


async def test_the_audit_ends_what_leaks(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.services.audit.AUDIT_SECONDS", 0.1)
    monkeypatch.setattr("engine.switch.ORPHAN_SECONDS", 0.1)
    lost = await node.switch.start(request_of())  # its end will not be heard of
    await node.tell(f"{lost}.a1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{lost}.a1/dial")
    node.asterisk.reply("GET channels", 200, [{"id": "n1-0000000000.a1", "state": "Up"}])
    node.asterisk.reply("GET bridges", 200, [{"id": "n1-0000000000.1"}])
    forgotten = Call(call_id="1111111111", request=request_of(), flow=click2call, requested_at=1e9, now=1e9)
    forgotten.start(1e9)
    await node.store.writer.commit(forgotten)
    auditing = asyncio.create_task(audit.run(node.switch))
    await node.asked("DELETE channels/n1-0000000000.a1", "DELETE bridges/n1-0000000000.1")
    assert (await node.cdr(lost))["reason"] == "its end was not seen"
    assert (await node.cdr("1111111111"))["disposition"] == "CONGESTION"
    auditing.cancel()


async def test_the_audit_leaves_rows_alone_that_are_behind_the_spool(node: Node) -> None:
    ended = Call(call_id="2222222222", request=request_of(), flow=click2call, requested_at=1e9, now=1e9)
    ended.start(1e9)
    await node.store.writer.commit(ended)
    node.store.writer.away = True  # its CDR may be in the spool
    with patch("engine.switch.ORPHAN_SECONDS", 0.1):
        await node.switch.audit()
    assert node.switch.live_calls("account_1") == 0
    node.store.writer.away = False


async def test_channels_and_bridges_of_ours_that_no_call_owns_are_ended(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.switch.ORPHAN_SECONDS", 0.1)
    strays = [{"id": f"n1-0000000000.a{n}", "state": "Up"} for n in range(25)]
    others = [{"id": "n2-0000000000.a1", "state": "Up"}, {"id": "1688710079.868", "state": "Up"}]
    node.asterisk.reply("GET channels", 200, strays + others)
    node.asterisk.reply("GET bridges", 200, [{"id": "n1-0000000000.1"}, {"id": "n2-0000000000.1"}])
    await node.asterisk.drop()
    await node.asked("DELETE bridges/n1-0000000000.1")
    ended = [each for each in node.operations if each.startswith("DELETE")]
    assert ended == [*(f"DELETE channels/{stray['id']}" for stray in strays), "DELETE bridges/n1-0000000000.1"]


async def test_a_leg_created_too_late_is_hung_up(node: Node) -> None:
    await node.tell("0000000000.a1", "StasisStart", "Down")
    await node.asked("DELETE channels/n1-0000000000.a1")


async def test_a_call_is_cancelled_wherever_it_is(node: Node) -> None:
    call_id = await node.switch.start(request_of())
    await node.asked("POST channels/create")
    node.switch.cancel(call_id)
    await node.tell(f"{call_id}.a1", "StasisStart", "Down")
    await node.asked(f"DELETE channels/n1-{call_id}.a1?reason_code=16")
    await node.tell(f"{call_id}.a1", "ChannelDestroyed", "Down", cause=16)
    assert (await node.cdr(call_id))["disposition"] == "CANCEL"
    assert f"POST channels/n1-{call_id}.a1/dial" not in node.operations


async def test_a_stop_while_the_agent_rings_keeps_the_customer_from_being_dialled(node: Node) -> None:
    call_id = await node.switch.start(request_of())
    await node.asked("POST channels/create")
    await node.tell(f"{call_id}.a1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.a1/dial")
    node.gate.take_stops([{"account_id": "", "reason": "fraud alarm"}])
    await node.tell(f"{call_id}.a1", "ChannelStateChange")
    await node.asked(f"POST channels/n1-{call_id}.a1/play/n1-{call_id}.a1.tone")
    await node.tell(f"{call_id}.a1", "ChannelDestroyed", cause=16)
    cdr = await node.cdr(call_id)
    assert (cdr["disposition"], cdr["reason"]) == ("CANCEL", "dialling was stopped")
    assert cdr["permit"] == {
        "allowed": False,
        "reason": "stopped",
        "words": "dialling is stopped for every account: fraud alarm",
    }
    assert [(leg["name"], leg["hangup_reason"]) for leg in cdr["legs"]] == [("a1", None), ("b1", "stopped")]
    assert node.operations.count("POST channels/create") == 1
    with pytest.raises(Stopped):
        await node.switch.start(request_of())
    node.gate.take_stops([])
    await node.up(await node.switch.start(request_of()))


async def test_a_call_that_waits_its_turn_does_not_begin_in_a_drain(node: Node) -> None:
    node.accounts.accounts["account_1"] = replace(ACCOUNT, calls_per_second=1)
    await node.switch.start(request_of())
    waiting = asyncio.create_task(node.switch.start(request_of()))
    await asyncio.sleep(0.1)
    node.switch.draining = True
    with pytest.raises(Draining):
        await waiting
    assert node.switch.live_calls("account_1") == 1


async def test_a_stop_lets_live_calls_go_on(node: Node) -> None:
    call_id = await node.switch.start(request_of())
    await node.up(call_id)
    node.gate.take_stops([{"account_id": "account_1", "reason": ""}])
    await node.tell(f"{call_id}.b1", "ChannelDtmfReceived", digit="5")
    await asyncio.sleep(0.1)
    assert not [each for each in node.operations if each.startswith("DELETE channels") and "mute" not in each]
    assert node.switch.live_calls("account_1") == 1


async def test_a_deadline_is_kept(node: Node) -> None:
    call_id = await node.switch.start(request_of(agent=replace(AGENT, ring_seconds=1)))
    await node.tell(f"{call_id}.a1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.a1/dial")
    await node.asked(f"DELETE channels/n1-{call_id}.a1?reason_code=19")


async def test_an_answer_that_is_not_read_yet_keeps_a_leg_from_being_given_up(node: Node) -> None:
    call_id = await node.switch.start(request_of(agent=replace(AGENT, ring_seconds=1)))
    await node.tell(f"{call_id}.a1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.a1/dial")
    for _ in range(300):  # more than is read at once
        await node.tell("elsewhere.a1", "ChannelDtmfReceived", digit="5", padding="." * 200)
    await node.tell(f"{call_id}.a1", "ChannelStateChange")
    time.sleep(1.1)  # noqa: ASYNC251 - the engine is frozen, and its ring time ends
    await node.asked(f"POST channels/n1-{call_id}.a1/mute", "POST channels/create")
    assert not [each for each in node.operations if each.startswith(f"DELETE channels/n1-{call_id}.a1?")]
