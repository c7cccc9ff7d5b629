"""One campaign on one node: leads that it has claimed, prepared before they are called, so that no start waits."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from engine.core import pacing
from engine.core.campaign import Campaign, Claim, Lead
from engine.errors import DestinationCapped, InvalidRequest, NotPermitted, Refusal, StoreAway, TooLate, Unauthorised
from engine.leads.means import Means
from engine.leads.preparing import LONGEST_PAUSE_SECONDS, Prepared, Preparing
from engine.store.leads import Claimed, Running

AHEAD_SECONDS = 5.0  # so many seconds of a campaign's calls are prepared
MOST_PREPARED = 50
AT_ONCE = 4  # they are claimed a fourth of that at a time, at least
LEAST_ENROLLED = 10  # at once, and hardly more than are wanted: a retry has to wait for those that were enrolled before
MOST_RETRIED = 20  # so many are called in a row before more are enrolled, however many retries are due
IDLE_SECONDS = 0.5  # before somebody is looked for again where nobody was due
THROUGH_SECONDS = 0.25  # before more are looked through where most may not be called at this time of day
PAUSE_SECONDS = 1.0  # before a campaign calls again that could not

log = structlog.get_logger()


@dataclass(slots=True)
class LeadQueue:
    """The first prepared is the next to be called. `served` grows with each turn it was given."""

    running: Running
    means: Means
    ready: deque[Prepared] = field(default_factory=deque)
    next_at: float = 0.0  # when its next call may start, by Postgres's clock
    served: int = 0
    rests_until: float = 0.0  # it does not call before then (monotonic)
    _closed: asyncio.Event = field(default_factory=asyncio.Event)
    _starting: int = 0
    _kept_at: float = field(default_factory=time.monotonic)
    _claimed: int = 0  # how many the last time
    _called: int = 0  # how many since some were enrolled
    _preparing: Preparing = field(init=False)

    def __post_init__(self) -> None:
        self._preparing = Preparing(self.means)

    @property
    def campaign(self) -> Campaign:
        """Whose leads these are."""
        return self.running.campaign

    @property
    def spacing_seconds(self) -> float:
        """How far apart its starts are."""
        return pacing.spacing_seconds(self.campaign.calls_per_minute)

    @property
    def _put_off(self) -> list[tuple[Lead, float]]:
        return self._preparing.put_off

    @property
    def idle(self) -> bool:
        """Nothing is under way, and nothing is to be given back."""
        return not (self.ready or self._preparing or self._starting or self._put_off)

    def take(self, running: Running) -> None:
        """It was looked at anew."""
        self.running = running
        self.next_at = running.next_start_at

    def close(self) -> None:
        """Call nobody more: whoever is prepared is given back, where it was."""
        self._closed.set()
        while self.ready:
            prepared = self.ready.popleft()
            self.means.speech.drop(prepared.request.speech)
            self._put_off.append((prepared.lead, 0.0))

    async def give_back(self) -> None:
        """Tell Postgres who is put off. Raises `StoreAway`."""
        if self._put_off:
            put_off = list(self._put_off)  # others are added meanwhile
            await self.means.store.leads.put_off(self.campaign.campaign_id, put_off)
            del self._put_off[: len(put_off)]

    async def fill(self) -> None:
        """Claim who is due, as many as are soon called; complete the campaign if nobody is left. Raises `StoreAway`."""
        await self.give_back()
        await self._keep()
        now = time.monotonic()
        wanted = self._wanted - len(self.ready) - len(self._preparing)
        if wanted <= 0 or AT_ONCE * wanted < self._wanted or now < self._preparing.claims_from:
            return
        if self._in_vain:  # more are looked through, but not without end
            wanted = max(wanted, MOST_PREPARED)
            self._preparing.claims_from = now + THROUGH_SECONDS
        leads = self.means.store.leads
        claimed = await leads.claim(self.campaign, wanted, seconds=self.means.lease_seconds)
        self._claimed, self._preparing.off_hours = len(claimed), 0
        for each in claimed:
            self._preparing.begin(each.lead)
            self._spawn("prepare", each.lead, partial(self._prepare, each))
        if (len(claimed) < wanted or self._called >= MOST_RETRIED) and not (claimed and self._preparing.voiceless):
            await self._enrol(wanted - len(claimed), nobody=not claimed)

    async def grant(self, starts: list[float]) -> bool:
        """Call the first ones at these times, unless another node has taken them. Raises `StoreAway`."""
        then_at = starts[-1] + self.spacing_seconds
        leads = self.means.store.leads
        granted = await leads.grant(self.campaign.campaign_id, next_at=self.next_at, then_at=then_at)
        if granted is None:  # it does not run any more
            self.rests_until = time.monotonic() + PAUSE_SECONDS
            return False
        self.next_at = granted.next_start_at
        if not granted.is_granted:
            return False
        for at in starts[: len(self.ready)]:
            prepared = self.ready.popleft()
            self._under_way(1)
            self._called += 1
            self._spawn("start", prepared.lead, partial(self._start, prepared, at))
        return True

    def check(self) -> bool:
        """Whether the first one may be called now, as far as can be said at once; one who never may is taken away."""
        while self.ready:
            prepared = self.ready[0]
            try:
                self.means.switch.check(prepared.request)
            except NotPermitted as exc:
                self.ready.popleft()
                self._under_way(1)
                self._spawn("refuse", prepared.lead, partial(self._refuse, prepared, exc.reason))
            except Refusal:
                self.rests_until = time.monotonic() + min(PAUSE_SECONDS, IDLE_SECONDS)
                return False
            else:
                return True
        return False

    # -- one lead ------------------------------------------------------------------------------

    async def _prepare(self, claimed: Claimed) -> None:
        prepared = await self._preparing.prepare(self.campaign, claimed)
        if prepared is not None:
            self.ready.append(prepared)
        if self._closed.is_set():
            self.close()

    async def _unharmed(self, lead: Lead, work: Callable[[], Awaitable[None]]) -> None:
        """A fault of ours costs this one lead a while, never the others."""
        try:
            await work()
        except Exception:  # ours, whatever it is: told with its stack, and tried again later
            log.exception("lead left alone", campaign=lead.campaign_id, position=lead.position)
            self._put_off.append((lead, LONGEST_PAUSE_SECONDS))

    def _spawn(self, what: str, lead: Lead, work: Callable[[], Awaitable[None]]) -> None:
        self.means.spawn(self._unharmed(lead, work), f"{what} {lead.campaign_id} {lead.position}")

    async def _start(self, prepared: Prepared, at: float) -> None:
        lead, speech = prepared.lead, self.means.speech
        latest_at = at + pacing.LATEST_SECONDS
        try:
            await self._wait(at)
            claim = Claim(lead.campaign_id, lead.position, lead.version, latest_at)
            call_id = await self.means.switch.start(prepared.request, due=claim)
        except asyncio.CancelledError:
            raise
        except Exception as exc:
            speech.drop(prepared.request.speech)
            await self._not_started(lead, exc)
        else:
            speech.hand_over(prepared.request)
            facts = {"attempt": lead.attempts + 1, "late_ms": round(1000 * (self.means.now() - at))}
            log.info("lead called", call=call_id, campaign=lead.campaign_id, position=lead.position, **facts)
        finally:
            self._under_way(-1)

    async def _wait(self, at: float) -> None:
        """Return then, by Postgres's clock. Raises `TooLate` as soon as nobody more is to be called."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, at - self.means.now())):
                await self._closed.wait()
        if self._closed.is_set():
            raise TooLate

    async def _not_started(self, lead: Lead, exc: Exception) -> None:
        facts = {"campaign": lead.campaign_id, "position": lead.position}
        match exc:
            case TooLate():  # stopped meanwhile, or its start was missed
                log.info("lead not as it was", **facts)
                self._put_off.append((lead, 0.0))
            case StoreAway():  # its claim will be over
                pass
            case NotPermitted(reason=reason):
                await self._preparing.settle(self.campaign, lead, reason)
            case InvalidRequest() | Unauthorised():
                self._put_off.append((lead, LONGEST_PAUSE_SECONDS))
            case Refusal():  # for the moment
                log.info("lead put off", **facts, code=exc.code, reason=exc.message)
                seconds = exc.retry_after_seconds or PAUSE_SECONDS
                about_number = isinstance(exc, DestinationCapped)
                self._put_off.append((lead, seconds if about_number else min(seconds, LONGEST_PAUSE_SECONDS)))
                if not about_number:
                    self.rests_until = time.monotonic() + min(seconds, LONGEST_PAUSE_SECONDS)
            case _:  # a fault of ours costs this one lead a while, never the others
                log.error("lead not called", **facts, exc_info=exc)
                self._put_off.append((lead, LONGEST_PAUSE_SECONDS))

    async def _refuse(self, prepared: Prepared, reason: str) -> None:
        try:
            self.means.speech.drop(prepared.request.speech)
            await self._preparing.settle(self.campaign, prepared.lead, reason)
        finally:
            self._under_way(-1)

    def _under_way(self, starts: int) -> None:
        self._starting += starts
        self.means.starting[self.campaign.account_id] += starts

    # -- how many ------------------------------------------------------------------------------

    @property
    def _in_vain(self) -> bool:
        """Most of those claimed last may not be called at this time of day."""
        return self._claimed < 2 * self._preparing.off_hours

    @property
    def _wanted(self) -> int:
        if self._preparing.voiceless:
            return 1
        return min(MOST_PREPARED, 1 + math.ceil(AHEAD_SECONDS * self.campaign.calls_per_minute / 60))

    async def _enrol(self, count: int, *, nobody: bool) -> None:
        """Have more to claim; where there are none, and `nobody` was due, nobody may be left."""
        self._called = 0
        leads = self.means.store.leads
        if await leads.enrol(self.campaign.campaign_id, max(LEAST_ENROLLED, count)):
            return
        self._preparing.claims_from = time.monotonic() + IDLE_SECONDS
        if nobody and self.idle and await leads.complete(self.running):
            log.info("campaign completed", campaign=self.campaign.campaign_id)

    async def _keep(self) -> None:
        """Those prepared, or about to be, wait for their turn, however long: other nodes are to leave them alone."""
        leads = [*self._preparing.leads, *(each.lead for each in self.ready)]
        if not leads or time.monotonic() < self._kept_at + self.means.lease_seconds / 3:
            return
        self._kept_at = time.monotonic()
        still = await self.means.store.leads.keep(self.campaign.campaign_id, leads, seconds=self.means.lease_seconds)
        lost = [each for each in leads if each.position not in still]
        for lead in lost:
            self._preparing.lose(lead)
        for each in [each for each in self.ready if each.lead in lost]:  # others were prepared meanwhile
            self.ready.remove(each)
            self.means.speech.drop(each.request.speech)
