"""Kolmisoft MOR's API: `autodialer_get_campaign_ivr_poll_results`, parameters with a hash, answers in XML.

The hash is the SHA-1 of the id and the account's API_Secret_Key, or of u, id and key; it is always looked at. What a
line of the result is, the document does not say: ours holds what each contact pressed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from engine.api.dialect import Body, Dialect, File, Identity, Operation, Surroundings, WrongMethod
from engine.api.dialects.gathered import gather
from engine.api.statuses import status
from engine.core.asks import Ask
from engine.core.campaign_asks import Poll, PollOrder, PollResults
from engine.core.refusal import Refusal
from engine.core.report_refusals import CampaignUnknown, NoNumbers
from engine.errors import DisabledAccount, OtherAddress, Unauthorised, UnknownAccount

NAME = "autodialer_get_campaign_ivr_poll_results"
PATHS = (f"/billing/api/{NAME}", f"/api/{NAME}")
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
OPEN_ENDED = "2090-12-31 23:59:59"
# The document's values of order_by are those of another list; what is not here is ordered by time.
ORDERS: dict[str, PollOrder] = {"dst": "number", "number": "number", "nice_billsec": "billsec"}
EVERY_RESELLER = ("", "all")  # we have none, so that any other has no campaign

NOT_AUTHORISED = "You are not authorized to use this functionality"
INCORRECT_HASH = "Incorrect hash"
ACCESS_DENIED = "Access Denied"
NOT_FOUND = "Campaign was not found"
NO_NUMBERS = "Campaign does not have any Numbers"


def identify(_: Mapping[str, str], body: Body) -> Identity:
    """Who `u` says it is, and what the hash may be of."""
    user, campaign_id = body.get("u", ""), body.get("id", "")
    return Identity(user, body.get("hash", "").lower(), signed=(campaign_id, user + campaign_id))


def parse(body: Body, _: Surroundings) -> Ask:
    """By the campaign's id, or its number."""
    order_by = ORDERS.get(body.get("order_by", ""), "time")
    nobody = body.get("s_reseller", "") not in EVERY_RESELLER
    return PollResults(campaign_id=body.get("id", ""), order_by=order_by, nobody=nobody)


def parse_get(body: Body, around: Surroundings) -> Ask:
    """The same, of an account that has the setting "Allow GET API". Raises `WrongMethod`."""
    if not around.account.allow_get_api:
        raise WrongMethod(allow="POST")
    return parse(body, around)


def reply(poll: Poll) -> File:
    """What was pressed, and from when to when the campaign is on."""
    zone = ZoneInfo(poll.time_zone)
    until = OPEN_ENDED if poll.until is None else _time(poll.until, zone)
    return _page("ivr_poll_results_string", f"{poll.pressed},{_time(poll.since, zone)},{until}")


def refuse(refusal: Refusal) -> tuple[int, File]:
    """One of the document's errors, with HTTP status 200; what is none of them, with its own status."""
    match refusal:
        case OtherAddress() | DisabledAccount():
            text = NOT_AUTHORISED
        case UnknownAccount():
            text = ACCESS_DENIED
        case Unauthorised():
            text = INCORRECT_HASH
        case CampaignUnknown():
            text = NOT_FOUND
        case NoNumbers():
            text = NO_NUMBERS
        case _:
            return status(refusal), _page("error", refusal.message)
    return 200, _page("error", text)


def _page(name: str, text: str) -> File:
    page = f"{HEAD}<page><status><{name}>{escape(text)}</{name}></status></page>"
    return File(page.encode("utf-8", "replace"), "text/xml")


def _time(at: float, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S}"


DIALECT = Dialect(
    name="mor",
    prefix=("/billing/api/", PATHS[1]),
    known_by="username",
    gather=gather,
    identify=identify,
    refuse=refuse,
    operations=tuple(
        Operation(method, path, parsed, reply)
        for path in PATHS
        for method, parsed in (("POST", parse), ("GET", parse_get))
    ),
)
