"""A campaign's attempt to reach a contact: what is said, the request that it is, and why nobody is rung."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.core import connect, dialstring, permit
from engine.core.account import Account, Route
from engine.core.call import Call
from engine.core.campaign import KIND, Campaign, Lead
from engine.core.flows import FLOWS
from engine.core.ivr import Ivr, transfers
from engine.core.refusal import InvalidRequest
from engine.core.request import AROUND_SPEECH_SECONDS, CallRequest, CampaignAttempt, Limits, Party, Speech, Target
from engine.core.speech import LEAD_SECONDS, Part, Pause, spoken

MISSING_FIELD = "missing_field"
UNSPEAKABLE = "unspeakable"  # it is too long with these fields, or there is nothing in it
DND = "dnd"
CALLING_HOURS = "calling_hours"
# Why a contact is not called at any time, and what a CDR says of it. What somebody may have mistyped a minute ago (a
# route, the caller id) is waited for: it must not use up the list.
FINAL = {
    "shape": "number",
    "number": "number",
    "emergency": "emergency",
    "premium": "premium",
    "region": "region",
    DND: DND,
    MISSING_FIELD: MISSING_FIELD,
    UNSPEAKABLE: UNSPEAKABLE,
}
LONGEST_VALUE = 200  # characters of a contact's field that are spoken
MACHINE_SECONDS = 60  # how long a machine may greet before what is to be said


def ivr_of(campaign: Campaign, account: Account) -> Ivr | None:
    """The IVR that who answers is led through, its texts not spoken yet; None where there is none."""
    kind, _, name = connected_to(campaign, account).partition(":")
    return account.ivrs.get(name) if kind == connect.IVR else None


def connected_to(campaign: Campaign, account: Account) -> str:
    """To what who answers is connected, as it is written; "" for nothing."""
    settings = campaign.settings
    if settings.campaign_type != 1:
        return ""
    return settings.connect_to or (f"{connect.IVR}:{account.default_ivr}" if account.default_ivr else "")


def impossible(campaign: Campaign, account: Account, *, routes: Sequence[Route], limits: Limits) -> str:
    """Why no call of the campaign can be made, "" if one can."""
    settings = campaign.settings
    if settings.announcement and settings.announcement not in account.announcements:
        return f"announcement {settings.announcement}: there is no such announcement any more"
    written = connected_to(campaign, account)
    if written.startswith(f"{connect.IVR}:") and ivr_of(campaign, account) is None:
        return f"{written}: there is no such IVR any more"
    if settings.campaign_type == 1 and not written:
        return "connect_to: there is nothing to connect to"
    try:
        shown = permit.shown(account, settings.caller_id)
        _choices(campaign, account, ivr_of(campaign, account), shown=shown, routes=routes, limits=limits)
    except InvalidRequest as exc:
        return exc.message
    return ""


def refused(campaign: Campaign, lead: Lead, account: Account, *, routes: Sequence[Route], now: float) -> str:
    """Why the contact may not be called now, in the permit's word; "" if it may, but for what is counted."""
    attempt = permit.Attempt(number=lead.number, caller_id=campaign.settings.caller_id, kind=KIND, spelt=True)
    verdict = permit.verdict(attempt, permit.Moment(account=account, routes=routes, now=now))
    return "" if verdict.allowed else verdict.reason


def parts(campaign: Campaign, lead: Lead) -> tuple[Part, ...]:
    """What is said to this contact, after a moment of silence. Raises `InvalidRequest` if a field has no value."""
    values = {"name": lead.name, "contact_name": lead.name, **lead.fields}
    clean = {name: _clean(str(value)) for name, value in values.items()}
    said = spoken(campaign.settings.text, {name: value for name, value in clean.items() if value})
    return (Pause(LEAD_SECONDS), *said)


def request(
    campaign: Campaign,
    lead: Lead,
    account: Account,
    *,
    routes: Sequence[Route],
    limits: Limits,
    speech: Speech | None = None,
    ivr: Ivr | None = None,
) -> CallRequest:
    """The next attempt; `ivr` with its texts spoken. Raises `InvalidRequest`."""
    settings = campaign.settings
    shown = permit.shown(account, settings.caller_id)
    endpoints = dialstring.endpoints(lead.number, extensions=account.extensions, routes=routes)
    choices = _choices(campaign, account, ivr, shown=shown, routes=routes, limits=limits)
    written = connected_to(campaign, account)
    asked = CallRequest(
        account_id=campaign.account_id,
        kind=KIND,
        customer=Party(
            targets=(Target(number=lead.number, endpoints=endpoints),),
            ring_seconds=limits.ring_seconds,
            caller_id=shown,
        ),
        max_talk_seconds=limits.max_talk_seconds,
        speech=speech,
        campaign=attempt(campaign, lead),
        amd=settings.amd,
        ivr=ivr,
        choices=choices,
        connect_to=written if written in choices else "",
    )
    return asked if written else replace(asked, max_talk_seconds=_speaking_seconds(asked))


def attempt(campaign: Campaign, lead: Lead) -> CampaignAttempt:
    """Which attempt the next one is."""
    settings = campaign.settings
    return CampaignAttempt(
        campaign_id=campaign.campaign_id,
        campaign_type=settings.campaign_type,
        list_id=campaign.list_id,
        position=lead.position,
        attempt=lead.attempts + 1,
        max_retries=settings.max_retries,
        retry_seconds=settings.retry_seconds,
        retry_on=settings.retry_on,
    )


def unrung(campaign: Campaign, lead: Lead, reason: str, *, call_id: str, now: float) -> Call:
    """An attempt that is over and rang nobody: its CDR says why."""
    targets = (Target(number=lead.number, endpoints=()),)
    asked = CallRequest(
        account_id=campaign.account_id,
        kind=KIND,
        customer=Party(targets=targets, ring_seconds=0, caller_id=campaign.settings.caller_id),
        max_talk_seconds=0,
        campaign=attempt(campaign, lead),
    )
    call = Call(call_id=call_id, request=asked, flow=FLOWS[KIND], requested_at=now, now=now)
    call.gave_up = reason
    call.release(reason)
    return call


def _choices(
    campaign: Campaign,
    account: Account,
    ivr: Ivr | None,
    *,
    shown: str,
    routes: Sequence[Route],
    limits: Limits,
) -> Mapping[str, Party]:
    written = connected_to(campaign, account)
    names = transfers(ivr) if ivr else {written} if written else set()
    found = {}
    for name in sorted(names):
        if name.startswith(f"{connect.IVR}:"):
            continue
        try:
            found[name] = connect.party(account, name, shown=shown, routes=routes, limits=limits)
        except InvalidRequest as exc:
            raise InvalidRequest(f"{name}: {exc.message}") from exc
    return found


def _speaking_seconds(asked: CallRequest) -> int:
    """How long somebody may be on the line to whom only something is said."""
    speech = asked.speech
    seconds = math.ceil(speech.times * (speech.seconds + AROUND_SPEECH_SECONDS)) if speech else AROUND_SPEECH_SECONDS
    return seconds + (MACHINE_SECONDS if asked.amd else 0)


def _clean(value: str) -> str:
    """The value as it is spoken: of one line, and not too long."""
    letters = "".join(letter if letter.isprintable() else " " for letter in value)
    return " ".join(letters.split())[:LONGEST_VALUE]
