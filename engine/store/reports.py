"""Reports: what CDRs, campaigns and their leads come to, read so that millions of them do not matter."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.core.report_refusals import TokenBusy

DEEP = 100_000  # an offset that is counted for a second or more
NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
ID = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)  # no other has ever been given
ATTEMPT = re.compile(r"(CM[0-9a-f]{10})_(LS[0-9a-f]{10})_([1-9][0-9]{0,17})-u([1-9][0-9]{0,8})", re.ASCII)

Row = dict[str, Any]


class Reports:
    """Methods raise `StoreAway`: after 2 s, those that count CDRs after 20 s. Times are epoch seconds."""

    def __init__(
        self,
        named: Callable[..., Awaitable[list[Row]]],
        long: Callable[..., Awaitable[list[Row]]],
        with_legs: Callable[[list[Row]], Awaitable[list[Row]]],
    ) -> None:
        self._named = named
        self._long = long
        self._with_legs = with_legs

    async def cdrs_by_date(
        self, account_id: str, *, since: datetime, until: datetime, count: int, offset: int
    ) -> list[Row]:
        """An account's CDRs, with their `legs`, of the whole UTC days from `since` to before `until`, by id."""
        read = self._long if offset > DEEP else self._named
        return await self._with_legs(await read("cdrs_by_date", account_id, since, until, count, offset))

    async def dispositions(self, account_id: str) -> dict[str, int]:
        """How many of an account's requests and attempts came out in which way."""
        return _counts(await self._long("dispositions", account_id))

    async def cdr_of_attempt(self, account_id: str, unique_id: str) -> list[Row]:
        """The CDR of a campaign's attempt, with its `legs`; empty where there is none."""
        return await self._with_legs(await self._named("cdr_of_attempt", account_id, unique_id))

    async def campaign(self, account_id: str, name: str) -> Row | None:
        """The account's campaign of that id or number: campaign_id, starts_at, ends_at, has_numbers."""
        if not ID.fullmatch(name):
            return None
        number = int(name) if NUMBER.fullmatch(name) else None
        return next(iter(await self._named("reported_campaign", account_id, name, number)), None)

    async def cdrs_by_campaign(self, campaign_id: str, *, count: int, offset: int) -> list[Row]:
        """A campaign's CDRs, with their `legs`, by id."""
        return await self._with_legs(await self._named("cdrs_by_campaign", campaign_id, count, offset))

    async def campaign_dispositions(self, campaign_id: str) -> dict[str, int]:
        """How many of a campaign's attempts came out in which way."""
        return _counts(await self._long("campaign_dispositions", campaign_id))

    async def attempts(self, account_id: str, ids: Sequence[str]) -> tuple[dict[str, Row], dict[str, Row]]:
        """What there is of these ids of attempts and requests: CDRs, and what has none yet.

        The latter have a `status` (Queued, Dialing, or Skipped where it never will be dialled), a `number` and perhaps
        a `created_at`.
        """
        ids = [each for each in ids if ID.fullmatch(each)]
        # In this order: what ends meanwhile is in both, and the CDR is the newer one.
        leads = [_attempt(found) for found in map(ATTEMPT.fullmatch, ids) if found]
        waiting = await self._named("reported_leads", account_id, leads) if leads else []
        waiting += await self._named("reported_calls", account_id, ids)
        cdrs = await self._named("reported_cdrs", account_id, ids)
        return {row["asked"]: row for row in cdrs}, {row["asked"]: row for row in waiting}

    async def poll_string(self, campaign_id: str, *, order_by: str, separator: str) -> str:
        """What each contact of a campaign pressed last, if anything, ordered by `time`, `number` or `billsec`."""
        (row,) = await self._long("poll_string", campaign_id, order_by, separator)
        return row["pressed"] or ""

    async def poll(self, campaign_id: str, *, order_by: str, count: int, offset: int) -> list[Row]:
        """The same, contact by contact: unique_id, number, digits, answers, answered_at, billsec."""
        return await self._long("poll", campaign_id, order_by, count, offset)

    async def machine_codes(
        self,
        whose: str,
        *,
        all_campaigns: bool,
        since: datetime,
        until: datetime,
        columns: Mapping[str, str],
        most: int,
        account_id: str,
    ) -> tuple[int, str]:
        """How many telephones were tried from `since` to before `until`, up to one more than `most`, and JSON of each.

        `whose` is a campaign's id, or an account's for all of its campaigns. `columns` says what counts in which one.
        Raises `TokenBusy` while they are counted for that account, on whichever node.
        """
        name = "machine_codes_of_all" if all_campaigns else "machine_codes"
        (row,) = await self._long(name, whose, since, until, dict(columns), most + 1, account_id)
        if not row["is_free"]:
            raise TokenBusy
        return row["telephones"], row["rows"]


def _counts(rows: list[Row]) -> dict[str, int]:
    return {row["disposition"]: row["calls"] for row in rows}


def _attempt(found: re.Match[str]) -> Row:
    campaign_id, list_id, position, attempt = found.groups()
    return {
        "asked": found[0],
        "campaign_id": campaign_id,
        "list_id": list_id,
        "position": int(position),
        "attempt": int(attempt),
    }
