"""The lock of a Stasis application: whoever holds it owns that Asterisk, and nobody else commands it."""

import asyncio
import secrets

import asyncpg

from engine.errors import NotOwner
from engine.store.queries import QUERIES


class Lock:
    """An advisory lock, which lives and dies with the connection that took it.

    While Postgres is away it stays ours: nobody else can take it then, and it is taken again, before
    anything is written, on the next connection. Only an engine that finds it with another has lost it.
    """

    def __init__(self, app: str) -> None:
        self._app = app
        self.signature = f"{app} {secrets.token_hex(4)}"  # of the connections that may hold it
        self._held = asyncio.Event()
        self._lost = asyncio.Event()

    @property
    def ours(self) -> bool:
        """Whether it was taken and no other engine has it since, as far as we know."""
        return self._held.is_set()

    async def take(self, connection: asyncpg.Connection) -> None:
        """Take it. Raises `NotOwner` when another engine has it, `ConnectionError` when a connection we lost has."""
        taken = await connection.fetchval(QUERIES["take_lock"], self._app)
        if not taken:
            if await connection.fetch(QUERIES["end_holder"], self._app, self.signature):
                raise ConnectionError("Postgres has not noticed yet that our last connection is gone")
            taken = await connection.fetchval(QUERIES["take_lock"], self._app)  # it may have noticed meanwhile
        here, gone = (self._held, self._lost) if taken else (self._lost, self._held)
        gone.clear()
        here.set()
        if not taken:
            raise NotOwner

    def lose(self) -> None:
        """Another engine had it, unseen."""
        self._held.clear()
        self._lost.set()

    async def held(self) -> None:
        """Wait until it is ours."""
        await self._held.wait()

    async def lost(self) -> None:
        """Wait until another engine has it."""
        await self._lost.wait()
