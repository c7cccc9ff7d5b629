"""One websocket to Asterisk: its events, our requests and their answers, and a heartbeat of our own."""

import asyncio
import itertools
import select
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from engine.ari.codec import IDLE
from engine.ari.operation import Prepared

REQUEST_SECONDS = 3.0
LOOK_SECONDS = 0.25  # how often requests without an answer are looked for, within those 3 s, while there are any
BEAT_SECONDS = 0.4
SILENT_BEATS = 3


@dataclass(slots=True)
class Reply:
    """Asterisk's answer: an HTTP status, 0 when there was none in time, and what came with it."""

    status: int
    text: str | bytes = b""

    @property
    def body(self) -> Any:
        """The decoded body, None where it is not JSON; most answers are never looked into."""
        return orjson.loads(self.text) if self.text[:1] in ("{", "[", b"{", b"[") else None

    @property
    def done(self) -> bool:
        """Asterisk did as it was told."""
        return 200 <= self.status < 300


NO_ANSWER = Reply(0)
Done = Callable[[Reply], None]
Message = dict[str, Any]


class Socket(WSListener):
    """An open websocket. Events are held until `listen` says who takes them.

    One for blocking requests closes when one of them gets no answer: Asterisk would hold up the next, too.
    """

    def __init__(self, *, blocking: bool = False) -> None:
        self._blocking = blocking
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, tuple[float, Done]] = {}  # in the order sent
        self._look: asyncio.TimerHandle | None = None
        self._held: list[Message] = []
        self._take: Callable[[Message], None] = self._held.append
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._part = b""
        self.heard_at = self._loop.time()

    @property
    def open(self) -> bool:
        """Whether it is not lost."""
        return not self._lost.done()

    @property
    def idle(self) -> bool:
        """Whether it is open and nothing waits for an answer."""
        return self.open and not self._waiting

    @property
    def unread(self) -> bool:
        """Whether Asterisk has told us more than we have read."""
        looked_at = select.poll()
        looked_at.register(self._transport.underlying_transport.get_extra_info("socket"), select.POLLIN)
        return bool(looked_at.poll(0))

    def send(self, prepared: Prepared, done: Done) -> None:
        """Send a request, in order; `done` is called with its answer, or `NO_ANSWER` within 3 s or on a lost socket."""
        number = str(next(self._numbers))
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
        self._waiting[number] = (self._loop.time() + REQUEST_SECONDS - LOOK_SECONDS, done)
        self._transport.send(WSMsgType.TEXT, orjson.dumps(frame))
        if self._look is None:
            self._look = self._loop.call_later(LOOK_SECONDS, self._give_up_overdue)

    async def request(self, prepared: Prepared) -> Reply:
        """Send a request and wait for its answer."""
        waiting: asyncio.Future[Reply] = self._loop.create_future()
        self.send(prepared, lambda reply: None if waiting.done() else waiting.set_result(reply))
        return await waiting

    def listen(self, take: Callable[[Message], None]) -> None:
        """Hand each event to `take`, those held so far first."""
        held, self._take = self._held, take
        for message in held:
            take(message)

    async def stay(self) -> None:
        """Beat, while nothing else is heard, until the socket is lost; one that is silent for 1.2 s is.

        Silence is counted in beats: what came in while our own loop stood still is read first.
        """
        silent_beats = 0
        while not self._lost.done():
            heard_at = self.heard_at
            await asyncio.wait([self._lost], timeout=BEAT_SECONDS)
            silent_beats = 0 if self.heard_at != heard_at else silent_beats + 1
            if silent_beats == SILENT_BEATS:
                self.close()
            elif silent_beats and not self._lost.done():
                self._transport.send_ping()

    def close(self) -> None:
        """Close it at once."""
        self._lose()
        self._transport.disconnect(graceful=False)

    # -- what picows calls -------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame came in; pings are answered by picows."""
        self.heard_at = self._loop.time()
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            text = self._part + frame.get_payload_as_bytes()
            self._part = b"" if frame.fin else text
            if frame.fin and not any(mark in text for mark in IDLE):
                self._note(orjson.loads(text))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Nothing more will come."""
        self._lose()
        if self._look is not None:
            self._look.cancel()
        self._give_up(list(self._waiting))

    def _lose(self) -> None:
        if not self._lost.done():
            self._lost.set_result(None)

    def _note(self, message: Message) -> None:
        if message["type"] != "RESTResponse":
            self._take(message)
            return
        waiting = self._waiting.pop(message["request_id"], None)
        if waiting is not None:
            waiting[1](Reply(message["status_code"], message.get("message_body") or ""))

    def _give_up(self, numbers: list[str]) -> None:
        for number in numbers:
            self._waiting.pop(number)[1](NO_ANSWER)

    def _give_up_overdue(self) -> None:
        now = self._loop.time()
        overdue = [number for number, (until, _) in self._waiting.items() if until < now]
        if overdue and self._blocking:
            self.close()
        self._give_up(overdue)
        self._look = self._loop.call_later(LOOK_SECONDS, self._give_up_overdue) if self._waiting else None
