"""The calls that are on: looked up by account, and what is asked of those of other nodes."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

PATIENCE_SECONDS = 2.0  # how long an order is waited for, and worth taking

Row = dict[str, Any]
WithLegs = Callable[[list[Row]], Awaitable[list[tuple[Row, list[Row]]]]]


class LiveCalls:
    """Methods raise `StoreAway`. `node` is the one whose orders are taken here."""

    def __init__(self, named: Callable[..., Awaitable[list[Row]]], with_legs: WithLegs, *, node: str) -> None:
        self._named = named
        self._with_legs = with_legs
        self.node = node

    async def of(self, account_id: str) -> list[tuple[Row, list[Row]]]:
        """An account's calls that have a channel, each with its legs."""
        return await self._with_legs(await self._named("calls_on", account_id))

    async def of_channel(self, account_id: str, channel: str) -> tuple[Row, list[Row]] | None:
        """The call that the channel was of, with its legs, if it is that account's."""
        return next(iter(await self._with_legs(await self._named("call_of_channel", account_id, channel))), None)

    async def order(self, node: str, call_id: str, asked: Mapping[str, Any]) -> int:
        """Ask this of a call of that node: the order's id."""
        (row,) = await self._named("order_of_call", node, call_id, asked)
        order_id: int = row["order_id"]
        return order_id

    async def take(self) -> list[Row]:
        """What is asked of this node's calls: order_id, call_id, asked. Nobody is told of it again."""
        return await self._named("take_orders", self.node, PATIENCE_SECONDS)

    async def answer(self, order_id: int, refusal: str) -> None:
        """It is done ("" for a refusal), or it can not be."""
        await self._named("answer_order", order_id, refusal)

    async def answered(self, order_id: int) -> str | None:
        """Why the order was refused, "" for done, None before that is known. It is told once."""
        return next((row["refusal"] for row in await self._named("order_answered", order_id)), None)

    async def withdraw(self, order_id: int) -> bool:
        """It is not to be carried out any more; False where its engine has begun."""
        return bool(await self._named("withdraw_order", order_id))
