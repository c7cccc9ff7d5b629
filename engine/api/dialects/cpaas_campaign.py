"""The CPaaS suite's campaigns: created, stopped, listed."""

from dataclasses import replace
from email.utils import formatdate

from engine.api.dialect import Body, Operation, Surroundings
from engine.api.dialects import cpaas_campaign_params as params
from engine.api.dialects.cpaas_callback import utc
from engine.api.dialects.cpaas_otp import MANNER, MOST_REPEATS
from engine.api.dialects.cpaas_params import text
from engine.core.asks import Ask
from engine.core.callback import resolve, spelt_wall, zone_of
from engine.core.campaign import Campaign, Settings
from engine.core.campaign_asks import ChangeCampaign, CreateCampaign, Created, ListCampaigns
from engine.core.refusal import InvalidRequest
from engine.core.speech import manner

REPEAT = ("repeat", "repeat_count", "repeat_announcement_count")
RETRIES = ("max_retries", "retry_attempts")
MOST_RETRIES = 100
LONGEST_RETRY_SECONDS = 7 * 86400
MOST_CALLS_PER_MINUTE = 6000
START, END = "campaign_start_date", "campaign_end_date"
STOP_PATHS = ("/api/stop_campaign", "/stop_campaign")  # the document has one in its URL line, one in its sample


def parse_create(body: Body, around: Surroundings) -> Ask:
    """Every parameter of the document with its aliases, and our own: ivr_id, connect_to, amd, on_machine, amd_…."""
    body = params.tidied(body)
    name = params.line(body, "campaign_name")
    if not name:
        raise InvalidRequest("campaign_name is required", param="campaign_name")
    starts_wall, ends_wall = _wall(body, START), _wall(body, END)
    time_zone = text(body, "time_zone").strip(params.QUOTES) or "UTC"
    zone_of(time_zone)
    starts_at = resolve(starts_wall, time_zone, param=START) if starts_wall else None
    ends_at = resolve(ends_wall, time_zone, param=END) if ends_wall else None
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise InvalidRequest(f"{END} must be after {START}", param=END)
    settings, warnings = _settings(body, around)
    settings = replace(
        settings, starts_wall=spelt_wall(starts_wall), ends_wall=spelt_wall(ends_wall), time_zone=time_zone
    )
    return CreateCampaign(
        name=name,
        list_id=params.required_id(body, "list_id"),
        dnd_list_id=params.written_id(body, "dnd_list_id"),
        settings=settings,
        calls_per_minute=params.ranged(body, "calls_per_minute", 1, MOST_CALLS_PER_MINUTE),
        starts_at=starts_at,
        ends_at=ends_at,
        warnings=warnings,
    )


def parse_stop(body: Body, around: Surroundings) -> Ask:
    """By its id, as it is printed in the document with a space in front, or its number."""
    return ChangeCampaign(params.required_id(params.tidied(body), "campaign_id"), "stop")


def reply_created(created: Created) -> Body:
    """The document's reply, what its dates came to, and `warnings`, where there are any."""
    campaign = created.campaign
    extra: Body = {"campaign_start_utc": utc(campaign.starts_at)}
    if campaign.ends_at is not None:
        extra["campaign_end_utc"] = utc(campaign.ends_at)
    if created.warnings:
        extra["warnings"] = list(created.warnings)
    return {"response": {"campaign_id": campaign.campaign_id, "success": "true", **extra}}


def reply_stopped(_: Campaign) -> Body:
    """The document's reply, which begins with a space."""
    return {"response": {"message": " campaign stopped successfully", "success": "true"}}


def reply_details(found: list[Campaign]) -> Body:
    """The account's campaigns, the oldest first, or an empty result."""
    message = "campaign found" if found else "campaign not found"
    return {"response": {"message": message, "result": [details(each) for each in found], "success": "true"}}


def details(campaign: Campaign) -> Body:
    """One campaign as the document shows it, all texts; then our own."""
    settings = campaign.settings
    return {
        "calls_per_minute": str(campaign.calls_per_minute),
        "campaign_caller_id": settings.caller_id,
        "campaign_end_date": formatdate(campaign.ends_at or 0.0, usegmt=True),
        "campaign_id": campaign.campaign_id,
        "campaign_name": campaign.name,
        "campaign_start_date": formatdate(campaign.starts_at, usegmt=True),
        "campaign_status": str(int(campaign.state)),
        "campaign_type": str(settings.campaign_type),
        "max_retries": str(settings.max_retries),
        "repeat_announcement_count": str(settings.times),
        "retry_time": str(settings.retry_seconds),
        "campaign_number": str(campaign.number),
        "list_id": campaign.list_id,
        "dnd_list_id": campaign.dnd_list_id,
        "time_zone": settings.time_zone,
    }


def _settings(body: Body, around: Surroundings) -> tuple[Settings, tuple[str, ...]]:
    """All but its times, and warnings of what is spoken otherwise than asked."""
    campaign_type = params.ranged(body, "campaign_type", 0, 1, default=0)
    shown = params.caller_id(body, "campaign_caller_id", around)
    asked, warnings = manner(**{name: text(body, name) or None for name in MANNER})
    words, announcement = params.said(body, campaign_type=campaign_type)
    settings = Settings(
        campaign_type=campaign_type,
        caller_id=shown,
        text=words,
        manner=asked,
        announcement=announcement,
        times=params.ranged(body, REPEAT, 1, MOST_REPEATS, default=1),
        connect_to=params.connect_to(body, around, campaign_type=campaign_type, shown=shown),
        max_retries=params.ranged(body, RETRIES, 0, MOST_RETRIES, default=0),
        retry_seconds=params.ranged(body, "retry_time", 0, LONGEST_RETRY_SECONDS, default=60),
        retry_on=params.statuses(body, "retry_on_statuses"),
        amd=params.amd(body, says=bool(words or announcement)),
    )
    return settings, warnings if words else ()


def _wall(body: Body, name: str) -> str:
    return " ".join(text(body, name).strip(params.QUOTES).split())


OPERATIONS = (
    Operation("POST", "/api/create_campaign", parse_create, reply_created, dials=True),
    *(Operation("POST", path, parse_stop, reply_stopped) for path in STOP_PATHS),
    Operation("GET", "/api/get_campaign_details", lambda *_: ListCampaigns(), reply_details),
)
