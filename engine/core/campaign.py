"""A campaign: whom it calls, when, how fast and how often, and what those hear who answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any

from engine.core.amd import Amd
from engine.core.causes import Disposition
from engine.core.speech import Manner

KIND = "campaign"
RETRY_ON = (Disposition.NOANSWER, Disposition.BUSY, Disposition.CONGESTION)


class State(IntEnum):
    """What becomes of a campaign, in the CPaaS document's numbers."""

    SCHEDULED = 0
    RUNNING = 1
    STOPPED = 2
    COMPLETED = 3
    PAUSED = 4
    FAILED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a campaign says and does; times are seconds. `starts_wall` and `ends_wall` are clocks' in `time_zone`.

    `text` may hold `{fields}` of the contact; `announcement` is the id of one of the account's that is played in its
    place; both "": nothing is said. A `campaign_type` 1 then connects to `connect_to`: ivr:ID, extension:N, group:ID,
    agent:ID or endpoint:ID.
    """

    campaign_type: int
    caller_id: str
    text: str = ""
    manner: Manner = field(default_factory=Manner)
    announcement: str = ""
    times: int = 1  # what is said is said so often
    connect_to: str = ""
    max_retries: int = 0
    retry_seconds: int = 60
    retry_on: tuple[str, ...] = RETRY_ON
    amd: Amd | None = None
    starts_wall: str = ""
    ends_wall: str = ""
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign. Times are epoch seconds; no `ends_at` is open-ended. `number` is its id where ids are numbers."""

    campaign_id: str
    account_id: str
    name: str
    list_id: str
    dnd_list_id: str  # "" for none
    settings: Settings
    calls_per_minute: int
    starts_at: float
    ends_at: float | None
    created_at: float
    number: int = 0  # the store gives it
    state: State = State.SCHEDULED
    reason: str = ""
    started_at: float | None = None
    settled_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A contact that a campaign is to call, as it was claimed: `attempts` were begun before."""

    campaign_id: str
    position: int
    number: str
    name: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    attempts: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A lead as it was claimed; it is called, or done with, by one commit, if it still is so and its campaign runs.

    `latest_at` is until when that call may start, by Postgres's clock; None for one that rings nobody.
    """

    campaign_id: str
    position: int
    version: int
    latest_at: float | None = None


def settings(kept: Mapping[str, Any]) -> Settings:
    """The settings that JSON has kept; what another version has kept besides is left out."""
    amd = kept.get("amd")
    values = {
        **kept,
        "manner": Manner(**_known(Manner, kept.get("manner", {}))),
        "retry_on": tuple(kept.get("retry_on", RETRY_ON)),
        "amd": Amd(**_known(Amd, amd)) if amd else None,
    }
    return Settings(**_known(Settings, values))


def understood(kept: Mapping[str, Any]) -> bool:
    """Whether all that was kept means something here: else nobody of this version carries it out."""
    inner = (Manner, kept.get("manner") or {}), (Amd, kept.get("amd") or {})
    return all(each.keys() <= {name.name for name in fields(kind)} for kind, each in ((Settings, kept), *inner))


def _known(kind: type[Manner] | type[Amd] | type[Settings], kept: Mapping[str, Any]) -> dict[str, Any]:
    return {each.name: kept[each.name] for each in fields(kind) if each.name in kept}
