"""Who calls, as far as the store knows: whose number was dialed, and what there was with the caller before."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Row = dict[str, Any]


class Callers:
    """Methods raise `StoreAway`."""

    def __init__(self, named: Callable[..., Awaitable[list[Row]]]) -> None:
        self._named = named

    async def account_of(self, dids: Sequence[str]) -> str:
        """The account of the first of these numbers that is a DID of one; "" where none is."""
        return next((row["account_id"] for row in await self._named("account_of_did", list(dids))), "")

    async def known(self, account_id: str, number: str) -> tuple[int, str]:
        """How many calls of the account the number was in as the customer, 1,000 at most, and its last agent or ""."""
        (row,) = await self._named("known_caller", account_id, number)
        return row["calls"], row["agent_id"]
