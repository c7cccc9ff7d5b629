"""The CPaaS suite's callbacks: a click2call at a date and time to come, changed or deleted until then."""

from datetime import UTC, datetime

from engine.api.dialect import Body, Operation, Surroundings
from engine.api.dialects.cpaas_params import id_of, recording_option, required, text
from engine.core.asks import Ask, ChangeCallback, DeleteCallback, ScheduleCallback
from engine.core.callback import KIND, Callback, resolve, spelt_wall
from engine.core.request import click2call

PATH = "/api/callback"


def parse_schedule(body: Body, around: Surroundings) -> Ask:
    """Agent first, then the destination; the document's time zone is required: a guess would ring people at night."""
    agent_number = required(body, "agent_number")
    caller_id = required(body, "caller_id")
    destination_number = required(body, "destination_number")
    recording = recording_option(body) or ""
    time_zone = required(body, "time_zone")
    wall = required(body, "scheduled_at")
    due_at = resolve(wall, time_zone)
    request = click2call(
        around.account,
        agent_number=agent_number,
        customer_number=destination_number,
        caller_id=caller_id,
        routes=around.routes,
        limits=around.limits,
        kind=KIND,
        recording=recording,
    )
    return ScheduleCallback(request=request, wall=spelt_wall(wall), time_zone=time_zone, due_at=due_at)


def parse_change(body: Body, around: Surroundings) -> Ask:
    """What is not given stays as it is; the time zone, too, though the document has none here."""
    recording = recording_option(body)
    wall, time_zone = text(body, "scheduled_at"), text(body, "time_zone")
    if wall and time_zone:
        resolve(wall, time_zone)
    return ChangeCallback(
        request_id=id_of(body),
        agent_number=text(body, "agent_number"),
        customer_number=text(body, "destination_number"),
        caller_id=text(body, "caller_id"),
        wall=wall,
        time_zone=time_zone,
        recording=recording,
    )


def parse_delete(body: Body, around: Surroundings) -> Ask:
    """By the id it was given."""
    return DeleteCallback(id_of(body))


def reply_scheduled(callback: Callback) -> Body:
    """The document's reply, and what its date and time came to."""
    request_id, resolved = callback.request_id, utc(callback.due_at)
    return {"response": {"request_id": request_id, "success": "true", "resolved_at_utc": resolved}}


def reply_changed(callback: Callback) -> Body:
    """As above."""
    done = {"message": "callback data modified successfully", "request_id": callback.request_id, "success": "true"}
    return {"response": {**done, "resolved_at_utc": utc(callback.due_at)}}


def reply_deleted(request_id: str) -> Body:
    """The document's reply."""
    done = {"message": "callback request deleted successfully", "request_id": request_id, "success": "true"}
    return {"response": done}


def utc(at: float) -> str:
    """ISO 8601, to the second that a scheduled time has."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


OPERATIONS = (
    Operation("POST", PATH, parse_schedule, reply_scheduled, dials=True),
    Operation("PATCH", PATH, parse_change, reply_changed),
    Operation("DELETE", PATH, parse_delete, reply_deleted),
)
