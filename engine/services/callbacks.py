"""The callback clock: fires each callback when it is due, wherever a node has the means to."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from engine.accounts import Accounts
from engine.core.callback import MISSED, Callback, Due, State, request, unrung
from engine.core.request import CallRequest, Limits
from engine.counts import Counts
from engine.errors import InvalidRequest, NotPermitted, Refusal, StoreAway, TooLate, Unauthorised
from engine.store.postgres import Store

POLL_SECONDS = 0.5  # how late one may be that was scheduled, by whomever, since we looked
BUSY_SECONDS = 0.05
CLAIM_SECONDS = 3.0  # so long after a node died in the middle of it another takes its place
PAUSE_SECONDS = 1.0  # before one that was refused for the moment is tried again, with all of its account
LONGEST_PAUSE_SECONDS = 60.0
MOST_AT_ONCE = 100
LEAST_AT_ONCE = 10  # of an account that has none under way, whatever the others have

log = structlog.get_logger()


class Switch(Protocol):
    """What the clock needs of the switch."""

    counts: Counts

    @property
    def ready(self) -> bool:
        """Whether new calls may be dialled."""

    async def start(self, request: CallRequest, *, due: Due) -> str:
        """Begin the callback's call. Raises `Refusal`."""


@dataclass(slots=True, kw_only=True)
class CallbackClock:
    """This node's part in firing what is due; a claim shares the work out, the call's own commit decides.

    While some of an account are under way no more of it are claimed: they may wait for its turn to call, others
    never do. What is due for longer than `grace_seconds` is not rung any more, but missed. `now` is the wall clock.
    """

    switch: Switch
    store: Store
    accounts: Accounts
    limits: Limits
    grace_seconds: float
    now: Callable[[], float] = time.time
    _under_way: Counter[str] = field(default_factory=Counter)  # how many, by account
    _put_off: dict[Callback, float] = field(default_factory=dict)  # for so many seconds; Postgres is to be told
    _paused: dict[str, float] = field(default_factory=dict)  # accounts that may not call now, until when (monotonic)

    async def run(self) -> None:
        """Fire for ever."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    pause_seconds = await self._look(tasks)
                except StoreAway:  # the writer tells
                    pause_seconds = POLL_SECONDS
                await asyncio.sleep(pause_seconds)

    async def _look(self, tasks: asyncio.TaskGroup) -> float:
        """Begin with what is due; how long until there may be more."""
        if self._put_off:
            put_off, self._put_off = self._put_off, {}
            await self.store.callbacks.put_off(put_off)
        if not self.switch.ready or self.store.writer.away:
            return POLL_SECONDS
        self._paused = {account: until for account, until in self._paused.items() if until > time.monotonic()}
        without = self._paused.keys() | self._under_way.keys()
        due_at = await self.store.callbacks.next_due_at(without_accounts=without)
        longest_seconds = BUSY_SECONDS if self._under_way else POLL_SECONDS
        wait_seconds = longest_seconds if due_at is None else min(longest_seconds, due_at - self.now())
        if wait_seconds > 0:
            return wait_seconds
        room = max(LEAST_AT_ONCE, MOST_AT_ONCE - self._under_way.total())
        claimed = await self.store.callbacks.claim(
            room, now=self.now(), seconds=CLAIM_SECONDS, without_accounts=without
        )
        for callback in claimed:
            self._under_way[callback.account_id] += 1
            tasks.create_task(self._settle(callback), name=f"callback {callback.request_id}")
        return 0.0 if claimed else BUSY_SECONDS

    async def _settle(self, callback: Callback) -> None:
        try:
            if self.now() > callback.due_at + self.grace_seconds:
                await self._give_up(callback, "missed", MISSED)
            else:
                await self._fire(callback)
        except TooLate:  # changed, deleted or fired by another meanwhile: what was claimed is no more
            log.info("callback not as it was", call=callback.request_id)
        except StoreAway:  # the claim will be over
            pass
        except Exception:  # a fault of ours costs this one callback a while, never the others
            log.exception("callback not fired", call=callback.request_id)
        finally:
            self._under_way -= Counter([callback.account_id])

    async def _fire(self, callback: Callback) -> None:
        if callback.account_id in self._paused:  # since it was claimed
            self._put_off[callback] = PAUSE_SECONDS
            return
        try:
            account = self.accounts.accounts.get(callback.account_id)
            if account is None:
                raise Unauthorised
            asked = request(callback, account, routes=self.accounts.routes, limits=self.limits)
            await self.switch.start(asked, due=_due(callback, at=self.now()))
        except (TooLate, StoreAway):
            raise
        except (InvalidRequest, Unauthorised) as exc:
            await self._give_up(callback, "refused", _why(exc))
        except Refusal as exc:  # for the moment
            log.info("callback put off", call=callback.request_id, code=exc.code, reason=exc.message)
            pause_seconds = min(exc.retry_after_seconds or PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            if pause_seconds <= PAUSE_SECONDS:  # else it is about this callback, or a cap with a time of its own
                self._paused[callback.account_id] = time.monotonic() + PAUSE_SECONDS
            self._put_off[callback] = pause_seconds
        else:
            late_seconds = round(self.now() - callback.due_at, 3)
            log.info("callback fired", call=callback.request_id, late_seconds=late_seconds)

    async def _give_up(self, callback: Callback, state: State, reason: str) -> None:
        """Write its CDR: nobody is rung."""
        call = unrung(callback, reason, now=self.now())
        await self.store.writer.accept(call, _due(callback, at=call.now, state=state, reason=reason))
        self.switch.counts.note_ended(call)
        log.warning(f"callback {state}", call=callback.request_id, reason=reason)


def _due(callback: Callback, *, at: float, state: State = "fired", reason: str = "") -> Due:
    return Due(callback.request_id, callback.version, at, state, reason)


def _why(refusal: Refusal) -> str:
    """The reason, one that `engine.core.causes` knows."""
    if isinstance(refusal, Unauthorised):
        return "account"
    return refusal.reason if isinstance(refusal, NotPermitted) else "caller_id"
