"""What all campaigns of a node share: its switch, its store, its voices, and how many starts are granted."""

import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine.accounts import Accounts
from engine.core.campaign import Claim
from engine.core.request import CallRequest, Limits
from engine.counts import Counts
from engine.leads.speech import LeadSpeech
from engine.store.postgres import Store


class Switch(Protocol):
    """What campaigns need of the switch."""

    counts: Counts

    @property
    def ready(self) -> bool:
        """Whether new calls may be dialled."""

    def live_calls(self, account_id: str) -> int:
        """How many calls of that account are on."""

    def check(self, request: CallRequest) -> None:
        """Return if such a call may begin now, as far as can be said at once. Raises `Refusal`."""

    async def start(self, request: CallRequest, *, due: Claim) -> str:
        """Begin the lead's call. Raises `Refusal`."""


@dataclass(slots=True, kw_only=True)
class Means:
    """What all campaigns of a node share. `lease_seconds` is how long a claim outlives its node."""

    switch: Switch
    store: Store
    accounts: Accounts
    limits: Limits
    speech: LeadSpeech
    lease_seconds: float
    spawn: Callable[[Coroutine[Any, Any, None], str], object]
    starting: Counter[str] = field(default_factory=Counter)  # calls that were granted a start, by account
    ahead_seconds: float = 0.0  # of Postgres's clock, against the monotonic one

    def now(self) -> float:
        """What Postgres's clock shows, a moment late."""
        return time.monotonic() + self.ahead_seconds
