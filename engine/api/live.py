"""What an API asks of calls that are on: listed, hung up, transferred, recorded, within one account, on any node."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from engine.accounts import Accounts
from engine.core import order, rows, third
from engine.core.account import Account
from engine.core.events import Cancelled, RecordingAsked, TransferAsked, TransferSettled
from engine.core.live_asks import ListLiveCalls, LiveAsk, LiveCall, ModifyCall, SettleTransfer
from engine.core.order import Asked
from engine.core.request import CallRequest, Limits, Party
from engine.errors import AsteriskAway, NodeAway, NotFound, NotTalking
from engine.store.live import PATIENCE_SECONDS
from engine.store.postgres import Store

LOOK_SECONDS = 0.05  # between two looks whether an order was carried out


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The accounts' live calls.

    `ask` lets a call of this node have an event: see `Switch.ask`; `allow` is `Switch.check_transfer`.
    """

    store: Store
    accounts: Accounts
    limits: Limits
    ready: bool
    ask: Callable[[str, Asked], str | None]
    allow: Callable[[CallRequest, Party], Awaitable[None]]

    async def answer(self, account: Account, asked: LiveAsk) -> Any:
        """What was asked for, within that account. Raises `Refusal`."""
        match asked:
            case ListLiveCalls():
                return await self.store.live.of(account.account_id)
            case SettleTransfer(request_id=request_id, how=how):
                row, _ = await self._call(account, request_id=request_id)
                await self._deliver(row, TransferSettled(at=time.time(), how=how))
                return asked
            case ModifyCall():
                call = await self._call(account, channel=asked.channel, request_id=asked.request_id)
                event = self._event(account, asked, call)
                if isinstance(event, TransferAsked):
                    await self.allow(rows.request(call[0]["request"]), event.party)
                await self._deliver(call[0], event)
                return asked.change

    async def _call(self, account: Account, *, channel: str = "", request_id: str = "") -> LiveCall:
        if channel:
            found = await self.store.live.of_channel(account.account_id, channel)
        else:
            found = await self.store.call(request_id, account_id=account.account_id)
        if found is None:
            raise NotFound("there is no such channel" if channel else "there is no such request_id")
        if found[0]["ended_at"] is not None:
            raise NotTalking("the call is over")
        if channel and any(leg["ended_at"] is not None for leg in found[1] if channel in _names(leg)):
            raise NotTalking("this channel is over")
        return found

    def _event(self, account: Account, asked: ModifyCall, call: LiveCall) -> Asked:
        now, row = time.time(), call[0]
        match asked.change:
            case "hang_up":
                return Cancelled(at=now)
            case "blind" | "attended":
                request = rows.request(row["request"])
                routes, limits = self.accounts.routes, self.limits
                party = third.party(account, asked.to, request=request, routes=routes, limits=limits)
                attended = asked.change == "attended"
                return TransferAsked(at=now, leg=_transferer(asked, call), attended=attended, party=party)
            case what:
                return RecordingAsked(at=now, what=what)

    async def _deliver(self, row: dict[str, Any], event: Asked) -> None:
        """Let the call have it, wherever it is. Raises `NotTalking` where it can not, `NodeAway`."""
        refusal = self.ask(row["call_id"], event)
        if refusal is None and row["node"] == self.store.live.node:
            if not self.ready:
                raise AsteriskAway  # it was not taken back yet
            refusal = "the call is over"
        if refusal is None:
            refusal = await self._order(row, event)
        if refusal:
            raise NotTalking(refusal)

    async def _order(self, row: dict[str, Any], event: Asked) -> str:
        live = self.store.live
        order_id = await live.order(row["node"], row["call_id"], order.written(event))
        refusal = await self._answered(order_id)
        if refusal is None and not await live.withdraw(order_id):
            refusal = await self._answered(order_id)  # its engine has just begun
        if refusal is None:
            raise NodeAway
        return refusal

    async def _answered(self, order_id: int) -> str | None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            await asyncio.sleep(LOOK_SECONDS)
            refusal = await self.store.live.answered(order_id)
            if refusal is not None:
                return refusal
        return None


def _transferer(asked: ModifyCall, call: LiveCall) -> str:
    """The leg of who transfers.

    "For Blind Transfer: provide transferer channel. […] For Attended Transfer: provide customer channel". With the id
    of the request it is the agent's side.
    """
    row, legs = call
    known = [(rows.leg(leg), _names(leg)) for leg in legs]
    talking = [(leg, names) for leg, names in known if leg.answered_at is not None and leg.usable]
    if row["bridged_at"] is None or len(talking) < 2:
        raise NotTalking("the call is not talking")
    if asked.request_id:
        # Whom it was transferred to is the agent's side now.
        named = [leg for leg, _ in talking if leg.side == "agent"] or [leg for leg, _ in talking if leg.side == "third"]
    else:
        named = [leg for leg, names in talking if asked.channel in names]
        if named and asked.change == "attended":
            named = [leg for leg, _ in talking if leg not in named]
    if not named:
        raise NotTalking("the agent's side is not on the line" if asked.request_id else "this channel is not talking")
    return named[0].name


def _names(leg: dict[str, Any]) -> tuple[str, str, str]:
    """What the channel of that leg may be called by: its id, Asterisk's name and, of one that came in, its own id."""
    return leg["leg_id"], leg["channel_name"], leg["channel"]
