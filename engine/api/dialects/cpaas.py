"""The CPaaS suite's API: headers `account` and `auth`, JSON in, `{"response": …}` out."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any

from engine.api.dialect import Body, Dialect, Identity, Operation, Surroundings
from engine.api.statuses import status
from engine.core.asks import (
    Accepted,
    Ask,
    CdrByRequestId,
    CdrRow,
    CdrsByDate,
    CdrStatistics,
    LiveCallStatistics,
    StartCall,
    StartSpeech,
)
from engine.core.causes import Disposition
from engine.core.refusal import InvalidRequest, Refusal
from engine.core.request import click2call, otp
from engine.core.speech import Pause, manner, spoken
from engine.errors import NotFound, Unauthorised

TEXT_LENGTH = 100
REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
RECORD_COUNT = 1000
MOST_REPEATS = 10
MANNER = ("voice", "volume", "rate", "pitch", "language_code", "tts_engine_type")
LEAD_SECONDS = 0.5  # of silence first: who answers needs a moment, and so does the path of the sound
LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)

RECORDING_OPTIONS = ("both", "agent", "customer", "on", "off")
TRANSCRIPT_OPTIONS = ("on", "off")

CONTEXTS = {"otp": "local_call"}  # the document's word for a kind of call, where it is not ours
HEARD = ("heard_seconds", "announcement_seconds")
STATISTICS = {
    "answer_calls": Disposition.ANSWER,
    "busy_calls": Disposition.BUSY,
    "cancel_calls": Disposition.CANCEL,
    "chanunavail_calls": Disposition.CHANUNAVAIL,
    "congestion_calls": Disposition.CONGESTION,
    "noanswer_calls": Disposition.NOANSWER,
}
LIVE_STATISTICS = {
    "live_calls_c2c": "click2call",
    "live_calls_campaign": "campaign",
    "live_calls_inbound": "inbound",
    "live_calls_otp": "otp",
}


def identify(headers: Mapping[str, str], _: Body) -> Identity:
    """The account and its auth, as the headers say."""
    return Identity(headers.get("account", ""), headers.get("auth", ""))


def refuse(refusal: Refusal) -> tuple[int, Body]:
    """The document shows no error body: a message and `"success": "false"`, with a true HTTP status."""
    # Who guesses is not told which part of it was right.
    message = Unauthorised().message if isinstance(refusal, Unauthorised) else refusal.message
    return status(refusal), {"response": {"message": message, "success": "false"}}


# -- click2call ------------------------------------------------------------------------------


def parse_click2call(body: Body, around: Surroundings) -> Ask:
    """Agent first, then the destination; both are shown `caller_id`."""
    agent_number = _required(body, "agent_number")
    caller_id = _required(body, "caller_id")
    destination_number = _required(body, "destination_number")
    _only_off(body, "recording_option", RECORDING_OPTIONS)
    _only_off(body, "transcript", TRANSCRIPT_OPTIONS)
    return StartCall(
        click2call(
            around.account,
            agent_number=agent_number,
            customer_number=destination_number,
            caller_id=caller_id,
            routes=around.routes,
            limits=around.limits,
        )
    )


def reply_request_id(request_id: str) -> Body:
    """The call was accepted."""
    return {"response": {"request_id": request_id, "success": "true"}}


# -- one-time passwords ----------------------------------------------------------------------


def parse_outbound_call(body: Body, around: Surroundings) -> Ask:
    """The password, spelt out within the template's text, for whoever answers at that number."""
    account = around.account
    request = otp(
        account,
        customer_number=_required(body, "customer_number"),
        caller_id=_required(body, "caller_id"),
        routes=around.routes,
        limits=around.limits,
    )
    password = _required(body, "otp")
    template = account.templates.get(_required(body, "announce_template_id"))
    if template is None:
        raise NotFound("there is no such announce_template_id")
    if not template.approved:
        raise InvalidRequest("announce_template_id: this template is not approved", param="announce_template_id")
    times = _whole(body, "repeat", default=1)
    if not 1 <= times <= MOST_REPEATS:
        raise InvalidRequest(f"repeat must be from 1 to {MOST_REPEATS}", param="repeat")
    asked, warnings = manner(**{name: _text(body, name) or None for name in MANNER})
    parts = (Pause(LEAD_SECONDS), *spoken(template.text, {}, otp=password))
    return StartSpeech(request=request, parts=parts, manner=asked, times=times, warnings=warnings)


def reply_outbound_call(accepted: Accepted) -> Body:
    """The call was accepted; `warnings`, where there are any, is an extra field of ours."""
    more = {"warnings": list(accepted.warnings)} if accepted.warnings else {}
    return {"response": {"request_id": accepted.request_id, "success": "true", **more}}


# -- CDRs ------------------------------------------------------------------------------------


def parse_cdr_by_request_id(body: Body, around: Surroundings) -> Ask:
    """By any id that we gave the account."""
    request_id = _required(body, "request_id")
    if not REQUEST_ID.fullmatch(request_id):
        raise InvalidRequest("request_id is not valid", param="request_id")
    return CdrByRequestId(request_id)


