"""Our side of ARI: stay connected, name operations as ARI does, choose the wire for each request."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode

import aiohttp
import structlog
from picows import WSError, ws_connect

from engine.ari.codec import EVENT_TYPES
from engine.ari.operation import Operation, Prepared
from engine.ari.operations import OPERATIONS
from engine.ari.socket import NO_ANSWER, REQUEST_SECONDS, Done, Reply, Socket

BLOCKING_SOCKETS = 4
DEAF_SECONDS = 0.25  # adopt will tell, then
READ_SECONDS = 0.01  # we stood still, or there is much to read
STALE_SECONDS = 2.0
BACKOFF_FIRST_SECONDS = 0.2
BACKOFF_LAST_SECONDS = 2.0  # calls of an Asterisk that was restarted are closed within 5 s of its return
REPLACED_SECONDS = 4.0  # by then an engine that lost its lock knows
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

    def __init__(self, http: aiohttp.ClientSession, *, url: str, authorization: str, app: str) -> None:
        self._http = http
        self._authorization = authorization
        self._url = url.rstrip("/") + "/ari/"
        self._socket: Socket | None = None
        self._blocking: dict[str, Socket | None] = {}  # for one synchronous operation each; None while it opens
        self.heard_at: float | None = None  # when Asterisk was last heard of; None before that
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
        authorization = aiohttp.encode_basic_auth(user, password)
        async with aiohttp.ClientSession(connector=connector, headers={"Authorization": authorization}) as http:
            yield cls(http, url=url, authorization=authorization, app=app)

    @property
    def ready(self) -> bool:
        """Whether dialling is safe: events reach us, were heard of in the last 2 s, and are ours alone."""
        socket = self._socket
        if socket is None or not socket.open or self.replaced:
            return False
        return asyncio.get_running_loop().time() - socket.heard_at < STALE_SECONDS

    @property
    def deaf_seconds(self) -> float:
        """How long to wait before something is taken for not having happened; 0.0 while we have read all there is."""
        if not self.ready:
            return DEAF_SECONDS
        return READ_SECONDS if self._socket is not None and self._socket.unread else 0.0

    def send(self, resource: str, nickname: str, arguments: dict[str, object], done: Done) -> bool:
        """Send an operation behind those sent before; `done` is called with the reply.

        What may block is not behind the others but on a socket that nothing else waits on. False where
        it can not be sent so.
        """
        operation = OPERATIONS[resource][nickname]
        socket = self._idle_socket() if operation.synchronous else self._socket
        if socket is None or not socket.open:
            return False
        socket.send(operation.prepare(arguments), done)
        return True

    async def request(self, operation: Operation, /, **arguments: object) -> Reply:
        """Carry out an operation and wait for the reply.

        What may block goes over a socket that nothing else waits on, or over HTTP where there is none.
        """
        prepared = operation.prepare(arguments)
        if not operation.synchronous and self._socket is not None and self._socket.open:
            return await self._socket.request(prepared)
        idle = (self._idle_socket() or await self._open_blocking()) if operation.synchronous else None
        return await (idle.request(prepared) if idle is not None else self._request_http(prepared))

    def _idle_socket(self) -> Socket | None:
        """An open socket that nothing waits on."""
        return next((socket for socket in self._blocking.values() if socket is not None and socket.idle), None)

    async def _open_blocking(self) -> Socket | None:
        """A socket for blocking requests, where one of the four is not open."""
        # under names of their own, as the events of `app` belong to one socket
        names = (f"{self.app}-{number}" for number in range(BLOCKING_SOCKETS))
        name = next((name for name in names if self._missing(name)), None)
        if name is None or self._socket is None:
            return None
        self._blocking[name] = None
        try:
            self._blocking[name] = socket = await self._open_socket(name, blocking=True)
        except BaseException as exc:
            del self._blocking[name]
            if isinstance(exc, WSError | OSError | TimeoutError):
                return None
            raise
        return socket

    def _missing(self, name: str) -> bool:
        socket = self._blocking.get(name)
        return name not in self._blocking or (socket is not None and not socket.open)

    async def _request_http(self, prepared: Prepared) -> Reply:
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
        return Reply(reply.status, body)

    async def run(
        self,
        *,
        owned: Callable[[], Awaitable[None]],
        adopt: Callable[[], Awaitable[None]],
        note: Callable[[dict[str, Any]], None],
    ) -> None:
        """Stay connected for ever, once Asterisk is ours (`owned` returns).

        Each time, `adopt` runs while events are held, then `note` gets each.
        """

        def take(message: dict[str, Any]) -> None:
            if message["type"] == "ApplicationReplaced":
                self._give_way()
            else:
                note(message)

        wait_seconds = BACKOFF_FIRST_SECONDS
        while True:
            await owned()
            try:
                async with self._connected() as socket:
                    self.replaced = False
                    await adopt()
                    wait_seconds = BACKOFF_FIRST_SECONDS
                    self._socket = socket
                    log.info("asterisk connected", app=self.app)
                    socket.listen(take)
                    await socket.stay()
            except (WSError, aiohttp.ClientError, OSError, TimeoutError) as exc:
                error = str(exc) or type(exc).__name__
                log.warning("asterisk not reached", app=self.app, error=error, fix="see legwork doctor")
            else:
                log.warning("asterisk lost", app=self.app)
            finally:
                if self._socket is not None:
                    self.heard_at = time.time() - (asyncio.get_running_loop().time() - self._socket.heard_at)
                self._socket = None
            wait_seconds = max(wait_seconds, REPLACED_SECONDS) if self.replaced else wait_seconds
            await asyncio.sleep(wait_seconds * random.uniform(0.75, 1.25))
            wait_seconds = min(2 * wait_seconds, BACKOFF_LAST_SECONDS)

    def leave(self) -> None:
        """Close the websocket; `run` opens the next one."""
        if self._socket is not None:
            self._socket.close()

    def _give_way(self) -> None:
        """Whoever replaced us may be gone by then: come back, if Asterisk is still ours when we have looked again."""
        self.replaced = True
        self.leave()
        log.error("application replaced", app=self.app, fix="another engine runs for this Asterisk: stop one of them")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Socket]:
        socket = await self._open_socket(self.app)
        try:
            allowed = [{"type": name} for name in EVENT_TYPES]
            filtered = await self.applications.filter(applicationName=self.app, filter={"allowed": allowed})
            if not filtered.done:
                raise ConnectionError(f"Asterisk refused the event filter: {filtered.status}")
            yield socket
        finally:
            for each in (socket, *self._blocking.values()):
                if each is not None:
                    each.close()

    async def _open_socket(self, app: str, *, blocking: bool = False) -> Socket:
        url = f"{self._url.replace('http', 'ws', 1)}events?{urlencode({'app': app, 'subscribeAll': 'false'})}"
        _, socket = await ws_connect(
            lambda: Socket(blocking=blocking),
            url,
            extra_headers={"Authorization": self._authorization},
            websocket_handshake_timeout=REQUEST_SECONDS,
            logger_name="ari",
        )
        assert isinstance(socket, Socket)
        return socket
