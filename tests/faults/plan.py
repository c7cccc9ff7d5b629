"""What one run does, all of it from its seed: whom it calls, when, and how the fault strikes."""

import random
from dataclasses import dataclass

from engine import crash

RING_SECONDS = 7
TALK_SECONDS = 10
DRAIN_SECONDS = RING_SECONDS + 5.0  # a deploy waits for what rings, and no longer
LEAD_SECONDS = 9.0  # from the first call to the fault
SETUP_SECONDS = 0.3  # the age at which a call is most easily hurt
YOUNG_SHARE = 0.35  # of the calls are no older than that at the fault
AFTER = 3  # calls asked for in the second after the fault
NUMBERS = 500  # pairs of numbers, then the same again
SAFETY = 0.8  # a point is reached so much earlier than estimated

TONES = tuple(f"{row:02}" for row in range(10))
AGENTS = (*TONES * 3, "10", "11", "10", "11", "14", "20", "30")
CUSTOMERS = (*TONES * 2, *("10", "11") * 4, "20", "20", "30", "30", "60", "60", "60", "60", "90", "90", "91", "91")

ANSWERS_AFTER = {"10": 5.0, "11": 6.0, "91": 5.0, "14": None, "20": None, "30": None, "90": None}

KINDS = (
    "kill",
    "freeze-1",
    "freeze-5",
    "freeze-30",
    "ari-cut",
    "ari-stall-1",
    "ari-stall-5",
    "lost-response",
    "lost-connection",
    "postgres-kill",
    "postgres-freeze",
    "asterisk-kill",
    "deploy",
    *(f"crash@{point}" for point in crash.POINTS),
)
LOSABLE = ("channels/create", "/dial", "POST bridges", "/addChannel", "/unmute", "DELETE channels")


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One request: whom, and how long after the beginning of the run."""

    at: float
    agent: str
    customer: str

    @property
    def agent_after(self) -> float | None:
        """When its agent answers, after the request; None is never."""
        return ANSWERS_AFTER.get(self.agent[-2:], 0.0)

    @property
    def customer_after(self) -> float | None:
        """When its customer answers, after the request."""
        rings = ANSWERS_AFTER.get(self.customer[-2:], 0.0)
        return None if self.agent_after is None or rings is None else self.agent_after + rings

    @property
    def life_seconds(self) -> float:
        """How long it is in flight when nothing goes wrong."""
        if self.agent_after is None:
            return 0.2 if self.agent[-2:] == "20" else float(RING_SECONDS)
        if self.customer_after is None:
            return self.agent_after + 3 + (0.0 if self.customer[-2:] == "20" else RING_SECONDS)
        return self.customer_after + (3.0 if self.customer[-2:] == "60" else float(TALK_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run."""

    seed: int
    kind: str
    calls: tuple[PlannedCall, ...]
    lead: float = LEAD_SECONDS  # when the fault strikes, in seconds from the first call
    talk_seconds: int = TALK_SECONDS
    away_seconds: float = 1.0  # how long whatever is away stays away, where the kind does not say
    losable: str = ""
    crash_times: int = 1
    recorded: bool = True  # over the lab's own carrier
    large: str = ""  # which of the large runs it is

    @property
    def crash_at(self) -> str | None:
        """What LEGWORK_CRASH_AT says, for the kinds that crash at a point."""
        _, _, point = self.kind.partition("@")
        return f"{point}:{self.crash_times}" if point else None

    @property
    def again(self) -> str:
        """The options that make this run again."""
        return f"{self.large} --seed {self.seed}" if self.large else f"--replay {self.seed} --fault {self.kind}"

    @property
    def waits_for_point(self) -> bool:
        """The engine dies by itself, when it comes to the point."""
        return self.crash_at is not None and "@adopt." not in self.kind


def kind_of(seed: int) -> str:
    """Consecutive seeds go through all kinds."""
    return KINDS[seed % len(KINDS)]


def plan(seed: int, *, calls: int, kind: str | None = None) -> Plan:
    """The run of that seed."""
    dice = random.Random(seed)
    kind = kind or kind_of(seed)
    first = dice.randrange(NUMBERS)
    placed = [_call(dice, first + turn, late=turn >= calls) for turn in range(calls + AFTER)]
    placed.sort(key=lambda call: call.at)
    return Plan(
        seed=seed,
        kind=kind,
        calls=tuple(placed),
        away_seconds=dice.choice((1.0, 3.0, 6.0)),
        losable=dice.choice(LOSABLE),
        crash_times=_times(kind.partition("@")[2], placed),
    )


def pair(turn: int, *, agent: str, customer: str) -> tuple[str, str]:
    """An agent's and a customer's number, of these rows; others for each turn."""
    line = 2 * (turn % NUMBERS)
    return f"9199100{line:03}{agent}", f"9199100{line + 1:03}{customer}"


def _call(dice: random.Random, turn: int, *, late: bool) -> PlannedCall:
    agent, customer = pair(turn, agent=dice.choice(AGENTS), customer=dice.choice(CUSTOMERS))
    if late:
        return PlannedCall(LEAD_SECONDS + dice.uniform(0.0, 1.0), agent, customer)
    life = min(PlannedCall(0, agent, customer).life_seconds, LEAD_SECONDS)
    young = dice.random() < YOUNG_SHARE
    age = dice.uniform(0.0, min(life, SETUP_SECONDS) if young else 0.95 * life)
    return PlannedCall(LEAD_SECONDS - age, agent, customer)


def _times(point: str, calls: list[PlannedCall]) -> int:
    """How often the point is passed before the fault is due; a bit less, so that it is reached."""
    ages = [(call, LEAD_SECONDS - call.at) for call in calls]
    customers = sum(call.agent_after is not None and call.agent_after < age for call, age in ages)
    bridged = sum(call.customer_after is not None and call.customer_after < age for call, age in ages)
    started = sum(age > 0 for _, age in ages)
    passed = {
        "place.asked": customers,
        "place.saved": customers,
        "place.create_sent": started + customers,
        "place.created": started + customers,
        "place.dial_sent": started + customers,
        "call.answered": customers,
        "call.bridged": bridged,
        "write.committed": started,
    }
    return max(1, int(SAFETY * passed.get(point, 1)))
