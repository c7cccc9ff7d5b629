"""What stands behind the routes: whatever an account asks for is answered here, in the words of no vendor."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from engine.accounts import Accounts
from engine.api.campaigns import Register
from engine.api.door import Door
from engine.api.importer import Importer
from engine.api.lists import Desk
from engine.api.live import Console
from engine.api.recordings import Vault
from engine.api.reports import Archive
from engine.api.schedule import Schedule
from engine.api.turns import Turns
from engine.core.account import Account
from engine.core.asks import (
    Accepted,
    AnnouncementAsk,
    Ask,
    CallbackAsk,
    CdrByRequestId,
    CdrRow,
    CdrsByDate,
    CdrStatistics,
    LiveCallStatistics,
    StartCall,
    StartSpeech,
)
from engine.core.campaign_asks import CampaignAsk, CdrsByCampaign, ListAsk, ReportAsk
from engine.core.idempotency import KeptAnswer
from engine.core.live_asks import LiveAsk
from engine.core.order import Asked
from engine.core.recording_asks import RecordingAsk
from engine.core.request import CallRequest, Limits, Party, Side, speaking
from engine.core.speech import Manner, Part
from engine.core.sticky import paired
from engine.counts import Counts
from engine.errors import AgentUnavailable, AsteriskAway, DndListed
from engine.media.shelf import Shelf
from engine.media.speeches import Speeches
from engine.store.postgres import Store

COUNTING_AT_ONCE, COUNTING_WAITING = 1, 48  # of one account: what goes through all of its CDRs may take seconds
SPEAKING_AT_ONCE, SPEAKING_WAITING = 2, 48  # of one account: what is not in the cache takes a tenth of a second
TEST, TEST_BYTES = "test", 5  # the id of a call that was only tested: no other begins so

Keep = Callable[[Any], KeptAnswer]  # of what the request is answered with


class Switch(Protocol):
    """What the API needs of the switch."""

    counts: Counts

    @property
    def ready(self) -> bool:
        """Whether Asterisk can be told to dial."""

    def on_the_line(self) -> tuple[int, int]:
        """How many calls are on, and how many legs with a channel."""

    def unavailable(self, request: CallRequest) -> Side | None:
        """The first side of whose agents none is free and none may be waited for."""

    def check(self, request: CallRequest) -> None:
        """Return if such a call may begin now, as far as can be said at once. Raises `Refusal`."""

    async def check_transfer(self, request: CallRequest, party: Party) -> None:
        """Return when such a call may be transferred to that party. Raises `Refusal`."""

    def ask(self, call_id: str, event: Asked) -> str | None:
        """Let a call have what somebody asks of it: why it can not, "" if it can; None where it is not on here."""

    async def start(self, request: CallRequest, *, keep: Keep | None = None) -> str:
        """Begin a call, committed with the answer that `keep` makes of its request id; that id."""


class Studio(Protocol):
    """What the API needs of the voices."""

    async def render(self, parts: Sequence[Part], manner: Manner) -> bytes:
        """The parts spoken, as a WAV. Raises `Unavailable`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What stands behind the routes."""

    accounts: Accounts
    door: Door
    store: Store
    switch: Switch
    shelf: Shelf
    limits: Limits
    studio: Studio
    speeches: Speeches
    importer: Importer
    vault: Vault
    now: Callable[[], float] = time.time
    speaking: Turns = field(
        default_factory=lambda: Turns(
            at_once=SPEAKING_AT_ONCE, waiting=SPEAKING_WAITING, what="too much is to be spoken at once"
        )
    )
    counting: Turns = field(
        default_factory=lambda: Turns(
            at_once=COUNTING_AT_ONCE, waiting=COUNTING_WAITING, what="too much is asked for at once"
        )
    )
    counted: set[str] = field(default_factory=set)  # the accounts whose machine codes are being counted

    async def answer(self, account: Account, ask: Ask, *, keep: Keep | None = None) -> Any:
        """What was asked for, within that account."""
        if isinstance(ask, AnnouncementAsk):
            return await self.shelf.answer(account, ask)
        if isinstance(ask, CallbackAsk):
            return await self.schedule.answer(account, ask, keep=keep)
        if isinstance(ask, ListAsk):
            return await Desk(self.store.lists, self.importer).answer(account, ask)
        if isinstance(ask, CdrsByCampaign):
            page = await self.archive.answer(account, ask)
            return replace(page, rows=self._linked(page.rows))
        if isinstance(ask, ReportAsk):
            return await self.archive.answer(account, ask)
        if isinstance(ask, RecordingAsk):
            return await self.vault.answer(self.store, account, ask)
        if isinstance(ask, CampaignAsk):
            return await self.campaigns.answer(account, ask, keep=keep)
        if isinstance(ask, LiveAsk):
            return await self.console.answer(account, ask)
        account_id = account.account_id
        match ask:
            case StartCall():
                return await self._start(account_id, ask, keep)
            case StartSpeech():
                return await self._speak(ask, keep)
            case CdrByRequestId(request_id=request_id):
                return self._linked(await self._cdr(account, request_id))
            case CdrsByDate():
                return self._linked(await self.archive.cdrs(account, ask))
            case CdrStatistics():
                return await self.archive.dispositions(account)
            case LiveCallStatistics():
                return await self.store.live_kinds(account_id)

    async def _speak(self, ask: StartSpeech, keep: Keep | None) -> Accepted:
        """Nobody is rung before what is to be said is there, and nothing is spoken for a call that may not be made."""
        self.switch.check(ask.request)
        async with self.speaking.of(ask.request.account_id):
            sound = await self.studio.render(ask.parts, ask.manner)
        speech = await self.speeches.keep(sound, times=ask.times)
        try:
            call_id = await self.switch.start(
                speaking(ask.request, speech),
                keep=(lambda call_id: keep(Accepted(call_id, ask.warnings))) if keep else None,
            )
        except BaseException:
            self.speeches.drop(speech)
            raise
        return Accepted(call_id, ask.warnings)

    async def _start(self, account_id: str, ask: StartCall, keep: Keep | None) -> str:
        request = ask.request
        self.vault.require(transcript=request.transcript)
        for side in ask.dnd:
            if await self.store.dnd_listed(account_id, [target.number for target in request.party(side).targets]):
                raise DndListed(side)
        if ask.sticky is not None:
            agent_id = await self.store.sticky(account_id, ask.sticky.number)
            request = paired(request, ask.sticky, agent_id)
        if side_without := self.switch.unavailable(request):
            raise AgentUnavailable(side_without)
        if not ask.test:
            return await self.switch.start(request, keep=keep)
        await self.store.ping()
        if not self.switch.ready:
            raise AsteriskAway
        return TEST + secrets.token_hex(TEST_BYTES)

    async def _cdr(self, account: Account, request_id: str) -> list[CdrRow]:
        account_id = account.account_id
        cdr = await self.store.cdr(request_id, account_id=account_id)
        if cdr is not None:
            return [cdr]
        of_attempt = await self.archive.of_attempt(account, request_id)
        if of_attempt is not None:
            return of_attempt
        if await self.store.call(request_id, account_id=account_id) is None:
            await self.schedule.one(account_id, request_id)
        return []

    def _linked(self, cdrs: list[CdrRow]) -> list[CdrRow]:
        """The CDRs, each with the links to its recordings."""
        return [{**cdr, "recordings": self.vault.linked(cdr["recordings"])} for cdr in cdrs]

    @property
    def archive(self) -> Archive:
        """The accounts' reports."""
        return Archive(self.store.reports, self.counting, self.counted)

    @property
    def schedule(self) -> Schedule:
        """The accounts' callbacks."""
        return Schedule(self.store.callbacks, self.accounts, self.limits, now=self.now)

    @property
    def campaigns(self) -> Register:
        """The accounts' campaigns."""
        return Register(self.store.campaigns, self.store.announcements, now=self.now, counting=self.counting)

    @property
    def console(self) -> Console:
        """The accounts' live calls."""
        return Console(
            store=self.store,
            accounts=self.accounts,
            limits=self.limits,
            ready=self.switch.ready,
            ask=self.switch.ask,
            allow=self.switch.check_transfer,
        )
