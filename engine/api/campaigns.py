"""What an API asks of campaigns: made, started, paused, stopped, looked up, within one account."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from engine.api.turns import Turns
from engine.core.account import Account
from engine.core.asks import AnnouncementRow
from engine.core.callback import AHEAD_SECONDS
from engine.core.campaign import Campaign, State
from engine.core.campaign_asks import (
    CampaignAsk,
    CampaignProgress,
    ChangeCampaign,
    CreateCampaign,
    Created,
    ListCampaigns,
)
from engine.core.idempotency import KeptAnswer
from engine.core.progress import Progress
from engine.errors import IdTaken, InvalidRequest, NotFound, TooLate, Unavailable
from engine.store.campaigns import Campaigns

PREFIX, ID_BYTES = "CM", 5
ATTEMPTS = 5
LONGEST_SECONDS = 3660 * 86400  # of a campaign: what ends later than that is a slip of the pen
# In which states a change has been made already, or is without an object: asked for again, it is answered the same.
AS_IT_IS = {
    "stop": (State.STOPPED, State.COMPLETED, State.FAILED),
    "pause": (State.PAUSED,),
    "resume": (State.RUNNING, State.SCHEDULED),
    "start": (State.RUNNING,),
}
OVER = (State.STOPPED, State.COMPLETED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Register:
    """The accounts' campaigns. `announcements` are the store's of an account, `now` is the wall clock."""

    campaigns: Campaigns
    announcements: Callable[[str], Awaitable[list[AnnouncementRow]]]
    now: Callable[[], float]
    counting: Turns

    async def answer(
        self, account: Account, ask: CampaignAsk, *, keep: Callable[[Any], KeptAnswer] | None = None
    ) -> Any:
        """What was asked for, within that account. Raises `Refusal`."""
        match ask:
            case CreateCampaign():
                return await self._make(account, ask, keep)
            case ChangeCampaign():
                return await self._change(account.account_id, ask)
            case ListCampaigns():
                return await self.campaigns.of(account.account_id)
            case CampaignProgress(campaign_id=name):
                return await self._progress(account.account_id, name)

    async def one(self, account_id: str, name: str) -> Campaign:
        """That campaign of that account, by its id or its number. Raises `NotFound`."""
        found = await self.campaigns.one(account_id, name)
        if found is None:
            raise NotFound("there is no such campaign_id")
        return found

    async def _make(self, account: Account, ask: CreateCampaign, keep: Callable[[Any], KeptAnswer] | None) -> Created:
        now = self.now()
        starts_at = _start(ask, now)
        announcement = await self._announcement(account, ask.settings.announcement)
        for _ in range(ATTEMPTS):
            campaign = Campaign(
                campaign_id=PREFIX + secrets.token_hex(ID_BYTES),
                account_id=account.account_id,
                name=ask.name,
                list_id=ask.list_id,
                dnd_list_id=ask.dnd_list_id,
                settings=replace(ask.settings, announcement=announcement),
                calls_per_minute=ask.calls_per_minute,
                starts_at=starts_at,
                ends_at=ask.ends_at,
                created_at=now,
                state=State.SCHEDULED if starts_at > now else State.RUNNING,
                started_at=None if starts_at > now else now,
            )
            made = Created(campaign, ask.warnings)
            try:
                return replace(made, campaign=await self.campaigns.create(campaign, keep(made) if keep else None))
            except IdTaken:
                continue
        raise Unavailable

    async def _announcement(self, account: Account, written: str) -> str:
        """The id of the announcement with that id, number or file's name; of several files the one that came last."""
        if not written or written in account.announcements:
            return written
        rows = await self.announcements(account.account_id)
        named = [row for row in rows if written in (row["id"], row["number"] or row["id"], row["name"])]
        if not named:
            raise InvalidRequest("recorded_filename: there is no such announcement", param="recorded_filename")
        last: str = max(named, key=lambda row: row["uploaded_at"] or 0.0)["id"]
        return last

    async def _change(self, account_id: str, ask: ChangeCampaign) -> Campaign:
        for _ in range(ATTEMPTS):
            now = self.now()
            changed = await self.campaigns.change(account_id, ask.campaign_id, ask.to, now=now)
            if changed is not None:
                return changed
            known = await self.one(account_id, ask.campaign_id)
            if known.state in AS_IT_IS[ask.to]:
                return known
            if known.ends_at is not None and known.ends_at <= now:
                raise TooLate("the campaign's end is over")
            if known.state in OVER:
                raise TooLate("the campaign is over: it can be started again")
        raise Unavailable  # somebody else changes it all the time

    async def _progress(self, account_id: str, name: str) -> Progress:
        known = await self.one(account_id, name)
        async with self.counting.of(account_id):
            found = await self.campaigns.progress(known.campaign_id, now=self.now())
        if found is None:
            raise NotFound("there is no such campaign_id")
        return found


def _start(ask: CreateCampaign, now: float) -> float:
    """When it starts: one that is past, at once. Raises `InvalidRequest` where its end does not fit."""
    starts_at = now if ask.starts_at is None else ask.starts_at
    if not 0 < starts_at <= now + AHEAD_SECONDS:
        words = f"campaign_start_date must be within {AHEAD_SECONDS // 86400} days"
        raise InvalidRequest(words, param="campaign_start_date")
    if ask.ends_at is not None and ask.ends_at <= now:
        raise InvalidRequest("campaign_end_date must be in the future", param="campaign_end_date")
    if ask.ends_at is not None and ask.ends_at > now + LONGEST_SECONDS:
        words = f"campaign_end_date must be within {LONGEST_SECONDS // 86400} days"
        raise InvalidRequest(words, param="campaign_end_date")
    if ask.ends_at is not None and ask.ends_at <= starts_at:
        raise InvalidRequest("campaign_end_date must be after campaign_start_date", param="campaign_end_date")
    return starts_at
