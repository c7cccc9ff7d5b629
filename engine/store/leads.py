"""Leads: the contacts a campaign is to call, as they are enrolled, claimed, given back; and how a campaign goes on."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import structlog

from engine.core.campaign import Campaign, Lead, State, settings, understood

Row = dict[str, Any]
CAMPAIGN = tuple(each.name for each in fields(Campaign))
LEAD = tuple(each.name for each in fields(Lead))

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A campaign that is running, or is to turn: to begin, or to end, as its time has come.

    Times are by Postgres's clock: when its next call may start, and when all this was read.
    """

    campaign: Campaign
    enrolled_position: int
    next_start_at: float
    is_to_turn: bool
    has_list: bool
    read_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A lead that is this node's for a while, and whether it is on the campaign's do-not-disturb list."""

    lead: Lead
    is_listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Whether the starts are granted that were asked for; when the next one may be, and what time it is."""

    is_granted: bool
    next_start_at: float
    read_at: float


class Leads:
    """Methods raise `StoreAway`. Times are epoch seconds. What ends a claim is its call's first commit."""

    def __init__(self, named: Callable[..., Awaitable[list[Row]]]) -> None:
        self._named = named

    async def open(self) -> list[Running]:
        """The campaigns that run or are to begin; one whose settings are another version's is left out, and told."""
        return list(_running(await self._named("open_campaigns")))

    async def turn(self) -> None:
        """Begin and end what is to."""
        await self._named("begin_campaigns")
        await self._named("end_campaigns")

    async def complete(self, running: Running) -> bool:
        """Whether it had nobody left to call: then it is completed."""
        campaign_id = running.campaign.campaign_id
        return bool(await self._named("complete_campaign", campaign_id, running.enrolled_position))

    async def fail(self, campaign_id: str, reason: str) -> bool:
        """It can not be carried out; False where it is not running."""
        return bool(await self._named("fail_campaign", campaign_id, reason))

    async def grant(self, campaign_id: str, *, next_at: float, then_at: float) -> Granted | None:
        """Take the starts from `next_at` to before `then_at`, if nobody has; None for one that does not run."""
        found = await self._named("grant_starts", campaign_id, next_at, then_at)
        return next((Granted(**row) for row in found), None)

    async def enrol(self, campaign_id: str, count: int) -> int:
        """Make leads of up to so many contacts; how many."""
        return len(await self._named("enrol_leads", campaign_id, count))

    async def claim(self, campaign: Campaign, count: int, *, seconds: float) -> list[Claimed]:
        """Up to so many that are due, the first ones first: other nodes leave them alone for so long."""
        found = await self._named("claim_leads", campaign.campaign_id, count, seconds, campaign.dnd_list_id)
        found.sort(key=lambda row: (row["due_at"], row["position"]))
        return [Claimed(lead=Lead(**{name: row[name] for name in LEAD}), is_listed=row["is_listed"]) for row in found]

    async def keep(self, campaign_id: str, leads: Sequence[Lead], *, seconds: float) -> set[int]:
        """Have other nodes leave them alone for so long from now: the positions of those that still are this node's."""
        positions, versions = [each.position for each in leads], [each.version for each in leads]
        kept = await self._named("keep_leads", campaign_id, positions, versions, seconds)
        return {row["position"] for row in kept}

    async def put_off(self, campaign_id: str, leads: Sequence[tuple[Lead, float]]) -> None:
        """Give each back, due after so many seconds; with 0 it keeps its place."""
        positions = [lead.position for lead, _ in leads]
        versions = [lead.version for lead, _ in leads]
        await self._named("put_off_leads", campaign_id, positions, versions, [seconds for _, seconds in leads])

    async def give_up(self, seconds: float) -> int:
        """Go on without the nodes that nobody has heard of for so long; how many leads they were calling."""
        return len(await self._named("give_up_leads", seconds))

    async def delete_old(self, days: int, count: int) -> int:
        """Delete up to so many of campaigns that were over longer ago than that; how many."""
        return len(await self._named("delete_old_leads", days, count))


def _running(found: list[Row]) -> Iterator[Running]:
    for row in found:
        try:
            campaign = _campaign(row)
        except (KeyError, TypeError, ValueError) as exc:
            log.error("campaign not understood", campaign=row["campaign_id"], error=repr(exc))
            continue
        yield Running(
            campaign=campaign,
            enrolled_position=row["enrolled_position"],
            next_start_at=row["next_start_at"],
            is_to_turn=row["is_to_turn"] or False,
            has_list=row["has_list"],
            read_at=row["read_at"],
        )


def _campaign(row: Mapping[str, Any]) -> Campaign:
    if not understood(row["settings"]):
        raise ValueError("settings of another version")
    values = {name: row[name] for name in CAMPAIGN}
    return Campaign(**{**values, "settings": settings(row["settings"]), "state": State(row["state"])})
