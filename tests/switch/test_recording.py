"""What is recorded through the switch to an Asterisk, and what is not."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from engine.core import events as e
from tests.core.conftest import request_of
from tests.store.conftest import database_url, store
from tests.switch.test_switch import Node, node

__all__ = ["database_url", "node", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def recordings(node: Node, call_id: str) -> list[dict[str, Any]]:
    """The call's, as they are kept."""
    return (await node.store.recordings.of_calls([call_id]))[call_id]


async def test_with_a_full_disk_a_call_goes_on_and_says_why_it_is_not_recorded(node: Node) -> None:
    node.disk.full = True
    call_id = await node.switch.start(replace(request_of(), recording="both"))
    await node.up(call_id)
    async with asyncio.timeout(3):
        while [each["reason"] for each in await recordings(node, call_id)] != ["disk_full"]:
            await asyncio.sleep(0.02)
    assert not [each for each in node.operations if "/snoop" in each]
    assert (node.switch.live_calls("account_1"), node.switch.ask(call_id, e.Cancelled(at=time.time()))) == (1, "")


async def test_asked_for_with_a_full_disk_it_is_refused_and_later_done(node: Node) -> None:
    call_id = await node.switch.start(request_of())
    await node.up(call_id)
    start = e.RecordingAsked(at=time.time(), what="start")
    node.disk.full = True
    assert node.switch.ask(call_id, start) == "the disk for recordings is full"
    assert node.switch.ask(call_id, e.RecordingAsked(at=time.time(), what="stop")) == "this call is not recorded"
    node.disk.full = False
    assert node.switch.ask(call_id, start) == ""
    await node.asked(f"POST channels/n1-{call_id}.b1/snoop/n1-{call_id}.b1.r1")
