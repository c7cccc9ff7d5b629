"""ARI's JSON to events and commands to ARI's operations; pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from engine.core import commands as c
from engine.core import events as e
from engine.core.ids import RECORDER, SNOOP, bridge_id, leg_id, recorder, snoop, split
from engine.core.inbound import Arrival

# What we ask Asterisk to send; the rest is filtered there, and so would be the answers to our requests.
EVENT_TYPES = (
    "RESTResponse",
    "StasisStart",
    "ChannelStateChange",
    "Dial",
    "ChannelDtmfReceived",
    "ChannelTalkingStarted",
    "ChannelTalkingFinished",
    "PlaybackFinished",
    "RecordingStarted",
    "RecordingFinished",
    "RecordingFailed",
    "ChannelDestroyed",
    "ChannelTransfer",
    "ApplicationReplaced",
)

PLAYBACK = ".p"  # between what is played to and the playback's number, in its id

# Four of the fourteen messages of a call, which tell nothing that another does not: not worth reading.
# No text within a message can look so: its quotes would be escaped.
IDLE = (b'"dialstatus":""', b'"dialstatus":"ANSWER"')

# The only variables we set on a channel, and what may stand in each. What somebody else wrote never gets here;
# were it to, a line break in a variable would be a SIP header of its own on the wire.
VARIABLES = {
    # The caller id of a created leg; CALLERID would leave the INVITE's From anonymous.
    "CONNECTEDLINE(num)": re.compile(r"[0-9]{2,15}", re.ASCII),
    "CHANNEL(accountcode)": re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII),
    "TIMEOUT(absolute)": re.compile(r"[0-9]{1,7}", re.ASCII),
    # Of a copy of what a party says, which only our own dialplan reads: the arguments of AMD, and whom it tells.
    "LEGWORK_AMD": re.compile(r"[0-9]{1,5}(,[0-9]{1,5}){8}", re.ASCII),
    "LEGWORK_APP": re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII),
    # A REFER is told to us, and nobody dials through a dialplan by it.
    "PJSIP_TRANSFER_HANDLING()": re.compile(r"ari-only", re.ASCII),
    "TALK_DETECT(set)": re.compile(r"[0-9]{1,5},[0-9]{1,5}", re.ASCII),
}

ARI_ONLY = {"PJSIP_TRANSFER_HANDLING()": "ari-only"}
AMD_CONTEXT = "legwork-amd"
AMD_WORD = re.compile(r"[A-Z]{1,16}", re.ASCII)
AMD_CAUSE = re.compile(r"[0-9A-Z-]{0,64}", re.ASCII)
TALK_DETECT = "1200,256"  # so many milliseconds below that level are silence; measured on machines' greetings

REFERRED = re.compile(r"\+?[0-9]{1,20}", re.ASCII)
TRANSFER_STATES = ("channel_progress", "channel_answered", "channel_unavailable", "channel_declined")
# Where an account's recordings lie, below Asterisk's own folder of them.
FOLDER = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,63}", re.ASCII)
RECORDED = "RecordingStarted", "RecordingFinished", "RecordingFailed"
CAUSE_LENGTH = 100

MEDIA = re.compile(r"sound:[0-9A-Za-z/._-]{1,500}", re.ASCII)

Request = tuple[str, str, dict[str, object]]  # resource, nickname, arguments
Owners = Mapping[str, tuple[str, str]]  # call id and leg by Asterisk's own id of the channel of who called in
NOBODY: Owners = MappingProxyType({})
ALL_OURS: Mapping[str, str] = MappingProxyType({})

ARRIVALS = ("inbound", "login", "logout")  # what our dialplan says of a channel that came in
ENDPOINT = re.compile(r"PJSIP/([0-9A-Za-z_-]{1,64})-[0-9a-f]{8,}", re.ASCII)
AWAY_CONTEXT = "legwork-away"


def arrival(message: dict[str, Any]) -> tuple[str, Arrival] | None:
    """What a channel that came in wants, and what is said of it; None where the message tells of no such channel.

    What it wants is `inbound`, `login` or `logout`.
    """
    match message:
        case {"type": "StasisStart", "args": [str(wanted), *_], "channel": channel} if wanted in ARRIVALS:
            return wanted, arrived(channel)
        case _:
            return None


def arrived(channel: Mapping[str, Any]) -> Arrival:
    """A channel that came in. What its side sent is as hostile as before."""
    endpoint = ENDPOINT.fullmatch(str(channel.get("name", "")))
    return Arrival(
        channel=channel["id"],
        at=timestamp(channel["creationtime"]),
        dialled=str((channel.get("dialplan") or {}).get("exten", "")),
        caller=str((channel.get("caller") or {}).get("number", "")),
        endpoint=endpoint[1] if endpoint else "",
    )


def decode(message: dict[str, Any], *, node: str, owners: Owners = NOBODY) -> tuple[str, e.LegEvent] | None:
    """The call id and the event an ARI message tells of; None where it tells nothing of our legs."""
    if message["type"] == "PlaybackFinished":
        thing_id = (message.get("playback") or {}).get("id", "")
    elif message["type"] == "ChannelTransfer":
        thing_id = ((message.get("referred_by") or {}).get("source_channel") or {}).get("id", "")
    elif message["type"] in RECORDED:
        thing_id = (message.get("recording") or {}).get("name", "").rpartition("/")[2]
    else:
        thing_id = (message.get("peer" if message["type"] == "Dial" else "channel") or {}).get("id", "")
    owner = owners.get(thing_id) or split(node, thing_id)
    if owner is None:
        return None
    call_id, name = owner
    if copy := RECORDER.fullmatch(name):
        told = _of_recorder(message, copy[1], int(copy[2]))
        return None if told is None else (call_id, told)
    event = _of_snoop(message, name.removesuffix(SNOOP)) if name.endswith(SNOOP) else _event(message, name)
    return None if event is None else (call_id, event)


def timestamp(text: str) -> float:
    """Asterisk's time (`2023-07-07T06:08:09.000+0000`) as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def _event(message: dict[str, Any], leg: str) -> e.LegEvent | None:
    at = timestamp(message["timestamp"])
    match message:
        case {"type": "StasisStart", "channel": {"creationtime": created}}:
            return e.Created(leg=leg, at=timestamp(created))
        case {"type": "ChannelStateChange", "channel": {"state": "Ringing"}} | {
            "type": "Dial",
            "dialstatus": "RINGING",
        }:
            return e.Rang(leg=leg, at=at)
        case {"type": "Dial", "dialstatus": "PROGRESS"}:
            return e.Progressed(leg=leg, at=at)
        case {"type": "ChannelStateChange", "channel": {"state": "Up"}}:
            return e.Answered(leg=leg, at=at)
        case {"type": "ChannelDtmfReceived", "digit": digit}:
            return e.Pressed(leg=leg, at=at, digit=digit)
        case {"type": "ChannelTransfer", "state": str()}:
            return None  # our own word for how it goes, come back
        case {"type": "ChannelTransfer", "referred_by": {"connected_channel": {"id": _}, "bridge": {"id": _}}}:
            return e.Referred(leg=leg, at=at, to=_referred_to(message.get("refer_to") or {}))
        case {"type": "PlaybackFinished"}:
            played, _, playback = leg.rpartition(PLAYBACK)
            return e.Played(leg=played, at=at, playback=int(playback)) if playback.isdecimal() else None
        case {"type": "ChannelDestroyed", "cause": cause}:
            return e.Ended(leg=leg, at=at, cause=cause, sip_code=message.get("tech_cause"))
        case _:
            return None


