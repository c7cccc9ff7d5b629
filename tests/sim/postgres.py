"""A simulated Postgres under the engine's own store and writer: away, frozen, or silent after a commit on order."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

import asyncpg
import orjson

from engine.store.connection import COMMAND_SECONDS
from engine.store.queries import QUERIES
from tests.sim.loop import EPOCH
from tests.sim.process import PROCESS, Process

Row = dict[str, Any]
NAMES = {text: name for name, text in QUERIES.items()}
TIMES = ("_at", "_date")


def _updated(table: str) -> tuple[str, ...]:
    """The columns that a repeated write of that table's row sets anew, as the query says."""
    statement = next(part for part in QUERIES["write"].split("INSERT INTO ")[1:] if part.startswith(table))
    return tuple(re.findall(r"(\w+) = excluded\.\1\b(?! AND)", statement.partition("WHERE")[0]))


UPDATED_CALL, UPDATED_LEG = _updated("calls"), _updated("legs")


def _stored(row: Row) -> Row:
    """The row as it comes back: times as epoch seconds."""
    return {
        name: datetime.fromisoformat(value).timestamp() if value is not None and name.endswith(TIMES) else value
        for name, value in row.items()
    }


class Postgres:
    """Tables in memory, that outlive every engine; an advisory lock lives with its connection."""

    def __init__(self, random: Random) -> None:
        self._loop = asyncio.get_running_loop()
        self._random = random
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._statements = 0
        self._connections: list[Connection] = []
        self.locks: dict[str, Connection] = {}
        self.calls: dict[str, Row] = {}
        self.legs: dict[str, Row] = {}
        self.cdrs: dict[str, Row] = {}
        self.nodes: dict[str, Row] = {}
        self.asked: set[str] = set()  # calls an operator asked to end
        self.away = False
        self.lost_answers: set[int] = set()  # by the statement's number: it is carried out, the connection breaks
        self.slow_seconds = 0.0
        self.on_commit: Callable[[int], None] = lambda number: None

    @property
    def answers(self) -> bool:
        """Whether it is there and not frozen."""
        return not self.away and self._thawed.is_set()

    def go_away(self, seconds: float) -> None:
        """Stop: connections break, new ones are refused, for so long."""
        self.away = True
        for connection in list(self._connections):
            self.end(connection)
        self.locks.clear()
        self._loop.call_later(seconds, self._come_back)

    def _come_back(self) -> None:
        self.away = False

    def freeze(self, seconds: float) -> None:
        """Answer nothing for so long, as on SIGSTOP; what was asked meanwhile may still be done."""
        self._thawed.clear()
        self._loop.call_later(seconds, self._thawed.set)

    def end(self, connection: "Connection") -> None:
        """A connection breaks; its lock goes when the server has noticed."""
        connection.closed = True
        if connection in self._connections:
            self._connections.remove(connection)
            self._loop.create_task(self._notice(connection))

    def end_of(self, process: Process) -> None:
        """All connections of a process that is gone."""
        for connection in [each for each in self._connections if each.process is process]:
            self.end(connection)

    async def _notice(self, connection: "Connection") -> None:
        await asyncio.sleep(self._random.uniform(0, 0.05))
        await self._thawed.wait()
        self.locks = {name: holder for name, holder in self.locks.items() if holder is not connection}

    async def connect(self, name: str = "") -> "Connection":
        """A new connection. Raises what asyncpg raises."""
        process = PROCESS.get()
        await process.running()
        if self.away:
            raise ConnectionRefusedError("Postgres is not there")
        connection = Connection(self, process, name)
        self._connections.append(connection)
        try:
            await connection.fetch("SELECT 1")
        except BaseException:
            self.end(connection)
            raise
        return connection

    async def statement(self, connection: "Connection", text: str, arguments: tuple[Any, ...]) -> list[Row]:
        """The rows of a statement. Raises what asyncpg raises."""
        process = PROCESS.get()
        await process.running()
        if connection.closed:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        process.before("statement")
        copied = orjson.loads(orjson.dumps(arguments))
        answer: asyncio.Future[list[Row] | None] = self._loop.create_future()
        serving = self._loop.create_task(self._serve(connection, text, copied, answer))
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                await asyncio.wait([answer])
        except TimeoutError:
            if self._random.random() < 0.5:
                serving.cancel()  # the cancel request came through
            raise
        await process.running()
        rows = answer.result()
        if rows is None:
            raise ConnectionResetError("connection reset by peer")
        return rows

    async def _serve(
        self, connection: "Connection", text: str, arguments: list[Any], answer: asyncio.Future[list[Row] | None]
    ) -> None:
        rows: list[Row] | None = None
        await asyncio.sleep(self._random.uniform(0.0002, 0.002) + self.slow_seconds)
        await self._thawed.wait()
        if not self.away:
            rows = orjson.loads(orjson.dumps(self._execute(connection, text, arguments)))
            self._statements += 1
            self.on_commit(self._statements)
            if self._statements in self.lost_answers:
                self.end(connection)
            await asyncio.sleep(self._random.uniform(0.0001, 0.001))
        if not answer.done():
            answer.set_result(None if connection.closed else rows)

    def _execute(self, connection: "Connection", text: str, arguments: list[Any]) -> list[Row]:
        match NAMES.get(text, text):
            case "SELECT 1":
                return [{"?column?": 1}]
            case "write":
                return self._write(*arguments)
            case "forget":
                for call_id in arguments[0]:
                    self.calls.pop(call_id, None)
                self.legs = {key: leg for key, leg in self.legs.items() if leg["call_id"] not in arguments[0]}
                return []
            case "beat":
                node = self._node(arguments[0])
                node["seen_at"], node["asterisk_started_at"] = arguments[1], arguments[2] or node["asterisk_started_at"]
                return []
            case "seen":
                if row := self.nodes.get(arguments[0]):
                    row["seen_at"] = max(row["seen_at"], arguments[1])
                return []
            case "left_behind":
                return [dict(self.nodes[arguments[0]])] if arguments[0] in self.nodes else []
            case "take_lock":
                holder = self.locks.get(arguments[0])
                if holder is None and not connection.closed:
                    self.locks[arguments[0]] = connection
                return [{"taken": holder in (None, connection)}]
            case "end_holder":
                holder = self.locks.get(arguments[0])
                if holder is None or holder.name != arguments[1]:
                    return []
                del self.locks[arguments[0]]
                self.end(holder)
                return [{"pg_terminate_backend": True}]
            case "live_calls":
                return [dict(row) for row in self.calls.values() if row["ended_at"] is None]
            case "hangups_asked":
                live = (row for row in self.calls.values() if row["ended_at"] is None)
                return [{"call_id": row["call_id"]} for row in live if row["call_id"] in self.asked]
            case "legs_of":
                found = [dict(leg) for leg in self.legs.values() if leg["call_id"] in arguments[0]]
                return sorted(found, key=lambda leg: (leg["call_id"], leg["position"]))
            case name:
                raise NotImplementedError(f"the simulated Postgres does not know: {name}")

    def _node(self, name: str) -> Row:
        fresh = {"seen_at": EPOCH + self._loop.time(), "asterisk_started_at": None}
        return self.nodes.setdefault(name, fresh)

    def _write(self, calls: list[Row], legs: list[Row], cdrs: list[Row]) -> list[Row]:
        written = set()
        for row in map(_stored, calls):
            known = self.calls.setdefault(row["call_id"], row)
            if (known["account_id"], known["requested_at"]) == (row["account_id"], row["requested_at"]):
                known.update((name, row[name]) for name in UPDATED_CALL)
                written.add(row["call_id"])
        for row in map(_stored, legs):
            if row["call_id"] in written:
                row = {**dict.fromkeys(("disposition", "reason", "ended_by")), **row}
                known = self.legs.setdefault(row["leg_id"], row)
                known.update((name, row[name]) for name in UPDATED_LEG)
        for row in map(_stored, cdrs):
            self.cdrs.setdefault(row["request_id"], row)
        return [{"call_id": call_id} for call_id in sorted(written)]


