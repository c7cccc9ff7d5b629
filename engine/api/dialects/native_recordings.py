"""Our own API's recordings, and what was said in them."""

import re
from datetime import UTC, datetime

from engine.api.dialect import Body, Operation, Sound, Surroundings
from engine.api.dialects import cpaas_params as params
from engine.core.asks import Ask
from engine.core.recording_asks import STATES, ListRecordings, PlayRecording, RecordingRow, Said, TranscriptByRequestId
from engine.core.refusal import InvalidRequest

PATH = "/v1/recordings"
ONE = PATH + "/{name}"
TRANSCRIPT = "/v1/transcripts/{request_id}"
NAME = re.compile(r"[a-z][a-z0-9]{0,15}-[0-9A-Za-z]{1,64}\.[a-z][0-9]{1,4}\.r[0-9]{1,4}", re.ASCII)


def parse_list(query: Body, _: Surroundings) -> Ask:
    """`request_id`, `state`, `limit` and `after`, the name of the last one that was seen."""
    state, count = params.part_of_list(query, STATES)
    request_id = params.id_of(query) if params.text(query, "request_id") else ""
    after = params.text(query, "after")
    if after and not NAME.fullmatch(after):
        raise InvalidRequest("after must be the name of a recording", param="after")
    return ListRecordings(request_id=request_id, state=state, after=after, count=count)


def parse_one(query: Body, _: Surroundings) -> Ask:
    """By its name, which stands in the path."""
    name = query["name"]
    if not NAME.fullmatch(name):
        raise InvalidRequest("name is no name of a recording", param="name")
    return PlayRecording(name)


def parse_transcript(query: Body, _: Surroundings) -> Ask:
    """By the request's id, which stands in the path."""
    return TranscriptByRequestId(params.id_of({"request_id": query["request_id"]}))


def reply_list(rows: list[RecordingRow]) -> Body:
    """The newest first."""
    return {"recordings": [recording(row) for row in rows]}


def recording(row: RecordingRow) -> Body:
    """One recording; `seconds` and `bytes` are null until its file is whole, `link` where nothing is to be heard."""
    return {
        "name": row["name"],
        "request_id": row["call_id"],
        "leg": row["leg"],
        "side": row["side"],
        "state": row["state"],
        "reason": row["reason"] or None,
        "started_at": _iso(row["started_at"]),
        "ended_at": _iso(row["ended_at"]),
        "seconds": row["seconds"],
        "bytes": row["bytes"],
        "uploaded_at": _iso(row["uploaded_at"]),
        "link": row["link"] or None,
    }


def reply_sound(sound: Sound) -> Sound:
    """A WAV."""
    return sound


def reply_transcript(said: Said) -> Body:
    """Of the whole call, and of each of its recordings; `queued` while there is none, or more to come."""
    rows = said.transcripts
    return {
        "request_id": said.request_id,
        "state": "failed" if said.reason else _state([row["state"] for row in rows], more=said.more),
        "reason": said.reason or None,
        "text": "\n".join(row["text"] for row in rows if row["text"]),
        "recordings": [
            {
                "name": row["name"],
                "side": row["side"],
                "state": row["state"],
                "attempts": row["attempts"],
                "reason": row["reason"] or None,
                "text": row["text"],
                "segments": row["segments"],
            }
            for row in rows
        ],
    }


def _state(states: list[str], *, more: bool) -> str:
    """Whatever is still to be done comes first; it is done where all are, or failed."""
    known = [*states, *(["queued"] if more or not states else [])]
    return next((each for each in ("running", "queued", "failed") if each in known), "done")


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


OPERATIONS = (
    Operation("GET", PATH, parse_list, reply_list),
    Operation("GET", ONE, parse_one, reply_sound, linked=True),
    Operation("GET", TRANSCRIPT, parse_transcript, reply_transcript),
)