def _referred_to(refer_to: dict[str, Any]) -> str:
    """The number a telephone dialled; "" for anything else, a call of its own that it wants to join among it."""
    asked = refer_to.get("requested_destination") or {}
    number = asked.get("destination")
    joins = asked.get("protocol_id") or refer_to.get("destination_channel") or refer_to.get("connected_channel")
    return number if isinstance(number, str) and REFERRED.fullmatch(number) and not joins else ""


def _of_snoop(message: dict[str, Any], leg: str) -> e.LegEvent | None:
    """What a copy of what the party says tells of its leg; the copy's own life is not the leg's."""
    at = timestamp(message["timestamp"])
    match message:
        case {"type": "StasisStart", "args": ["amd", str(status), *rest]}:
            cause = str(rest[0]) if rest else ""
            told = AMD_WORD.fullmatch(status) and AMD_CAUSE.fullmatch(cause)
            return e.AmdHeard(leg=leg, at=at, status=status if told else "", cause=cause if told else "")
        case {"type": "StasisStart"}:
            return e.Snooped(leg=leg, at=at)
        case {"type": "ChannelTalkingStarted"}:
            return e.Talked(leg=leg, at=at)
        case {"type": "ChannelTalkingFinished"}:
            return e.FellSilent(leg=leg, at=at)
        case {"type": "ChannelDestroyed"}:
            return e.SnoopEnded(leg=leg, at=at)
        case _:
            return None


