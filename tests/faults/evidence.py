"""What was seen from outside: the wire, Asterisk's own CDRs, the carrier's recordings; beside it our rows."""

import csv
import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from tests.faults.rig import Wait
from tests.faults.traffic import Asked
from tests.live.lab import recordings
from tests.live.phone import Message
from tests.live.wire import Wire

CLOCK_SECONDS = 1.0  # the recordings' names and our times differ by less

CALLS = """
SELECT call_id, ended_at IS NOT NULL AS ended, release_reason FROM calls WHERE requested_at >= to_timestamp($1)
"""
LEGS = """
SELECT legs.* FROM legs JOIN calls USING (call_id) WHERE calls.requested_at >= to_timestamp($1)
"""
CDRS = "SELECT * FROM cdrs WHERE id > $1"
LAST_CDR = "SELECT coalesce(max(id), 0) FROM cdrs"
OPEN = "SELECT count(*) FROM calls WHERE ended_at IS NULL AND requested_at < to_timestamp($1)"
PENDING = """
SELECT (SELECT count(*) FROM unnest($1::text[]) AS asked
        WHERE NOT EXISTS (SELECT FROM cdrs WHERE request_id = asked))
    + (SELECT count(*) FROM calls WHERE ended_at IS NULL)
"""

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialog:
    """One SIP call to a number, as the wire had it; times are None for what never happened."""

    number: str
    invited_at: float
    answered_at: float | None
    cancelled_at: float | None
    ended_at: float | None  # BYE
    ended_by_us: bool
    over_at: float  # the last message, never while it talks


@dataclass(slots=True, kw_only=True)
class Evidence:
    """Everything about one run that the checks look at."""

    began: float
    asked: list[Asked]
    cuts: list[tuple[float, float]]
    waits: list[Wait]
    pbx_died_at: float | None
    pbx_back_at: float | None
    talk_seconds: float
    recorded: bool
    dialogs: dict[str, list[Dialog]]
    calls: list[Row]
    legs: list[Row]
    cdrs: list[Row]
    asterisk: dict[str, list[Row]]  # Asterisk's own CDRs by channel
    left: list[str]  # in Asterisk, too late
    missed: list[str] = field(default_factory=list)

    def recording(self, number: str) -> Path | None:
        """The carrier's recording of that number in this run."""
        return next(iter(recordings(number, since=self.began - CLOCK_SECONDS)), None)

    def cut_at(self, at: float, *, margin: float = 0.0) -> tuple[float, float] | None:
        """The cut that was on at that time."""
        return next((cut for cut in self.cuts if cut[0] - margin <= at <= cut[1] + margin), None)


def dialogs(wire: Wire) -> dict[str, list[Dialog]]:
    """The wire's calls by the number they rang."""
    by_id: dict[str, list[Message]] = defaultdict(list)
    for message in wire.messages:
        by_id[message.headers["call-id"]].append(message)
    found: dict[str, list[Dialog]] = defaultdict(list)
    for messages in by_id.values():
        invite = messages[0]
        if invite.first_line.startswith("INVITE sip:") and invite.sent:
            number = invite.first_line.removeprefix("INVITE sip:").partition("@")[0]
            found[number].append(_dialog(number, messages))
    return found


def _dialog(number: str, messages: list[Message]) -> Dialog:
    answers = [m.at for m in messages if m.status == 200 and m.method == "INVITE" and not m.sent]
    cancels = [m.at for m in messages if m.first_line.startswith("CANCEL")]
    byes = [m for m in messages if m.first_line.startswith("BYE")]
    return Dialog(
        number=number,
        invited_at=messages[0].at,
        answered_at=min(answers, default=None),
        cancelled_at=min(cancels, default=None),
        ended_at=byes[0].at if byes else None,
        ended_by_us=bool(byes) and byes[0].sent,
        over_at=math.inf if answers and not byes else messages[-1].at,
    )


def asterisk_cdrs(path: Path, *, since: float) -> dict[str, list[Row]]:
    """Asterisk's own records by channel; times are seconds since the epoch, None for an answer that never came."""
    names = ("uniqueid", "linkedid", "src", "dst", "channel", "dstchannel", "start", "answer", "end")
    found: dict[str, list[Row]] = defaultdict(list)
    for line in csv.reader(path.read_text().splitlines()):
        row = dict(zip((*names, "duration", "billsec", "disposition"), line, strict=True))
        if float(row["start"] or 0) >= since - CLOCK_SECONDS:
            found[row["uniqueid"]].append({**row, "billsec": float(row["billsec"] or 0)})
    return found


async def last_cdr(database_url: str) -> int:
    """The id of the newest CDR."""
    connection = await asyncpg.connect(database_url, timeout=5)
    try:
        return int(await connection.fetchval(LAST_CDR))
    finally:
        await connection.close()


async def rows(database_url: str, *, began: float, after_cdr: int) -> tuple[list[Row], list[Row], list[Row]]:
    """Our calls and legs since then, and the CDRs after that one."""
    connection = await asyncpg.connect(database_url, timeout=5)
    try:
        calls = await connection.fetch(CALLS, began - CLOCK_SECONDS)
        legs = await connection.fetch(LEGS, began - CLOCK_SECONDS)
        cdrs = await connection.fetch(CDRS, after_cdr)
        return [dict(row) for row in calls], [dict(row) for row in legs], [dict(row) for row in cdrs]
    finally:
        await connection.close()


async def pending(database_url: str, request_ids: list[str]) -> int:
    """How many CDRs are still to come, and calls to end; many while Postgres does not answer."""
    try:
        connection = await asyncpg.connect(database_url, timeout=2, command_timeout=2)
    except AWAY:
        return len(request_ids) + 1
    try:
        return int(await connection.fetchval(PENDING, request_ids))
    except AWAY:
        return len(request_ids) + 1
    finally:
        connection.terminate()


async def open_calls(database_url: str, *, before: float) -> int:
    """How many calls requested before that time are open in our rows."""
    connection = await asyncpg.connect(database_url, timeout=5)
    try:
        return int(await connection.fetchval(OPEN, before))
    finally:
        await connection.close()


async def forget_open_calls(database_url: str) -> int:
    """End, in our rows, what a broken run left open, so that the next run starts clean."""
    connection = await asyncpg.connect(database_url, timeout=5)
    try:
        done = await connection.execute(
            "UPDATE calls SET ended_at = to_timestamp($1) WHERE ended_at IS NULL", time.time()
        )
        return int(done.split()[-1])
    finally:
        await connection.close()
