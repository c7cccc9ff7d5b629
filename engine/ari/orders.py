"""Our commands as ARI's operations; pure."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from engine.ari.codec import PLAYBACK
from engine.core import commands as c
from engine.core.ids import bridge_id, leg_id, recorder, snoop

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
AWAY_CONTEXT = "legwork-away"
TALK_DETECT = "1200,256"  # so many milliseconds below that level are silence; measured on machines' greetings

TRANSFER_STATES = ("channel_progress", "channel_answered", "channel_unavailable", "channel_declined")
# Where an account's recordings lie, below Asterisk's own folder of them.
FOLDER = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,63}", re.ASCII)
MEDIA = re.compile(r"sound:[0-9A-Za-z/._-]{1,500}", re.ASCII)

Request = tuple[str, str, dict[str, object]]  # resource, nickname, arguments
ALL_OURS: Mapping[str, str] = MappingProxyType({})


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
