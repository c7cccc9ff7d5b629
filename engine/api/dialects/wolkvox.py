"""wolkvox's API: `/api/v2/reports_manager.php?api=campaign_8`, machine codes by telephone.

The token says who asks, and all values of a row are strings. The total is the sum of the five columns: what a human
answered is none of them, nor is somebody who was not dialled; and without any, a telephone has no row.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import orjson

from engine.api.dialect import Body, Dialect, Identity, Operation, Surroundings
from engine.api.statuses import status
from engine.core.asks import Ask
from engine.core.campaign_asks import MachineCodes, MachineCodesFound
from engine.core.refusal import InvalidRequest, Refusal
from engine.errors import Unauthorised

PATH = "/api/v2/reports_manager.php"
HEADER = "wolkvox-token"
REPORT = "campaign_8"
MOMENT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})", re.ASCII)
LONGEST = timedelta(days=31)
WRONG_TOKEN = f"{HEADER} is missing or wrong"


def identify(headers: Mapping[str, str], _: Body) -> Identity:
    """Nobody but a token."""
    return Identity("", headers.get(HEADER, ""))


def parse(query: Body, around: Surroundings) -> Ask:
    """A campaign, by its id or number, or "all", and from when to when by the account's clock, both inclusive."""
    if query.get("api") != REPORT:
        raise InvalidRequest(f"api must be {REPORT}", param="api")
    campaign_id = query.get("campaign_id", "").strip()
    if not campaign_id:
        raise InvalidRequest("campaign_id is required", param="campaign_id")
    zone = ZoneInfo(around.account.report_tz)
    since, last = (_moment(query, name, zone) for name in ("date_ini", "date_end"))
    if last < since:
        raise InvalidRequest("date_end is before date_ini", param="date_end")
    if last.replace(tzinfo=None) - since.replace(tzinfo=None) > LONGEST:
        raise InvalidRequest(f"at most {LONGEST.days} days at once", param="date_end")
    return MachineCodes(campaign_id=campaign_id, since=since, until=last + timedelta(seconds=1))


def reply(found: MachineCodesFound) -> Body:
    """One row a telephone."""
    return _body(200, None, found.telephones, found.rows)


def refuse(refusal: Refusal) -> tuple[int, Body]:
    """The same body with the error and no rows; its `code` is the HTTP status."""
    code = status(refusal)
    return code, _body(code, WRONG_TOKEN if isinstance(refusal, Unauthorised) else refusal.message)


def _body(code: int, error: str | None, count: int = 0, rows: str = "[]") -> Body:
    return {"code": code, "error": error, "msg": f"{count} records were found", "data": orjson.Fragment(rows)}


def _moment(query: Body, name: str, zone: ZoneInfo) -> datetime:
    found = MOMENT.fullmatch(query.get(name, ""))
    try:
        if found and int(found[1]) in range(1970, 9999):
            return datetime(*map(int, found.groups()), tzinfo=zone)  # type: ignore[misc, arg-type]
    except ValueError:
        pass
    raise InvalidRequest(f"{name} must be a date and time like 20230815125500", param=name)


DIALECT = Dialect(
    name="wolkvox",
    prefix="/api/v2/",
    by_secret=True,
    identify=identify,
    refuse=refuse,
    operations=(Operation("GET", PATH, parse, reply),),
)
