"""An ARI server for tests of the client: the real protocol over real sockets, with faults on order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import WSMsgType, web

STARTED = "2026-01-01T00:00:00.000+0000"


class FakeAsterisk:
    """Answers REST over its websocket and over HTTP; keeps what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, Any, str]] = []  # method, uri, body, "ws APP" or "http"
        self.replies: dict[str, tuple[int, Any]] = {  # by "METHOD path"
            "GET asterisk/info": (200, {"status": {"startup_time": STARTED}}),
        }
        self.sockets: list[web.WebSocketResponse] = []
        self.connected_at: list[float] = []
        self.silent = False  # stop answering, pings included, as a frozen process does
        self.refusing = False
        self.stuck = ""  # never answer what ends like this

    @classmethod
    @asynccontextmanager
    async def run(cls) -> AsyncIterator["FakeAsterisk"]:
        """A server on a free loopback port."""
        fake = cls()
        app = web.Application()
        app.router.add_get("/ari/events", fake._events)
        app.router.add_route("*", "/ari/{rest:.*}", fake._http)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        fake.url = f"http://{host}:{port}"
        try:
            yield fake
        finally:
            await fake.drop()
            await runner.cleanup()

    async def send(self, message: dict[str, Any]) -> None:
        """Send an event to whoever is connected."""
        for ws in self.sockets:
            await ws.send_str(orjson.dumps(message).decode())

    async def drop(self) -> None:
        """Cut every websocket."""
        for ws in list(self.sockets):
            await ws.close()

    def reply(self, operation: str, status: int, body: Any = None) -> None:
        """Answer `METHOD path` like this from now on."""
        self.replies[operation] = (status, body)

    def _answer(self, method: str, uri: str, body: Any, wire: str) -> tuple[int, Any]:
        self.requests.append((method, uri, body, wire))
        return self.replies.get(f"{method} {uri.partition('?')[0]}", (204, None))

    async def _http(self, request: web.Request) -> web.Response:
        raw = await request.read()
        uri = request.raw_path.removeprefix("/ari/")
        status, body = self._answer(request.method, uri, orjson.loads(raw) if raw else None, "http")
        while self.silent or (self.stuck and uri.endswith(self.stuck)):
            await asyncio.sleep(0.05)
        payload = b"" if body is None else orjson.dumps(body)
        return web.Response(status=status, body=payload, content_type="application/json")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self.refusing:
            return web.Response(status=503)
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        self.sockets.append(ws)
        self.connected_at.append(asyncio.get_running_loop().time())
        async for frame in ws:
            if self.silent:
                continue
            if frame.type is WSMsgType.PING:
                await ws.pong(frame.data)
            elif frame.type is WSMsgType.TEXT:
                await self._rest(ws, orjson.loads(frame.data), request.query["app"])
        self.sockets.remove(ws)
        return ws

    async def _rest(self, ws: web.WebSocketResponse, frame: dict[str, Any], app: str) -> None:
        body = orjson.loads(frame["message_body"]) if frame.get("message_body") else None
        status, reply = self._answer(frame["method"], frame["uri"], body, f"ws {app}")
        if self.stuck and frame["uri"].endswith(self.stuck):
            return
        answer = {"type": "RESTResponse", "request_id": frame["request_id"], "status_code": status}
        if reply is not None:
            answer["message_body"] = orjson.dumps(reply).decode()
        await ws.send_str(orjson.dumps(answer).decode())
