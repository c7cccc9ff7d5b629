"""Live calls over HTTP and a real Postgres: listed, hung up, transferred, recorded, on this node and others."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine import ordering
from engine.core import events as e
from engine.core.call import Call
from engine.core.request import AGENT_CLI
from engine.store.postgres import Store
from engine.store.spool import Spool
from tests.api.conftest import (
    Client,
    SwitchDouble,
    accounts,
    client,
    clock,
    database_url,
    importer,
    shelf,
    store,
    studio,
    switch,
)
from tests.core.test_transfer import THIRD
from tests.store.conftest import execute
from tests.store.test_store import ended, new_call, written

__all__ = ["accounts", "client", "clock", "database_url", "importer", "shelf", "store", "studio", "switch"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

CALL_ID = "57362de4f0"
AGENT, CUSTOMER = "PJSIP/carrier-0000023c", "PJSIP/carrier-0000023d"
OTHER = {"account": "account_2", "auth": "secret of account_2"}
PLACES = ("complete", "cancel", "swap")


def talking(at: float | None = None) -> Call:
    """A call whose parties talk."""
    call = new_call(CALL_ID, at or time.time() - 30)
    at = call.requested_at
    for event in (
        e.Created(leg="a1", at=at + 0.1, name=AGENT),
        e.Answered(leg="a1", at=at + 5),
        e.Created(leg="b1", at=at + 5.1, name=CUSTOMER),
        e.Answered(leg="b1", at=at + 10),
    ):
        call.note(event)
    assert call.bridged_at is not None
    return call


@pytest.fixture
def here(switch: SwitchDouble) -> SwitchDouble:
    """The switch of this node, which has the call."""
    switch.refusals[CALL_ID] = ""
    return switch


async def modify(client: Client, **body: Any) -> tuple[int, Any]:
    reply = await client.post("/api/modify_call", json=body)
    return reply.status, await reply.json()


def done(message: str) -> tuple[int, Any]:
    return 200, {"response": {"message": message, "success": "true"}}


def refused(status: int, message: str) -> tuple[int, Any]:
    return status, {"response": {"message": message, "success": "false"}}


# "modify_type | String | 0=blind transfer, 1=attended transfer, 2=hangup, 3=start recording"; 4 to 6 are ours.
@pytest.mark.parametrize(
    ("modify_type", "message", "event"),
    [
        ("2", "call hungup successfully", e.Cancelled),
        ("3", "recording started successfully", "start"),
        ("4", "recording stopped successfully", "stop"),
        ("5", "recording paused successfully", "pause"),
        ("6", "recording resumed successfully", "resume"),
    ],
)
@pytest.mark.parametrize("by", [{"channel": CUSTOMER}, {"request_id": CALL_ID}])
async def test_a_call_is_changed_by_a_channel_or_its_request_id(
    client: Client, store: Store, here: SwitchDouble, *, modify_type: str, message: str, event: Any, by: dict[str, str]
) -> None:
    await written(store, talking())
    assert await modify(client, modify_type=modify_type, **by) == done(message)
    ((call_id, asked),) = here.asked
    assert call_id == CALL_ID
    assert asked.what == event if isinstance(asked, e.RecordingAsked) else isinstance(asked, event)


# "Transfer to SIP Agent: {"channel":" PJSIP/101-0000023c","modify_type":"0","transfer_to":"102"}", with its space.
# "For Blind Transfer: provide transferer channel. Whoever wants to transfer just provide his channel only. For Attended
# Transfer: provide customer channel". "transfer_to | SIP Agent extension or External number with country code".
@pytest.mark.parametrize(
    ("named", "modify_type", "by"),
    [
        ({"channel": f" {AGENT}"}, "0", "a1"),
        ({"channel": CUSTOMER}, "0", "b1"),
        ({"channel": CUSTOMER}, "1", "a1"),
        ({"channel": AGENT}, "1", "b1"),
        ({"channel": f"n1-{CALL_ID}.a1"}, "0", "a1"),
        ({"channel": f"n1-{CALL_ID}.b1"}, "1", "a1"),
        ({"request_id": CALL_ID}, "0", "a1"),
        ({"request_id": CALL_ID}, "1", "a1"),
    ],
)
@pytest.mark.parametrize(
    ("to", "number", "endpoint"),
    [("101", "101", "PJSIP/101"), ("919910000303", "919910000303", "PJSIP/919910000303@carrier")],
)
async def test_a_call_is_transferred(
    client: Client,
    store: Store,
    here: SwitchDouble,
    *,
    named: dict[str, str],
    modify_type: str,
    by: str,
    to: str,
    number: str,
    endpoint: str,
) -> None:
    await written(store, talking())
    message = "blind transferred successfully" if modify_type == "0" else "attended transfer started successfully"
    assert await modify(client, modify_type=modify_type, transfer_to=to, **named) == done(message)
    ((_, asked),) = here.asked
    assert isinstance(asked, e.TransferAsked)
    assert (asked.leg, asked.attended) == (by, modify_type == "1")
    (target,) = asked.party.targets
    assert (target.number, target.endpoints) == (number, (endpoint,))
    assert asked.party.caller_id == "15168148111"


async def test_a_third_party_is_shown_the_agents_caller_id_where_the_customer_is_shown_the_agents_own(
    client: Client, store: Store, here: SwitchDouble
) -> None:
    call = talking()
    call.request = replace(call.request, customer=replace(call.request.customer, caller_id=AGENT_CLI))
    await written(store, call)
    await modify(client, channel=AGENT, modify_type="0", transfer_to="101")
    asked = here.asked[0][1]
    assert isinstance(asked, e.TransferAsked)
    assert asked.party.caller_id == "15168148111"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "modify_type is required"),
        ({"channel": AGENT}, "modify_type is required"),
        ({"channel": AGENT, "modify_type": "7"}, "modify_type must be one of 0, 1, 2, 3, 4, 5, 6"),
        ({"channel": AGENT, "modify_type": "02"}, "modify_type must be one of 0, 1, 2, 3, 4, 5, 6"),
        ({"channel": AGENT, "modify_type": True}, "modify_type must be a string"),
        ({"modify_type": "2"}, "either channel or request_id is required"),
        ({"channel": " ", "modify_type": "2"}, "either channel or request_id is required"),
        ({"channel": AGENT, "request_id": CALL_ID, "modify_type": "2"}, "either channel or request_id is required"),
        ({"channel": [AGENT], "modify_type": "2"}, "channel must be a string"),
        ({"channel": "x\x00", "modify_type": "2"}, "channel is not valid"),
        ({"channel": "' OR '1'='1", "modify_type": "2"}, "channel is not valid"),
        ({"request_id": "../x", "modify_type": "2"}, "request_id is not valid"),
        ({"channel": AGENT, "modify_type": "0"}, "transfer_to is required"),
        ({"channel": AGENT, "modify_type": "1", "transfer_to": " "}, "transfer_to is required"),
        ({"channel": AGENT, "modify_type": "0", "transfer_to": "112"}, None),
        ({"channel": AGENT, "modify_type": "0", "transfer_to": "PJSIP/102"}, None),
        ({"channel": AGENT, "modify_type": "0", "transfer_to": "102@evil"}, None),
        ({"channel": AGENT, "modify_type": "0", "transfer_to": "agent:nobody"}, None),
        ({"channel": AGENT, "modify_type": "0", "transfer_to": "+12025550123"}, None),
    ],
)
async def test_what_can_not_be_meant_is_refused(
    client: Client, store: Store, here: SwitchDouble, body: dict[str, Any], message: str | None
) -> None:
    await written(store, talking())
    status, answer = await modify(client, **body)
    assert status == 400
    assert answer["response"]["success"] == "false"
    assert message is None or answer["response"]["message"] == message
    assert message is not None or answer["response"]["message"].startswith("transfer_to: ")
    assert here.asked == []


@pytest.mark.parametrize(
    "channel", ["PJSIP/101-0000023c", "PJSIP/tatatrunk-ACvjfnvjnfs-0000023d", f"n2-{CALL_ID}.a1", f"n1-{CALL_ID}.c1"]
)
@pytest.mark.parametrize("modify_type", ["0", "1", "2", "3"])
async def test_an_unknown_channel_is_not_found(client: Client, store: Store, channel: str, modify_type: str) -> None:
    await written(store, talking())
    asked = {"channel": f" {channel}", "modify_type": modify_type, "transfer_to": "101"}
    assert await modify(client, **asked) == refused(404, "there is no such channel")


@pytest.mark.parametrize("named", [{"channel": AGENT}, {"request_id": CALL_ID}])
async def test_another_accounts_call_is_not_found(
    client: Client, store: Store, here: SwitchDouble, named: dict[str, str]
) -> None:
    await written(store, talking())
    asked = {**named, "modify_type": "2"}
    reply = await client.post("/api/modify_call", json=asked, headers=OTHER)
    word = "channel" if "channel" in named else "request_id"
    assert (reply.status, await reply.json()) == refused(404, f"there is no such {word}")
    for how in PLACES:
        reply = await client.post(f"/v1/calls/{CALL_ID}/transfer/{how}", headers=OTHER)
        assert reply.status == 404
    assert here.asked == []


async def test_a_call_that_does_not_talk_is_not_transferred(client: Client, store: Store, here: SwitchDouble) -> None:
    call = new_call(CALL_ID, time.time())
    await written(store, call)
    asked = {"request_id": CALL_ID, "modify_type": "0", "transfer_to": "101"}
    assert await modify(client, **asked) == refused(409, "the call is not talking")
    await written(store, ended(call))
    assert await modify(client, **asked) == refused(409, "the call is over")
    assert here.asked == []


async def test_why_the_call_can_not_is_told(client: Client, store: Store, here: SwitchDouble) -> None:
    await written(store, talking())
    here.refusals[CALL_ID] = "a transfer is under way"
    asked = {"channel": AGENT, "modify_type": "0", "transfer_to": "101"}
    assert await modify(client, **asked) == refused(409, "a transfer is under way")


async def test_whoever_a_call_was_handed_over_to_may_hand_it_on(
    client: Client, store: Store, here: SwitchDouble
) -> None:
    call = talking()
    now = time.time()
    call.note(e.TransferAsked(leg="a1", at=now, attended=False, party=THIRD))
    for event in (e.Created(leg="c1", at=now), e.Answered(leg="c1", at=now), e.Ended(leg="a1", at=now, cause=16)):
        call.note(event)
    await written(store, call)
    asked = {"request_id": CALL_ID, "modify_type": "0", "transfer_to": "101"}
    assert await modify(client, **asked) == done("blind transferred successfully")
    third = {"channel": f"n1-{CALL_ID}.c1", "modify_type": "0", "transfer_to": "101"}
    assert await modify(client, **third) == done("blind transferred successfully")
    assert [event.leg for _, event in here.asked if isinstance(event, e.TransferAsked)] == ["c1", "c1"]


@pytest.mark.parametrize("modify_type", ["0", "1", "2", "3"])
@pytest.mark.parametrize("channel", [AGENT, f"n1-{CALL_ID}.a1"])
async def test_a_channel_that_is_over_changes_nothing(
    client: Client, store: Store, here: SwitchDouble, *, modify_type: str, channel: str
) -> None:
    call = talking()
    now = time.time()
    call.note(e.TransferAsked(leg="a1", at=now, attended=False, party=THIRD))
    for event in (e.Created(leg="c1", at=now), e.Answered(leg="c1", at=now), e.Ended(leg="a1", at=now, cause=16)):
        call.note(event)
    await written(store, call)
    to = {"transfer_to": "101"} if modify_type in "01" else {}
    asked = {"channel": channel, "modify_type": modify_type, **to}
    assert await modify(client, **asked) == refused(409, "this channel is over")
    assert here.asked == []


async def test_a_call_that_was_not_taken_back_yet_is_asked_for_later(
    client: Client, store: Store, switch: SwitchDouble
) -> None:
    await written(store, talking())
    switch.ready = False
    status, _ = await modify(client, request_id=CALL_ID, modify_type="2")
    assert status == 503
    switch.ready = True
    assert await modify(client, request_id=CALL_ID, modify_type="2") == refused(409, "the call is over")


# -- what becomes of a transfer ------------------------------------------------------------------


@pytest.mark.parametrize("how", PLACES)
async def test_a_transfer_is_settled(client: Client, store: Store, here: SwitchDouble, how: str) -> None:
    await written(store, talking())
    reply = await client.post(f"/v1/calls/{CALL_ID}/transfer/{how}")
    assert (reply.status, await reply.json()) == (200, {"request_id": CALL_ID, "transfer": how})
    ((call_id, asked),) = here.asked
    assert isinstance(asked, e.TransferSettled)
    assert (call_id, asked.how) == (CALL_ID, how)


async def test_a_transfer_that_is_not_there_is_told(client: Client, store: Store, here: SwitchDouble) -> None:
    await written(store, talking())
    here.refusals[CALL_ID] = "no transfer is under way"
    reply = await client.post(f"/v1/calls/{CALL_ID}/transfer/complete")
    error = {"code": "not_talking", "message": "no transfer is under way", "param": None, "request_id": None}
    assert (reply.status, await reply.json()) == (409, {"error": error})


# -- live calls ----------------------------------------------------------------------------------


async def test_live_calls_are_those_of_the_account_on_every_node(
    client: Client, store: Store, database_url: str
) -> None:
    call = talking()
    now = time.time()
    call.note(e.TransferAsked(leg="a1", at=now, attended=True, party=THIRD))
    call.note(e.Created(leg="c1", at=now))
    await written(store, call)
    await written(store, ended(new_call("00000000ff")))
    await execute(database_url, "UPDATE calls SET node = 'n9'")
    reply = await client.get("/v1/live_calls")
    assert (reply.status, await reply.json()) == (
        200,
        {
            "calls": [
                {
                    "request_id": CALL_ID,
                    "kind": "click2call",
                    "legs": [
                        {"leg": "a1", "side": "agent", "number": "919910000101", "channel": AGENT, "state": "up"},
                        {"leg": "b1", "side": "customer", "number": "919910000202", "channel": CUSTOMER, "state": "up"},
                        {
                            "leg": "c1",
                            "side": "third",
                            "number": "919910000303",
                            "channel": f"n1-{CALL_ID}.c1",
                            "state": "dialing",
                        },
                    ],
                }
            ]
        },
    )
    reply = await client.get("/v1/live_calls", headers=OTHER)
    assert await reply.json() == {"calls": []}


# -- another node's ------------------------------------------------------------------------------


async def test_a_call_of_another_node_is_asked_through_postgres(
    client: Client, store: Store, database_url: str, tmp_path: Path
) -> None:
    await written(store, talking())
    await execute(database_url, "UPDATE calls SET node = 'n2'")
    there = SwitchDouble(refusals={CALL_ID: ""})
    async with Store.open(database_url, node="n2", spool=Spool(tmp_path / "n2")) as other:
        hints = other.listen()
        await anext(hints)

        async def engine() -> None:
            async for _ in hints:
                await ordering.take(other, there)  # type: ignore[arg-type]

        running = asyncio.create_task(engine())
        began = time.monotonic()
        asked = {"channel": CUSTOMER, "modify_type": "1", "transfer_to": "101"}
        assert await modify(client, **asked) == done("attended transfer started successfully")
        assert time.monotonic() - began < 1
        ((_, event),) = there.asked
        assert isinstance(event, e.TransferAsked)
        assert (event.leg, event.attended, event.party.number) == ("a1", True, "101")
        there.refusals[CALL_ID] = "a transfer is under way"
        assert await modify(client, **asked) == refused(409, "a transfer is under way")
        there.refusals.clear()
        for modify_type in ("2", "3"):
            over = await modify(client, request_id=CALL_ID, modify_type=modify_type)
            assert over == refused(409, "the call is over")
        assert (await client.post(f"/v1/calls/{CALL_ID}/transfer/swap")).status == 409
        kinds = [type(each) for _, each in there.asked[2:]]
        assert kinds == [e.Cancelled, e.RecordingAsked, e.TransferSettled]
        running.cancel()
        await asyncio.wait([running])
    assert await store.live._named("take_orders", "n2", 60.0) == []


@pytest_asyncio.fixture(loop_scope="function")
async def elsewhere(store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is on a node that does not answer, which is not waited for long."""
    monkeypatch.setattr("engine.api.live.PATIENCE_SECONDS", 0.2)
    await written(store, talking())
    await execute(database_url, "UPDATE calls SET node = 'n9'")


