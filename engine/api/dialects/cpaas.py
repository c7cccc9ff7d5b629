"""The CPaaS suite's API: headers `account` and `auth`, JSON in, `{"response": …}` out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate

from engine.api.dialect import Body, Dialect, Identity, Operation, Surroundings
from engine.api.dialects import cpaas_callback, cpaas_campaign, cpaas_otp
from engine.api.dialects.cpaas_params import RECORDING_OPTIONS, date, day_after, id_of, only_off, required, whole
from engine.api.statuses import status
from engine.core.asks import Ask, CdrByRequestId, CdrRow, CdrsByDate, CdrStatistics, LiveCallStatistics, StartCall
from engine.core.callback import KIND
from engine.core.causes import Disposition
from engine.core.refusal import InvalidRequest, Refusal
from engine.core.request import click2call
from engine.errors import Unauthorised

RECORD_COUNT = 1000
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
    "live_calls_c2c": ("click2call", KIND),
    "live_calls_campaign": ("campaign",),
    "live_calls_inbound": ("inbound",),
    "live_calls_otp": ("otp",),
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
    agent_number = required(body, "agent_number")
    caller_id = required(body, "caller_id")
    destination_number = required(body, "destination_number")
    only_off(body, "recording_option", RECORDING_OPTIONS)
    only_off(body, "transcript", TRANSCRIPT_OPTIONS)
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


# -- CDRs ------------------------------------------------------------------------------------


def parse_cdr_by_request_id(body: Body, around: Surroundings) -> Ask:
    """By any id that we gave the account."""
    return CdrByRequestId(id_of(body))


def parse_cdr_by_date(body: Body, around: Surroundings) -> Ask:
    """Whole GMT days, both inclusive."""
    since = date(body, "start_call_date")
    until = date(body, "end_call_date")
    if until < since:
        raise InvalidRequest("end_call_date is before start_call_date", param="end_call_date")
    count = whole(body, "record_count", default=RECORD_COUNT)
    if not 1 <= count <= RECORD_COUNT:
        raise InvalidRequest(f"record_count must be from 1 to {RECORD_COUNT}", param="record_count")
    offset = whole(body, "offset", default=0)
    return CdrsByDate(since=since, until=day_after(until), count=count, offset=offset)


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
    result = {name: sum(counted.get(kind, 0) for kind in kinds) for name, kinds in LIVE_STATISTICS.items()}
    return {"response": {"result": result, "success": "true"}}


DIALECT = Dialect(
    name="cpaas",
    prefix=("/api/", "/stop_campaign"),
    identify=identify,
    refuse=refuse,
    operations=(
        Operation("POST", "/api/click2call", parse_click2call, reply_request_id, dials=True),
        *cpaas_otp.OPERATIONS,
        *cpaas_callback.OPERATIONS,
        *cpaas_campaign.OPERATIONS,
        Operation("POST", "/api/get_cdr_by_request_id", parse_cdr_by_request_id, reply_cdrs),
        Operation("POST", "/api/get_cdr_by_date", parse_cdr_by_date, reply_cdrs),
        Operation("GET", "/api/get_cdr_statistics", lambda *_: CdrStatistics(), reply_statistics),
        Operation("GET", "/api/get_live_call_statistics", lambda *_: LiveCallStatistics(), reply_live_statistics),
    ),
)


def _gmt(at: float | None) -> str:
    return formatdate(at or 0.0, usegmt=True)


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
