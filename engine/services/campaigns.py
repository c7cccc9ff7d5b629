"""The campaign clock: begins and ends campaigns, and shares the room to call out among those that run."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial

import structlog

from engine.accounts import Accounts
from engine.core import pacing
from engine.core.account import Account
from engine.core.campaign import State
from engine.core.campaign_call import impossible
from engine.core.request import Limits
from engine.errors import StoreAway
from engine.leads.means import Means, Switch
from engine.leads.queue import LeadQueue
from engine.leads.speech import LeadSpeech
from engine.store.leads import Running
from engine.store.postgres import Store
from engine.trouble import Trouble

POLL_SECONDS = 0.5  # how late a campaign begins, or is seen to be stopped
TICK_SECONDS = 0.1  # between two looks at who may be called, while a campaign runs
LEASE_SECONDS = 15.0  # so long after a node died another takes over whom it had claimed: longer than a start takes
IMPOSSIBLE_SECONDS = 30.0  # so long a node has found no way before it fails a campaign: an apply has reached it by then

GONE_SECONDS = 3600.0  # so long after a node was last heard of the others go on without whom it was calling
GIVE_UP_SECONDS = 60.0
LONGEST_REST_SECONDS = LEASE_SECONDS / 3  # one with which something goes wrong is left alone: claims outlast it

log = structlog.get_logger()


class Setbacks:
    """What goes wrong with one campaign or account, and not with the others: it is left alone, longer each time."""

    def __init__(self, what: str) -> None:
        self._trouble = Trouble(what)
        self._rest_seconds = 0.0
        self._rests_until = 0.0  # (monotonic)

    @property
    def resting(self) -> bool:
        """It is left alone at the moment."""
        return time.monotonic() < self._rests_until

    def goes_on(self, exc: Exception) -> None:
        """It went wrong."""
        self._rest_seconds = min(max(POLL_SECONDS, 2 * self._rest_seconds), LONGEST_REST_SECONDS)
        self._rests_until = time.monotonic() + self._rest_seconds
        facts = {} if isinstance(exc, StoreAway) else {"exc_info": exc}
        self._trouble.goes_on(error=repr(exc), **facts)

    def is_over(self) -> None:
        """It went well."""
        self._rest_seconds = 0.0
        self._trouble.is_over()


@dataclass(slots=True, eq=False)
class Share:
    """Whose turn it is at which times."""

    queue: LeadQueue
    starts: list[float] = field(default_factory=list)

    def next_start(self, now: float, not_before: float) -> float | None:
        """When one more may call; None if not soon, or if nobody more is prepared."""
        if len(self.starts) >= len(self.queue.ready):
            return None
        next_at = self.starts[-1] + self.queue.spacing_seconds if self.starts else self.queue.next_at
        return pacing.next_start(next_at, now, spacing=self.queue.spacing_seconds, not_before=not_before)


@dataclass(slots=True, kw_only=True)
class CampaignClock:
    """This node's part in all campaigns: claims share the leads out, each call's own commit decides.

    Each campaign's pace is kept in Postgres, for all nodes. The campaigns of an account share its room by turns.
    """

    switch: Switch
    store: Store
    accounts: Accounts
    limits: Limits
    speech: LeadSpeech
    lease_seconds: float = LEASE_SECONDS
    _queues: dict[str, LeadQueue] = field(default_factory=dict)  # by campaign
    _leaving: list[LeadQueue] = field(default_factory=list)  # closed, with something to give back
    _account_next_at: dict[str, float] = field(default_factory=dict)  # when an account's next call may start
    _impossible_since: dict[str, float] = field(default_factory=dict)  # by campaign (monotonic)
    _setbacks: dict[str, Setbacks] = field(default_factory=dict)  # by campaign or account
    _read_at: float = 0.0  # (monotonic)
    _gave_up_at: float = 0.0
    _turns: "itertools.count[int]" = field(default_factory=itertools.count)

    async def run(self) -> None:
        """Call for ever."""
        async with asyncio.TaskGroup() as tasks:
            means = Means(
                switch=self.switch,
                store=self.store,
                accounts=self.accounts,
                limits=self.limits,
                speech=self.speech,
                lease_seconds=self.lease_seconds,
                spawn=lambda work, name: tasks.create_task(work, name=name),
            )
            while True:
                try:
                    pause_seconds = await self._look(means)
                except StoreAway:  # the writer tells
                    pause_seconds = POLL_SECONDS
                except Exception:  # one campaign that is not understood must not end the others
                    log.exception("campaigns not looked at")
                    pause_seconds = POLL_SECONDS
                await asyncio.sleep(pause_seconds)

    async def _look(self, means: Means) -> float:
        """Let all go on; how long until there may be more to do."""
        if not self.switch.ready or self.store.writer.away:
            self._close(list(self._queues))
            await self._leave()
            return POLL_SECONDS
        if time.monotonic() >= self._read_at + POLL_SECONDS:
            await self._read(means)
        await self._leave()
        for campaign_id, queue in self._queues.items():
            await self._alone(f"campaign {campaign_id}", queue.fill)
        await self._share(means)
        return TICK_SECONDS if self._queues or self._leaving else POLL_SECONDS

    async def _alone(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step that only one of them is about, and let no other wait. Raises `StoreAway` if all have to."""
        setbacks = self._setbacks.get(what) or Setbacks(f"{what} does not go on")
        if setbacks.resting:
            return
        try:
            await step()
        except Exception as exc:
            if self.store.writer.away:
                raise
            self._setbacks[what] = setbacks
            setbacks.goes_on(exc)
        else:
            setbacks.is_over()
            self._setbacks.pop(what, None)

    async def _read(self, means: Means) -> None:
        """Take over which campaigns run."""
        found = await self.store.leads.open()
        if any(each.is_to_turn for each in found):
            await self.store.leads.turn()
            found = await self.store.leads.open()
        self._read_at = time.monotonic()
        if found and self._read_at >= self._gave_up_at + GIVE_UP_SECONDS:
            self._gave_up_at = self._read_at
            if gone := await self.store.leads.give_up(GONE_SECONDS):
                log.warning("leads of a node that is gone given up", leads=gone)
        if found:
            means.ahead_seconds = found[0].read_at - self._read_at
        running = [each for each in found if each.campaign.state == State.RUNNING and await self._goes_on(each)]
        ids = {each.campaign.campaign_id for each in found}
        self._impossible_since = {each: at for each, at in self._impossible_since.items() if each in ids}
        self._close(self._queues.keys() - {each.campaign.campaign_id for each in running})
        for each in running:
            campaign_id = each.campaign.campaign_id
            if campaign_id not in self._queues:
                self._queues[campaign_id] = LeadQueue(each, means)
            self._queues[campaign_id].take(each)

    async def _goes_on(self, running: Running) -> bool:
        try:
            return await self._possible(running)
        except StoreAway:
            raise
        except Exception:  # what is wrong with one must not end the others
            log.exception("campaign not carried out", campaign=running.campaign.campaign_id)
            return False

    async def _possible(self, running: Running) -> bool:
        """Whether it can be carried out here; one that can not for long has failed, for all nodes."""
        campaign = running.campaign
        account = self.accounts.accounts.get(campaign.account_id)
        if account is None:  # until it is applied again
            return False
        why = impossible(campaign, account, routes=self.accounts.routes, limits=self.limits)
        name = campaign.settings.announcement
        if why and name and name not in account.announcements:
            rows = await self.store.announcements(campaign.account_id)
            if any(name in (row["id"], row["number"]) for row in rows):  # it is no file of this node yet
                return False
        if not running.has_list:
            why = f"list {campaign.list_id}: there is no such list any more"
        if not why:
            self._impossible_since.pop(campaign.campaign_id, None)
            return True
        since = self._impossible_since.setdefault(campaign.campaign_id, time.monotonic())
        if time.monotonic() < since + IMPOSSIBLE_SECONDS:
            return False
        if await self.store.leads.fail(campaign.campaign_id, why):
            log.error("campaign failed", campaign=campaign.campaign_id, why=why)
        return False

    def _close(self, campaign_ids: Collection[str]) -> None:
        for campaign_id in list(campaign_ids):
            queue = self._queues.pop(campaign_id)
            for what in (f"campaign {campaign_id}", f"pace of campaign {campaign_id}"):
                self._setbacks.pop(what, None)
            queue.close()
            self._leaving.append(queue)

    async def _leave(self) -> None:
        for queue in self._leaving:
            await self._alone(f"campaign {queue.campaign.campaign_id}, over,", queue.give_back)
        self._leaving = [each for each in self._leaving if not each.idle]

    # -- who calls next ------------------------------------------------------------------------

    async def _share(self, means: Means) -> None:
        """Grant the next second's starts."""
        by_account: dict[str, list[LeadQueue]] = {}
        for queue in self._queues.values():
            by_account.setdefault(queue.campaign.account_id, []).append(queue)
        for account_id, queues in by_account.items():
            account = self.accounts.accounts.get(account_id)
            if account is not None:
                await self._alone(f"account {account_id}", partial(self._share_out, account, queues, means))

    async def _share_out(self, account: Account, queues: Iterable[LeadQueue], means: Means) -> None:
        for share in self._shares(account, queues, means):
            starts = f"pace of campaign {share.queue.campaign.campaign_id}"
            await self._alone(starts, partial(self._grant, share, account, means))

    async def _grant(self, share: Share, account: Account, means: Means) -> None:
        if await share.queue.grant(share.starts):
            next_at, before = share.starts[-1] + _gap_seconds(account), self._not_before(account, means.now())
            self._account_next_at[account.account_id] = max(next_at, before)

    def _shares(self, account: Account, queues: Iterable[LeadQueue], means: Means) -> list[Share]:
        """When each may call, as far as the account has room: the first one first, of several who waits for longest."""
        room = account.max_live_calls - self.switch.live_calls(account.account_id) - means.starting[account.account_id]
        now = means.now()
        not_before = self._not_before(account, now)
        shares = [Share(each) for each in queues if each.ready and time.monotonic() >= each.rests_until]
        while room > 0:
            able = [(at, each.queue.served, each) for each in shares if (at := each.next_start(now, not_before))]
            if not able:
                break
            at, _, share = min(able, key=lambda each: (max(each[0], now), each[1]))
            if not share.starts and not share.queue.check():
                shares.remove(share)
                continue
            share.starts.append(at)
            share.queue.served = next(self._turns)
            not_before = at + _gap_seconds(account)
            room -= 1
        return [each for each in shares if each.starts]

    def _not_before(self, account: Account, now: float) -> float:
        """When the account's next call may start."""
        next_at = self._account_next_at.get(account.account_id, 0.0)
        return pacing.granted_until(next_at, now, _gap_seconds(account))


def _gap_seconds(account: Account) -> float:
    """How far apart the starts of an account's calls are, at least."""
    return 1 / max(1, account.calls_per_second)
