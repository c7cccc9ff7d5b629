"""A call that speaks, led by the switch: who is told of its end, and no end while nobody can hear."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine.ari.client import Ari
from engine.core.call import Call
from engine.core.speaking import SPEECH
from tests.core.conftest import otp_of
from tests.store.conftest import database_url, store
from tests.switch.test_switch import Node, node, stamp

__all__ = ["database_url", "node", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture(loop_scope="function")
async def speaking(node: Node) -> AsyncIterator[str]:
    """A call whose customer has answered, and is being spoken to for 0.2 s."""
    call_id = await node.switch.start(otp_of(seconds=0.2))
    await node.asked("POST channels/create")
    await node.tell(f"{call_id}.b1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.b1/dial")
    await node.tell(f"{call_id}.b1", "ChannelStateChange")
    await node.asked(f"POST channels/n1-{call_id}.b1/play/n1-{call_id}.b1.p1")
    yield call_id


async def ended(node: Node, call_id: str) -> None:
    await node.asked(f"DELETE channels/n1-{call_id}.b1?reason_code=16")
    await node.tell(f"{call_id}.b1", "ChannelDestroyed", cause=16)


async def test_it_ends_with_the_speech_and_tells_whoever_keeps_its_sound(
    node: Node, speaking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    over: list[Call] = []
    monkeypatch.setattr(node.switch._lines, "_ended", over.append)
    assert node.switch.speeches() == {"sound:/run/legwork/speech"}
    await asyncio.sleep(0.25)
    await node.asterisk.send(
        {"type": "PlaybackFinished", "timestamp": stamp(), "playback": {"id": f"n1-{speaking}.b1.p1", "state": "done"}}
    )
    await ended(node, speaking)
    cdr = await node.cdr(speaking)
    assert (cdr["heard_seconds"], cdr["announcement_seconds"], cdr["agent_number"]) == (0.2, 0.2, "")
    assert [call.call_id for call in over] == [speaking]
    assert node.switch.speeches() == set()


async def test_nobody_is_cut_off_for_a_silence_that_is_ours(
    node: Node, speaking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the playback may be among what is not read yet."""
    looks = itertools.count()
    monkeypatch.setattr(Ari, "deaf_seconds", property(lambda _: 0.05 if next(looks) < 5 else 0.0))
    monkeypatch.setattr("engine.core.speaking.LATE_SECONDS", 0.0)
    line = node.switch._lines.get(speaking)
    assert line is not None
    line.call.deadlines[SPEECH] = 0.0
    node.switch._lines._deadline(speaking)
    await asyncio.sleep(0.1)
    assert not line.call.releasing
    await ended(node, speaking)
    assert next(looks) > 5
    assert (await node.cdr(speaking))["reason"] == "answered; the announcement could not be played"
