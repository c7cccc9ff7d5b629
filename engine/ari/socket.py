"""One websocket to Asterisk: its events, our requests and their answers, and a heartbeat of our own."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from engine.ari.operation import Prepared

BEAT_SECONDS = 0.5
SILENCE_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Reply:
    """Asterisk's answer: an HTTP status, 0 when there was none in time, and the decoded body."""

    status: int
    body: Any

    @property
    def done(self) -> bool:
        """Asterisk did as it was told."""
        return 200 <= self.status < 300


NO_ANSWER = Reply(0, None)


class Socket:
    """An open websocket. Nothing is read from it, not even answers, until `messages` is iterated."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self.heard_at = self._loop.time()

    async def request(self, prepared: Prepared, *, seconds: float) -> Reply:
        """Send a request and wait for its answer, `NO_ANSWER` after `seconds` or a lost socket."""
        number = str(next(self._numbers))
        waiting: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting[number] = waiting
        frame: dict[str, str] = {
            "type": "RESTRequest",
            "transaction_id": "",
            "request_id": number,
            "method": prepared.method,
            "uri": prepared.uri,
        }
        if prepared.body:
            frame["content_type"] = "application/json"
            frame["message_body"] = prepared.body.decode()
        try:
            async with asyncio.timeout(seconds):
                await self._ws.send_str(orjson.dumps(frame).decode())
                return await waiting
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            return NO_ANSWER
        finally:
            self._waiting.pop(number, None)

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Asterisk's events until the socket closes or falls silent for 1.5 s."""
        self.heard_at = self._loop.time()
        beat = asyncio.create_task(self._beat(), name="ari heartbeat")
        try:
            async for frame in self._ws:
                self.heard_at = self._loop.time()
                if frame.type is aiohttp.WSMsgType.TEXT:
                    message = orjson.loads(frame.data)
                    if message["type"] == "RESTResponse":
                        self._answer(message)
                    else:
                        yield message
                elif frame.type is aiohttp.WSMsgType.PING:
                    await self._ws.pong(frame.data)
        finally:
            beat.cancel()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_result(NO_ANSWER)

    def _answer(self, message: dict[str, Any]) -> None:
        waiting = self._waiting.get(message["request_id"])
        if waiting is not None and not waiting.done():
            body = message.get("message_body")
            waiting.set_result(Reply(message["status_code"], orjson.loads(body) if body else None))

    async def _beat(self) -> None:
        while self._loop.time() - self.heard_at < SILENCE_SECONDS:
            await self._ws.ping()
            await asyncio.sleep(BEAT_SECONDS)
        await self._ws.close()
