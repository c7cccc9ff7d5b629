"""Sarv's voice API: `/api/voice/fetch_report.php`, what became of some attempts or requests, each by its id.

The document's table and its sample word an id's `desc` differently: these are the sample's, and so is "Congession".
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from engine.api.dialect import Body, Dialect, Operation, Surroundings
from engine.api.dialects import sarv_voice_codes as codes
from engine.api.dialects.gathered import gather
from engine.core import numbers
from engine.core.asks import Ask
from engine.core.campaign_asks import AttemptReports, AttemptsFound, ReportRow
from engine.core.causes import Disposition
from engine.core.vendor_words import WORDS, words_of

PATH = "/api/voice/fetch_report.php"
COMPULSORY = ("username", "token", "unique_ids")
SUBMITTED = "Request Submitted Successfully"
DIALED, SKIPPED = "Dialed", "Skipped"
# A locale would have other names for them.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse(body: Body, around: Surroundings) -> Ask:
    """Up to so many ids as the account may ask for at once, each once. Raises `Coded`."""
    given = [each.strip() for each in body["unique_ids"].split(",")]
    ids = tuple(dict.fromkeys(each for each in given if each))
    if not ids:
        raise codes.Coded(codes.BLANK)
    if len(ids) > around.account.max_report_ids:
        raise codes.Coded(codes.TOO_MANY_IDS)
    return AttemptReports(ids)


def reply(found: AttemptsFound) -> Body:
    """Each id with what became of it."""
    zone = ZoneInfo(found.time_zone)
    data = {each: _found(each, found, zone) for each in found.ids}
    return {"status": "success", "code": codes.SUCCESS, "desc": SUBMITTED, "data": data}


def _found(each: str, found: AttemptsFound, zone: ZoneInfo) -> Body:
    if each in found.cdrs:
        report = _over(found.cdrs[each], zone)
    elif each in found.waiting:
        report = _waiting(found.waiting[each], zone)
    else:
        return {"status": "error", "desc": "invalid unique id"}
    return {"status": "success", "desc": "unique id fetched found", "data": report}


def _over(row: ReportRow, zone: ZoneInfo) -> Body:
    """Of a CDR. `time_connect` of a congested attempt is its end, as in the sample."""
    connected_at, ended_at = row["answered_at"], row["ended_at"]
    if row["disposition"] == Disposition.CONGESTION:
        connected_at = ended_at
    duration = ""
    if row["channel"]:  # somebody was dialled; whole seconds as the times beside it show them
        duration = str(0 if None in (connected_at, ended_at) else int(ended_at) - int(connected_at))
    return {
        "status": DIALED if row["channel"] else SKIPPED,
        "report": words_of(row).sarv,
        "contact_number": numbers.national(row["customer_number"] or row["dialed_number"]),
        "duration": duration,
        "time_start": _time(row["created_at"] if row["channel"] else None, zone),
        "time_connect": _time(connected_at if row["channel"] else None, zone),
        "time_end": _time(ended_at if row["channel"] else None, zone),
        "dtmf": row["digits"],
    }


def _waiting(row: ReportRow, zone: ZoneInfo) -> Body:
    """Of what has no CDR."""
    return {
        "status": row["status"],
        "report": WORDS[Disposition.CANCEL].sarv if row["status"] == SKIPPED else "",
        "contact_number": numbers.national(row["number"]),
        "duration": "",
        "time_start": _time(row["created_at"], zone),
        "time_connect": "",
        "time_end": "",
        "dtmf": "",
    }


def _time(at: float | None, zone: ZoneInfo) -> str:
    """`10-Oct-2017 2:34:58 PM`."""
    if at is None:
        return ""
    shown = datetime.fromtimestamp(at, zone)
    return f"{shown:%d}-{MONTHS[shown.month - 1]}-{shown:%Y} {shown.hour % 12 or 12}:{shown:%M:%S} " + (
        "PM" if shown.hour >= 12 else "AM"
    )


DIALECT = Dialect(
    name=codes.NAME,
    prefix=PATH,
    known_by=codes.KNOWN_BY,
    candid=True,
    gather=gather,
    identify=codes.identified(COMPULSORY),
    refuse=codes.refuse,
    operations=tuple(Operation(method, PATH, parse, reply) for method in ("POST", "GET")),
)
