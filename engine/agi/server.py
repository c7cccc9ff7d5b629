"""The FastAGI server: one question a connection, answered in time or told that it can not be."""

import asyncio
import ipaddress
import socket

import structlog

from engine.agi.answers import AWAY, REASON, STATUS, Answers, Variables, refused
from engine.agi.asked import Asked, Refused, read
from engine.errors import WrongConfig
from engine.trouble import Trouble

MOST_CONNECTIONS = 256
MOST_LINES, LINE_BYTES, MOST_BYTES = 96, 4096, 32768
READ_SECONDS = 2.0  # for all of a question, and for each reply
ANSWER_SECONDS = 0.04  # the rest of 50 ms is for the socket
DONE = b"200 "
HUNG_UP = b"HANGUP"  # Asterisk says so between two replies

log = structlog.get_logger()


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on. Raises `WrongConfig`."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as exc:
        where = f"LEGWORK_AGI_HOST:LEGWORK_AGI_PORT {host}:{port}"
        raise WrongConfig(f"{where}: {exc.strerror or exc}; port 0 serves no FastAGI") from exc


def is_loopback(host: str) -> bool:
    """Whether only this host can ask. FastAGI knows no passwords."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Server:
    """Serves dialplans; `answer_seconds` is how long an answer is looked for before it is said to be away."""

    def __init__(self, answers: Answers, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._answers = answers
        self._answer_seconds = answer_seconds
        self._connections = 0
        self._full = Trouble(f"FastAGI: more than {MOST_CONNECTIONS} connections at once, the others are closed")

    async def run(self, listener: socket.socket) -> None:
        """Serve for ever."""
        async with asyncio.TaskGroup() as tasks:

            def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                tasks.create_task(self._serve(reader, writer, tasks), name="agi connection")

            server = await asyncio.start_server(connected, sock=listener, limit=LINE_BYTES)
            try:
                await server.serve_forever()
            finally:
                server.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tasks: asyncio.TaskGroup
    ) -> None:
        self._connections += 1
        try:
            if self._connections > MOST_CONNECTIONS:
                self._full.goes_on()
                return
            self._full.is_over()
            await _set(reader, writer, await self._answered(reader, tasks))
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError) as exc:  # TimeoutError is an OSError
            log.warning("FastAGI connection dropped", error=str(exc) or type(exc).__name__)
        finally:
            self._connections -= 1
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader, tasks: asyncio.TaskGroup) -> Variables:
        """What to set. Raises `TimeoutError` and the like where nothing can be read."""
        async with asyncio.timeout(READ_SECONDS):
            lines = await _question(reader)
        try:
            asked = read(lines)
        except Refused as exc:
            log.warning("FastAGI question refused", reason=exc.reason)
            return refused(exc.reason)
        finding = tasks.create_task(self._found(asked), name="agi answer")
        done, _ = await asyncio.wait([finding], timeout=self._answer_seconds)
        variables = finding.result() if done else AWAY  # a query that is late is not waited for
        log.info("FastAGI answered", path=asked.path, status=variables[STATUS], reason=variables.get(REASON, ""))
        return variables

    async def _found(self, asked: Asked) -> Variables:
        try:
            return await self._answers.find(asked)
        except Exception:  # one question is not to end the others
            log.exception("FastAGI question not answered", path=asked.path)
            return AWAY


async def _question(reader: asyncio.StreamReader) -> list[str]:
    """The lines up to the empty one. Raises `ValueError` where there are too many or one is too long."""
    lines: list[str] = []
    size = 0
    while (line := await reader.readuntil(b"\n")) not in (b"\n", b"\r\n"):
        size += len(line)
        if len(lines) == MOST_LINES or size > MOST_BYTES:
            raise ValueError("a question that is too long")
        lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
    return lines


async def _set(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, variables: Variables) -> None:
    """Have Asterisk set each, in order. Raises `ValueError` where it does not."""
    for name, value in variables.items():
        writer.write(f'SET VARIABLE {name} "{value}"\n'.encode())
        async with asyncio.timeout(READ_SECONDS):
            await writer.drain()
            reply = await reader.readuntil(b"\n")
            if reply.startswith(HUNG_UP):
                reply = await reader.readuntil(b"\n")
        if not reply.startswith(DONE):
            raise ValueError(f"Asterisk answered {reply[:40]!r} to {name}")
