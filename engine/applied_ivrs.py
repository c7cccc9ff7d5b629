"""The accounts file's IVRs and endpoints: questions that hang together, and a way out for whoever presses nothing."""

from collections.abc import Collection, Iterator
from typing import Annotated

from pydantic import Field, model_validator

from engine.applied_item import Id, Item
from engine.core.refusal import InvalidRequest
from engine.core.speech import FIELD, manner, spoken

Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
Words = Annotated[str, Field(min_length=1, max_length=3000)]


class Choice(Item):
    """What follows a key, or silence: one thing at most, the next step where nothing is said.

    `answer` is what is kept as the answer to the question.
    """

    answer: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,100}$")] | None = None
    go_to: Id | None = None
    repeat: bool = False
    transfer: Annotated[str, Field(pattern=r"^(agent|group|extension|endpoint):[0-9A-Za-z._-]+$")] | None = None
    hangup: bool = False
    next: bool = False

    @model_validator(mode="after")
    def _one_thing(self) -> "Choice":
        said = [name for name in ("go_to", "repeat", "transfer", "hangup", "next") if getattr(self, name)]
        if len(said) > 1:
            raise ValueError(f"{' and '.join(said)}: one of them is wanted")
        return self


class Step(Item):
    """One question: a text or an announcement, asked so many times, and what each key means."""

    id: Id
    text: Words | None = None
    announcement: Id | None = None
    timeout_seconds: float = Field(5.0, ge=1, le=60)
    tries: int = Field(3, ge=1, le=10)
    wrong_text: Words | None = None
    wrong_announcement: Id | None = None
    keys: dict[Key, Choice]
    otherwise: Choice = Choice(hangup=True)

    @model_validator(mode="after")
    def _is_a_question(self) -> "Step":
        if (self.text is None) == (self.announcement is None):
            raise ValueError("a step has either a text or an announcement")
        if self.wrong_text is not None and self.wrong_announcement is not None:
            raise ValueError("a step has either a wrong_text or a wrong_announcement")
        if not self.keys:
            raise ValueError("a step without keys asks nothing")
        if self.otherwise.repeat:
            raise ValueError("otherwise follows when a step was said in vain for the last time: it can not repeat it")
        return self

    @property
    def choices(self) -> Iterator[tuple[str, Choice]]:
        """All that may follow, each with what it is called."""
        yield from ((f"keys.{key}", choice) for key, choice in self.keys.items())
        yield "otherwise", self.otherwise


class Ivr(Item):
    """Questions in their order, the first one first, and who speaks their texts."""

    id: Id
    voice: str = ""
    language_code: str = ""
    step: list[Step] = Field(min_length=1)

    @model_validator(mode="after")
    def _holds_together(self) -> "Ivr":
        names = [step.id for step in self.step]
        if double := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"step {', '.join(double)}: given twice")
        for step in self.step:
            for name, choice in step.choices:
                if choice.go_to is not None and choice.go_to not in names:
                    raise ValueError(f"step {step.id}: {name}: there is no step {choice.go_to}")
        reached = self._reached()
        if lost := [name for name in names if name not in reached]:
            raise ValueError(f"step {', '.join(lost)}: nothing leads there")
        self._ends_in_silence()
        return self

    @model_validator(mode="after")
    def _can_be_spoken(self) -> "Ivr":
        try:
            _, warnings = manner(voice=self.voice or None, language_code=self.language_code or None)
        except InvalidRequest as exc:
            raise ValueError(exc.message) from exc
        if warnings:
            raise ValueError(warnings[0])
        for step in self.step:
            for name, words in (("text", step.text), ("wrong_text", step.wrong_text)):
                if wrong := words and _unspeakable(words):
                    raise ValueError(f"step {step.id}: {name}: {wrong}")
        return self

    def _after(self, place: int, choice: Choice) -> int | None:
        """The place of the step that follows, None where the call is over or goes on elsewhere."""
        if choice.transfer is not None or choice.hangup:
            return None
        if choice.go_to is not None:
            return next(each for each, step in enumerate(self.step) if step.id == choice.go_to)
        if choice.repeat:
            return place
        return place + 1 if place + 1 < len(self.step) else None

    def _reached(self) -> set[str]:
        """The steps that somebody may come to."""
        found, open_places = {0}, [0]
        while open_places:
            place = open_places.pop()
            after = {self._after(place, choice) for _, choice in self.step[place].choices}
            fresh = {each for each in after if each is not None} - found
            found |= fresh
            open_places += fresh
        return {self.step[place].id for place in found}

    def _ends_in_silence(self) -> None:
        """Raise where who presses nothing is led in a ring."""
        for start in range(len(self.step)):
            seen: list[int] = []
            place: int | None = start
            while place is not None:
                if place in seen:
                    ring = ", ".join(self.step[each].id for each in seen)
                    raise ValueError(f"step {ring}: who presses nothing never gets out of there")
                seen.append(place)
                place = self._after(place, self.step[place].otherwise)


class Endpoint(Item):
    """A voice bot or a voicemail of our own, under an id that is never taken for a number."""

    id: Annotated[str, Field(pattern=r"^[a-z][0-9a-z_-]{0,31}$")]
    endpoint: Annotated[str, Field(pattern=r"^PJSIP/[0-9A-Za-z_-]{1,64}(@[0-9A-Za-z_-]{1,64})?$")]


def _unspeakable(words: str) -> str:
    """Why a text can not be spoken to everybody; "" where it can."""
    if FIELD.search(words):
        return "a question is the same for everybody: it has no {fields}"
    try:
        spoken(words, {})
    except InvalidRequest as exc:
        return exc.message.removeprefix("template: ")
    return ""


def check(ivr: Ivr, *, targets: Collection[str], announcements: Collection[str]) -> None:
    """Raise `ValueError` where an IVR names somebody or some announcement that the account has not."""
    for step in ivr.step:
        for name, choice in step.choices:
            if choice.transfer is not None and choice.transfer not in targets:
                raise ValueError(f"ivr {ivr.id}: step {step.id}: {name}: nobody is at {choice.transfer}")
        for name, announcement in (
            ("announcement", step.announcement),
            ("wrong_announcement", step.wrong_announcement),
        ):
            if announcement is not None and announcement not in announcements:
                raise ValueError(f"ivr {ivr.id}: step {step.id}: {name}: there is no announcement {announcement}")
