"""ARI's JSON, as Asterisk 22.10.1 sends it, to events; commands to ARI's operations."""

from typing import Any

import pytest

from engine.ari.codec import decode, encode
from engine.ari.operations import OPERATIONS
from engine.core import commands as c
from engine.core import events as e

CHANNEL = {"id": "n1-57362de4f0.b1", "state": "Up", "creationtime": "2023-07-07T06:08:09.000+0000"}
AT = "2023-07-07T06:08:16.250+0000"
EPOCH = 1688710096.25


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "StasisStart", "channel": CHANNEL}, e.Created(leg="b1", at=EPOCH - 7.25)),
        ({"type": "ChannelStateChange", "channel": CHANNEL | {"state": "Ringing"}}, e.Rang(leg="b1", at=EPOCH)),
        ({"type": "ChannelStateChange", "channel": CHANNEL}, e.Answered(leg="b1", at=EPOCH)),
        ({"type": "Dial", "dialstatus": "RINGING", "peer": CHANNEL}, e.Rang(leg="b1", at=EPOCH)),
        ({"type": "Dial", "dialstatus": "PROGRESS", "peer": CHANNEL}, e.Progressed(leg="b1", at=EPOCH)),
        ({"type": "ChannelDtmfReceived", "digit": "#", "channel": CHANNEL}, e.Pressed(leg="b1", at=EPOCH, digit="#")),
        (
            {"type": "ChannelDestroyed", "cause": 17, "tech_cause": 486, "channel": CHANNEL},
            e.Ended(leg="b1", at=EPOCH, cause=17, sip_code=486),
        ),
        ({"type": "ChannelDestroyed", "cause": 0, "channel": CHANNEL}, e.Ended(leg="b1", at=EPOCH, cause=0)),
    ],
)
def test_what_asterisk_says_happened(message: dict[str, Any], event: e.Event) -> None:
    assert decode({"timestamp": AT, **message}, node="n1") == ("57362de4f0", event)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "ChannelStateChange", "channel": CHANNEL | {"id": "n2-57362de4f0.b1"}},  # another node's
        {"type": "ChannelStateChange", "channel": CHANNEL | {"id": "1688710079.868"}},  # Asterisk's own
        {"type": "ChannelStateChange", "channel": CHANNEL | {"state": "Down"}},
        {"type": "Dial", "dialstatus": "", "peer": CHANNEL},
        {"type": "Dial", "dialstatus": "ANSWER", "peer": CHANNEL},
        {"type": "PlaybackFinished", "playback": {}},
    ],
)
def test_what_is_not_ours_or_tells_nothing_is_left_alone(message: dict[str, Any]) -> None:
    assert decode({"timestamp": AT, **message}, node="n1") is None


def test_a_leg_is_created_with_its_id_caller_id_and_dead_man() -> None:
    command = c.CreateLeg(
        leg="b1",
        endpoint="PJSIP/919910000202@carrier",
        caller_id="15168148111",
        account_id="account_1",
        life_seconds=7320,
        originator="a1",
    )
    assert encode(command, node="n1", call_id="57362de4f0", app="legwork-n1") == (
        "channels",
        "create",
        {
            "channelId": "n1-57362de4f0.b1",
            "endpoint": "PJSIP/919910000202@carrier",
            "app": "legwork-n1",
            "originator": "n1-57362de4f0.a1",
            "variables": {
                "CONNECTEDLINE(num)": "15168148111",
                "CHANNEL(accountcode)": "account_1",
                "TIMEOUT(absolute)": "7320",
            },
        },
    )


@pytest.mark.parametrize(
    "command",
    [
        c.Dial(leg="a1", ring_seconds=90),
        c.Hangup(leg="a1", cause=16),
        c.Mute(leg="a1"),
        c.Unmute(leg="a1"),
        c.StopRing(leg="a1"),
        c.PlayTone(leg="a1", tone="busy"),
        c.OpenBridge(bridge=1),
        c.AddToBridge(bridge=1, legs=("a1", "b1")),
        c.CloseBridge(bridge=1),
    ],
)
def test_each_command_is_an_operation_with_parameters_that_asterisk_knows(command: c.Command) -> None:
    resource, nickname, arguments = encode(command, node="n1", call_id="57362de4f0", app="legwork-n1")
    prepared = OPERATIONS[resource][nickname].prepare(arguments)
    assert "n1-57362de4f0." in prepared.uri
