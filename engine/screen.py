"""What a person sees: calls, CDRs and accounts as tables, a ringing call as a live picture."""

import time
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from engine.core.callback import Callback

Row = dict[str, Any]

STATE_STYLE = {"ringing": "yellow", "up": "green", "ended": "dim", "dialing": "cyan"}
SIDE = {"agent": "agent", "customer": "destination"}


def leg_state(leg: Row) -> str:
    """One word: placing, dialing, ringing, up, ended."""
    for column, state in (
        ("ended_at", "ended"),
        ("answered_at", "up"),
        ("rang_at", "ringing"),
        ("dialed_at", "dialing"),
    ):
        if leg[column] is not None:
            return state
    return "placing"


def clock(at: float | None) -> str:
    """Local wall time to the tenth of a second."""
    return "-" if at is None else datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")[:-5]


def span(start: float | None, end: float | None) -> str:
    """Seconds between two times, or until now."""
    return "-" if start is None else f"{(end or time.time()) - start:.1f} s"


def legs_table(legs: list[Row], *, title: str | None = None) -> Table:
    """Each leg a line: whom, how far, how long, why it ended."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for name in ("leg", "side", "number", "state", "rang", "talked", "outcome"):
        table.add_column(name, no_wrap=name != "outcome", min_width=5)
    for leg in legs:
        state = leg_state(leg)
        over = leg["ended_at"]
        outcome = f"{leg['disposition']}: {leg['reason']}, ended by {_who(leg)}" if over else ""
        table.add_row(
            leg["name"],
            SIDE[leg["side"]],
            leg["number"],
            Text(state, style=STATE_STYLE.get(state, "")),
            span(leg["dialed_at"], leg["answered_at"] or over),
            span(leg["answered_at"], over),
            outcome,
        )
    return table


def _who(leg: Row) -> str:
    return SIDE[leg["side"]] if leg["ended_by"] == "party" else leg["ended_by"]


def call_progress(spinner: Spinner, call_id: str, call: Row | None, legs: list[Row]) -> RenderableType:
    """A live call while it happens; the spinner is the same each time, so that it turns."""
    bridged = call["bridged_at"] if call else None
    what = f"talking for {span(bridged, None)}" if bridged else "connecting"
    spinner.update(text=f"call {call_id}: {what}")
    return Group(spinner, legs_table(legs))


def calls_table(calls: list[tuple[Row, list[Row]]]) -> Table:
    """Live calls, a line each."""
    table = Table(title=f"{len(calls)} live calls", title_justify="left", box=None, header_style="dim", pad_edge=False)
    for name in ("call", "account", "kind", "since", "talking", "legs"):
        table.add_column(name)
    for call, legs in calls:
        states = ", ".join(f"{leg['name']} {leg['number']} {leg_state(leg)}" for leg in legs)
        table.add_row(
            call["call_id"],
            call["account_id"],
            call["kind"],
            clock(call["requested_at"]),
            span(call["bridged_at"], None),
            states,
        )
    return table


def callbacks_table(callbacks: list[Callback]) -> Table:
    """Scheduled calls, a line each."""
    title = f"{len(callbacks)} scheduled callbacks"
    table = Table(title=title, title_justify="left", box=None, header_style="dim", pad_edge=False)
    for name in ("call", "account", "due", "there", "zone", "from", "to", "shown"):
        table.add_column(name)
    for each in callbacks:
        due = datetime.fromtimestamp(each.due_at).strftime("%Y-%m-%d %H:%M:%S")
        numbers = (each.agent_number, each.customer_number, each.caller_id)
        table.add_row(each.request_id, each.account_id, due, each.wall, each.time_zone, *numbers)
    return table


def cdr_view(cdr: Row) -> RenderableType:
    """One CDR with its legs."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    answered = cdr["disposition"] == "ANSWER"
    table.add_row("request", f"{cdr['request_id']}  {cdr['kind']} of {cdr['account_id']} on {cdr['node']}")
    table.add_row("outcome", Text(f"{cdr['disposition']} ({cdr['reason']})", style="green" if answered else "yellow"))
    parties = " → ".join(number for number in (cdr["agent_number"], cdr["customer_number"]) if number)
    table.add_row("from, to" if cdr["agent_number"] else "to", f"{parties}, shown {cdr['caller_id']}")
    table.add_row("answered", clock(cdr["answered_at"]))
    table.add_row("ended", f"{clock(cdr['call_date'])} by {cdr['ended_by']}")
    table.add_row("billsec", _seconds(cdr["billsec"]))
    table.add_row("duration", _seconds(cdr["duration"]))
    if cdr["announcement_seconds"] is not None:
        table.add_row("heard", f"{_seconds(cdr['heard_seconds'])} of {_seconds(cdr['announcement_seconds'])}")
    if (permit := cdr.get("permit")) and not permit["allowed"]:
        table.add_row("permit", f"refused ({permit['reason']}): {permit['words']}")
    return Group(table, Text(), legs_table(cdr["legs"]))


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} s"


def applied_tables(applied: list[Row]) -> RenderableType:
    """What is applied: routes, then each account with what belongs to it."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("account", "kind", "id", "settings"):
        table.add_column(name, no_wrap=name != "settings")
    for row in applied:
        settings = {k: v for k, v in row["body"].items() if k not in ("id", "credentials") and v not in ([], None, "")}
        if "credentials" in row["body"]:
            settings["credentials"] = ", ".join(row["body"]["credentials"])
        shown = "  ".join(f"{name}={_plain(value)}" for name, value in settings.items())
        table.add_row(row["account_id"] or "-", row["kind"], row["id"], shown)
    return table


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(each["id"]) if isinstance(each, dict) else str(each) for each in value)
    return str(value)


def seconds_since(at: float | None) -> float | None:
    """Seconds from that time to now; None where it has not come."""
    return None if at is None else time.time() - at
