"""The permit at work: who asks, what is stopped, how much is under way, when the next call may start."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import structlog

from engine.accounts import Accounts
from engine.core import permit, third
from engine.core.account import Account
from engine.core.call import Call
from engine.core.commands import FindThird
from engine.core.leg import Leg
from engine.core.pacing import Pace
from engine.core.permit import DAY_SECONDS, DESTINATION_SECONDS, Attempt, Moment, Verdict
from engine.core.request import AGENT_CLI, CallRequest, Limits, Party, Side
from engine.errors import DestinationCapped, NotPermitted, OverCapacity, Refusal, Stopped, Unauthorised
from engine.store.postgres import Store

EVERY_ACCOUNT = ""
NO_ACCOUNT = Verdict(False, "account", "there is no such account any more")
ERRORS: dict[str, type[Refusal]] = {
    "stopped": Stopped,
    "live_calls": OverCapacity,
    "requests_per_destination": DestinationCapped,
    "attempts_per_day": OverCapacity,
}
WINDOWS = {
    "requests_per_destination": ("first_to_destination_at", DESTINATION_SECONDS),
    "attempts_per_day": ("first_today_at", DAY_SECONDS),
}

log = structlog.get_logger()


class Gate:
    """Every request passes it once (`admit` … `leave`), and every dial of a leg again (`leg`)."""

    def __init__(self, accounts: Accounts, store: Store) -> None:
        self.accounts = accounts
        self._store = store
        self._stops: dict[str, str] = {}
        self._waiting: Counter[str] = Counter()  # requests that are not calls yet
        self._unwritten: dict[str, dict[str, set[str]]] = defaultdict(dict)  # account: call id: numbers; no row yet
        self._paces: dict[str, Pace] = defaultdict(Pace)

    def take_stops(self, rows: Iterable[dict[str, Any]]) -> None:
        """Obey these stops from now on, and no others."""
        stops = {row["account_id"]: row["reason"] for row in rows}
        for account_id in stops.keys() - self._stops.keys():
            log.warning("dialling stopped", account=account_id or "every account", reason=stops[account_id])
        for account_id in self._stops.keys() - stops.keys():
            log.warning("dialling resumed", account=account_id or "every account")
        self._stops = stops

    def leg(self, call: Call, leg: Leg) -> Verdict:
        """Whether this leg of an accepted call may be dialled now."""
        request = call.request
        account = self.accounts.accounts.get(request.account_id)
        if account is None:
            return NO_ACCOUNT
        attempt = _attempt(request, leg.number, leg.caller_id, leg.side)
        return permit.verdict(attempt, self._moment(account))

    async def third(self, call: Call, order: FindThird, *, limits: Limits) -> Party:
        """Whom the number a telephone dialled means, if it may be rung for a transfer now. Raises `Refusal`.

        Only the account's own telephones are obeyed: anybody else's would call at its cost.
        """
        account, leg = self.accounts.accounts.get(call.request.account_id), call.legs[order.leg]
        if account is None:
            raise Unauthorised
        if not (leg.side == "agent" or leg.agent_id or leg.number in account.extensions):
            raise NotPermitted("only telephones of the account may transfer", reason="stranger")
        party = third.party(account, order.to, request=call.request, routes=self.accounts.routes, limits=limits)
        await self.transfer(call.request, party)
        return party

    async def transfer(self, request: CallRequest, party: Party) -> None:
        """Return when such a call may be transferred to that party, in its account's turn. Raises `Refusal`."""
        account = self.accounts.accounts.get(request.account_id)
        if account is None:
            raise Unauthorised
        if account.capped:
            before = self._unwritten[account.account_id]
            for target in party.targets[:1] if party.staffed else party.targets:
                attempt = _attempt(request, target.number, party.caller_id, "third")
                await self._count(attempt, account, dict(before), now=time.time())
        await self._turn(account)

    async def now(self, account: Account, attempt: Attempt) -> Verdict:
        """What would be said now if that attempt were asked for; nothing is counted or kept. Raises `StoreAway`."""
        moment = self._moment(account)
        verdict = permit.verdict(attempt, moment)
        if not verdict.allowed:
            return verdict
        counted = await self._store.attempts(
            account.account_id,
            permit.spelt(account, attempt.number),
            now=moment.now,
            without=[],
            daily=account.attempts_per_day > 0,
            destination=account.requests_per_destination > 0,
        )
        live_calls = sum((await self._store.live_kinds(account.account_id)).values())
        counts = {name: counted[name] for name in ("today", "to_destination")}
        return permit.verdict(attempt, replace(moment, live_calls=live_calls, **counts))

    def check(self, request: CallRequest, *, live_calls: int) -> tuple[Account, list[Attempt]]:
        """Whose it is and whom it is for, if that may be dialled now but for what is counted. Raises `Refusal`."""
        account = self.accounts.accounts.get(request.account_id)
        if account is None:
            raise Unauthorised
        shown = request.customer.caller_id
        if shown == AGENT_CLI:
            shown = request.party("agent").caller_id
        attempts = [_attempt(request, target.number, shown, "customer") for target in request.customer.targets]
        live_calls += self._waiting[account.account_id]
        _refuse_all(attempts, replace(self._moment(account), live_calls=live_calls), request)
        return account, attempts

    async def admit(self, call: Call, *, live_calls: int) -> None:
        """Return when the call may begin, in its turn. Raises `Refusal`; `leave` is due in either case.

        Nothing is waited for where the account has no cap and there is room. Requests are counted in Postgres and
        those without a row yet here, so that many at once do not exceed a cap; one that is being refused may count.
        """
        request = call.request
        account, attempts = self.check(request, live_calls=live_calls)
        self._waiting[account.account_id] += 1
        try:
            if account.capped:
                before = dict(self._unwritten[account.account_id])
                self._unwritten[account.account_id][call.call_id] = {attempt.number for attempt in attempts}
                # An account's own people may be called as often as it likes.
                for attempt in attempts[:1] if request.customer.staffed else attempts:
                    await self._count(attempt, account, before, now=call.requested_at)
            if await self._turn(account):  # what holds may have changed meanwhile
                _refuse_all(attempts, self._moment(account), request)
        finally:
            self._waiting[account.account_id] -= 1

    def leave(self, call: Call) -> None:
        """The call is in the store now, or was refused."""
        self._unwritten[call.request.account_id].pop(call.call_id, None)

    def _moment(self, account: Account) -> Moment:
        return Moment(
            account=account,
            routes=self.accounts.routes,
            now=time.time(),
            stopped=stopped(self._stops, account.account_id) if self._stops else None,
        )

    async def _count(self, attempt: Attempt, account: Account, before: dict[str, set[str]], *, now: float) -> None:
        """Refuse what exceeds a cap, counting the calls `before` that have no row yet."""
        counted = await self._store.attempts(
            account.account_id,
            attempt.number,
            now=now,
            without=list(before),
            daily=account.attempts_per_day > 0,
            destination=account.requests_per_destination > 0,
        )
        moment = replace(
            self._moment(account),
            today=counted["today"] + len(before),
            to_destination=counted["to_destination"] + sum(attempt.number in numbers for numbers in before.values()),
        )
        _refuse(permit.verdict(attempt, moment), counted)

    async def _turn(self, account: Account) -> bool:
        """Take the account's turn; whether it had to be waited for."""
        wait_seconds = self._paces[account.account_id].take(time.monotonic(), per_second=account.calls_per_second)
        if wait_seconds is None:
            refusal = OverCapacity(f"more calls at once than {account.calls_per_second} a second, please try again")
            refusal.retry_after_seconds = 1
            raise refusal
        if wait_seconds:
            await asyncio.sleep(wait_seconds)
        return wait_seconds > 0


