"""Campaigns as our own API shows, starts, pauses and stops them."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from engine.api.dialect import Body, Operation, Surroundings
from engine.api.dialects import cpaas_campaign_params as params
from engine.core.asks import Ask
from engine.core.campaign import Campaign
from engine.core.campaign_asks import CampaignProgress, ChangeCampaign, ListCampaigns
from engine.core.progress import Progress

PATH = "/v1/campaigns"
ONE = PATH + "/{campaign_id}"
CHANGES: tuple[Literal["start", "pause", "resume", "stop"], ...] = ("start", "pause", "resume", "stop")


def parse_one(body: Body, around: Surroundings) -> Ask:
    """By its id or number, which stands in the path."""
    return CampaignProgress(params.required_id(body, "campaign_id"))


def reply_list(found: list[Campaign]) -> Body:
    """The oldest first."""
    return {"campaigns": [campaign(each) for each in found]}


def reply_progress(progress: Progress) -> Body:
    """A campaign and how far it is."""
    found, end = progress.campaign, progress.expected_end
    figures = {
        **progress.figures(),
        "expected_end_at": _iso(end),
        "expected_end_local": _local(end, found.settings.time_zone),
    }
    return {**campaign(found), "progress": figures}


def campaign(found: Campaign) -> Body:
    """One campaign. Times are ISO 8601, UTC, and once more as clocks in its zone show them; null where none is set."""
    settings, zone = found.settings, found.settings.time_zone
    return {
        "campaign_id": found.campaign_id,
        "number": found.number,
        "name": found.name,
        "state": found.state.name.lower(),
        "reason": found.reason or None,
        "campaign_type": settings.campaign_type,
        "list_id": found.list_id,
        "dnd_list_id": found.dnd_list_id or None,
        "caller_id": settings.caller_id,
        "text": settings.text or None,
        "announcement": settings.announcement or None,
        "repeat": settings.times,
        "manner": asdict(settings.manner),
        "connect_to": settings.connect_to or None,
        "amd": asdict(settings.amd) if settings.amd else None,
        "calls_per_minute": found.calls_per_minute,
        "max_retries": settings.max_retries,
        "retry_seconds": settings.retry_seconds,
        "retry_on": list(settings.retry_on),
        "time_zone": zone,
        "starts_at": _iso(found.starts_at),
        "starts_local": _local(found.starts_at, zone),
        "ends_at": _iso(found.ends_at),
        "ends_local": _local(found.ends_at, zone),
        "created_at": _iso(found.created_at),
        "started_at": _iso(found.started_at),
        "settled_at": _iso(found.settled_at),
    }


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _local(at: float | None, zone: str) -> str | None:
    return None if at is None else f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def _change(to: Literal["start", "pause", "resume", "stop"]) -> Operation:
    def parse(body: Body, around: Surroundings) -> Ask:
        return ChangeCampaign(params.required_id(body, "campaign_id"), to)

    return Operation("POST", f"{ONE}/{to}", parse, campaign, bare=True)


OPERATIONS = (
    Operation("GET", PATH, lambda *_: ListCampaigns(), reply_list),
    Operation("GET", ONE, parse_one, reply_progress),
    *map(_change, CHANGES),
)
