"""ARI's JSON, as Asterisk 22.10.1 sends it, to events; commands to ARI's operations."""

import ast
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ari.codec import arrival, arrived, decode, timestamp
from engine.ari.operations import OPERATIONS
from engine.ari.orders import encode, variables
from engine.core import commands as c
from engine.core import events as e
from engine.core.amd import Amd

NAME = "PJSIP/carrier-0000023c"
CHANNEL = {"id": "n1-57362de4f0.b1", "name": NAME, "state": "Up", "creationtime": "2023-07-07T06:08:09.000+0000"}
AT = "2023-07-07T06:08:16.250+0000"
EPOCH = 1688710096.25


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "StasisStart", "channel": CHANNEL}, e.Created(leg="b1", at=EPOCH - 7.25, name=NAME)),
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


# As `control.md` 1 has them: the event of a REFER, and the same type come back.
REFER = {
    "type": "ChannelTransfer",
    "refer_to": {"requested_destination": {"destination": "103"}},
    "referred_by": {
        "source_channel": CHANNEL,
        "connected_channel": CHANNEL | {"id": "n1-57362de4f0.a1"},
        "bridge": {"id": "n1-57362de4f0.1"},
    },
}


@pytest.mark.parametrize(
    ("destination", "to"),
    [
        ({"destination": "103"}, "103"),
        ({"destination": "+919910020100"}, "+919910020100"),
        ({"destination": "agent:201"}, ""),
        ({"destination": "103\n"}, ""),
        ({"destination": "1" * 21}, ""),
        ({"destination": None}, ""),
        ({"destination": "103", "protocol_id": "call-id", "additional_protocol_params": []}, ""),
        (None, ""),
    ],
)
def test_a_refer_is_a_wish_to_transfer_to_digits(destination: Any, to: str) -> None:
    message = REFER | {"refer_to": {"requested_destination": destination}, "timestamp": AT}
    _, event = decode(message, node="n1") or ("", None)
    assert isinstance(event, e.Referred)
    assert event.to == to


@pytest.mark.parametrize(
    "more",
    [
        {"state": "channel_progress"},
        {"state": "channel_declined"},  # in which a `channel_unavailable` comes back
        {"referred_by": {"source_channel": CHANNEL | {"id": "1688710079.868"}, "connected_channel": CHANNEL}},
        {"referred_by": None},
    ],
)
def test_a_refer_that_comes_back_is_no_second_one(more: dict[str, Any]) -> None:
    assert decode({"timestamp": AT, **REFER, **more}, node="n1") is None


def test_a_refer_of_a_leg_that_talks_to_nobody_is_told_to_be_declined() -> None:
    # "An unbridged leg's REFER also gives an event with only `source_channel`", and nobody else answers the telephone.
    message = {"timestamp": AT, **REFER, "referred_by": {"source_channel": CHANNEL}}
    assert decode(message, node="n1") == ("57362de4f0", e.Referred(leg="b1", at=EPOCH, to=""))


def test_a_refer_of_a_call_that_the_telephone_joins_names_no_number() -> None:
    refer_to = {"destination_channel": CHANNEL, "connected_channel": CHANNEL, "bridge": {"id": "other"}}
    _, event = decode({"timestamp": AT, **REFER, "refer_to": refer_to}, node="n1") or ("", None)
    assert isinstance(event, e.Referred)
    assert event.to == ""


def test_a_telephone_is_told_nothing_but_a_state_of_a_transfer() -> None:
    with pytest.raises(ValueError, match="no state"):
        encode(c.TransferProgress(leg="a1", state="busy"), node="n1", call_id="57362de4f0", app="legwork-n1")


def test_what_is_no_sip_telephone_has_no_refer_to_be_told_of() -> None:
    command = c.CreateLeg(leg="a1", endpoint="Local/1@bot", caller_id="101", account_id="account_1", life_seconds=9)
    _, _, arguments = encode(command, node="n1", call_id="57362de4f0", app="legwork-n1")
    set_to: Any = arguments["variables"]
    assert "PJSIP_TRANSFER_HANDLING()" not in set_to


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
                "PJSIP_TRANSFER_HANDLING()": "ari-only",
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
        c.RemoveFromBridge(leg="a1", bridge=1),
        c.TransferProgress(leg="a1", state="channel_answered"),
        c.CloseBridge(bridge=1),
        c.Tap(leg="b1", recording=1, both=True),
        c.Record(leg="b1", recording=1, account_id="account_1"),
        c.PauseRecording(leg="b1", recording=1, account_id="account_1"),
        c.ResumeRecording(leg="b1", recording=1, account_id="account_1"),
        c.StopTap(leg="b1", recording=1),
    ],
)
def test_each_command_is_an_operation_with_parameters_that_asterisk_knows(command: c.Command) -> None:
    resource, nickname, arguments = encode(command, node="n1", call_id="57362de4f0", app="legwork-n1")
    prepared = OPERATIONS[resource][nickname].prepare(arguments)
    assert "n1-57362de4f0." in prepared.uri