def stopped(stops: dict[str, str], account_id: str) -> str | None:
    """That dialling is stopped for the account, in words; None where it is not."""
    for key, whose in ((EVERY_ACCOUNT, "every account"), (account_id, "this account")):
        if key in stops:
            return f"dialling is stopped for {whose}" + (f": {stops[key]}" if stops[key] else "")
    return None


def _attempt(request: CallRequest, number: str, caller_id: str, side: Side) -> Attempt:
    heeds_dnd = ("customer" if side == "third" else side) in request.dnd_sides
    return Attempt(number=number, caller_id=caller_id, side=side, kind=request.kind, spelt=True, heeds_dnd=heeds_dnd)


def _refuse_all(attempts: Iterable[Attempt], moment: Moment, request: CallRequest) -> None:
    """Refuse if any of these may not be dialled; of agents, if none may."""
    verdicts = [permit.verdict(attempt, moment) for attempt in attempts]
    refused = [verdict for verdict in verdicts if not verdict.allowed]
    if refused and (not request.customer.staffed or len(refused) == len(verdicts)):
        _refuse(refused[0], {})


def _refuse(verdict: Verdict, counted: dict[str, Any]) -> None:
    if verdict.allowed:
        return
    kind = ERRORS.get(verdict.reason)
    refusal = kind(verdict.words) if kind else NotPermitted(verdict.words, reason=verdict.reason)
    if verdict.reason in WINDOWS:
        first_at, seconds = WINDOWS[verdict.reason]
        oldest = counted.get(first_at)
        refusal.retry_after_seconds = seconds if oldest is None else max(1, round(oldest + seconds - time.time()))
    raise refusal
