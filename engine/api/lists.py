"""What an API asks of lists: made, and added to from the request itself or from a file, within one account."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

from engine.api.importer import Importer
from engine.core.account import Account
from engine.core.campaign_asks import AddContacts, CreateList, ImportCsv, Imported, ListAsk, ListKind, Rejected
from engine.core.contacts import Contact, checked
from engine.core.reading import reader
from engine.core.refusal import InvalidRequest
from engine.errors import IdTaken, NotFound, Unavailable
from engine.importing.order import MOST_REJECTED
from engine.storage.place import names
from engine.store.lists import Lists

PREFIXES = {"contacts": "LS", "dnd": "DN"}
ID_BYTES = 5
ATTEMPTS = 5
AT_A_TIME = 100  # contacts are checked before others have their turn: 10 ms if each takes the long way


@dataclass(frozen=True, slots=True)
class Desk:
    """The accounts' lists."""

    lists: Lists
    importer: Importer

    async def answer(self, account: Account, ask: ListAsk) -> Any:
        """What was asked for, within that account. Raises `Refusal`."""
        match ask:
            case CreateList(kind=kind, name=name):
                return await self._create(account.account_id, kind, name)
            case AddContacts():
                await self._require(account.account_id, ask.kind, ask.list_id)
                return await self._add(account, ask)
            case ImportCsv():
                await self._require(account.account_id, ask.kind, ask.list_id)
                names(account.account_id, ask.key)  # a wrong one is told without a process
                return await self.importer.carry_out(account, ask)

    async def _require(self, account_id: str, kind: ListKind, list_id: str) -> None:
        if await self.lists.find(account_id, kind, list_id) is None:
            raise NotFound("there is no such list")

    async def _create(self, account_id: str, kind: ListKind, name: str) -> str:
        for _ in range(ATTEMPTS):
            list_id = PREFIXES[kind] + secrets.token_hex(ID_BYTES)
            try:
                await self.lists.create(account_id, kind, name, list_id=list_id)
            except IdTaken:
                continue
            return list_id
        raise Unavailable

    async def _add(self, account: Account, ask: AddContacts) -> Imported:
        """As many as can be called; thousands are checked a few at a time, so that no call waits for them."""
        read = reader(account.region)
        good: list[Contact] = []
        rejected: list[Rejected] = []
        for place, raw in enumerate(ask.contacts, start=1):
            try:
                good.append(checked(raw, read))
            except InvalidRequest as exc:
                rejected.append(Rejected(place, exc.message))
            if place % AT_A_TIME == 0:
                await asyncio.sleep(0)
        imported = await self.lists.add(account.account_id, ask.kind, ask.list_id, good) if good else 0
        return Imported(
            imported=imported,
            duplicate=len(good) - imported,
            invalid=len(rejected),
            rejected=tuple(rejected[:MOST_REJECTED]),
        )
