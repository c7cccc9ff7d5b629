"""What an engine of transcripts is asked for, and what it answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engine.errors import TranscriptFailed

MOST_LETTERS = 1_000_000  # of a text: a day's talk is less
MOST_SEGMENTS = 100_000
LARGEST = 2**63 - 1  # of a number


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said; `segments` are the engine's own, each with what and when, where it tells."""

    text: str
    segments: list[dict[str, Any]] | None = None


class Transcriber(Protocol):
    """An engine."""

    async def transcribe(self, file: Path, *, account_id: str, name: str) -> Transcript:
        """What is said in that recording of that account. Raises `TranscriptFailed`, whatever goes wrong.

        After that it may keep what it has of the recording, for another attempt, until it is to `forget` it.
        """

    async def forget(self, *, account_id: str, name: str) -> None:
        """Leave nothing of that recording anywhere but here. Raises `TranscriptFailed`."""


def checked(found: Any) -> Transcript:
    """The transcript in what an engine has answered, which may be anything. Raises `TranscriptFailed`."""
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        raise TranscriptFailed("the answer has no text")
    text, segments = found["text"], found.get("segments")
    if len(text) > MOST_LETTERS:
        raise TranscriptFailed(f"the answer is longer than {MOST_LETTERS:,} letters")
    if segments is None:
        return Transcript(_clean(text))
    if not isinstance(segments, list) or not all(isinstance(each, dict) for each in segments):
        raise TranscriptFailed("the answer's segments are no list of objects")
    if len(segments) > MOST_SEGMENTS:
        raise TranscriptFailed(f"the answer has more than {MOST_SEGMENTS:,} segments")
    return Transcript(_clean(text), [_plain(each) for each in segments])


def _is_kept(value: Any) -> bool:
    """Whether that is a text, or a number that JSON and Postgres have a place for."""
    if isinstance(value, int):
        return abs(value) <= LARGEST
    return value is None or isinstance(value, str | float)


def _plain(segment: dict[str, Any]) -> dict[str, Any]:
    """What Postgres can keep of it: texts and numbers, not deep in one another."""
    return {
        _clean(name): _clean(value) if isinstance(value, str) else value
        for name, value in segment.items()
        if _is_kept(value)
    }


def _clean(text: str) -> str:
    """The text without what Postgres can not keep: NUL, and halves of letters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
