"""Logs: one JSON line a fact on standard output, numbers masked, secrets never."""

import re
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

SECRET = re.compile(r"auth|token|password|secret|otp", re.IGNORECASE)
LONG_NUMBER = re.compile(r"[0-9]{3,}(?=[0-9]{4})")
IDS = frozenset({"call", "node", "app", "timestamp", "level", "version"})


def configure() -> None:
    """Send structlog's lines to standard output."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask,
            structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value, default=str)),
        ],
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=True,
    )


def mask(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The line with secrets taken out and of each long number only the last four digits left."""
    for key, value in line.items():
        if SECRET.search(key):
            line[key] = "***"
        elif isinstance(value, str) and key not in IDS:
            line[key] = LONG_NUMBER.sub(lambda found: "*" * len(found[0]), value)
    return line
