"""ARI's JSON, as Asterisk 22.10.1 sends it, to events; commands to ARI's operations."""

import ast
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ari.codec import arrival, arrived, decode, encode, timestamp, variables
from engine.ari.operations import OPERATIONS
from engine.core import commands as c
from engine.core import events as e
from engine.core.amd import Amd

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


# What reaches Asterisk through `encode`, and no more: none of these sets a variable, but for create.
NICKNAMES = {
    ("channels", "answer"),
    ("channels", "create"),
    ("channels", "dial"),
    ("channels", "hangup"),
    ("channels", "mute"),
    ("channels", "unmute"),
    ("channels", "ring"),
    ("channels", "ringStop"),
    ("channels", "startMoh"),
    ("channels", "stopMoh"),
    ("channels", "snoopChannelWithId"),
    ("channels", "setChannelVars"),
    ("channels", "continueInDialplan"),
    ("playbacks", "stop"),
    ("bridges", "playWithId"),
    ("channels", "playWithId"),
    ("bridges", "createWithId"),
    ("bridges", "addChannel"),
    ("bridges", "destroy"),
}
HOSTILE = st.text(max_size=40) | st.sampled_from(
    ["15168148111\r\nX-Evil: 1", "15168148111\n", "١٥١٦٨١٤٨١١١", "${SHELL(id)}", "a\x00b", "", "1" * 300]
)


@given(
    caller_id=HOSTILE | st.just("15168148111"), account_id=HOSTILE | st.just("account_1"), life_seconds=st.integers()
)
def test_a_variable_that_was_not_foreseen_is_never_set(caller_id: str, account_id: str, life_seconds: int) -> None:
    command = c.CreateLeg(
        leg="a1", endpoint="PJSIP/101", caller_id=caller_id, account_id=account_id, life_seconds=life_seconds
    )
    try:
        _, _, arguments = encode(command, node="n1", call_id="57362de4f0", app="legwork-n1")
    except ValueError:
        return
    set_to: Any = arguments["variables"]
    assert set_to.keys() == {"CONNECTEDLINE(num)", "CHANNEL(accountcode)", "TIMEOUT(absolute)"}
    for value in set_to.values():
        assert value.isascii()
        assert value.replace("_", "").replace("-", "").replace(".", "").isalnum() or set(value) <= set("._-")


@pytest.mark.parametrize("name", ["PJSIP_HEADER(add,X)", "CALLERID(name)", "SHELL(id)", "connectedline(num)", ""])
def test_another_variable_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="may not be set"):
        variables({"TIMEOUT(absolute)": "1", name: "1"})


def test_no_command_is_sent_that_could_set_another_variable() -> None:
    sent = set()
    for kind in vars(c).values():
        if isinstance(kind, type) and issubclass(kind, c.Command) and kind not in (c.Command, c.LegCommand):
            sample = {"leg": "a1", "legs": ("a1",), "bridge": 1, "cause": 16, "ring_seconds": 1, "life_seconds": 1}
            sample |= {"playback": 1, "times": 2, "targets": (0,), "every": False, "since": 0.0, "seconds": 60}
            texts: dict[str, object] = {
                "media": "sound:beep",
                "side": "agent",
                "number": "919910000202",
                "agent_id": "201",
            }
            texts["amd"] = Amd()
            texts |= {"tone": "busy", "endpoint": "PJSIP/101", "caller_id": "15168148111", "account_id": "account_1"}
            known = {field.name for field in dataclasses.fields(kind)}
            command = kind(**{name: value for name, value in (sample | texts).items() if name in known})
            if kind not in (c.SaveIntent, c.SeekAgent, c.KeepPair):  # not for Asterisk
                sent.add(encode(command, node="n1", call_id="57362de4f0", app="legwork-n1")[:2])
    assert sent == NICKNAMES


CAME_IN = {
    "id": "1700000000.7",
    "name": "PJSIP/carrier-0000000a",
    "state": "Ring",
    "creationtime": AT,
    "caller": {"name": "<script>", "number": "919910088888"},
    "dialplan": {"context": "legwork-inbound", "exten": "+15168148111", "priority": 2},
}
OWNERS = {"1700000000.7": ("57362de4f0", "b1")}


def test_who_comes_in_is_known_by_what_our_dialplan_says() -> None:
    message = {"type": "StasisStart", "args": ["inbound"], "channel": CAME_IN}
    told = arrival(message)
    assert told is not None
    assert told[0] == "inbound"
    assert (told[1].channel, told[1].did, told[1].caller) == ("1700000000.7", "15168148111", "919910088888")
    assert told[1].endpoint == "carrier"
    for args in ([], ["amd", "HUMAN"], ["outbound"]):
        assert arrival({**message, "args": args}) is None


def test_the_endpoint_is_the_channels_name_and_nothing_else() -> None:
    for name in ("PJSIP/101-0000001f", "PJSIP/101-1234567890"):
        assert arrived({**CAME_IN, "name": name}).endpoint == "101"
    for name in ("Local/101@x-00000001;1", "PJSIP/a b-00000001", "", "PJSIP/101"):
        assert arrived({**CAME_IN, "name": name}).endpoint == ""


