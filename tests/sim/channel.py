"""A channel of the simulated Asterisk and what it remembers; an application and its websocket."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.sim.parties import Party


class Listener(Protocol):
    """An application's websocket, seen from Asterisk."""

    def event(self, message: dict[str, Any]) -> bool:
        """Send an event; False where it is lost already."""


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    """One leg, and what became of it."""

    channel_id: str
    number: str
    endpoint: str
    app: str
    created_at: float
    state: str = "Down"
    in_stasis: bool = False
    dialed_at: float | None = None
    rang_at: float | None = None
    progress_at: float | None = None
    up_at: float | None = None
    ended_at: float | None = None
    ended_by: str = ""  # party, network, engine, dead-man, dial-timeout, second-dial or restart
    deleted_at: float | None = None  # when a DELETE first came
    listed_as: str = ""  # the last state a GET told
    lost: list[str] = field(default_factory=list)  # events that nobody was there for
    muted: bool = False
    bridge: str | None = None
    party: Party | None = None
    copy_of: "Channel | None" = None  # whose party's sound it has
    variables: dict[str, str] = field(default_factory=dict)
    recording: str = ""  # what its sound is written as
    recorded_at: float | None = None


@dataclass(slots=True)
class App:
    """A Stasis application: it lives while it has a websocket or a channel."""

    socket: Listener | None = None
    allowed: frozenset[str] | None = None
