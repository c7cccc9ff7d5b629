"""What an API may ask about lists, campaigns and their reports; and what it is answered with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from engine.core.campaign import Campaign, Settings

ListKind = Literal["contacts", "dnd"]

# -- lists -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateList:
    """A new list under a name of its own. Answered with its id, a text."""

    kind: ListKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RawContact:
    """A contact as somebody wrote it."""

    number: str
    name: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddContacts:
    """Put these into a list. Answered with `Imported`."""

    kind: ListKind
    list_id: str
    contacts: tuple[RawContact, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCsv:
    """Put those of a CSV file of the account's into a list. Answered with `Imported`."""

    kind: ListKind
    list_id: str
    key: str  # under the account's own prefix


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was left out, by its number (the header is line 1; of JSON, its place from 1), and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of the rows: so many are new in the list, were there or came twice, can not be called."""

    imported: int
    duplicate: int
    invalid: int
    rejected: tuple[Rejected, ...] = ()  # the first ones


ListAsk = CreateList | AddContacts | ImportCsv

# -- campaigns -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCampaign:
    """A new campaign under a name of its own. Answered with `Created`.

    `settings.announcement` is as it was written: the id, the number or the file's name of one of the account's.
    """

    name: str
    list_id: str
    dnd_list_id: str
    settings: Settings
    calls_per_minute: int
    starts_at: float | None  # None: now
    ends_at: float | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Created:
    """A new campaign, and what of it is done otherwise than asked."""

    campaign: Campaign
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeCampaign:
    """Start it now, pause, resume or stop it. Answered with the `Campaign` as it is then."""

    campaign_id: str
    to: Literal["start", "pause", "resume", "stop"]


@dataclass(frozen=True, slots=True)
class ListCampaigns:
    """The account's campaigns, the oldest first. Answered with a list of `Campaign`."""


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """One campaign and how far it is. Answered with `engine.core.progress.Progress`."""

    campaign_id: str


CampaignAsk = CreateCampaign | ChangeCampaign | ListCampaigns | CampaignProgress

# -- reports ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CdrsByCampaign:
    """The CDRs of a campaign's attempts. Answered with a list of `CdrRow`, by their ids."""

    campaign_id: str


@dataclass(frozen=True, slots=True)
class CampaignStatistics:
    """How a campaign's attempts came out. Answered with a count by disposition."""

    campaign_id: str


@dataclass(frozen=True, slots=True)
class AttemptReports:
    """What became of these ids (unique ids of attempts, request ids). Answered with a row or None by id."""

    unique_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResults:
    """What a campaign's contacts pressed, in that order. Answered with `Poll`."""

    campaign_id: str
    order_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCodes:
    """A campaign's attempts by telephone, of call dates from `since` up to `until`. Answered with rows."""

    campaign_id: str
    since: datetime
    until: datetime


ReportAsk = CdrsByCampaign | CampaignStatistics | AttemptReports | PollResults | MachineCodes

ReportRow = dict[str, Any]
