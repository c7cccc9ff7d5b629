"""What the destination's network may hear of the agent before the answer: nothing."""

import asyncio
import re
import time

import pytest

from tests.live.engine import Api, legwork
from tests.live.lab import loudness
from tests.live.rtp import LINEAR
from tests.live.wire import Wire, answer, first

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(60)]

RTP_HEADER_BYTES = 12
QUIET = 50
LOUD = 1000


async def test_the_destination_hears_nothing_of_the_agent_before_it_answers() -> None:
    line = 31 * int(time.time()) % 1000
    agent, destination = f"9199100{line:03}01", f"9199100{line:03}91"
    api, wire = await Api.open(), Wire.open(rtp=True)
    try:
        request_id = await api.call(agent, destination)
        await asyncio.sleep(7)
        assert await legwork("hangup", request_id) == (0, "")
        await api.cdr(request_id)
    finally:
        wire.close()
        await api.http.close()
    dialog = wire.dialog(destination)
    early = first(dialog, "SIP/2.0 183")
    port = int(re.findall(r"^m=audio (\d+) ", early.body, re.MULTILINE)[0])
    sent = [datagram for datagram in wire.rtp if datagram.destination == port]
    answered = answer(dialog).at
    before = [LINEAR[byte] for d in sent if d.at < answered for byte in d.payload[RTP_HEADER_BYTES:]]
    after = [LINEAR[byte] for d in sent if d.at > answered + 0.1 for byte in d.payload[RTP_HEADER_BYTES:]]
    assert answered - early.at > 4
    assert loudness(before) < QUIET
    assert loudness(after) > LOUD
