"""Callbacks as our own API shows them."""

import re
from datetime import UTC, datetime

from engine.api.dialect import Body, Operation, Surroundings
from engine.api.dialects import cpaas_params as params
from engine.api.dialects.cpaas_callback import utc
from engine.core.asks import Ask, CallbackById, ListCallbacks
from engine.core.callback import STATES, Callback
from engine.core.refusal import InvalidRequest

AFTER = re.compile(r"[0-9a-f]{10}", re.ASCII)


def parse_list(query: Body, around: Surroundings) -> Ask:
    """`state`, `limit` and `after`, the id of the last one that was seen."""
    state, count = params.part_of_list(query, STATES)
    after = params.text(query, "after")
    if after and not AFTER.fullmatch(after):
        raise InvalidRequest("after must be a request_id", param="after")
    return ListCallbacks(state=state, after=after, count=count)


def parse_one(query: Body, around: Surroundings) -> Ask:
    """By its id, which stands in the path."""
    return CallbackById(params.id_of({"request_id": query["request_id"]}))


def reply_list(found: list[Callback]) -> Body:
    """The newest first."""
    return {"callbacks": [callback(each) for each in found]}


def callback(found: Callback) -> Body:
    """One callback; `scheduled_at` is what a clock in `time_zone` shows at `due_at`."""
    return {
        "request_id": found.request_id,
        "state": found.state,
        "due_at": utc(found.due_at),
        "scheduled_at": found.wall,
        "time_zone": found.time_zone,
        "agent_number": found.agent_number,
        "destination_number": found.customer_number,
        "caller_id": found.caller_id,
        "recording_option": found.recording or "off",
        "requested_at": _iso(found.requested_at),
        "settled_at": None if found.settled_at is None else _iso(found.settled_at),
        "reason": found.reason or None,
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


OPERATIONS = (
    Operation("GET", "/v1/callbacks", parse_list, reply_list),
    Operation("GET", "/v1/callbacks/{request_id}", parse_one, callback),
)
