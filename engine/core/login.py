"""An agent's log-in by telephone: asked for the agent and the PIN by voice, told how it came out, hung up on.

What is entered is kept nowhere: not in a row, not in a log. Who is cut off calls again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.core import commands as c
from engine.core import events as e
from engine.core.causes import CAUSE_NORMAL
from engine.core.ivr import Prompt

LEG = "b1"
Said = Literal["agent", "pin", "again", "anew", "in", "out", "refused", "away"]
TEXTS: Mapping[Said, str] = {
    "agent": "Please enter your agent number, then press hash.",
    "pin": "Please enter your PIN, then press hash.",
    "again": "This is not right. Please enter your PIN again, then press hash.",
    "anew": "This is not right. Please enter your agent number again, then press hash.",
    "in": "You are logged in. Goodbye.",
    "out": "You are logged out. Goodbye.",
    "refused": "This is not right. Goodbye.",
    "away": "This is not possible now. Please try again later.",
}
TRIES = 3
LONGEST = 64  # keys
KEY_SECONDS = 6.0  # after the question, and from key to key
LATE_SECONDS = 5.0  # how much later than its length Asterisk may tell that a prompt was played
VISIT_SECONDS = 120.0
END_SECONDS = 10.0  # so long its end is waited for: who hears of it no more forgets it then
KEY = "key"
SAID = "said"
VISIT = "visit"
END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn(c.Command):
    """Log the agent in, or out, if that is the agent's PIN."""

    agent_id: str
    pin: str = field(repr=False)
    to: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn(e.Event):
    """The answer to `LogIn`: done, the wrong PIN, or nobody knows as the store is away."""

    how: Literal["done", "wrong", "away"]


@dataclass(slots=True, kw_only=True)
class Login:
    """One such call. `own` is the agent whose extension calls, "" for anybody's: only then the number is asked for."""

    to: bool
    own: str
    prompts: Mapping[Said, Prompt]
    asking: Literal["", "agent", "pin"] = ""
    agent_id: str = ""
    entered: str = field(default="", repr=False)
    ahead: str = field(default="", repr=False)  # keys that came while the PIN was being proven
    tries: int = 0
    plays: int = 0
    ending: bool = False
    over: bool = False
    deadlines: dict[str, float] = field(default_factory=dict)

    def start(self, at: float) -> list[c.Command]:
        """Answer."""
        self.deadlines[VISIT] = at + VISIT_SECONDS
        return [c.Answer(leg=LEG)]

    def note(self, event: e.Event) -> list[c.Command]:
        """Take a fact in and answer with what to do."""
        match event:
            case e.Ended() | e.Missed():
                return self._end()
            case e.Answered(at=at) if not self.asking and not self.plays:
                return self._begin(at)
            case e.Pressed(at=at, digit=digit) if self.asking:
                return self._pressed(at, digit)
            case e.Pressed(digit=digit) if self.plays and not self.ending:
                self.ahead = (self.ahead + digit)[:LONGEST]
                return []
            case LoggedIn() if not self.ending:
                return self._told(event)
            case e.Played(at=at, playback=playback) if playback == self.plays:
                return self._played(at)
            case e.DeadlinePassed(name=name) if self.deadlines.pop(name, None) is not None:
                return self._late(event)
            case _:
                return []

    @property
    def deadline(self) -> float | None:
        """The earliest deadline."""
        return min(self.deadlines.values(), default=None)

    def due(self, now: float) -> list[e.DeadlinePassed]:
        """The deadlines that have come."""
        return [e.DeadlinePassed(at=now, name=name) for name, at in self.deadlines.items() if at <= now]

    def _late(self, passed: e.DeadlinePassed) -> list[c.Command]:
        match passed.name:
            case "said":
                return self._played(passed.at)
            case "key":
                return self._entered(passed.at)
            case "end":
                return self._end()
            case _:
                return self._hang_up(passed.at)

    def _end(self) -> list[c.Command]:
        self.over = True
        self.deadlines.clear()
        return []

    def _begin(self, at: float, said: Said | None = None) -> list[c.Command]:
        """Ask for all that has to be entered: an agent number that was keyed may have been the mistake."""
        self.agent_id = self.own
        return self._ask(at, "pin" if self.own else "agent", said)

    def _ask(self, at: float, what: Literal["agent", "pin"], said: Said | None = None) -> list[c.Command]:
        self.asking, self.entered = what, ""
        return self._say(at, said or what)

    def _pressed(self, at: float, digit: str) -> list[c.Command]:
        quiet = self._interrupt()
        if digit == "#":
            return [*quiet, *self._entered(at)]
        self.entered = "" if digit == "*" else (self.entered + digit)[:LONGEST]
        self.deadlines[KEY] = at + KEY_SECONDS
        return quiet

    def _entered(self, at: float) -> list[c.Command]:
        """All keys are in, or no more come."""
        self.deadlines.pop(KEY, None)
        asked, entered = self.asking, self.entered
        if asked == "agent" and entered:
            self.agent_id = entered
            return self._ask(at, "pin")
        if asked == "agent":
            return self._in_vain(at)
        self.asking, self.entered = "", ""
        return [LogIn(agent_id=self.agent_id, pin=entered, to=self.to)] if entered else self._in_vain(at)

    def _told(self, answer: LoggedIn) -> list[c.Command]:
        if answer.how == "wrong":
            ahead, self.ahead = self.ahead.lstrip("#"), ""  # one more # than is needed is no answer
            again = self._in_vain(answer.at)
            return again + [
                order for digit in ahead for order in self.note(e.Pressed(leg=LEG, at=answer.at, digit=digit))
            ]
        self.ending = True
        return self._say(answer.at, "away" if answer.how == "away" else "in" if self.to else "out")

    def _in_vain(self, at: float) -> list[c.Command]:
        self.tries += 1
        if self.tries >= TRIES:
            self.asking, self.ending = "", True
            return self._say(at, "refused")
        return self._begin(at, "again" if self.own else "anew")

    def _say(self, at: float, said: Said) -> list[c.Command]:
        prompt = self.prompts[said]
        self.plays += 1
        self.deadlines[SAID] = at + prompt.seconds + LATE_SECONDS
        return [c.Play(leg=LEG, media=prompt.media, playback=self.plays, times=1)]

    def _played(self, at: float) -> list[c.Command]:
        self.deadlines.pop(SAID, None)
        if self.ending:
            return self._hang_up(at)
        if self.asking:
            self.deadlines[KEY] = at + KEY_SECONDS
        return []

    def _interrupt(self) -> list[c.Command]:
        self.deadlines.pop(KEY, None)
        return [c.StopPlay(leg=LEG, playback=self.plays)] if self.deadlines.pop(SAID, None) else []

    def _hang_up(self, at: float) -> list[c.Command]:
        self.asking, self.ending = "", True
        self.deadlines = {END: at + END_SECONDS}
        return [c.Hangup(leg=LEG, cause=CAUSE_NORMAL)]