def test_a_channel_that_came_in_keeps_its_id_and_is_the_leg() -> None:
    event = {"type": "ChannelStateChange", "timestamp": AT, "channel": {**CAME_IN, "state": "Up"}}
    assert decode(event, node="n1") is None
    decoded = decode(event, node="n1", owners=OWNERS)
    assert decoded == ("57362de4f0", e.Answered(leg="b1", at=timestamp(AT)))
    where: dict[str, Any] = {
        "node": "n1",
        "call_id": "57362de4f0",
        "app": "legwork-n1",
        "channels": {"b1": "1700000000.7"},
    }
    assert encode(c.Answer(leg="b1"), **where) == ("channels", "answer", {"channelId": "1700000000.7"})
    _, _, added = encode(c.AddToBridge(bridge=1, legs=("b1", "a1")), **where)
    assert added["channel"] == ["1700000000.7", "n1-57362de4f0.a1"]
    _, _, played = encode(c.Play(leg="b1", media="sound:beep", playback=3, times=1), **where)
    assert (played["channelId"], played["playbackId"]) == ("1700000000.7", "n1-57362de4f0.b1.p3")
    over = {"type": "PlaybackFinished", "timestamp": AT, "playback": {"id": "n1-57362de4f0.b1.p3"}}
    told = decode({**over, "channel": {}}, node="n1", owners=OWNERS)
    assert told == ("57362de4f0", e.Played(leg="b1", at=timestamp(AT), playback=3))


# Operations that dial, set variables or move a channel into the dialplan: nothing of ours has a use for them.
UNUSED = {
    "originate",
    "originateWithId",
    "setChannelVar",
    "setGlobalVar",
    "move",
    "redirect",
    "externalMedia",
    "updateObject",
    "loadModule",
    "reloadModule",
}
# Those that only copies of what a party says are put through, by the codec.
OF_COPIES = {"setChannelVars", "continueInDialplan", "snoopChannelWithId"}


def test_nothing_else_in_the_engine_could_dial_or_set_a_variable() -> None:
    engine = Path(__file__).parents[2] / "engine"
    for path in engine.rglob("*.py"):
        if path.name == "operations.py":  # the table of all there are
            continue
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        names |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert not names & UNUSED, path
        assert path.name == "codec.py" or not names & OF_COPIES, path
    known = {nickname for resource in OPERATIONS.values() for nickname in resource}
    assert known >= UNUSED | OF_COPIES


SNOOP = CHANNEL | {"id": "n1-57362de4f0.b1.amd"}


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "StasisStart", "args": []}, e.Snooped(leg="b1", at=EPOCH)),
        (
            {"type": "StasisStart", "args": ["amd", "MACHINE", "LONGGREETING-2500-2500"]},
            e.AmdHeard(leg="b1", at=EPOCH, status="MACHINE", cause="LONGGREETING-2500-2500"),
        ),
        ({"type": "StasisStart", "args": ["amd", "HUMAN\n", "X"]}, e.AmdHeard(leg="b1", at=EPOCH, status="", cause="")),
        ({"type": "StasisStart", "args": ["amd", "HANGUP"]}, e.AmdHeard(leg="b1", at=EPOCH, status="HANGUP", cause="")),
        ({"type": "ChannelTalkingStarted"}, e.Talked(leg="b1", at=EPOCH)),
        ({"type": "ChannelTalkingFinished", "duration": 900}, e.FellSilent(leg="b1", at=EPOCH)),
        ({"type": "ChannelDestroyed", "cause": 16}, e.SnoopEnded(leg="b1", at=EPOCH)),
        ({"type": "ChannelStateChange"}, None),
        ({"type": "ChannelDtmfReceived", "digit": "1"}, None),
    ],
)
def test_what_a_copy_of_a_partys_sound_tells_is_never_taken_for_the_legs_own(
    message: dict[str, Any], event: e.Event | None
) -> None:
    told = decode({"timestamp": AT, "channel": SNOOP, **message}, node="n1")
    assert told == (event and ("57362de4f0", event))


def test_a_copy_is_made_tuned_and_put_through_amd_and_the_leg_is_left_alone() -> None:
    copy = "n1-57362de4f0.b1.amd"
    orders = (c.Snoop(leg="b1"), c.TuneAmd(leg="b1", amd=Amd()), c.Detect(leg="b1"), c.Listen(leg="b1"))
    done = [encode(order, node="n1", call_id="57362de4f0", app="legwork-n1")[1:] for order in orders]
    assert done == [
        (
            "snoopChannelWithId",
            {"channelId": "n1-57362de4f0.b1", "snoopId": copy, "spy": "in", "app": "legwork-n1"},
        ),
        (
            "setChannelVars",
            {
                "channelId": copy,
                "variables": {"LEGWORK_AMD": "3000,2500,700,5000,120,50,5,256,5000", "LEGWORK_APP": "legwork-n1"},
            },
        ),
        ("continueInDialplan", {"channelId": copy, "context": "legwork-amd", "extension": "s", "priority": 1}),
        ("setChannelVars", {"channelId": copy, "variables": {"TALK_DETECT(set)": "1200,256"}}),
    ]


def test_thresholds_that_are_no_numbers_never_get_to_asterisk() -> None:
    with pytest.raises(ValueError, match="LEGWORK_AMD"):
        encode(c.TuneAmd(leg="b1", amd=Amd(greeting=-1)), node="n1", call_id="57362de4f0", app="legwork-n1")
