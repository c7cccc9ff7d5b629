"""Logs: one JSON line a fact on standard output; numbers masked, control characters spelled out, secrets never."""

import asyncio
import atexit
import logging
import re
import sys
import time
import warnings
from collections.abc import MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO

import orjson
import structlog
from aiohttp import BadContentDispositionHeader

SECRET = re.compile(r"auth|token|password|secret|otp", re.IGNORECASE)
# What may move a terminal's cursor, hide text or break a line: C0, C1, line and paragraph separators, directions.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
LONG_NUMBER = re.compile(r"[0-9]{3,}(?=[0-9]{4})")
IDS = frozenset({"call", "node", "app", "version"})
INFO = 20
# A request that is no HTTP. The words of these errors quote the line they stumbled over, a secret perhaps.
UNREADABLE = "aiohttp.http_exceptions"
KEPT_SECONDS = 0.1  # so long a line waits for company, but for a warning or worse

Line = MutableMapping[str, Any]


def configure() -> None:
    """Send structlog's lines to standard output."""
    journal = Journal(sys.stdout.buffer)
    atexit.register(journal.write)
    structlog.configure(
        processors=[structlog.processors.format_exc_info, stamp],
        logger_factory=lambda: journal,
        wrapper_class=structlog.make_filtering_bound_logger(INFO),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[Libraries()], force=True)
    logging.captureWarnings(True)
    warnings.filterwarnings("ignore", category=BadContentDispositionHeader)  # its words are what a stranger sent


class Libraries(logging.Handler):
    """What libraries log, as lines like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record."""
        level = logging.ERROR if record.levelno >= logging.ERROR else logging.WARNING
        facts: dict[str, Any] = {"library": record.name, "exc_info": record.exc_info}
        error = record.exc_info[1] if record.exc_info else None
        if type(error).__module__ == UNREADABLE:
            level, facts = INFO, {"library": record.name, "error": type(error).__name__}
        structlog.get_logger().log(level, record.getMessage(), **facts)


class Journal:
    """Writes lines together: worded one behind the other they cost a fraction of one at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines: list[Line] = []
        self._lost = 0

    def info(self, line: Line) -> None:
        """Keep the line for a moment; without an event loop, write it now."""
        self._lines.append(line)
        if len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_later(KEPT_SECONDS, self.write)
            except RuntimeError:
                self.write()

    def warning(self, line: Line) -> None:
        """Write the line, and what was kept before it, now."""
        self._lines.append(line)
        self.write()

    error = critical = warning

    def write(self) -> None:
        """Write what was kept."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        text = b"".join(render(mask(line)) for line in lines)
        if self._lost:
            text += render({"event": "lines of the log lost", "lines": self._lost, "level": "error", "at": time.time()})
        try:
            self._file.write(text)
            self._file.flush()
            self._lost = 0
        except OSError:  # its disk is full: calls go on without a log
            self._lost += len(lines)


def stamp(_: Any, level: str, line: Line) -> tuple[tuple[Line], dict[str, Any]]:
    """The line with its level and time, for `Journal`."""
    line["level"] = level
    line["at"] = time.time()
    return (line,), {}


def mask(line: Line) -> Line:
    """The line with secrets taken out and of each long number only the last four digits left."""
    for key, value in line.items():
        if is_secret(key):
            line[key] = "***"
        elif key == "exception":  # the one fact of several lines
            line[key] = "\n".join(masked(each) for each in value.split("\n"))
        elif isinstance(value, str) and key not in IDS:
            line[key] = masked(value)
        elif isinstance(value, list | tuple):
            line[key] = [masked(each) if isinstance(each, str) else each for each in value]
    return line


def render(line: Line) -> bytes:
    """The line as JSON: what happened first, then of what, then when."""
    event, at = line.pop("event"), datetime.fromtimestamp(line.pop("at"), UTC)
    told = {"event": event, **line, "at": at.isoformat(timespec="microseconds")}
    return orjson.dumps(told, default=str, option=orjson.OPT_APPEND_NEWLINE)


@lru_cache(maxsize=256)
def is_secret(key: str) -> bool:
    """Whether a fact of that name is never to be logged."""
    return SECRET.search(key) is not None


@lru_cache(maxsize=512)  # the same words come again and again
def masked(text: str) -> str:
    """The text with all but the last four digits of each long number as stars, and control characters spelled out."""
    starred = LONG_NUMBER.sub(lambda found: "*" * len(found[0]), text)
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", starred)
