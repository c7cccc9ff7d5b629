"""What Asterisk has of this node: its channels, its bridges, and when it was started."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from engine.ari.client import Ari
from engine.ari.codec import timestamp
from engine.core.ids import leg_id, split

TIME = re.compile(r"[0-9]+\.[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """One look at it. Other nodes' and strangers' are left out.

    `channels` maps each channel's id to its state, `bridges` each bridge's to its channels.
    """

    node: str
    started_at: float
    channels: dict[str, str]
    bridges: dict[str, list[str]]

    @classmethod
    async def take(cls, ari: Ari, *, node: str) -> "Census":
        """Look. Raises `ConnectionError` where Asterisk does not tell."""
        status = await _told(ari.asterisk.getInfo(only="status"), "state")
        channels = await _told(ari.channels.list(), "channels")
        bridges = await _told(ari.bridges.list(), "bridges")
        return cls(
            node=node,
            started_at=timestamp(status["status"]["startup_time"]),
            channels={each["id"]: each["state"] for each in channels if split(node, each["id"])},
            bridges={each["id"]: each.get("channels", []) for each in bridges if split(node, each["id"])},
        )

    def states(self) -> dict[str, dict[str, str]]:
        """By call id, each leg's state."""
        found: dict[str, dict[str, str]] = {}
        for channel, state in self.channels.items():
            call_id, leg = self._owner(channel)
            found.setdefault(call_id, {})[leg] = state
        return found

    def members(self, call_id: str) -> frozenset[str]:
        """The legs of that call that are in a bridge of its own."""
        found = (
            channel for bridge, channels in self.bridges.items() for channel in channels if self._is_of(bridge, call_id)
        )
        return frozenset(self._owner(channel)[1] for channel in found if self._is_of(channel, call_id))

    def _is_of(self, thing_id: str, call_id: str) -> bool:
        owner = split(self.node, thing_id)
        return owner is not None and owner[0] == call_id

    def orphans(self, owned: Callable[[str], bool]) -> tuple[list[str], list[str]]:
        """The channels and the bridges whose call, by its id, nobody owns."""
        channels = [channel for channel in self.channels if not owned(self._owner(channel)[0])]
        return channels, [bridge for bridge in self.bridges if not owned(self._owner(bridge)[0])]

    def _owner(self, thing_id: str) -> tuple[str, str]:
        owner = split(self.node, thing_id)
        assert owner is not None
        return owner


async def answered_at(ari: Ari, node: str, legs: Iterable[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """By call id, when Asterisk's own CDR says each leg was answered; not those it keeps none of (`func_cdr`)."""
    found: dict[str, dict[str, float]] = {}
    for call_id, leg in legs:
        reply = await ari.channels.getChannelVar(channelId=leg_id(node, call_id, leg), variable="CDR(answer,u)")
        told = reply.body.get("value", "") if reply.done else ""
        if TIME.fullmatch(told):
            found.setdefault(call_id, {})[leg] = float(told)
    return found


async def _told(asked: Any, what: str) -> Any:
    reply = await asked
    if not reply.done or reply.body is None:
        raise ConnectionError(f"Asterisk does not tell its {what}: {reply.status}")
    return reply.body