def _of_recorder(message: dict[str, Any], leg: str, recording: int) -> e.RecorderEvent | None:
    """What a copy that is recorded tells of its recording."""
    at = timestamp(message["timestamp"])
    match message["type"]:
        case "StasisStart":
            return e.Tapped(leg=leg, recording=recording, at=at)
        case "RecordingStarted":
            return e.RecordingBegan(leg=leg, recording=recording, at=at)
        case "RecordingFinished":
            return e.RecordingEnded(leg=leg, recording=recording, at=at)
        case "RecordingFailed":
            cause = str(message["recording"].get("cause") or "failed")[:CAUSE_LENGTH]
            return e.RecordingFailed(leg=leg, recording=recording, at=at, cause=cause)
        case "ChannelDestroyed":
            return e.TapEnded(leg=leg, recording=recording, at=at)
        case _:
            return None


def encode(command: c.Command, *, node: str, call_id: str, app: str, channels: Mapping[str, str] = ALL_OURS) -> Request:
    """The operation that carries the command out; `channels` are Asterisk's own, by leg."""

    def channel(leg: str) -> str:
        return channels.get(leg) or leg_id(node, call_id, leg)

    def played(leg: str) -> str:
        return leg_id(node, call_id, leg)  # what is played has an id of ours, whoever hears it

    match command:
        case c.CreateLeg():
            return "channels", "create", _create(command, node=node, call_id=call_id, app=app, channels=channels)
        case c.Dial(leg=leg, ring_seconds=ring_seconds):
            return "channels", "dial", {"channelId": channel(leg), "timeout": ring_seconds}
        case c.Answer(leg=leg):
            return "channels", "answer", {"channelId": channel(leg)}
        case c.TakeIn(leg=leg, account_id=account_id, life_seconds=life_seconds):
            theirs = {"CHANNEL(accountcode)": account_id, "TIMEOUT(absolute)": str(life_seconds)}
            return _set(channel(leg), theirs)
        case c.SendAway(leg=leg):
            told_away = {"context": AWAY_CONTEXT, "extension": "s", "priority": 1}
            return "channels", "continueInDialplan", {"channelId": channel(leg), **told_away}
        case c.Hangup(leg=leg, cause=cause):
            return "channels", "hangup", {"channelId": channel(leg), "reason_code": str(cause)}
        case c.Mute(leg=leg):
            return "channels", "mute", {"channelId": channel(leg), "direction": "in"}
        case c.Unmute(leg=leg):
            return "channels", "unmute", {"channelId": channel(leg), "direction": "in"}
        case c.StopRing(leg=leg):
            return "channels", "ringStop", {"channelId": channel(leg)}
        case c.StartRing(leg=leg):
            return "channels", "ring", {"channelId": channel(leg)}
        case c.StartMusic(leg=leg):
            return "channels", "startMoh", {"channelId": channel(leg)}
        case c.StopMusic(leg=leg):
            return "channels", "stopMoh", {"channelId": channel(leg)}
        case c.PlayTone(leg=leg, tone=tone):
            signalled: dict[str, object] = {
                "channelId": channel(leg),
                "playbackId": f"{played(leg)}.tone",
                "media": f"tone:{tone}",
            }
            return "channels", "playWithId", signalled
        case c.Play(leg=leg, media=media, playback=playback, times=times):
            # A list of one sound has no gap where it begins again.
            looped: dict[str, object] = {
                "channelId": channel(leg),
                "playbackId": f"{played(leg)}{PLAYBACK}{playback}",
                "media": [playable(media)] * times,
            }
            return "channels", "playWithId", looped
        case c.Snoop(leg=leg):
            copied: dict[str, object] = {"channelId": channel(leg), "snoopId": played(snoop(leg))}
            return "channels", "snoopChannelWithId", {**copied, "spy": "in", "app": app}
        case c.TuneAmd(leg=leg, amd=amd):
            return _set(channel(snoop(leg)), {"LEGWORK_AMD": amd.arguments, "LEGWORK_APP": app})
        case c.Detect(leg=leg):
            place = {"context": AMD_CONTEXT, "extension": "s", "priority": 1}
            return "channels", "continueInDialplan", {"channelId": channel(snoop(leg)), **place}
        case c.Listen(leg=leg):
            return _set(channel(snoop(leg)), {"TALK_DETECT(set)": TALK_DETECT})
        case c.StopSnoop(leg=leg):
            return "channels", "hangup", {"channelId": channel(snoop(leg)), "reason_code": "16"}
        case c.Tap(leg=leg, recording=recording, both=both):
            tapped: dict[str, object] = {"channelId": channel(leg), "snoopId": channel(recorder(leg, recording))}
            return "channels", "snoopChannelWithId", {**tapped, "spy": "both" if both else "in", "app": app}
        case c.Record(leg=leg, recording=recording, account_id=account_id):
            name = channel(recorder(leg, recording))
            # A name is not used twice: what is there under it stays.
            written: dict[str, object] = {"channelId": name, "name": in_folder(account_id, name)}
            return "channels", "record", {**written, "format": "wav", "ifExists": "fail"}
        case c.PauseRecording(leg=leg, recording=recording, account_id=account_id):
            name = in_folder(account_id, channel(recorder(leg, recording)))
            return "recordings", "pause", {"recordingName": name}
        case c.ResumeRecording(leg=leg, recording=recording, account_id=account_id):
            name = in_folder(account_id, channel(recorder(leg, recording)))
            return "recordings", "unpause", {"recordingName": name}
        case c.StopTap(leg=leg, recording=recording):
            return "channels", "hangup", {"channelId": channel(recorder(leg, recording)), "reason_code": "16"}
        case c.StopPlay(leg=leg, playback=playback):
            return "playbacks", "stop", {"playbackId": f"{played(leg)}{PLAYBACK}{playback}"}
        case c.PlayToBridge(bridge=bridge, media=media, playback=playback):
            told: dict[str, object] = {
                "bridgeId": bridge_id(node, call_id, bridge),
                "playbackId": f"{bridge_id(node, call_id, bridge)}{PLAYBACK}{playback}",
                "media": playable(media),
            }
            return "bridges", "playWithId", told
        case c.OpenBridge(bridge=bridge):
            # dtmf_events: a plain mixing bridge goes native and hides every key pressed in it.
            opened: dict[str, object] = {
                "bridgeId": bridge_id(node, call_id, bridge),
                "type": "mixing,dtmf_events",
                "name": call_id,
            }
            return "bridges", "createWithId", opened
        case c.AddToBridge(bridge=bridge, legs=legs):
            return (
                "bridges",
                "addChannel",
                {
                    "bridgeId": bridge_id(node, call_id, bridge),
                    "channel": [channel(leg) for leg in legs],
                    "inhibitConnectedLineUpdates": True,
                },
            )
        case c.RemoveFromBridge(leg=leg, bridge=bridge):
            return "bridges", "removeChannel", {"bridgeId": bridge_id(node, call_id, bridge), "channel": [channel(leg)]}
        case c.TransferProgress(leg=leg, state=state):
            if state not in TRANSFER_STATES:
                raise ValueError(f"{state} is no state of a transfer")
            return "channels", "transfer_progress", {"channelId": channel(leg), "states": state}
        case c.CloseBridge(bridge=bridge):
            return "bridges", "destroy", {"bridgeId": bridge_id(node, call_id, bridge)}
        case _:
            raise TypeError(f"{type(command).__name__} is not for Asterisk")


