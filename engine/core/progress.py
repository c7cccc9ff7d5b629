"""How far a campaign is: its contacts, its attempts, its pace, and when it will be over at that pace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.core.campaign import Campaign, State
from engine.core.causes import Disposition

MINUTE_SECONDS = 60.0
OUTCOMES = {
    "answered": Disposition.ANSWER,
    "busy": Disposition.BUSY,
    "no_answer": Disposition.NOANSWER,
    "congestion": Disposition.CONGESTION,
    "failed": Disposition.CHANUNAVAIL,
    "dnd": Disposition.DND,
    "cancelled": Disposition.CANCEL,
}
VERDICTS = ("human", "machine", "silence", "unsure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A campaign as it is `at` that time (epoch seconds).

    Of its `contacts` so many are `enrolled`, which is `queued`, `calling` or `done`; `retrying` are those of the
    queued ones that were called before. `outcomes` and `verdicts` count attempts that are over, those of contacts who
    were not dialled included: by disposition, and of the answered ones by what was heard (human, machine, silence,
    unsure; none where nobody listened). `last_due_at` is when the last retry is due, `last_minute` how many calls
    were started in the last 60 s.
    """

    campaign: Campaign
    at: float
    contacts: int
    enrolled: int
    queued: int
    retrying: int
    calling: int
    done: int
    last_due_at: float | None = None
    last_minute: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    verdicts: Mapping[str, int] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        """All that is counted: of contacts, of attempts, of calls a minute."""
        return {
            "contacts": self.contacts,
            "enrolled": self.enrolled,
            "left": self.left,
            "queued": self.queued,
            "retrying": self.retrying,
            "calling": self.calling,
            "done": self.done,
            "attempts": {name: self.outcomes.get(disposition, 0) for name, disposition in OUTCOMES.items()},
            "answered_by": {verdict: self.verdicts.get(verdict, 0) for verdict in VERDICTS},
            "calls_last_minute": self.last_minute,
            "calls_per_minute": self.campaign.calls_per_minute,
        }

    @property
    def left(self) -> int:
        """How many contacts wait for a call: those not enrolled yet, and those queued."""
        return max(0, self.contacts - self.enrolled) + self.queued

    @property
    def is_over(self) -> bool:
        """Nobody is called any more, and no call is on."""
        return self.campaign.state in (State.STOPPED, State.COMPLETED, State.FAILED) and not self.calling

    @property
    def expected_end(self) -> float | None:
        """When the last call will be started, if all goes on as now; None where nothing goes on.

        Until it has run for a minute its pace is what it may be.
        """
        campaign = self.campaign
        if campaign.state not in (State.SCHEDULED, State.RUNNING):
            return None
        begun = campaign.started_at is not None and self.at - campaign.started_at >= MINUTE_SECONDS
        pace = self.last_minute if begun and self.last_minute else campaign.calls_per_minute
        end = max(self.at, campaign.starts_at) + self.left / pace * MINUTE_SECONDS
        end = max(end, self.last_due_at or 0.0)
        return end if campaign.ends_at is None else min(end, campaign.ends_at)