RECORDING = {"name": "account_1/n1-57362de4f0.b1.r12", "format": "wav", "state": "done", "cause": "disk"}
COPY = CHANNEL | {"id": "n1-57362de4f0.b1.r12"}


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "StasisStart", "channel": COPY, "args": []}, e.Tapped(leg="b1", recording=12, at=EPOCH)),
        ({"type": "RecordingStarted", "recording": RECORDING}, e.RecordingBegan(leg="b1", recording=12, at=EPOCH)),
        ({"type": "RecordingFinished", "recording": RECORDING}, e.RecordingEnded(leg="b1", recording=12, at=EPOCH)),
        (
            {"type": "RecordingFailed", "recording": RECORDING},
            e.RecordingFailed(leg="b1", recording=12, at=EPOCH, cause="disk"),
        ),
        ({"type": "ChannelDestroyed", "cause": 16, "channel": COPY}, e.TapEnded(leg="b1", recording=12, at=EPOCH)),
    ],
)
def test_what_asterisk_says_of_a_recording(message: dict[str, Any], event: e.Event) -> None:
    assert decode({"timestamp": AT, **message}, node="n1") == ("57362de4f0", event)


@pytest.mark.parametrize("name", ["", "x", "account_1/x", "n2-57362de4f0.b1.r1", "../n1-1.b1.rx", "a/n1-1.b1.r99999"])
def test_what_somebody_else_records_is_left_alone(name: str) -> None:
    assert decode({"timestamp": AT, "type": "RecordingFinished", "recording": {"name": name}}, node="n1") is None


def test_both_sides_are_what_a_leg_says_and_hears_and_one_is_what_it_says() -> None:
    for both, spy in ((True, "both"), (False, "in")):
        tap = c.Tap(leg="b1", recording=1, both=both)
        _, _, arguments = encode(tap, node="n1", call_id="57362de4f0", app="legwork-n1")
        assert (arguments["spy"], arguments["snoopId"]) == (spy, "n1-57362de4f0.b1.r1")


def test_a_recording_lies_in_its_account_s_folder_under_our_own_id() -> None:
    command = c.Record(leg="b1", recording=1, account_id="account_1")
    assert encode(command, node="n1", call_id="57362de4f0", app="legwork-n1") == (
        "channels",
        "record",
        {
            "channelId": "n1-57362de4f0.b1.r1",
            "name": "account_1/n1-57362de4f0.b1.r1",
            "format": "wav",
            "ifExists": "fail",
        },
    )


@pytest.mark.parametrize("account_id", ["..", ".", "", "a/b", "../account_2", "a\n", "ä", "/etc"])
def test_nothing_is_recorded_outside_of_an_account_s_folder(account_id: str) -> None:
    with pytest.raises(ValueError, match="no folder"):
        encode(
            c.Record(leg="b1", recording=1, account_id=account_id), node="n1", call_id="57362de4f0", app="legwork-n1"
        )


# What reaches Asterisk through `encode`, and no more: none of these sets a variable, but for create.
NICKNAMES = {
    ("channels", "answer"),
    ("channels", "create"),
    ("channels", "dial"),
    ("channels", "hangup"),
    ("channels", "record"),
    ("recordings", "pause"),
    ("recordings", "unpause"),
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
    ("bridges", "removeChannel"),
    ("channels", "transfer_progress"),
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
    kept = {"CONNECTEDLINE(num)", "CHANNEL(accountcode)", "TIMEOUT(absolute)"}
    assert set_to.keys() == kept | {"PJSIP_TRANSFER_HANDLING()"}
    for value in set_to.values():
        assert value.isascii()
        assert value.replace("_", "").replace("-", "").replace(".", "").isalnum() or set(value) <= set("._-")


@pytest.mark.parametrize("name", ["PJSIP_HEADER(add,X)", "CALLERID(name)", "SHELL(id)", "connectedline(num)", ""])
def test_another_variable_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="may not be set"):
        variables({"TIMEOUT(absolute)": "1", name: "1"})


ABSTRACT = (c.Command, c.LegCommand, c.RecorderCommand)


def test_no_command_is_sent_that_could_set_another_variable() -> None:
    sent = set()
    for kind in vars(c).values():
        if isinstance(kind, type) and issubclass(kind, c.Command) and kind not in ABSTRACT:
            sample = {"leg": "a1", "legs": ("a1",), "bridge": 1, "cause": 16, "ring_seconds": 1, "life_seconds": 1}
            sample |= {"recording": 1, "both": True}
            sample |= {"playback": 1, "times": 2, "targets": (0,), "every": False, "since": 0.0, "seconds": 60}
            texts: dict[str, object] = {
                "media": "sound:beep",
                "side": "agent",
                "number": "919910000202",
                "agent_id": "201",
            }
            texts["amd"] = Amd()
            texts |= {
                "to": "103",
                "state": "channel_answered",
                "tone": "busy",
                "endpoint": "PJSIP/101",
                "caller_id": "15168148111",
                "account_id": "account_1",
            }
            known = {field.name for field in dataclasses.fields(kind)}
            command = kind(**{name: value for name, value in (sample | texts).items() if name in known})
            if kind not in (c.SaveIntent, c.SeekAgent, c.KeepPair, c.FindThird):  # not for Asterisk
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
        assert path.name == "orders.py" or not names & OF_COPIES, path
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
