"""CDRs and their statistics in the CPaaS suite's API, of requests and of campaigns' attempts."""

from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache

from engine.api.dialect import Body, Operation, Surroundings
from engine.api.dialects.cpaas_campaign_params import required_id, tidied
from engine.api.dialects.cpaas_params import date, day_after, id_of, whole
from engine.core.asks import Ask, CdrByRequestId, CdrRow, CdrsByDate, CdrStatistics
from engine.core.campaign import KIND as CAMPAIGN
from engine.core.campaign_asks import CampaignStatistics, CdrPage, CdrsByCampaign
from engine.core.refusal import InvalidRequest
from engine.core.vendor_words import context, counted, direction, words_of

RECORD_COUNT = 1000  # and no more at once: an engine that words them has calls to see to
HEARD = ("heard_seconds", "announcement_seconds")
ATTEMPT = ("unique_id", "amd_status", "amd_reason")
OF_CAMPAIGNS = "dnd_calls"  # the document has it where it counts a campaign's, and only there


def parse_by_request_id(body: Body, around: Surroundings) -> Ask:
    """By any id that we gave the account, the unique id of an attempt included."""
    return CdrByRequestId(id_of(body))


def parse_by_date(body: Body, around: Surroundings) -> Ask:
    """Whole GMT days, both inclusive."""
    since = date(body, "start_call_date")
    until = date(body, "end_call_date")
    if until < since:
        raise InvalidRequest("end_call_date is before start_call_date", param="end_call_date")
    count, offset = _page(body)
    return CdrsByDate(since=since, until=day_after(until), count=count, offset=offset)


def parse_by_campaign_id(body: Body, around: Surroundings) -> Ask:
    """The document has no pages here: `record_count` and `offset` are as by date."""
    count, offset = _page(body)
    return CdrsByCampaign(_campaign_id(body), count, offset)


def parse_campaign_statistics(body: Body, around: Surroundings) -> Ask:
    """Of one campaign, by its id or its number."""
    return CampaignStatistics(_campaign_id(body))


def reply_cdrs(rows: list[CdrRow]) -> Body:
    """The CDRs, or an empty result."""
    message = "cdr found" if rows else "cdr not found"
    return {"response": {"message": message, "result": [cdr(row) for row in rows], "success": "true"}}


def reply_page(page: CdrPage) -> Body:
    """A campaign's CDRs; where there are more than were asked for, `more` says so, an extra field of ours."""
    worded = reply_cdrs(page.rows)
    if page.more:
        worded["response"]["more"] = "true"
    return worded


def reply_statistics(dispositions: dict[str, int]) -> Body:
    """Each count is an array of one number; the total holds outcomes not listed, too."""
    return _statistics(dispositions, without=OF_CAMPAIGNS)


def reply_campaign_statistics(dispositions: dict[str, int]) -> Body:
    """The same of a campaign, with those who were not to be disturbed."""
    return _statistics(dispositions)


def cdr(row: CdrRow) -> Body:
    """One CDR as the document shows it, and our own: `reason`, `legs`, and how much was heard of a speech.

    A campaign's has the number in `dialed_number` only, and tells of us which attempt it is and who answered.
    """
    words, of_campaign = words_of(row), row["kind"] == CAMPAIGN
    recorded = row["recordings"]
    return {
        "account_id": row["account_id"],
        "agent_number": "" if of_campaign else row["agent_number"],
        "answer": _gmt(row["answered_at"]),
        "billsec": row["billsec"],
        "call_date": _gmt(row["call_date"]),
        "call_direction": direction(row),
        "call_duration": row["duration"],
        "call_status": words.call_status,
        "caller_id": row["caller_id"],
        "customer_number": "" if of_campaign else row["customer_number"],
        "destination_context": context(row),
        "dial_status": words.dial_status,
        "dialed_number": row["dialed_number"],
        "dtmf_inputs": row["digits"],
        "end": _gmt(row["ended_at"]),
        "id": row["id"],
        **({"is_dnd": str(int(row["is_dnd"])), "list_id": row["list_id"]} if of_campaign else {}),
        "recording_name": recorded[0]["name"] if recorded else "",
        "request_id": "" if of_campaign else row["request_id"],
        "uniqueid": row["channel"],
        "reason": row["reason"],
        **({name: row[name] for name in ATTEMPT} if of_campaign else {}),
        **{name: row[name] for name in HEARD if row[name] is not None},
        "legs": [leg(each) for each in row["legs"]],
        **({"recordings": [recording(each) for each in recorded]} if recorded else {}),
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


def recording(row: CdrRow) -> Body:
    """One of its recordings, there may be more: what it holds, what became of it, and for a while where it is heard."""
    told = {"recording_name": row["name"], "side": row["side"], "state": row["state"], "seconds": row["seconds"]}
    return {**told, "link": row["link"] or None}


def _page(body: Body) -> tuple[int, int]:
    count = whole(body, "record_count", default=RECORD_COUNT)
    if not 1 <= count <= RECORD_COUNT:
        raise InvalidRequest(f"record_count must be from 1 to {RECORD_COUNT}", param="record_count")
    return count, whole(body, "offset", default=0)


def _campaign_id(body: Body) -> str:
    return required_id(tidied(body), "campaign_id")


def _statistics(dispositions: dict[str, int], *, without: str = "") -> Body:
    result = {name: [count] for name, count in counted(dispositions).items() if name != without}
    return {"response": {"result": {**result, "total_calls": [sum(dispositions.values())]}, "success": "true"}}


def _gmt(at: float | None) -> str:
    return _spelt(int(at or 0))


@lru_cache(maxsize=2048)  # a CDR says the same time more than once, and a page has a thousand of them
def _spelt(at: int) -> str:
    return formatdate(at, usegmt=True)


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


OPERATIONS = (
    Operation("POST", "/api/get_cdr_by_request_id", parse_by_request_id, reply_cdrs),
    Operation("POST", "/api/get_cdr_by_date", parse_by_date, reply_cdrs),
    Operation("POST", "/api/get_cdr_by_campaign_id", parse_by_campaign_id, reply_page),
    Operation("GET", "/api/get_cdr_statistics", lambda *_: CdrStatistics(), reply_statistics),
    Operation("POST", "/api/get_campaign_cdr_statistics", parse_campaign_statistics, reply_campaign_statistics),
)
