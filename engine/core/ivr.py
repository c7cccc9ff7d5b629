"""An interactive voice response: questions that are asked by voice and answered with keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Then = Literal["next", "go_to", "repeat", "transfer", "hang_up"]
TIMEOUT_SECONDS = 5.0
TIMES = 3
IVR_SECONDS = 900  # how long a visit may last, whatever leads where


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A sound, by its media URI, and how long it is; or the `text` it is to be made of, while it has no media."""

    media: str = ""
    seconds: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What follows: the next step, the step it goes `to`, the same again, a transfer `to` somebody, the end.

    `answer` is kept as the answer to the step's question, None where this is none.
    """

    then: Then
    to: str = ""
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One question: said up to `times`, until a key of `keys` is pressed within so many seconds of its end.

    A wrong key is answered by `wrong`, where there is such a prompt. When it was asked in vain for the last time,
    `otherwise` follows.
    """

    name: str
    prompt: Prompt
    keys: Mapping[str, Choice]
    timeout_seconds: float = TIMEOUT_SECONDS
    times: int = TIMES
    wrong: Prompt | None = None
    otherwise: Choice = Choice(then="hang_up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ivr:
    """Steps in their order, the first one first. `voice` and `language_code` are whose texts' are."""

    ivr_id: str
    steps: tuple[Step, ...]
    voice: str = ""
    language_code: str = ""


def transfers(ivr: Ivr) -> set[str]:
    """To whom it transfers, as it is written."""
    choices = [choice for step in ivr.steps for choice in (*step.keys.values(), step.otherwise)]
    return {choice.to for choice in choices if choice.then == "transfer" and choice.to}


@dataclass(slots=True, kw_only=True)
class Visit:
    """Where in an IVR somebody is: at which step, how often that was asked, and what was answered, by step."""

    step: str
    asked: int = 0
    answers: dict[str, str] = field(default_factory=dict)
