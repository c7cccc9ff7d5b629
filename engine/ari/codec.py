"""ARI's JSON to events; pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from engine.core import events as e
from engine.core.ids import RECORDER, SNOOP, split
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

AMD_WORD = re.compile(r"[A-Z]{1,16}", re.ASCII)
AMD_CAUSE = re.compile(r"[0-9A-Z-]{0,64}", re.ASCII)
REFERRED = re.compile(r"\+?[0-9]{1,20}", re.ASCII)
RECORDED = "RecordingStarted", "RecordingFinished", "RecordingFailed"
CAUSE_LENGTH = 100

Owners = Mapping[str, tuple[str, str]]  # call id and leg by Asterisk's own id of the channel of who called in
NOBODY: Owners = MappingProxyType({})

ARRIVALS = ("inbound", "login", "logout")  # what our dialplan says of a channel that came in
ENDPOINT = re.compile(r"PJSIP/([0-9A-Za-z_-]{1,64})-[0-9a-f]{8,}", re.ASCII)


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
        name=str(channel.get("name", "")),
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
        case {"type": "StasisStart", "channel": channel}:
            return e.Created(leg=leg, at=timestamp(channel["creationtime"]), name=channel.get("name", ""))
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
        case {"type": "ChannelTransfer"}:  # of a leg that talks to nobody; or of one whose telephone hung up meanwhile
            return e.Referred(leg=leg, at=at, to="")
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
