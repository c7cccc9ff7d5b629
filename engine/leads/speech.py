"""What a campaign's contacts hear: spoken before they are called, given back if they are not."""

from dataclasses import dataclass, field

from engine.core.account import Account
from engine.core.campaign import Campaign, Lead
from engine.core.campaign_call import MISSING_FIELD, UNSPEAKABLE, ivr_of, parts
from engine.core.ivr import Ivr
from engine.core.refusal import InvalidRequest
from engine.core.request import CallRequest, Speech
from engine.errors import Unavailable, VoiceFailed
from engine.media.prompts import Prompts
from engine.media.speeches import Speeches
from engine.media.studio import Studio


class NotSpoken(Exception):
    """The text can not be said to this contact, whenever it is tried: `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True, kw_only=True)
class LeadSpeech:
    """Speaks texts and prompts. `held` are the media URIs of what no call has yet."""

    studio: Studio
    speeches: Speeches
    prompts: Prompts
    held: set[str] = field(default_factory=set)

    async def speech(self, campaign: Campaign, lead: Lead, account: Account) -> Speech | None:
        """What this contact hears first, None for nothing. Raises `NotSpoken`, `VoiceFailed`, `Unavailable`."""
        settings = campaign.settings
        if settings.announcement:
            announcement = account.announcements[settings.announcement]
            return Speech(media=announcement.media, seconds=announcement.seconds, times=settings.times)
        if not settings.text:
            return None
        try:
            said = parts(campaign, lead)
        except InvalidRequest as exc:
            raise NotSpoken(UNSPEAKABLE if exc.param == "template" else MISSING_FIELD) from exc
        speech = await self.speeches.keep(await self.studio.render(said, settings.manner), times=settings.times)
        self.held.add(speech.media)
        return speech

    async def ivr(self, campaign: Campaign, account: Account) -> Ivr | None:
        """The IVR who answers is led through, its texts spoken. Raises `Unavailable`, `InvalidRequest`."""
        ivr = ivr_of(campaign, account)
        try:
            return await self.prompts.spoken(ivr) if ivr else None
        except VoiceFailed as exc:  # about no contact: all hear it
            raise Unavailable(exc.message) from exc

    def hand_over(self, request: CallRequest) -> None:
        """A call has it now, and drops it when it is over."""
        if request.speech is not None:
            self.held.discard(request.speech.media)

    def drop(self, speech: Speech | None) -> None:
        """No call is made of it."""
        if speech is not None:
            self.held.discard(speech.media)
            self.speeches.drop(speech)
