"""What Asterisk has of this node: its channels, its bridges, and when it was started."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.ari.client import Ari
from engine.ari.codec import timestamp
from engine.core.ids import split


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """One look at it. `channels` maps each channel's id to its state; other nodes' and strangers' are left out."""

    node: str
    started_at: float
    channels: dict[str, str]
    bridges: list[str]

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
            bridges=[each["id"] for each in bridges if split(node, each["id"])],
        )

    def states(self) -> dict[str, dict[str, str]]:
        """By call id, each leg's state."""
        found: dict[str, dict[str, str]] = {}
        for channel, state in self.channels.items():
            call_id, leg = self._owner(channel)
            found.setdefault(call_id, {})[leg] = state
        return found

    def orphans(self, owned: Callable[[str], bool]) -> tuple[list[str], list[str]]:
        """The channels and the bridges whose call, by its id, nobody owns."""
        channels = [channel for channel in self.channels if not owned(self._owner(channel)[0])]
        return channels, [bridge for bridge in self.bridges if not owned(self._owner(bridge)[0])]

    def _owner(self, thing_id: str) -> tuple[str, str]:
        owner = split(self.node, thing_id)
        assert owner is not None
        return owner


async def _told(asked: Any, what: str) -> Any:
    reply = await asked
    if not reply.done:
        raise ConnectionError(f"Asterisk does not tell its {what}: {reply.status}")
    return reply.body or []