def _set(channel_id: str, values: dict[str, str]) -> Request:
    return "channels", "setChannelVars", {"channelId": channel_id, "variables": variables(values)}


def _create(
    command: c.CreateLeg, *, node: str, call_id: str, app: str, channels: Mapping[str, str]
) -> dict[str, object]:
    arguments: dict[str, object] = {
        "channelId": leg_id(node, call_id, command.leg),
        "endpoint": command.endpoint,
        "app": app,
        "variables": variables(
            {
                "CONNECTEDLINE(num)": command.caller_id,
                "CHANNEL(accountcode)": command.account_id,
                "TIMEOUT(absolute)": str(command.life_seconds),
                **(ARI_ONLY if command.endpoint.startswith("PJSIP/") else {}),
            }
        ),
    }
    if command.originator is not None:
        arguments["originator"] = channels.get(command.originator) or leg_id(node, call_id, command.originator)
    return arguments


def in_folder(account_id: str, name: str) -> str:
    """The name of a recording as Asterisk is told it, within its account's folder; else `ValueError`."""
    if not FOLDER.fullmatch(account_id):
        raise ValueError("an account of that id has no folder")
    return f"{account_id}/{name}"


def playable(media: str) -> str:
    """The sound as it is, if it is one of Asterisk's own or a file of ours; else `ValueError`."""
    if not MEDIA.fullmatch(media):
        raise ValueError("that may not be played")
    return media


def variables(values: dict[str, str]) -> dict[str, str]:
    """The values as they are, if each may be set and looks as it should; else `ValueError`."""
    for name, value in values.items():
        if name not in VARIABLES or not VARIABLES[name].fullmatch(value):
            raise ValueError(f"{name} may not be set to that")
    return values
