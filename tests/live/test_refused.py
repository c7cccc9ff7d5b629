"""Bad input, live: refused with the right words, and nobody's telephone rings."""

import asyncio
from typing import Any

import pytest

from tests.live.engine import CALLER_ID, Api
from tests.live.wire import Wire

pytestmark = pytest.mark.asyncio(loop_scope="function")

GOOD = {"agent_number": "919910000101", "caller_id": CALLER_ID, "destination_number": "919910000202"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"agent_number": "91997927XXXX"}, "only digits"),
        ({"agent_number": ""}, "is required"),
        ({"agent_number": "+18764567890"}, "may not call region JM"),
        ({"agent_number": "PJSIP/carrier/sip:100@192.0.2.1"}, "only digits"),
        ({"agent_number": "112"}, "not a valid telephone number"),
        ({"caller_id": "12125550142"}, "does not own this caller id"),
        ({"recording_option": "sometimes"}, "must be one of both, agent, customer, on, off"),
        ({"recording_option": "off", "transcript": "on"}, "what is not recorded is not written down"),
    ],
)
async def test_what_is_refused_is_never_dialled(change: dict[str, Any], words: str) -> None:
    api, wire = await Api.open(), Wire.open()
    try:
        status, response = await api.post("/api/click2call", GOOD | change)
        assert (status, response["success"]) == (400, "false")
        assert words in response["message"]
        await asyncio.sleep(0.2)
        assert not [message for message in wire.messages if message.first_line.startswith("INVITE")]
    finally:
        wire.close()
        await api.http.close()