@pytest.mark.usefixtures("elsewhere")
async def test_a_node_that_is_away_is_told_and_does_it_never(client: Client, store: Store) -> None:
    status, answer = await modify(client, request_id=CALL_ID, modify_type="2")
    assert (status, answer["response"]["success"]) == (503, "false")
    assert answer["response"]["message"] == "the node that leads this call does not answer, please try again"
    assert await store.live._named("take_orders", "n9", 60.0) == []


@pytest.mark.usefixtures("elsewhere")
async def test_an_order_that_was_begun_at_the_last_moment_is_not_called_undone(client: Client, store: Store) -> None:
    asking = asyncio.create_task(modify(client, request_id=CALL_ID, modify_type="2"))
    while not (rows := await store.live._named("take_orders", "n9", 60.0)):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.25)  # longer than it is waited for at first
    await store.live.answer(rows[0]["order_id"], "")
    assert await asking == done("call hungup successfully")


async def test_an_order_of_another_version_is_refused_and_the_next_is_carried_out(store: Store) -> None:
    switch = SwitchDouble(refusals={CALL_ID: ""})
    strange = await store.live.order("n1", CALL_ID, {"what": "sing"})
    known = await store.live.order("n1", CALL_ID, {"what": "hang_up"})
    await ordering.take(store, switch)  # type: ignore[arg-type]
    assert await store.live.answered(strange) == "the call's engine is of another version, which does not know this"
    assert await store.live.answered(known) == ""
    assert [type(event) for _, event in switch.asked] == [e.Cancelled]


async def test_an_order_that_nobody_waits_for_any_more_is_not_taken(store: Store, database_url: str) -> None:
    await store.live.order("n1", CALL_ID, {"what": "hang_up"})
    await execute(database_url, "UPDATE call_orders SET asked_at = now() - interval '3 seconds'")
    assert await store.live.take() == []
    await execute(database_url, "UPDATE call_orders SET asked_at = now() - interval '2 minutes'")
    order_id = await store.live.order("n1", CALL_ID, {"what": "hang_up"})
    assert [(row["order_id"], row["asked"]) for row in await store.live.take()] == [(order_id, {"what": "hang_up"})]
    assert await store.live.take() == []
    assert await store.live.answered(order_id) is None
    await store.live.answer(order_id, "")
    assert await store.live.answered(order_id) == ""
    assert await store.live.answered(order_id) is None


async def test_without_postgres_nothing_is_changed(client: Client, here: SwitchDouble, store: Store) -> None:
    await store._pool.close()
    status, _ = await modify(client, request_id=CALL_ID, modify_type="2")
    assert status == 503
    assert here.asked == []
