"""What Asterisk has of this node: its channels, its bridges, and when it was started."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.ari.client import Ari
from engine.ari.codec import ARRIVALS, timestamp
from engine.core.ids import channel_id, leg_id, split

RINGS = "Ring"
TIME = re.compile(r"[0-9]+\.[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """One look at it. Other nodes' and strangers' are left out.

    `channels` maps each channel's id to its state, `bridges` each bridge's to its channels. `arrived` are those that
    came in to our application and are not known to be a leg: ARI's own objects, by Asterisk's id.
    """

    node: str
    started_at: float
    channels: dict[str, str]
    bridges: dict[str, list[str]]
    arrived: dict[str, dict[str, Any]]

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
            arrived={each["id"]: each for each in channels if _came_in(each, app=ari.app)},
        )

    def known(self, came_in: Mapping[str, tuple[str, str]]) -> "Census":
        """The same, where these channels that came in are legs: they have the ids of their legs."""
        names = {channel: leg_id(self.node, *came_in[channel]) for channel in self.arrived if channel in came_in}
        return replace(
            self,
            channels=self.channels | {name: self.arrived[channel]["state"] for channel, name in names.items()},
            bridges={
                bridge: [names.get(channel, channel) for channel in channels]
                for bridge, channels in self.bridges.items()
            },
            arrived={channel: each for channel, each in self.arrived.items() if channel not in names},
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
        # One that came in and rings is not an orphan, but a call that nobody has taken in yet.
        channels += [channel for channel, each in self.arrived.items() if each["state"] != RINGS]
        return channels, [bridge for bridge in self.bridges if not owned(self._owner(bridge)[0])]

    def _owner(self, thing_id: str) -> tuple[str, str]:
        owner = split(self.node, thing_id)
        assert owner is not None
        return owner


async def answered_at(ari: Ari, node: str, legs: Iterable[tuple[str, str, str]]) -> dict[str, dict[str, float]]:
    """By call id, when Asterisk's own CDR says each leg was answered; not those it keeps none of (`func_cdr`)."""
    found: dict[str, dict[str, float]] = {}
    for call_id, leg, own in legs:
        channel = channel_id(node, call_id, leg, own)
        reply = await ari.channels.getChannelVar(channelId=channel, variable="CDR(answer,u)")
        told = reply.body.get("value", "") if reply.done else ""
        if TIME.fullmatch(told):
            found.setdefault(call_id, {})[leg] = float(told)
    return found


def _came_in(channel: dict[str, Any], *, app: str) -> bool:
    place = channel.get("dialplan") or {}
    name, _, wanted = place.get("app_data", "").partition(",")
    return place.get("app_name") == "Stasis" and name == app and wanted.partition(",")[0] in ARRIVALS


async def _told(asked: Any, what: str) -> Any:
    reply = await asked
    if not reply.done or reply.body is None:
        raise ConnectionError(f"Asterisk does not tell its {what}: {reply.status}")
    return reply.body
