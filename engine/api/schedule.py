"""What an API asks of callbacks: made, changed, deleted, looked up, within one account."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from engine.accounts import Accounts
from engine.core import callback
from engine.core.account import Account
from engine.core.asks import CallbackAsk, CallbackById, ChangeCallback, DeleteCallback, ListCallbacks, ScheduleCallback
from engine.core.callback import KIND, Callback
from engine.core.idempotency import KeptAnswer
from engine.core.ids import CALLBACK
from engine.core.request import CallRequest, Limits, click2call
from engine.errors import IdTaken, NotFound, TooLate, Unavailable
from engine.store.callbacks import Callbacks

ID_LENGTH = 10
ATTEMPTS = 5
# Why one can not be changed or deleted any more, by its state.
SETTLED = {
    "fired": "the callback has been fired",
    "missed": "the callback was missed",
    "refused": "the callback was refused when it was due",
    "deleted": "the callback has been deleted",
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """The accounts' callbacks. `now` is the wall clock."""

    callbacks: Callbacks
    accounts: Accounts
    limits: Limits
    now: Callable[[], float]

    async def answer(
        self, account: Account, ask: CallbackAsk, *, keep: Callable[[Any], KeptAnswer] | None = None
    ) -> Any:
        """What was asked for, within that account. Raises `Refusal`."""
        match ask:
            case ScheduleCallback():
                return await self._make(account, ask, keep)
            case ChangeCallback():
                return await self._change(account, ask)
            case DeleteCallback(request_id=request_id):
                return await self._delete(account.account_id, request_id)
            case CallbackById(request_id=request_id):
                return await self.one(account.account_id, request_id)
            case ListCallbacks(state=state, after=after, count=count):
                if after:
                    await self.one(account.account_id, after)
                return await self.callbacks.of(account.account_id, state=state, after=after, count=count)

    async def one(self, account_id: str, request_id: str) -> Callback:
        """That callback of that account. Raises `NotFound`."""
        found = await self.callbacks.one(account_id, request_id)
        if found is None:
            raise NotFound("there is no such request_id")
        return found

    async def _make(
        self, account: Account, ask: ScheduleCallback, keep: Callable[[Any], KeptAnswer] | None
    ) -> Callback:
        now = self.now()
        callback.require_ahead(ask.due_at, now=now)
        for _ in range(ATTEMPTS):
            made = Callback(
                request_id=CALLBACK + secrets.token_hex(ID_LENGTH)[: ID_LENGTH - len(CALLBACK)],
                account_id=account.account_id,
                agent_number=ask.request.party("agent").number,
                customer_number=ask.request.customer.number,
                caller_id=ask.request.customer.caller_id,
                wall=ask.wall,
                time_zone=ask.time_zone,
                due_at=ask.due_at,
                requested_at=now,
                recording=ask.request.recording,
            )
            try:
                await self.callbacks.schedule(made, keep(made) if keep else None)
            except IdTaken:
                continue
            return made
        raise Unavailable

    async def _change(self, account: Account, ask: ChangeCallback) -> Callback:
        for _ in range(ATTEMPTS):
            known = await self.one(account.account_id, ask.request_id)
            if known.state != "scheduled":
                raise TooLate(SETTLED[known.state])
            changed = self._changed(account, known, ask)
            if await self.callbacks.change(changed):
                return replace(changed, version=known.version + 1)
        raise Unavailable  # somebody else changes it all the time

    def _changed(self, account: Account, known: Callback, ask: ChangeCallback) -> Callback:
        asked = self._request(account, known, ask)
        changed = replace(
            known,
            agent_number=asked.party("agent").number,
            customer_number=asked.customer.number,
            caller_id=asked.customer.caller_id,
            recording=known.recording if ask.recording is None else ask.recording,
        )
        if not (ask.wall or ask.time_zone):
            return changed
        wall, time_zone = callback.spelt_wall(ask.wall) or known.wall, ask.time_zone or known.time_zone
        due_at = callback.resolve(wall, time_zone)
        callback.require_ahead(due_at, now=self.now())
        return replace(changed, wall=wall, time_zone=time_zone, due_at=due_at)

    def _request(self, account: Account, known: Callback, ask: ChangeCallback) -> CallRequest:
        return click2call(
            account,
            agent_number=ask.agent_number or callback.dialable(known.agent_number, account),
            customer_number=ask.customer_number or callback.dialable(known.customer_number, account),
            caller_id=ask.caller_id or known.caller_id,
            routes=self.accounts.routes,
            limits=self.limits,
            kind=KIND,
        )

    async def _delete(self, account_id: str, request_id: str) -> str:
        for _ in range(ATTEMPTS):
            if await self.callbacks.delete(account_id, request_id, now=self.now()):
                return request_id
            known = await self.one(account_id, request_id)
            if known.state != "scheduled":
                raise TooLate(SETTLED[known.state])
        raise Unavailable  # it goes to and fro
