"""What the contacts of a campaign answered, as our own API shows it."""

from datetime import UTC, datetime

from engine.api.dialect import Body, Operation, Surroundings
from engine.api.dialects import cpaas_params as params
from engine.core.asks import Ask
from engine.core.campaign_asks import PollAnswers, PollPage, ReportRow
from engine.core.refusal import InvalidRequest

MOST = 1000


def parse(query: Body, around: Surroundings) -> Ask:
    """`limit` and `offset`; the campaign's id, or its number, stands in the path."""
    count = params.whole(query, "limit", default=MOST)
    if not 1 <= count <= MOST:
        raise InvalidRequest(f"limit must be from 1 to {MOST}", param="limit")
    offset = params.whole(query, "offset", default=0)
    return PollAnswers(campaign_id=query["campaign_id"], count=count, offset=offset)


def reply(page: PollPage) -> Body:
    """Those who pressed anything, in the order in which their calls ended."""
    return {"campaign_id": page.campaign_id, "contacts": [contact(each) for each in page.contacts]}


def contact(row: ReportRow) -> Body:
    """One contact's latest attempt with an answer: every key that was pressed, and the answers by the IVR's steps."""
    at = row["answered_at"]
    return {
        "unique_id": row["unique_id"],
        "number": row["number"],
        "digits": row["digits"],
        "answers": row["answers"] or {},
        "answered_at": None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "billsec": row["billsec"],
    }


OPERATIONS = (Operation("GET", "/v1/campaigns/{campaign_id}/poll", parse, reply),)
