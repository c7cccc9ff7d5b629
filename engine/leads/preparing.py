"""Preparing: claimed leads are looked at, spoken to, and ready to be called; or put off; or settled, with a CDR."""

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field

import structlog

from engine.core.account import Account
from engine.core.campaign import Campaign, Claim, Lead
from engine.core.campaign_call import CALLING_HOURS, DND, FINAL, UNSPEAKABLE, refused, request, unrung
from engine.core.ids import of_callback
from engine.core.request import CallRequest
from engine.errors import InvalidRequest, StoreAway, TooLate, Unavailable, VoiceAway, VoiceFailed
from engine.leads import hours
from engine.leads.means import Means
from engine.leads.speech import NotSpoken
from engine.store.leads import Claimed

ID_BYTES = 5
VOICE_SECONDS = 5.0  # before a lead is spoken to again for whom there was no voice
PAUSE_SECONDS = 1.0  # before others are, then
TEXT_SECONDS = 60.0  # before a text is tried again that no voice could speak
MOST_TRIES = 3  # of such a text
LEAST_HOURS_SECONDS = 1.0  # before one is looked at again who may not be called at this time of day
MOST_HOURS_SECONDS = 3600.0  # though the hours begin later: they may be changed meanwhile
LONGEST_PAUSE_SECONDS = 60.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A lead that can be called at once."""

    lead: Lead
    request: CallRequest


@dataclass(slots=True)
class Preparing:
    """A campaign's leads that are being prepared, and those that are put off: whom, and for how many seconds."""

    means: Means
    put_off: list[tuple[Lead, float]] = field(default_factory=list)
    voiceless: bool = False  # the last one could not be spoken to
    claims_from: float = 0.0  # nobody is to be claimed before then (monotonic)
    off_hours: int = 0  # how many may not be called at this time of day
    _leads: dict[tuple[int, int], Lead] = field(default_factory=dict)  # by position and version
    _lost: set[tuple[int, int]] = field(default_factory=set)
    _unspoken: Counter[int] = field(default_factory=Counter)  # how often no voice could speak the text, by position

    def __len__(self) -> int:
        return len(self._leads)

    @property
    def leads(self) -> list[Lead]:
        """Those being prepared that still are this node's."""
        return [lead for key, lead in self._leads.items() if key not in self._lost]

    def begin(self, lead: Lead) -> None:
        """It is about to be prepared."""
        self._leads[_key(lead)] = lead

    def lose(self, lead: Lead) -> None:
        """It is another node's by now: nothing is to come of what is under way."""
        if _key(lead) in self._leads:
            self._lost.add(_key(lead))

    async def prepare(self, campaign: Campaign, claimed: Claimed) -> Prepared | None:
        """The lead as it can be called; None where it is put off, settled or lost."""
        lead = claimed.lead
        try:
            prepared = await self._prepared(campaign, lead, is_listed=claimed.is_listed)
            if prepared is None or _key(lead) not in self._lost:
                return prepared
            self.means.speech.drop(prepared.request.speech)
            return None
        finally:
            del self._leads[_key(lead)]
            self._lost.discard(_key(lead))

    async def settle(self, campaign: Campaign, lead: Lead, reason: str) -> None:
        """Nobody is rung: for a while, or for good, and a CDR says why."""
        seconds = None if reason in FINAL else self._off_seconds(lead, reason, campaign)
        if seconds is not None:
            self.put_off.append((lead, seconds))
            return
        said = FINAL.get(reason, reason)
        call = unrung(campaign, lead, said, call_id=_new_id(), now=time.time())
        try:
            await self.means.store.writer.accept(call, Claim(lead.campaign_id, lead.position, lead.version))
        except (TooLate, StoreAway):  # it was claimed again, or its claim will be over
            return
        self.means.switch.counts.note_ended(call)
        log.info("lead not called", call=call.call_id, campaign=lead.campaign_id, position=lead.position, reason=said)

    def _off_seconds(self, lead: Lead, reason: str, campaign: Campaign) -> float | None:
        """For how long somebody is put off; None if no hour will ever do, and nothing is to be waited for."""
        account = self.means.accounts.accounts.get(campaign.account_id)
        if reason != CALLING_HOURS or account is None or account.calling_hours is None:
            return LONGEST_PAUSE_SECONDS
        seconds = hours.begin_in(lead.number, account.calling_hours, time.time())
        return None if seconds is None else min(max(LEAST_HOURS_SECONDS, seconds), MOST_HOURS_SECONDS)

    async def _prepared(self, campaign: Campaign, lead: Lead, *, is_listed: bool) -> Prepared | None:
        account = self.means.accounts.accounts.get(campaign.account_id)
        if account is None:
            self.put_off.append((lead, LONGEST_PAUSE_SECONDS))
            return None
        routes = self.means.accounts.routes
        reason = DND if is_listed else refused(campaign, lead, account, routes=routes, now=time.time())
        if not reason:
            return await self._spoken(campaign, lead, account)
        self.off_hours += reason == CALLING_HOURS
        await self.settle(campaign, lead, reason)
        return None

    async def _spoken(self, campaign: Campaign, lead: Lead, account: Account) -> Prepared | None:
        try:
            asked = await self._request(campaign, lead, account)
        except NotSpoken as exc:
            await self.settle(campaign, lead, exc.reason)
        except (Unavailable, InvalidRequest, KeyError) as exc:  # no voice, or something is gone since the look
            log.info("lead put off", campaign=lead.campaign_id, position=lead.position, why=repr(exc))
            if isinstance(exc, VoiceFailed) and not isinstance(exc, VoiceAway):
                await self._unspeakable(campaign, lead, exc)
                return None
            self.put_off.append((lead, VOICE_SECONDS))
            self.claims_from, self.voiceless = time.monotonic() + PAUSE_SECONDS, True
        else:
            self.voiceless = False
            self._unspoken.pop(lead.position, None)
            return Prepared(lead, asked)
        return None

    async def _unspeakable(self, campaign: Campaign, lead: Lead, exc: VoiceFailed) -> None:
        """No voice could speak this text; others it can. It is tried again, in case it was the voices' fault."""
        self.voiceless = False
        self._unspoken[lead.position] += not exc.may_pass
        if self._unspoken[lead.position] < MOST_TRIES:
            self.put_off.append((lead, TEXT_SECONDS))
            return
        del self._unspoken[lead.position]
        await self.settle(campaign, lead, UNSPEAKABLE)

    async def _request(self, campaign: Campaign, lead: Lead, account: Account) -> CallRequest:
        """What is asked for. Raises `NotSpoken`, `Unavailable`, `InvalidRequest`, `KeyError`; then nothing is held."""
        speech = await self.means.speech.speech(campaign, lead, account)
        try:
            ivr = await self.means.speech.ivr(campaign, account)
            routes, limits = self.means.accounts.routes, self.means.limits
            return request(campaign, lead, account, routes=routes, limits=limits, speech=speech, ivr=ivr)
        except BaseException:
            self.means.speech.drop(speech)
            raise


def _key(lead: Lead) -> tuple[int, int]:
    return lead.position, lead.version


def _new_id() -> str:
    call_id = secrets.token_hex(ID_BYTES)
    while of_callback(call_id):
        call_id = secrets.token_hex(ID_BYTES)
    return call_id
