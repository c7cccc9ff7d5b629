"""What will happen in one run, all of it drawn from a seed: calls, parties, faults."""

from dataclasses import dataclass
from random import Random

from engine.core.amd import Amd
from engine.core.ivr import Choice, Ivr, Prompt, Step
from engine.core.request import CallRequest, CampaignAttempt, RecordingOption, Speech, Target
from engine.core.request import Party as CalledParty
from engine.crash import POINTS
from tests.sim.parties import Party, party

BUSY_SECONDS = 15.0  # when calls are asked for and faults happen
TRUNKS = ("one", "two")
RECORDED: tuple[RecordingOption, ...] = ("", "both", "agent", "customer")
AGENT = "agent:201"  # whom a campaign connects to
KINDS = (
    *("kill", "point", "point", "request", "statement", "terminate", "cut", "cut", "stall"),
    *("freeze-asterisk", "restart-asterisk", "lose-response", "late-response"),
    *("store-away", "store-frozen", "lose-commit"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """A request, what its two numbers do each time they are rung, and when an operator ends it, if ever."""

    at: float
    request: CallRequest
    parties: dict[str, list[Party]]
    cancelled_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that breaks at a time (or, with `number`, at the n-th such thing), for so long."""

    kind: str
    at: float = 0.0
    seconds: float = 0.0
    number: int = 0
    point: str = ""

    def __str__(self) -> str:
        if self.number:
            return f"{self.kind} {self.point or self.number}" + (f":{self.number}" if self.point else "")
        return f"{self.kind} at {self.at:.3f}" + (f" for {self.seconds:.2f} s" if self.seconds else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run."""

    seed: int
    calls: list[PlannedCall]
    faults: list[Fault]
    shuffle_seconds: float
    repeat: float
    slow_seconds: float
    engines: int  # a second one waits for the first to go
    restart_seconds: float  # from an engine's end to the next one's start


def plan(seed: int) -> Plan:
    """The run of that seed."""
    random = Random(f"plan {seed}")
    return Plan(
        seed=seed,
        calls=[_call(random, number) for number in range(random.randint(3, 8))],
        faults=sorted((_fault(random) for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3, 4)))), key=str),
        shuffle_seconds=random.choice((0.0, 0.0, 0.0, 0.02, 0.2)),
        repeat=random.choice((0.0, 0.0, 0.2)),
        slow_seconds=random.choice((0.0, 0.0, 0.0, 0.1)),
        engines=random.choice((1, 1, 1, 1, 2)),
        restart_seconds=random.choice((0.6, random.uniform(0.5, 3), random.uniform(3, 12))),
    )


def _call(random: Random, number: int) -> PlannedCall:
    ring_seconds = random.randint(2, 10)
    agent, customer = f"9199100{number:02}101", f"9199100{number:02}202"
    at = random.uniform(1.0, BUSY_SECONDS)
    called = _called(random, agent, ring_seconds), _called(random, customer, ring_seconds)
    talk_seconds = random.choice((3, 10, 30))
    click2call = CallRequest(
        account_id="account_1",
        kind="click2call",
        agent=called[0],
        customer=called[1],
        max_talk_seconds=talk_seconds,
        recording=Random(f"recording {agent} {at}").choice(RECORDED),  # drawn by itself: see below
    )
    # Drawn by itself: a seed's other calls stay what they were.
    of_campaign = Random(f"campaign {agent} {at}")
    return PlannedCall(
        at=at,
        request=_campaign(of_campaign, *called, talk_seconds) if of_campaign.random() < 0.3 else click2call,
        parties={each: [party(random, ring_seconds=ring_seconds) for _ in range(3)] for each in (agent, customer)},
        cancelled_at=at + random.uniform(0, 20) if random.random() < 0.1 else None,
    )


def _campaign(random: Random, agent: CalledParty, customer: CalledParty, talk_seconds: int) -> CallRequest:
    """A campaign's attempt: a speech, an IVR, a connection, or some of these."""
    said = Speech(media="sound:/sim/1.5", seconds=1.5, times=random.choice((1, 2)))
    return CallRequest(
        account_id="account_1",
        kind="campaign",
        customer=customer,
        max_talk_seconds=talk_seconds,
        campaign=CampaignAttempt(
            campaign_id="CM57362de4f0",
            campaign_type=1,
            list_id="LS57362de4f0",
            position=1,
            attempt=1,
            max_retries=0,
            retry_seconds=60,
            retry_on=(),
        ),
        speech=random.choice((None, said)),
        amd=random.choice((None, None, Amd(on_machine=random.choice(("hangup", "play", "beep"))))),
        ivr=random.choice((None, _ivr(random))),
        choices={AGENT: agent},
        connect_to=AGENT,
    )


def _ivr(random: Random) -> Ivr:
    """Two questions; the key that parties press leads anywhere."""
    choices = (
        Choice(then="next", answer="yes"),
        Choice(then="go_to", to="second"),
        Choice(then="repeat"),
        Choice(then="transfer", to=AGENT),
        Choice(then="transfer", to=AGENT),
        Choice(then="hang_up", answer="no"),
    )
    prompt = Prompt(media="sound:/sim/0.7", seconds=0.7)
    return Ivr(
        ivr_id="survey",
        steps=tuple(
            Step(
                name=name,
                prompt=prompt,
                keys={"5": random.choice(choices)} if random.random() < 0.8 else {},
                timeout_seconds=1.0,
                times=2,
                wrong=random.choice((None, prompt)),
                otherwise=random.choice(choices[:1] + choices[3:]),
            )
            for name in ("first", "second")
        ),
    )


def _called(random: Random, number: str, ring_seconds: int) -> CalledParty:
    trunks = ("nowhere", "one") if random.random() < 0.05 else TRUNKS[: random.choice((1, 1, 2))]
    endpoints = tuple(f"PJSIP/{number}@{trunk}" for trunk in trunks)
    target = Target(number=number, endpoints=endpoints)
    return CalledParty(targets=(target,), ring_seconds=ring_seconds, caller_id="15168148111")


def _fault(random: Random) -> Fault:
    at = random.uniform(0.5, BUSY_SECONDS + 10)
    number = random.randint(1, 40)
    match random.choice(KINDS):
        case "point":
            return Fault(kind="kill-at-point", number=random.randint(1, 5), point=random.choice(POINTS))
        case "request" | "statement" as act:
            return Fault(kind=f"kill-{random.choice(('before', 'after'))}-{act}", number=number)
        case "cut" | "kill" | "terminate" as kind:
            return Fault(kind=kind, at=at)
        case "stall":
            return Fault(kind="stall", at=at, seconds=random.choice((0.3, random.uniform(1, 4), random.uniform(4, 8))))
        case "freeze-asterisk":
            return Fault(kind="freeze-asterisk", at=at, seconds=random.choice((0.5, random.uniform(1, 4), 8.0)))
        case "restart-asterisk":
            return Fault(kind="restart-asterisk", at=at, seconds=random.uniform(0.3, 4))
        case "store-away" | "store-frozen" as kind:
            return Fault(kind=kind, at=at, seconds=random.choice((0.5, random.uniform(1, 5), random.uniform(5, 25))))
        case "late-response":
            return Fault(kind="late-response", number=number, seconds=random.choice((0.5, 2.5, 3.5, 6.0)))
        case kind:
            return Fault(kind=kind, number=number)
