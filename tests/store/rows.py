"""Rows as the engine writes them, put into tables by themselves: a campaign, its contacts, its leads, CDRs, legs."""

import itertools
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson

CAMPAIGN_ID, LIST_ID, OTHER_CAMPAIGN_ID = "CM39139118b8", "LS50f6ec70b7", "CM7b1b0f4c2f"
AT = 1689660690.5  # Tue, 18 Jul 2023 06:11:30 GMT
_numbers = itertools.count(0x91DA7C0000)


def unique_id(position: int, attempt: int = 1, *, campaign_id: str = CAMPAIGN_ID) -> str:
    """As reports know an attempt."""
    return f"{campaign_id}_{LIST_ID}_{position}-u{attempt}"


async def insert(url: str, table: str, *rows: dict[str, Any]) -> None:
    """Put the rows into the table; their times are epoch seconds."""
    connection = await asyncpg.connect(url)
    try:
        for row in rows:
            names = ", ".join(row)
            statement = f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{table}, $1)"
            if "id" in row:
                statement = statement.replace(" SELECT", " OVERRIDING SYSTEM VALUE SELECT")
            await connection.execute(statement, orjson.dumps({name: _value(name, row[name]) for name in row}).decode())
    finally:
        await connection.close()


def campaign(campaign_id: str = CAMPAIGN_ID, **changed: Any) -> dict[str, Any]:
    """A campaign of account_1 that is running."""
    return {
        "campaign_id": campaign_id,
        "account_id": "account_1",
        "name": f"campaign {campaign_id}",
        "list_id": LIST_ID,
        "dnd_list_id": "",
        "settings": {},
        "calls_per_minute": 60,
        "state": 1,
        "starts_at": AT - 3600,
        "ends_at": None,
        "created_at": AT - 7200,
        "enrolled_position": 0,
        "next_start_at": AT,
        "reason": "",
    } | changed


def contact(position: int, number: str) -> dict[str, Any]:
    """A contact of its list."""
    return {"list_id": LIST_ID, "position": position, "number": number, "name": "", "fields": {}}


def lead(position: int, number: str, state: str, attempts: int, **changed: Any) -> dict[str, Any]:
    """A lead of it."""
    return {
        "campaign_id": CAMPAIGN_ID,
        "position": position,
        "number": number,
        "name": "",
        "fields": {},
        "state": state,
        "attempts": attempts,
        "due_at": AT,
        "version": 0,
        "claimed_until": AT,
    } | changed


def cdr(**changed: Any) -> dict[str, Any]:
    """The CDR of a click2call of account_1 that was answered; of an attempt where `unique_id` is given."""
    request_id = f"{next(_numbers):010x}"
    row = {
        "request_id": request_id,
        "account_id": "account_1",
        "node": "n1",
        "kind": "click2call",
        "agent_number": "919979270009",
        "customer_number": "919979270001",
        "dialed_number": changed.get("customer_number", "919979270001"),
        "caller_id": "15168148720",
        "disposition": "ANSWER",
        "reason": "answered",
        "ended_by": "party",
        "call_date": changed.get("ended_at") or AT,
        "created_at": AT - 19.8233,
        "answered_at": AT - 11.2202,
        "ended_at": AT,
        "billsec": 11.2202,
        "duration": 19.8233,
        "channel": f"n1-{request_id}.b1",
        "digits": "",
        "is_dnd": False,
    }
    if "unique_id" in changed:
        row |= {
            "kind": "campaign",
            "agent_number": "",
            "campaign_id": changed["unique_id"].split("_")[0],
            "campaign_type": 0,
            "list_id": LIST_ID,
        }
    return row | changed


def unanswered(disposition: str, **changed: Any) -> dict[str, Any]:
    """The CDR of one that was dialled in vain."""
    row = {"disposition": disposition, "reason": "as it was", "answered_at": None, "billsec": 0.0}
    return cdr(**row | changed)


def undialled(disposition: str, **changed: Any) -> dict[str, Any]:
    """The CDR of one that was not dialled."""
    never = {"created_at": None, "answered_at": None, "ended_at": None, "billsec": None, "duration": None}
    row = never | {"disposition": disposition, "reason": "missing_field", "channel": "", "call_date": AT}
    if disposition == "DND":
        row |= {"reason": "on the do-not-disturb list", "is_dnd": True}
    return cdr(**row | changed)


def leg(of: dict[str, Any]) -> dict[str, Any]:
    """The leg behind a CDR."""
    return {
        "leg_id": of["channel"],
        "call_id": of["request_id"],
        "position": 0,
        "name": "b1",
        "side": "customer",
        "number": of["dialed_number"],
        "endpoint": "",
        "created_at": of["created_at"],
        "dialed_at": of["created_at"],
        "answered_at": of["answered_at"],
        "ended_at": of["ended_at"],
        "cause": 16,
        "estimated": False,
        "disposition": of["disposition"],
        "reason": of["reason"],
        "ended_by": of["ended_by"],
        "amd_status": "",
        "amd_reason": "",
    }


def _value(name: str, value: Any) -> Any:
    if value is not None and name.endswith(("_at", "_date", "_until")):
        return datetime.fromtimestamp(value, UTC)
    return value
