"""A TCP proxy between the engine and Asterisk's HTTP port, which can be cut, stalled, or made to lose an answer."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import orjson

CHUNK = 65536
HEAD_END = b"\r\n\r\n"
TEXT = 1
LINGER_NOT = struct.pack("ii", 1, 0)  # closing sends a RST


@dataclass(slots=True, eq=False)
class Connection:
    """One of the engine's connections, and ours for it; `asked` maps its open requests to what they ask."""

    engine: asyncio.StreamWriter
    asterisk: asyncio.StreamWriter
    asked: dict[str, str] = field(default_factory=dict)
    framed: bool = False  # a websocket

    def reset(self) -> None:
        """Close both ends with a RST."""
        for writer in (self.engine, self.asterisk):
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            writer.transport.abort()


class Proxy:
    """Passes everything on until told otherwise."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._connections: set[Connection] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._to_lose: str | None = None
        self._with_connection = False
        self.lost = asyncio.Event()
        self.port = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, port: int) -> AsyncIterator["Proxy"]:
        """A proxy for that port of loopback."""
        proxy = cls(port)
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            server.close()
            proxy.cut()

    def cut(self) -> None:
        """Reset every connection."""
        for connection in list(self._connections):
            connection.reset()

    def stall(self) -> None:
        """Pass nothing on, in either direction, and keep everything open."""
        self._flowing.clear()

    def flow(self) -> None:
        """Pass everything on again."""
        self._flowing.set()

    def lose(self, what: str, *, connection: bool) -> None:
        """Lose the answer to the next request like this (`POST channels/create`), or its connection with it."""
        self._to_lose, self._with_connection = what, connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(writer, up_writer)
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass_on(reader, up_writer, connection, asked=True))
                tasks.create_task(self._pass_on(up_reader, writer, connection, asked=False))
        except* OSError:
            connection.reset()
        finally:
            self._connections.discard(connection)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection, *, asked: bool
    ) -> None:
        head, frames = b"", Frames()
        while data := await reader.read(CHUNK):
            await self._flowing.wait()
            if writer.is_closing():
                return
            if HEAD_END not in head:
                head += data
                if HEAD_END not in head:
                    writer.write(data)
                    continue
                if asked:
                    connection.framed = b"upgrade: websocket" in head.lower()
                _, _, rest = head.partition(HEAD_END)
                writer.write(data[: len(data) - len(rest)])
                data = rest
            if not connection.framed:
                writer.write(data)
            else:
                for raw, payload in frames.feed(data):
                    if asked:
                        self._note_request(connection, payload)
                    elif self._loses(connection, payload):
                        self.lost.set()
                        if not self._with_connection:
                            continue
                        connection.reset()
                        return
                    writer.write(raw)
            await writer.drain()
        await self._flowing.wait()
        writer.close()

    def _note_request(self, connection: Connection, payload: bytes) -> None:
        if self._to_lose is not None and b'"RESTRequest"' in payload:
            frame = orjson.loads(payload)
            connection.asked[frame["request_id"]] = f"{frame['method']} {frame['uri']}"

    def _loses(self, connection: Connection, payload: bytes) -> bool:
        if self._to_lose is None or b'"RESTResponse"' not in payload:
            return False
        try:
            request_id = orjson.loads(payload)["request_id"]
        except (orjson.JSONDecodeError, KeyError):  # a part of a longer message
            return False
        if self._to_lose not in connection.asked.pop(request_id, ""):
            return False
        self._to_lose = None
        return True


class Frames:
    """Bytes of a websocket as whole frames."""

    def __init__(self) -> None:
        self._bytes = b""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Each whole frame: its bytes, and its text."""
        self._bytes += data
        while (size := self._size()) is not None and len(self._bytes) >= size:
            raw, self._bytes = self._bytes[:size], self._bytes[size:]
            yield raw, _text(raw)

    def _size(self) -> int | None:
        if len(self._bytes) < 2:
            return None
        start, length = _start(self._bytes)
        return None if len(self._bytes) < start else start + length


def _start(frame: bytes) -> tuple[int, int]:
    """Where a frame's payload starts (RFC 6455, 5.2), and its length where that much is there."""
    masked, short = frame[1] >> 7, frame[1] & 0x7F
    wide = {126: 2, 127: 8}.get(short, 0)
    length = int.from_bytes(frame[2 : 2 + wide]) if wide else short
    return 2 + wide + 4 * masked, length


def _text(frame: bytes) -> bytes:
    start, _ = _start(frame)
    if frame[0] & 0x0F != TEXT:
        return b""
    if not frame[1] >> 7:
        return frame[start:]
    mask = frame[start - 4 : start]
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(frame[start:]))
