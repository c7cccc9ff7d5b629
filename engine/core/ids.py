"""The ids we give to things in Asterisk, so that any event finds its call in one look-up."""

import re

CALLBACK = "c"  # what the ids of callbacks begin with, and no other call's
SNOOP = ".amd"  # what the names of copies of what a party says end with
RECORDER = re.compile(r"(.+)\.r([0-9]{1,4})", re.ASCII)  # names of copies that are recorded
NODE = re.compile(r"[a-z][a-z0-9]{0,15}", re.ASCII)


def leg_id(node: str, call_id: str, leg: str) -> str:
    """The leg's id, which is its channel's id."""
    return f"{node}-{call_id}.{leg}"


def channel_id(node: str, call_id: str, leg: str, channel: str) -> str:
    """The id of the leg's channel: the leg's, unless Asterisk gave its own `channel` to who called in."""
    return channel or leg_id(node, call_id, leg)


def snoop(leg: str) -> str:
    """The name of the copy of what the leg's party says, beside the legs' own names."""
    return leg + SNOOP


def recorder(leg: str, number: int) -> str:
    """The name of a copy of the leg that is recorded, and of its recording."""
    return f"{leg}.r{number}"


def bridge_id(node: str, call_id: str, bridge: int) -> str:
    """The bridge's id."""
    return f"{node}-{call_id}.{bridge}"


def of_callback(call_id: str) -> bool:
    """Whether only a callback may have this id: it is given long before the call is made."""
    return call_id.startswith(CALLBACK)


def split(node: str, thing_id: str) -> tuple[str, str] | None:
    """The call id and the leg's or bridge's name behind an id of ours; None for what is not this node's."""
    owner, dash, rest = thing_id.partition("-")
    if owner != node or not dash:
        return None
    call_id, dot, name = rest.partition(".")
    return (call_id, name) if dot else None
