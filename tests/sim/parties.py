"""How the simulated telephone network behaves: what each number does when it is rung."""

from dataclasses import dataclass
from random import Random

FAILURES = ((17, 486), (34, 503), (1, 404), (21, 603), (38, 500), (58, 488), (19, 480), (20, 480))


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One answer to one INVITE. `failure` is a Q.850 cause and a SIP code; without one it answers, or never does."""

    trying_seconds: float  # before its network says anything
    rings: bool  # 180
    early_media: bool  # 183
    ringing_seconds: float  # from there to its answer or failure
    failure: tuple[int, int] | None
    answers: bool
    talk_seconds: float | None  # after which it hangs up; None: it stays until hung up
    digits: int = 0


def party(random: Random, *, ring_seconds: float) -> Party:
    """A random party; two in three answer."""
    kind = random.random()
    failure = random.choice(FAILURES) if kind < 0.2 else None
    return Party(
        trying_seconds=random.choice((0.002, random.uniform(0.01, 0.3), random.uniform(0.3, 3.0))),
        rings=random.random() < 0.75,
        early_media=random.random() < 0.25,
        ringing_seconds=random.choice((0.0, 0.0005, random.uniform(0.01, 1.0), random.uniform(0, 1.2 * ring_seconds))),
        failure=failure,
        answers=failure is None and kind < 0.88,
        talk_seconds=random.choice((None, None, 0.0005, random.uniform(0.01, 1), random.uniform(1, 40))),
        digits=random.choice((0, 0, 0, 3)),
    )
