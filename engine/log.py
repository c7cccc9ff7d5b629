"""Logs: one JSON line a fact on standard output, numbers masked, secrets never."""

import asyncio
import atexit
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO, cast

import orjson
import structlog

SECRET = re.compile(r"auth|token|password|secret|otp", re.IGNORECASE)
LONG_NUMBER = re.compile(r"[0-9]{3,}(?=[0-9]{4})")
IDS = frozenset({"call", "node", "app", "version"})


def configure() -> None:
    """Send structlog's lines to standard output."""
    journal = Journal(sys.stdout.buffer)
    atexit.register(journal.close_turn)
    structlog.configure(
        processors=[structlog.processors.format_exc_info, mask, render],
        logger_factory=structlog.BytesLoggerFactory(cast(BinaryIO, journal)),
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=True,
    )


class Journal:
    """A file that writes what was logged in one turn of the event loop at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        """Keep the line for the end of this turn; without a loop, write it now."""
        self._lines.append(line)
        if len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.close_turn)
            except RuntimeError:
                self.close_turn()

    def flush(self) -> None:
        """Nothing: each turn's lines are flushed together."""

    def close_turn(self) -> None:
        """Write what was kept."""
        lines, self._lines = self._lines, []
        self._file.write(b"".join(lines))
        self._file.flush()


def mask(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The line with secrets taken out and of each long number only the last four digits left."""
    for key, value in line.items():
        if is_secret(key):
            line[key] = "***"
        elif isinstance(value, str) and key not in IDS:
            line[key] = masked(value)
    return line


def render(_: Any, level: str, line: MutableMapping[str, Any]) -> bytes:
    """The line as JSON: what happened first, then of what, then when."""
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    return orjson.dumps({"event": line.pop("event"), **line, "level": level, "at": at}, default=str)


@lru_cache(maxsize=256)
def is_secret(key: str) -> bool:
    """Whether a fact of that name is never to be logged."""
    return SECRET.search(key) is not None


@lru_cache(maxsize=512)  # the same words come again and again
def masked(text: str) -> str:
    """The text with all but the last four digits of each long number as stars."""
    return LONG_NUMBER.sub(lambda found: "*" * len(found[0]), text)