class Connection:
    """A connection to it, as asyncpg makes one."""

    def __init__(self, postgres: Postgres, process: Process, name: str) -> None:
        self._postgres = postgres
        self.process = process
        self.name = name
        self.closed = False

    def is_closed(self) -> bool:
        """Whether it broke."""
        return self.closed

    async def fetch(self, text: str, *arguments: Any) -> list[Row]:
        """The rows of a statement."""
        return await self._postgres.statement(self, text, arguments)

    execute = fetch

    async def fetchrow(self, text: str, *arguments: Any) -> Row | None:
        """The first row."""
        return next(iter(await self.fetch(text, *arguments)), None)

    async def fetchval(self, text: str, *arguments: Any) -> Any:
        """Its first column."""
        row = await self.fetchrow(text, *arguments)
        return next(iter(row.values())) if row else None

    def terminate(self) -> None:
        """Break it."""
        self._postgres.end(self)

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109
        """End it in order."""
        self._postgres.end(self)


class Pool:
    """What the engine's reads go through: a connection that works, where there is one."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._connection: Connection | None = None

    async def fetch(self, text: str, *arguments: Any, **_: Any) -> list[Row]:
        """The rows of a statement; its time limit is the model's own."""
        if self._connection is None or self._connection.closed:
            self._connection = await self._postgres.connect()
        return await self._connection.fetch(text, *arguments)
