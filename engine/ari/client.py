"""Our side of ARI: stay connected, name operations as ARI does, choose the wire for each request."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import orjson
import structlog

from engine.ari.codec import EVENT_TYPES
from engine.ari.operation import Operation
from engine.ari.operations import OPERATIONS
from engine.ari.socket import NO_ANSWER, Reply, Socket

REQUEST_SECONDS = 3.0
STALE_SECONDS = 2.0
CLOSE_SECONDS = 0.2
BACKOFF_FIRST_SECONDS = 0.2
BACKOFF_LAST_SECONDS = 5.0
HTTP_CONNECTIONS = 32
KEEPALIVE_SECONDS = 10  # below Asterisk's session_keep_alive, so that it never closes under a request

log = structlog.get_logger()


class Resource:
    """One ARI resource: `channels.dial(channelId=…)` is its operation of that nickname."""

    def __init__(self, ari: "Ari", operations: dict[str, Operation]) -> None:
        self._ari = ari
        self._operations = operations

    def __getattr__(self, nickname: str) -> Callable[..., Coroutine[Any, Any, Reply]]:
        operation = self._operations.get(nickname)
        if operation is None:
            raise AttributeError(f"ARI has no operation {nickname}")
        return partial(self._ari.request, operation)


class Ari:
    """A client of one Asterisk for one Stasis application.

    Every operation answers with a `Reply` within 3 s; it never raises for what Asterisk says or
    fails to say. While the websocket is down requests go over HTTP, which may still work.
    """

    def __init__(self, http: aiohttp.ClientSession, *, url: str, app: str) -> None:
        self._http = http
        self._url = url.rstrip("/") + "/ari/"
        self._socket: Socket | None = None
        self.app = app
        self.replaced = False
        self.applications = Resource(self, OPERATIONS["applications"])
        self.asterisk = Resource(self, OPERATIONS["asterisk"])
        self.bridges = Resource(self, OPERATIONS["bridges"])
        self.channels = Resource(self, OPERATIONS["channels"])
        self.playbacks = Resource(self, OPERATIONS["playbacks"])
        self.recordings = Resource(self, OPERATIONS["recordings"])

    @classmethod
    @asynccontextmanager
    async def open(cls, *, url: str, user: str, password: str, app: str) -> AsyncIterator["Ari"]:
        """A client with its own HTTP connections; `run` connects its websocket."""
        connector = aiohttp.TCPConnector(limit=HTTP_CONNECTIONS, keepalive_timeout=KEEPALIVE_SECONDS)
        headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
            yield cls(http, url=url, app=app)

    @property
    def ready(self) -> bool:
        """Whether dialling is safe: events reach us, were heard of in the last 2 s, and are ours alone."""
        socket = self._socket
        if socket is None or self.replaced:
            return False
        return asyncio.get_running_loop().time() - socket.heard_at < STALE_SECONDS

    async def request(self, operation: Operation, /, **arguments: object) -> Reply:
        """Carry out an operation over the websocket, or over HTTP where it could block the others."""
        prepared = operation.prepare(arguments)
        if self._socket is not None and not operation.synchronous:
            return await self._socket.request(prepared, seconds=REQUEST_SECONDS)
        headers = {"Content-Type": "application/json"} if prepared.body else {}
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                url = self._url + prepared.uri
                async with self._http.request(
                    prepared.method, url, data=prepared.body or None, headers=headers
                ) as reply:
                    body = await reply.read()
        except (TimeoutError, OSError, aiohttp.ClientError):
            return NO_ANSWER
        return Reply(reply.status, orjson.loads(body) if body[:1] in (b"{", b"[") else None)

    async def run(self, *, adopt: Callable[[], Awaitable[None]], note: Callable[[dict[str, Any]], None]) -> None:
        """Stay connected for ever. Each time, `adopt` runs while events are held, then `note` gets each."""
        wait_seconds = BACKOFF_FIRST_SECONDS
        while True:
            try:
                async with self._connected() as socket:
                    await adopt()
                    wait_seconds = BACKOFF_FIRST_SECONDS
                    self._socket = socket
                    log.info("asterisk connected", app=self.app)
                    async for message in socket.messages():
                        if message["type"] == "ApplicationReplaced":
                            self._give_way()
                        else:
                            note(message)
            except (aiohttp.ClientError, OSError, TimeoutError) as exc:
                log.warning("asterisk not reached", app=self.app, error=str(exc) or type(exc).__name__)
            else:
                log.warning("asterisk lost", app=self.app)
            finally:
                self._socket = None
            await asyncio.sleep(wait_seconds * random.uniform(0.75, 1.25))
            wait_seconds = min(2 * wait_seconds, BACKOFF_LAST_SECONDS)

    def _give_way(self) -> None:
        self.replaced = True
        log.error("application replaced", app=self.app, fix="another engine runs for this Asterisk: stop one of them")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Socket]:
        timeout = aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS)
        async with asyncio.timeout(REQUEST_SECONDS):
            ws = await self._http.ws_connect(
                self._url + "events",
                params={"app": self.app, "subscribeAll": "false"},
                autoping=False,
                timeout=timeout,
            )
        try:
            allowed = [{"type": name} for name in EVENT_TYPES]
            filtered = await self.applications.filter(applicationName=self.app, filter={"allowed": allowed})
            if not filtered.done:
                raise ConnectionError(f"Asterisk refused the event filter: {filtered.status}")
            yield Socket(ws)
        finally:
            await ws.close()
