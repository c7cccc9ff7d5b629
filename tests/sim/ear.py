"""Copies of what a party says, in the simulated Asterisk: made, put through AMD, told of talk, gone with their leg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sim.channel import Channel

if TYPE_CHECKING:
    from tests.sim.asterisk import Asterisk

VERDICTS = (
    *(("HUMAN", "HUMAN-700-700"), ("HUMAN", "HUMAN-700-700"), ("MACHINE", "MAXWORDS-6-5")),
    *(("MACHINE", "INITIALSILENCE-3000-3000"), ("NOTSURE", "TOOLONG-5000")),
)
AMD, TALK = "LEGWORK_AMD", "TALK_DETECT(set)"
LONGEST_SECONDS = 5.0


def snoop(asterisk: Asterisk, leg: Channel, snoop_id: str, app: str) -> tuple[int, Any]:
    """Make a copy of the leg's."""
    if snoop_id in asterisk.channels:
        return 409, {"message": "exists"}
    copy = Channel(
        channel_id=snoop_id, number="", endpoint="Snoop", app=app, created_at=asterisk.now, state="Up", copy_of=leg
    )
    asterisk.appear(copy)
    return 200, {"id": snoop_id}


def record(asterisk: Asterisk, copy: Channel, name: str) -> tuple[int, Any]:
    """Write it into a file from now on, until it ends."""
    if not copy.in_stasis:
        return 409, {"message": "not in Stasis"}
    if any(each.recording == name for each in asterisk.every_channel):
        return 409 if copy.recording == name else 422, {"message": "exists"}
    copy.recording, copy.recorded_at = name, asterisk.now
    asterisk.tell(copy, "RecordingStarted", recording={"name": name})
    return 201, {"name": name}


def ended(asterisk: Asterisk, copy: Channel) -> None:
    """Its file is whole."""
    if copy.recording:
        asterisk.tell(copy, "RecordingFinished", recording={"name": copy.recording})


def tune(asterisk: Asterisk, copy: Channel, values: dict[str, str]) -> tuple[int, Any]:
    """Set variables; with one of them it tells from now on who talks."""
    if not copy.in_stasis:
        return 400, {"message": "Failed to execute function"}
    copy.variables |= values
    if TALK in values:
        _talk(asterisk, copy)
    return 204, None


def proceed(asterisk: Asterisk, copy: Channel) -> tuple[int, Any]:
    """Into the dialplan, where AMD listens and tells."""
    if not copy.in_stasis:
        return 409, {"message": "not in Stasis"}
    copy.in_stasis = False
    if AMD not in copy.variables:
        asterisk.later(0.001, lambda: asterisk.end(copy, "dialplan", cause=16))
        return 204, None
    status, cause = asterisk.random.choice(VERDICTS)

    def heard() -> None:
        if copy.ended_at is not None:
            return
        if copy.app not in asterisk.apps:
            asterisk.end(copy, "dialplan", cause=16)
            return
        copy.in_stasis = True
        asterisk.tell(copy, "StasisStart", args=["amd", status, cause])

    asterisk.later(asterisk.random.uniform(0.5, LONGEST_SECONDS), heard)
    return 204, None


def _talk(asterisk: Asterisk, copy: Channel) -> None:
    """It goes on for a while, and then there is silence; or there is nothing more to be heard."""
    if asterisk.random.random() < 0.3:
        return
    began = asterisk.random.uniform(0.01, 2.0)
    for seconds, kind in ((began, "Started"), (began + asterisk.random.uniform(1.2, 6.0), "Finished")):
        asterisk.later(seconds, lambda kind=kind: _tell(asterisk, copy, f"ChannelTalking{kind}"))  # type: ignore[misc]


def _tell(asterisk: Asterisk, copy: Channel, kind: str) -> None:
    if copy.ended_at is None:
        asterisk.tell(copy, kind)
