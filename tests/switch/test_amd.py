"""A call whose answer is listened to, led by the switch: the copy's life is not the leg's, and it is tuned first."""

import asyncio

import pytest

from engine.core.amd import Amd
from engine.core.request import Speech
from tests.core.conftest import campaign_of
from tests.store.conftest import database_url, store
from tests.switch.test_switch import Node, node

__all__ = ["database_url", "node", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")
SPEECH = Speech(media="sound:/run/legwork/speech", seconds=0.1, times=1)


async def snooped(node: Node) -> str:
    """A call that was answered, and of whose party's sound there is a copy now."""
    call_id = await node.switch.start(campaign_of(amd=Amd(), speech=SPEECH))
    await node.asked("POST channels/create")
    await node.tell(f"{call_id}.b1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.b1/dial")
    await node.tell(f"{call_id}.b1", "ChannelStateChange")
    await node.asked(f"POST channels/n1-{call_id}.b1/snoop/n1-{call_id}.b1.amd")
    await node.tell(f"{call_id}.b1.amd", "StasisStart", args=[])
    await node.asked(f"POST channels/n1-{call_id}.b1.amd/variables")
    return call_id


async def test_a_verdict_lets_the_copy_go_and_the_leg_be_spoken_to(node: Node) -> None:
    call_id = await snooped(node)
    await node.asked(f"POST channels/n1-{call_id}.b1.amd/continue")
    await node.tell(f"{call_id}.b1.amd", "StasisStart", args=["amd", "HUMAN", "HUMAN-700-700"])
    copy, leg = f"channels/n1-{call_id}.b1.amd", f"channels/n1-{call_id}.b1"
    await node.asked(f"DELETE {copy}?reason_code=16", f"POST {leg}/play/n1-{call_id}.b1.p1")
    await node.tell(f"{call_id}.b1.amd", "ChannelDestroyed", cause=16)
    assert node.switch.live_calls("account_1") == 1
    await node.tell(f"{call_id}.b1", "ChannelDestroyed", cause=16)
    cdr = await node.cdr(call_id)
    assert (cdr["disposition"], cdr["amd_status"], cdr["amd_reason"]) == ("ANSWER", "human", "HUMAN-700-700")


async def test_nothing_is_listened_to_with_ears_that_asterisk_has_not_taken_yet(node: Node) -> None:
    """They are told over a socket of their own: the order to listen would overtake them."""
    first = await snooped(node)
    await node.asked(f"POST channels/n1-{first}.b1.amd/continue")
    node.asterisk.stuck = "variables"
    second = await snooped(node)
    await asyncio.sleep(0.3)
    assert f"POST channels/n1-{second}.b1.amd/continue" not in node.operations
    for call_id in (first, second):
        await node.tell(f"{call_id}.b1", "ChannelDestroyed", cause=16)
        assert (await node.cdr(call_id))["amd_reason"] == "hung_up"
