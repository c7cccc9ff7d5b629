"""A telephone's own transfer, and what others ask of a call, through the switch to an Asterisk and a real Postgres."""

import time
from typing import Any

import pytest

from engine.core import events as e
from engine.core.flows import click2call
from engine.core.request import CallRequest
from engine.core.rows import restore
from tests.core.conftest import party_of, request_of
from tests.store.conftest import database_url, store
from tests.switch.test_switch import Node, node, stamp

__all__ = ["database_url", "node", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

THIRD = party_of("919910000303")


async def refers(node: Node, call_id: str, to: str, **more: Any) -> None:
    """The agent's telephone sends a REFER."""
    channels = {name: {"id": f"n1-{call_id}.{leg}"} for name, leg in (("source", "a1"), ("connected", "b1"))}
    message: dict[str, Any] = {
        "type": "ChannelTransfer",
        "timestamp": stamp(),
        "refer_to": {"requested_destination": {"destination": to}},
        "referred_by": {f"{name}_channel": each for name, each in channels.items()} | {"bridge": {"id": "x"}},
    }
    await node.asterisk.send(message | more)


def progress(call_id: str) -> str:
    return f"POST channels/n1-{call_id}.a1/transfer_progress"


def told(node: Node) -> list[str]:
    """How it goes, as the telephone was told."""
    bodies = (body for _, uri, body, _ in node.asterisk.requests if uri.endswith("/transfer_progress"))
    return [body["states"] for body in bodies]


async def talking(node: Node, request: CallRequest | None = None) -> str:
    call_id = await node.switch.start(request or request_of())
    await node.up(call_id)
    return call_id


async def test_a_refer_is_looked_up_dialled_and_told_of(node: Node) -> None:
    call_id = await talking(node)
    await refers(node, call_id, "919910000303")
    await refers(node, call_id, "", state="channel_progress")  # what we told comes back
    await node.asked(
        progress(call_id),
        f"POST bridges/n1-{call_id}.1/removeChannel",
        "POST channels/create",
    )
    await node.tell(f"{call_id}.c1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.c1/dial")
    await node.tell(f"{call_id}.c1", "ChannelStateChange")
    await node.asked(progress(call_id), progress(call_id), f"DELETE channels/n1-{call_id}.a1?reason_code=16")
    assert told(node) == ["channel_progress", "channel_answered"]


@pytest.mark.parametrize("to", ["112", "15168148111", "999999", "PJSIP/101"])
async def test_a_refer_to_what_may_not_be_called_is_declined(node: Node, to: str) -> None:
    call_id = await talking(node)
    before = len(node.operations)
    await refers(node, call_id, to)
    await node.asked(progress(call_id))
    assert node.operations[before:] == [progress(call_id)]
    assert told(node) == ["channel_declined"]


async def test_what_is_asked_of_a_call_is_done_or_refused(node: Node) -> None:
    call_id = await node.switch.start(request_of())
    asked = e.TransferAsked(leg="a1", at=time.time(), attended=True, party=THIRD)
    assert node.switch.ask("0000000000", asked) is None
    assert node.switch.ask(call_id, asked) == "the call is not talking"
    await node.up(call_id)
    assert node.switch.ask(call_id, asked) == ""
    await node.asked(f"POST channels/n1-{call_id}.b1/moh")
    assert node.switch.ask(call_id, asked) == "a transfer is under way"
    assert node.switch.ask(call_id, e.TransferSettled(at=time.time(), how="swap")) != ""
    assert node.switch.ask(call_id, e.Cancelled(at=time.time())) == ""
    await node.asked(f"DELETE channels/n1-{call_id}.a1?reason_code=16")


async def test_a_transfer_is_in_the_store_before_anybody_is_moved(node: Node) -> None:
    call_id = await talking(node)
    node.switch.ask(call_id, e.TransferAsked(leg="a1", at=time.time(), attended=True, party=THIRD))
    await node.asked(f"POST bridges/n1-{call_id}.1/removeChannel")
    row, legs = (await node.store.live_calls())[0]
    kept = restore(row, legs, flow=click2call, now=time.time()).transfer
    assert kept is not None
    assert (kept.by, kept.other, kept.party, kept.attended, kept.phase) == ("a1", "b1", THIRD, True, "reaching")


async def test_the_permit_is_asked_for_the_third_party_as_for_a_customer(node: Node) -> None:
    call_id = await talking(node)
    node.switch.ask(call_id, e.TransferAsked(leg="a1", at=time.time(), attended=False, party=party_of("12025550123")))
    await node.asked(
        f"POST bridges/n1-{call_id}.1/removeChannel",
        f"POST bridges/n1-{call_id}.1/addChannel",
    )
    assert not [body for _, uri, body, _ in node.asterisk.requests if uri == "channels/create" and ".c" in str(body)]
