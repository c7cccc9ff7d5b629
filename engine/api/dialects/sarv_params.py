"""The parameters of a Sarv request: names in any case, texts, one value each; and how each kind is read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.api.dialects.sarv_codes import INVALID_FORMAT, Coded

PARAMS = "params"
LONGEST = 50
TOO_LONG = "1569"
WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
NEGATIVE = re.compile(r"-[0-9]{1,9}", re.ASCII)
PRINTABLE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*")

EXEMPT = ("user_id", "token")
LISTS = ("from", "to", "timelimtalert", "alertaudio")
KNOWN = frozenset(
    {
        *EXEMPT,
        *LISTS,
        *(
            side + name
            for side in ("from", "to")
            for name in ("type", "strategy", "ringtime", "retrycount", "weblogin", "calllogin", "cli")
        ),
        *("timelimit", "timelimithangup", "ringtone", "queuetimeout", "dndfilter", "mode"),
        *("sticky", "stickytimetype", "stickytimevalue", "stickyagentbusy"),
    }
)
# The right spelling of what the document calls timeLimtAlert; the DND filter has no name in it.
ALIASES = {"timelimitalert": "timelimtalert", "dnd": "dndfilter"}
TRUE, FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")


@dataclass(slots=True)
class Params:
    """By lower-case name, the trimmed text. `wrong` says that something can not be read, or was said twice."""

    texts: dict[str, str] = field(default_factory=dict)
    wrong: bool = False

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Any]], *, readable: bool) -> "Params":
        """The parameters of a request; those nobody knows are left out."""
        params = cls(wrong=not readable)
        for name, value in pairs:
            key = ALIASES.get(name.strip().lower(), name.strip().lower())
            if key in KNOWN:
                params._take(key, value)
        return params

    def _take(self, key: str, value: Any) -> None:
        if isinstance(value, bool):
            value = "true" if value else "false"
        if not isinstance(value, str | int) or not PRINTABLE.fullmatch(str(value).strip()):
            self.wrong = True
            return
        text = str(value).strip()
        self.wrong |= self.texts.setdefault(key, text) != text

    def has(self, name: str) -> bool:
        """Whether it was given, blank or not."""
        return name.lower() in self.texts

    def text(self, name: str) -> str:
        """Its text, "" where it is missing."""
        return self.texts.get(name.lower(), "")

    def elements(self, name: str) -> list[str]:
        """The trimmed elements of a list, none where it is missing or blank."""
        text = self.text(name)
        return [each.strip() for each in text.split(",")] if text else []

    def check(self) -> None:
        """Raise `Coded` for what is too long, then for what has no form."""
        for key, text in self.texts.items():
            parts = text.split(",") if key in LISTS else [text]
            if key not in EXEMPT and any(len(part.strip()) > LONGEST for part in parts):
                raise Coded(TOO_LONG)
        if self.wrong or any("" in self.elements(name) for name in LISTS):
            raise Coded(INVALID_FORMAT)

    def choice(self, name: str, *, of: Iterable[str], default: str, code: str) -> str:
        """One of some words, in any case; the default where it is missing. Raises `Coded`."""
        if not self.has(name):
            return default
        word = self.text(name).lower()
        for each in of:
            if each.lower() == word:
                return each
        raise Coded(code)

    def flag(self, name: str, *, default: bool) -> bool:
        """Yes or no, as people write them. Raises `Coded`."""
        word = self.choice(name, of=(*TRUE, *FALSE), default="", code=INVALID_FORMAT)
        return word in TRUE if word else default

    def whole(self, name: str, *, default: int, invalid: str, negative: str | None = None) -> int:
        """A whole number; the default where it is missing. Raises `Coded`."""
        text = self.text(name)
        if not self.has(name):
            return default
        if negative is not None and NEGATIVE.fullmatch(text) and int(text) < 0:
            raise Coded(negative)
        if not WHOLE.fullmatch(text):
            raise Coded(invalid)
        return int(text)
