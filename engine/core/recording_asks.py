"""What an API may ask for of recordings, and of what was said in them."""

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["recording", "paused", "finished", "failed", "deleted"]
STATES: tuple[State, ...] = ("recording", "paused", "finished", "failed", "deleted")

# A row of the store's `recordings`, and `link`, where it can be heard: "" where it can not. Times are epoch seconds.
RecordingRow = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRecordings:
    """The account's recordings, the newest first, from behind the one `after`. Answered with a list of `RecordingRow`.

    Of one call only, or in one state, where that is not "".
    """

    request_id: str = ""
    state: State | Literal[""] = ""
    after: str = ""
    count: int


@dataclass(frozen=True, slots=True)
class PlayRecording:
    """What is heard in it. Answered with where its file is, or its bytes."""

    name: str


@dataclass(frozen=True, slots=True)
class TranscriptByRequestId:
    """What was said in that request's call. Answered with `Said`."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Said:
    """The transcripts of one request's call, rows of the store's `transcripts`, or what stands for them.

    There are `more` to come while it is on, or its recordings are not settled. `reason` is why there is none and never
    will be, "" where there may.
    """

    request_id: str
    transcripts: list[dict[str, Any]]
    more: bool
    reason: str = ""


RecordingAsk = ListRecordings | PlayRecording | TranscriptByRequestId