def parse_cdr_by_date(body: Body, around: Surroundings) -> Ask:
    """Whole GMT days, both inclusive."""
    since = _date(body, "start_call_date")
    until = _date(body, "end_call_date")
    if until < since:
        raise InvalidRequest("end_call_date is before start_call_date", param="end_call_date")
    count = _whole(body, "record_count", default=RECORD_COUNT)
    if not 1 <= count <= RECORD_COUNT:
        raise InvalidRequest(f"record_count must be from 1 to {RECORD_COUNT}", param="record_count")
    offset = _whole(body, "offset", default=0)
    return CdrsByDate(since=since, until=_day_after(until), count=count, offset=offset)


def reply_cdrs(rows: list[CdrRow]) -> Body:
    """The CDRs, or an empty result."""
    message = "cdr found" if rows else "cdr not found"
    return {"response": {"message": message, "result": [cdr(row) for row in rows], "success": "true"}}


def cdr(row: CdrRow) -> Body:
    """One CDR as the document shows it, and our own: `reason`, `legs`, and how much was heard of a speech."""
    answered = row["disposition"] == Disposition.ANSWER
    return {
        "account_id": row["account_id"],
        "agent_number": row["agent_number"],
        "answer": _gmt(row["answered_at"]),
        "billsec": row["billsec"],
        "call_date": _gmt(row["call_date"]),
        "call_direction": "outbound-api",
        "call_duration": row["duration"],
        "call_status": "ANSWERED" if answered else None,
        "caller_id": row["caller_id"],
        "customer_number": row["customer_number"],
        "destination_context": CONTEXTS.get(row["kind"], row["kind"]),
        "dial_status": row["disposition"],
        "dialed_number": row["dialed_number"],
        "dtmf_inputs": row["digits"],
        "end": _gmt(row["ended_at"]),
        "id": row["id"],
        "recording_name": "",
        "request_id": row["request_id"],
        "uniqueid": row["channel"],
        "reason": row["reason"],
        **{name: row[name] for name in HEARD if row[name] is not None},
        "legs": [leg(each) for each in row["legs"]],
    }


def leg(row: CdrRow) -> Body:
    """One attempt; times are ISO 8601, UTC, to the millisecond, null for what never happened."""
    times = ("dialed_at", "rang_at", "answered_at", "bridged_at", "ended_at")
    return {
        "leg": row["name"],
        "side": row["side"],
        "number": row["number"],
        "dial_status": row["disposition"],
        "reason": row["reason"],
        "cause": row["cause"],
        "sip_code": row["sip_code"],
        "ended_by": row["ended_by"],
        **{name: _iso(row[name]) for name in times},
    }


# -- statistics ------------------------------------------------------------------------------


def reply_statistics(counted: dict[str, int]) -> Body:
    """Each count is an array of one number; the total holds outcomes not listed, too."""
    result = {name: [counted.get(disposition, 0)] for name, disposition in STATISTICS.items()}
    return {"response": {"result": {**result, "total_calls": [sum(counted.values())]}, "success": "true"}}


def reply_live_statistics(counted: dict[str, int]) -> Body:
    """Plain numbers."""
    return {"response": {"result": {k: counted.get(v, 0) for k, v in LIVE_STATISTICS.items()}, "success": "true"}}


DIALECT = Dialect(
    name="cpaas",
    prefix="/api/",
    identify=identify,
    refuse=refuse,
    operations=(
        Operation("POST", "/api/click2call", parse_click2call, reply_request_id, dials=True),
        Operation("POST", "/api/outbound_call", parse_outbound_call, reply_outbound_call, dials=True),
        Operation("POST", "/api/get_cdr_by_request_id", parse_cdr_by_request_id, reply_cdrs),
        Operation("POST", "/api/get_cdr_by_date", parse_cdr_by_date, reply_cdrs),
        Operation("GET", "/api/get_cdr_statistics", lambda *_: CdrStatistics(), reply_statistics),
        Operation("GET", "/api/get_live_call_statistics", lambda *_: LiveCallStatistics(), reply_live_statistics),
    ),
)


# -- parameters ------------------------------------------------------------------------------


def _required(body: Body, name: str) -> str:
    text = _text(body, name)
    if not text:
        raise InvalidRequest(f"{name} is required", param=name)
    return text


def _text(body: Body, name: str) -> str:
    """The trimmed text of a parameter, "" where it is missing; a whole number is taken as its digits."""
    value: Any = body.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRequest(f"{name} must be a string", param=name)
    text = str(value).strip()
    if len(text) > TEXT_LENGTH:
        raise InvalidRequest(f"{name} is longer than {TEXT_LENGTH} characters", param=name)
    return text


def _only_off(body: Body, name: str, options: tuple[str, ...]) -> None:
    option = _text(body, name).lower() or "off"
    if option not in options:
        raise InvalidRequest(f"{name} must be one of {', '.join(options)}", param=name)
    if option != "off":
        raise InvalidRequest(f"{name}: only off is available yet", param=name)


def _date(body: Body, name: str) -> datetime:
    text = _required(body, name)
    try:
        if DATE.fullmatch(text):
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        pass
    raise InvalidRequest(f"{name} must be a date like 2023-06-13", param=name)


def _day_after(day: datetime) -> datetime:
    return day + timedelta(days=1) if day < LAST_DAY else datetime.max.replace(tzinfo=UTC)


def _whole(body: Body, name: str, *, default: int) -> int:
    text = _text(body, name)
    if not text:
        return default
    if not NUMBER.fullmatch(text):
        raise InvalidRequest(f"{name} must be a whole number", param=name)
    return int(text)


def _gmt(at: float | None) -> str:
    return formatdate(at or 0.0, usegmt=True)


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
