"""Live calls as our own API shows them, and what becomes of their transfers."""

from collections.abc import Callable
from typing import Any

from engine.api.dialect import Body, Operation, Surroundings
from engine.api.dialects import cpaas_params as params
from engine.core import rows
from engine.core.asks import Ask
from engine.core.live_asks import How, ListLiveCalls, LiveCall, SettleTransfer

HOWS: tuple[How, ...] = ("complete", "cancel", "swap")


def reply_list(found: list[LiveCall]) -> Body:
    """The oldest first."""
    return {"calls": [live_call(*each) for each in found]}


def live_call(row: dict[str, Any], legs: list[dict[str, Any]]) -> Body:
    """One call, and those of its legs that are not over."""
    shown = [_leg(each) for each in legs if each["ended_at"] is None]
    return {"request_id": row["call_id"], "kind": row["kind"], "legs": shown}


def _leg(row: dict[str, Any]) -> Body:
    leg = rows.leg(row)
    facts = {"leg": leg.name, "side": leg.side, "number": leg.number}
    return {**facts, "channel": leg.channel_name or leg.channel or row["leg_id"], "state": leg.state}


def parse_settle(how: How) -> Callable[[Body, Surroundings], Ask]:
    """Of the call whose id stands in the path."""
    return lambda body, _: SettleTransfer(params.id_of({"request_id": body["request_id"]}), how)


def reply_settled(settled: SettleTransfer) -> Body:
    """What was done, to which call."""
    return {"request_id": settled.request_id, "transfer": settled.how}


OPERATIONS = (
    Operation("GET", "/v1/live_calls", lambda *_: ListLiveCalls(), reply_list),
    *(
        Operation("POST", f"/v1/calls/{{request_id}}/transfer/{how}", parse_settle(how), reply_settled, bare=True)
        for how in HOWS
    ),
)
