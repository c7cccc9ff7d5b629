"""The campaigns: as they are made, started, paused, stopped, looked up, and how far they are."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any, Literal

import asyncpg

from engine.core import rows
from engine.core.campaign import Campaign, State, settings
from engine.core.causes import Disposition
from engine.core.idempotency import KeptAnswer
from engine.core.progress import Progress
from engine.errors import IdTaken, KeyTaken, NameTaken, NotFound, StoreAway
from engine.store.connection import to_database

CAMPAIGN = tuple(field.name for field in fields(Campaign))
COUNTS = ("contacts", "enrolled", "queued", "retrying", "calling", "done", "last_due_at", "last_minute")
NUMBER_DIGITS = 18  # what a bigint holds

Row = dict[str, Any]


class Campaigns:
    """Methods raise `StoreAway`. Times are epoch seconds; a campaign is known by its id and by its number."""

    def __init__(self, named: Callable[..., Awaitable[list[Row]]], long: Callable[..., Awaitable[list[Row]]]) -> None:
        self._named = named
        self._long = long

    async def create(self, campaign: Campaign, kept: KeptAnswer | None = None) -> Campaign:
        """Keep a new one, and what its request is answered; with its number.

        Raises `NotFound` of a list, `NameTaken`, `KeyTaken`, `IdTaken`: nothing of it stays. After `StoreAway` it may
        have come through: the same request again finds its name taken, or with a key the answer.
        """
        asked = {name: value for name, value in asdict(campaign).items() if name != "number"}
        answers = [rows.kept_row(kept, call_id=campaign.campaign_id)] if kept else []
        try:
            (row,) = await self._named("create_campaign", to_database(asked), answers)
        except StoreAway as exc:
            if isinstance(exc.__cause__, asyncpg.UniqueViolationError):  # another commit was quicker
                taken = exc.__cause__.constraint_name
                raise (IdTaken if taken == "campaigns_pkey" else NameTaken) from exc
            raise
        if not row["has_list"]:
            raise NotFound("there is no such list_id", param="list_id")
        if not row["has_dnd_list"]:
            raise NotFound("there is no such dnd_list_id", param="dnd_list_id")
        if row["is_named"]:
            raise NameTaken
        if row["number"] is None:
            raise KeyTaken
        return replace(campaign, number=row["number"])

    async def one(self, account_id: str, name: str) -> Campaign | None:
        """That campaign of that account, by its id or its number."""
        return next(iter(_read(await self._named("campaign", account_id, name, _number(name)))), None)

    async def named(self, account_id: str, name: str) -> Campaign | None:
        """The account's campaign of that name, else the one with that id or number."""
        return next(iter(_read(await self._named("campaign_named", account_id, name, _number(name)))), None)

    async def of(self, account_id: str) -> list[Campaign]:
        """An account's, the oldest first."""
        return _read(await self._named("campaigns_of", account_id))

    async def change(
        self, account_id: str, name: str, to: Literal["start", "pause", "resume", "stop"], *, now: float
    ) -> Campaign | None:
        """The campaign after that change, running engines told; None where there is none that it can be made of."""
        return next(iter(_read(await self._named(f"{to}_campaign", account_id, name, _number(name), now))), None)

    async def progress(self, campaign_id: str, *, now: float) -> Progress | None:
        """How far the campaign with that id is."""
        for row in await self._long("campaign_progress", campaign_id, now):
            return _progress(row, now)
        return None


def _number(name: str) -> int:
    """The number that this may be; 0, which none has, where it is none."""
    return int(name) if name.isascii() and name.isdigit() and len(name) <= NUMBER_DIGITS else 0


def _read(found: list[Row]) -> list[Campaign]:
    return [_campaign(row) for row in found]


def _campaign(row: Mapping[str, Any]) -> Campaign:
    known = {name: row[name] for name in CAMPAIGN}
    return Campaign(**{**known, "settings": settings(row["settings"]), "state": State(row["state"])})


def _progress(row: Mapping[str, Any], now: float) -> Progress:
    outcomes, verdicts = Counter[str](), Counter[str]()
    for each in row["outcomes"]:
        outcomes[each["disposition"]] += each["attempts"]
        if each["disposition"] == Disposition.ANSWER and each["verdict"]:
            verdicts[each["verdict"]] += each["attempts"]
    counts = {name: row[name] for name in COUNTS}
    return Progress(campaign=_campaign(row), at=now, **counts, outcomes=outcomes, verdicts=verdicts)
