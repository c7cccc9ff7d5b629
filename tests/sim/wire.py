"""What lies between an engine and the simulated Asterisk: websockets and HTTP that delay, repeat, reorder and lose."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
from picows import WSMsgType

from engine.ari.client import DEAF_SECONDS, Ari
from engine.ari.operation import Prepared
from engine.ari.socket import NO_ANSWER, REQUEST_SECONDS, Reply, Socket
from tests.sim.asterisk import Asterisk
from tests.sim.process import Process

HANDSHAKE_SECONDS = 0.003


@dataclass(slots=True)
class Frame:
    """A whole websocket frame, as the engine's socket reads it."""

    payload: bytes
    msg_type: WSMsgType = WSMsgType.TEXT
    fin: bool = True

    def get_payload_as_bytes(self) -> bytes:
        """The payload."""
        return self.payload


class Network:
    """All that an engine and Asterisk say to each other goes through here."""

    def __init__(self, asterisk: Asterisk, random: Random, *, shuffle_seconds: float, repeat: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.asterisk = asterisk
        self.random = random
        self.shuffle_seconds = shuffle_seconds  # how far an event may be delayed behind later ones
        self.repeat = repeat  # how likely an event comes twice
        self.stalled_until = 0.0
        self.requests = 0
        self.lost_responses: set[int] = set()  # by the request's number
        self.late_responses: dict[int, float] = {}
        self.on_request: Callable[[int, str], None] = lambda number, when: None
        self.wires: list[Wire] = []
        self.unheard: set[str] = set()  # channels of which an event was lost on its way
        self.heard: Callable[[str], None] = lambda line: None

    def delay(self) -> float:
        """How long the next thing takes from one side to the other."""
        return max(0.0, self.stalled_until - self.loop.time()) + self.random.choice(
            (0.0001, self.random.uniform(0.0001, 0.001), self.random.uniform(0.001, 0.01))
        )

    def cut(self) -> None:
        """Cut every websocket."""
        for wire in list(self.wires):
            wire.cut()

    def end_of(self, process: Process) -> None:
        """All websockets of a process that is gone."""
        for wire in [each for each in self.wires if each.process is process]:
            wire.cut()

    def carry_out(self, prepared: Prepared, respond: Callable[[int, bytes], None]) -> None:
        """Have Asterisk carry a request out, if it is there."""
        self.requests += 1
        number = self.requests
        body = orjson.loads(prepared.body) if prepared.body else {}

        def responded(status: int, content: Any) -> None:
            self.heard(f"{prepared.method} {prepared.uri} -> {status}")
            self.on_request(number, "after")
            if number not in self.lost_responses:
                text = b"" if content is None else orjson.dumps(content)
                late = self.late_responses.get(number, 0.0)
                self.loop.call_later(late + self.delay(), respond, status, text, context=self.asterisk.context)

        self.asterisk.request(prepared.method, prepared.uri, body, responded)

    async def connect(self, process: Process, app: str, socket: Socket) -> None:
        """Open a websocket. Raises `OSError`, `TimeoutError`."""
        opened: asyncio.Future[None] = self.loop.create_future()
        wire = Wire(self, process, app, socket)

        def arrive() -> None:
            if process.alive and not opened.done():
                wire.open = True
                self.wires.append(wire)
                self.asterisk.connect(app, wire)
                socket.on_ws_connected(wire)  # type: ignore[arg-type]
                opened.set_result(None)

        await asyncio.sleep(self.delay())
        await process.running()
        if not self.asterisk.up:
            raise ConnectionRefusedError("Asterisk is not up")
        self.asterisk.later(HANDSHAKE_SECONDS, arrive)
        async with asyncio.timeout(REQUEST_SECONDS):
            await opened

    async def http(self, process: Process, prepared: Prepared) -> tuple[int, bytes]:
        """One request over HTTP. Raises `OSError`."""
        await process.running()
        reply: asyncio.Future[tuple[int, bytes]] = self.loop.create_future()

        def respond(status: int, text: bytes) -> None:
            if not reply.done():
                reply.set_result((status, text))

        if not self.asterisk.up:
            raise ConnectionRefusedError("Asterisk is not up")
        process.before("request")
        self.asterisk.later(self.delay(), lambda: self.carry_out(prepared, respond))
        return await reply


class Wire:
    """One websocket: the engine's transport on one side, Asterisk's listener on the other."""

    def __init__(self, network: Network, process: Process, app: str, socket: Socket) -> None:
        self._network = network
        self.process = process
        self._app = app
        self._socket = socket
        self._arrivals: dict[str, float] = {}  # the last of each thing that stays in order
        self._kept = True  # what is under way when it closes
        self.open = False

    # -- the engine's side -------------------------------------------------------------------

    def send(self, kind: WSMsgType, payload: bytes) -> None:
        """Send a request."""
        if not self.process.alive or not self.open:
            return
        self.process.before("request")
        frame = orjson.loads(payload)
        prepared = Prepared(frame["method"], frame["uri"], frame.get("message_body", "").encode())

        def respond(status: int, text: bytes) -> None:
            answer = {"type": "RESTResponse", "request_id": frame["request_id"], "status_code": status}
            self._deliver(orjson.dumps({**answer, "message_body": text.decode()}), "")

        def arrive() -> None:
            if self.open or self._kept:
                self._network.carry_out(prepared, respond)

        self._network.asterisk.later(self._in_order("requests"), arrive)

    def send_ping(self) -> None:
        """Ping; whoever is alive answers."""
        if self.process.alive and self.open:
            pong = Frame(b"", WSMsgType.PONG)
            self._network.asterisk.later(self._network.delay(), lambda: self._deliver_frame(pong))

    def send_close(self, code: int) -> None:
        """Never needed here: the simulated Asterisk cuts."""

    def disconnect(self, graceful: bool = False) -> None:
        """Close it."""
        self.cut()

    # -- Asterisk's side ---------------------------------------------------------------------

    def event(self, message: dict[str, Any]) -> bool:
        """Send an event, perhaps late, perhaps twice."""
        if not self.open:
            return False
        network, random = self._network, self._network.random
        thing = message.get("channel") or message.get("peer") or {}
        topic = f"{message['type'] == 'Dial'} {thing.get('id')}"
        payload = orjson.dumps(message)
        if network.shuffle_seconds:
            seconds = network.delay() + random.uniform(0, network.shuffle_seconds)
            if message["type"] == "ChannelDestroyed":  # even then the last of its own topic
                seconds = max(seconds, self._arrivals.get(topic, 0.0) - network.loop.time() + 1e-6)
            self._arrivals[topic] = max(self._arrivals.get(topic, 0.0), network.loop.time() + seconds)
        else:
            seconds = self._in_order(topic)
        about = thing.get("id", "")
        network.loop.call_later(seconds, self._deliver, payload, about, context=network.asterisk.context)
        if random.random() < network.repeat:
            again = seconds + random.choice((0.0, random.uniform(0, 0.1), random.uniform(0, 8)))
            network.loop.call_later(again, self._deliver, payload, "", context=network.asterisk.context)
        return True

    # -- both --------------------------------------------------------------------------------

    def cut(self) -> None:
        """Close it for both sides; what is under way may or may not arrive."""
        if not self.open:
            return
        self.open = False
        self._kept = self._network.random.random() < (0.9 if not self.process.alive else 0.5)
        self._network.wires.remove(self)
        seconds = max(0.0, self._network.stalled_until - self._network.loop.time())
        self._network.asterisk.later(seconds, lambda: self._network.asterisk.disconnect(self._app, self))
        if self.process.alive:
            lost: Callable[..., None] = self._socket.on_ws_disconnected
            self._network.loop.call_soon(lost, self, context=self.process.context)

    def _in_order(self, stream: str) -> float:
        """The delay of the next thing in a stream that keeps its order."""
        now = self._network.loop.time()
        at = max(now + self._network.delay(), self._arrivals.get(stream, 0.0) + 1e-6)
        self._arrivals[stream] = at
        return at - now

    def _deliver(self, payload: bytes, about: str) -> None:
        if not (self.process.alive and self.open):
            self._network.unheard.add(about)
        self._deliver_frame(Frame(payload))

    def _deliver_frame(self, frame: Frame) -> None:
        if self.process.alive and self.open:
            self.process.context.run(self._socket.on_ws_frame, self, frame)  # type: ignore[arg-type]


class SimulatedAri(Ari):
    """The engine's own client of ARI, with this network in place of the machine's."""

    def __init__(self, network: Network, process: Process, *, app: str) -> None:
        super().__init__(None, url="http://asterisk", authorization="", app=app)  # type: ignore[arg-type]
        self._network = network
        self.process = process

    @property
    def deaf_seconds(self) -> float:
        """What has arrived is delivered: nothing is ever unread."""
        return 0.0 if self.ready else DEAF_SECONDS

    async def _open_socket(self, app: str, *, blocking: bool = False) -> Socket:
        socket = Socket(blocking=blocking)
        await self._network.connect(self.process, app, socket)
        return socket

    async def _request_http(self, prepared: Prepared) -> Reply:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return Reply(*await self._network.http(self.process, prepared))
        except (TimeoutError, OSError):
            return NO_ANSWER
