"""What an engine has counted since it started: plain numbers, worded for Prometheus only when it asks."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from engine.core.call import Call
from engine.core.cdr import outcome_of

LAG_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0)


@dataclass(slots=True)
class Lag:
    """How late the event loop came to what was due: how often up to each of LAG_SECONDS, and later."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(LAG_SECONDS) + 1))
    sum_seconds: float = 0.0

    def note(self, seconds: float) -> None:
        """It came this late."""
        self.counts[bisect_left(LAG_SECONDS, seconds)] += 1
        self.sum_seconds += seconds


@dataclass(slots=True)
class Counts:
    """Of calls and legs, by what tells them apart; never by account or number."""

    calls_started: Counter[str] = field(default_factory=Counter)  # by kind
    calls_ended: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind, disposition
    legs_ended: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # by side, disposition, Q.850 cause
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)  # by dialect, code
    adopt_runs: int = 0
    lag: Lag = field(default_factory=Lag)

    def note_ended(self, call: Call) -> None:
        """This call is over."""
        self.calls_ended[call.request.kind, outcome_of(call).disposition.value] += 1
        for leg in call.legs.values():
            cause = "" if leg.cause is None else str(leg.cause)
            self.legs_ended[leg.side, leg.outcome.disposition.value, cause] += 1
