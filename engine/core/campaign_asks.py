"""What an API may ask about lists, campaigns and their reports; and what it is answered with."""

from collections.abc import Mapping, Sequence
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
    """A contact as somebody wrote it; `wrong` is what is known to be wrong with it, "" for nothing yet."""

    number: str
    name: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    wrong: str = ""


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
    """Some CDRs of a campaign's attempts, by their ids. Answered with a `CdrPage`."""

    campaign_id: str
    count: int = 1000
    offset: int = 0


@dataclass(frozen=True, slots=True)
class CdrPage:
    """Rows of the store's `cdrs`, each with its `legs`, and whether there are more behind them."""

    rows: list[dict[str, Any]]
    more: bool


@dataclass(frozen=True, slots=True)
class CampaignStatistics:
    """How a campaign's attempts came out. Answered with a count by disposition."""

    campaign_id: str


@dataclass(frozen=True, slots=True)
class AttemptReports:
    """What became of these ids (unique ids of attempts, request ids). Answered with `AttemptsFound`."""

    unique_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptsFound:
    """What there is of `ids`, each at most once: CDRs, and what has none (`status`, `number`, `created_at`).

    `time_zone` is the account's for reports.
    """

    ids: tuple[str, ...]
    cdrs: Mapping[str, "ReportRow"]
    waiting: Mapping[str, "ReportRow"]
    time_zone: str


PollOrder = Literal["time", "number", "billsec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResults:
    """What a campaign's contacts pressed, in that order; of `nobody`, it is empty. Answered with `Poll`."""

    campaign_id: str
    order_by: PollOrder = "time"
    nobody: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What was `pressed`, one contact behind the other, in a campaign that is on from `since` (to `until`)."""

    pressed: str
    since: float
    until: float | None
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PollAnswers:
    """What some of a campaign's contacts answered. Answered with `PollPage`."""

    campaign_id: str
    count: int
    offset: int


@dataclass(frozen=True, slots=True)
class PollPage:
    """The campaign's id, and of each contact unique_id, number, digits, answers by step, answered_at, billsec."""

    campaign_id: str
    contacts: Sequence["ReportRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCodes:
    """A campaign's attempts (of "all": every one's) by telephone, of call dates from `since` to before `until`.

    Answered with `MachineCodesFound`.
    """

    campaign_id: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class MachineCodesFound:
    """How many telephones there are, and their rows as a JSON text."""

    telephones: int
    rows: str = field(repr=False)


ReportAsk = CdrsByCampaign | CampaignStatistics | AttemptReports | PollResults | PollAnswers | MachineCodes

ReportRow = dict[str, Any]
