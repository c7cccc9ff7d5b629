"""Campaigns from the command line: which there are, and one of them followed live until it is over."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.announcing import AccountId
from engine.core.campaign import Campaign, State
from engine.core.progress import Progress
from engine.dialling import one_account
from engine.errors import NotFound, StoreAway
from engine.store.postgres import Store
from engine.terminal import Json, err, out, present, with_store

LOOK_SECONDS = 1.0
IDLE_SHARE = 9  # a look that takes Postgres long is followed by so many times as long a pause
BAR_WIDTH = 40
EXIT_INTERRUPTED = 130
STYLES = {
    State.SCHEDULED: "cyan",
    State.RUNNING: "green",
    State.PAUSED: "yellow",
    State.FAILED: "red",
}
AWAY = "the database does not answer: what is shown is older"


def campaign(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, its id CM… or its number.")],
    account: AccountId = "",
    once: Annotated[bool, typer.Option("--once", help="Say how far it is now, and do not follow it.")] = False,
    as_json: Json = False,
) -> None:
    """Follow a campaign until it is over: contacts, outcomes, calls a minute, when it is expected to end.

    Looks once a second, less often where it takes the database long. Ctrl-C stops looking, not the campaign, with
    exit code 130. With --json each look is a line: one object with the same figures, times in seconds since 1970.
    """

    async def work(store: Store) -> None:
        whose, _ = await one_account(store, account)
        found = await store.campaigns.named(whose.account_id, name)
        if found is None:
            raise NotFound(f"account {whose.account_id} has no campaign {name}")
        if once:
            progress = await _look(store, found.campaign_id)
            present(row(progress), view(progress), as_json=as_json)
            return
        # Not by cancelling what runs, as in `legwork call`.
        interrupted = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
        followed = await (_print(store, found, interrupted) if as_json else _show(store, found, interrupted))
        if not followed:
            raise SystemExit(EXIT_INTERRUPTED)

    with_store(work)


def campaigns(account: AccountId = "", as_json: Json = False) -> None:
    """List an account's campaigns, the oldest first."""

    async def work(store: Store) -> None:
        whose, _ = await one_account(store, account)
        found = await store.campaigns.of(whose.account_id)
        present([brief(each) for each in found], table(found), as_json=as_json)

    with_store(work)


# -- for machines ----------------------------------------------------------------------------


def brief(found: Campaign) -> dict[str, Any]:
    """What it is and how it stands; times are epoch seconds."""
    return {
        "campaign_id": found.campaign_id,
        "number": found.number,
        "account_id": found.account_id,
        "name": found.name,
        "campaign_type": found.settings.campaign_type,
        "list_id": found.list_id,
        "state": found.state.name.lower(),
        "reason": found.reason,
        "starts_at": found.starts_at,
        "ends_at": found.ends_at,
        "started_at": found.started_at,
        "settled_at": found.settled_at,
    }


def row(progress: Progress) -> dict[str, Any]:
    """As above, and how far it is."""
    return {
        **brief(progress.campaign),
        "at": progress.at,
        **progress.figures(),
        "expected_end_at": progress.expected_end,
    }


# -- for people ------------------------------------------------------------------------------


def table(found: list[Campaign]) -> Table:
    """A line each."""
    lines = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("number", "id", "state", "type", "list", "a minute", "starts", "ends", "name"):
        lines.add_column(name, no_wrap=name != "name", justify="right" if name in ("number", "a minute") else "left")
    for each in found:
        lines.add_row(
            str(each.number),
            each.campaign_id,
            _state(each),
            str(each.settings.campaign_type),
            each.list_id,
            str(each.calls_per_minute),
            _clock(each.starts_at),
            _clock(each.ends_at),
            Text(each.name),
        )
    return lines


def view(progress: Progress, *, trouble: str = "") -> RenderableType:
    """One campaign and how far it is."""
    found, figures = progress.campaign, progress.figures()
    # The list may have grown since, and shrunk: what is enrolled is called anyhow.
    contacts = max(progress.contacts, progress.enrolled)
    head = Text.assemble(
        (found.name, "bold"), f"  {found.campaign_id} ({found.number})  ", _state(found), f"  {found.reason}"
    )
    share = f"{progress.done / contacts:.0%}" if contacts else "no contacts"
    bar = Table.grid(padding=(0, 2))
    bar.add_row(
        ProgressBar(total=contacts or 1, completed=progress.done, width=BAR_WIDTH),
        Text(f"{progress.done:,} of {contacts:,} contacts done, {share}"),
    )
    return Group(head, bar, _figures(progress, figures), *([Text(trouble, style="yellow")] if trouble else []))


def _figures(progress: Progress, figures: dict[str, Any]) -> Table:
    attempts, heard = figures["attempts"], figures["answered_by"]
    answered = f"{attempts['answered']:,}"
    people = ", ".join(f"{heard[verdict]:,} {verdict}" for verdict in ("human", "silence", "unsure") if heard[verdict])
    left = [
        ("answered", f"{answered} ({people})" if people else answered),
        ("machine", f"{heard['machine']:,}"),
        ("busy", f"{attempts['busy']:,}"),
        ("no answer", f"{attempts['no_answer']:,}"),
        ("congestion", f"{attempts['congestion']:,}"),
        ("failed", f"{attempts['failed']:,}"),
        ("DND", f"{attempts['dnd']:,}"),
        ("cancelled", f"{attempts['cancelled']:,}"),
    ]
    right = [
        ("calling now", f"{progress.calling:,}"),
        ("waiting", f"{progress.left:,}"),
        ("to be retried", f"{progress.retrying:,}"),
        ("rate now", f"{progress.last_minute:,} a minute"),
        ("allowed", f"{progress.campaign.calls_per_minute:,} a minute"),
        ("started", _clock(progress.campaign.started_at)),
        ("latest end", _clock(progress.campaign.ends_at)),
        ("expected end", _clock(progress.expected_end)),
    ]
    grid = Table.grid(padding=(0, 2))
    for (name, value), (other, figure) in zip(left, right, strict=True):
        grid.add_row(Text(name, style="dim"), value, Text(other, style="dim"), figure)
    return grid


def _state(found: Campaign) -> Text:
    return Text(found.state.name.lower(), style=STYLES.get(found.state, "dim"))


def _clock(at: float | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


# -- following -------------------------------------------------------------------------------


async def _look(store: Store, campaign_id: str) -> Progress:
    progress = await store.campaigns.progress(campaign_id, now=time.time())
    if progress is None:
        raise NotFound(f"there is no campaign {campaign_id}")
    return progress


async def _print(store: Store, found: Campaign, interrupted: asyncio.Event) -> bool:
    """A line of JSON each second; whether it was followed to its end."""

    def line(progress: Progress | None) -> None:
        if progress is None:
            err.print(AWAY)
            return
        present(row(progress), None, as_json=True)
        sys.stdout.flush()  # whoever reads a pipe is waiting

    return await _follow(store, found, interrupted, line) is not None


async def _show(store: Store, found: Campaign, interrupted: asyncio.Event) -> bool:
    """A live picture, which stays; whether it was followed to its end."""
    latest: Progress | None = None
    with Live(console=out, refresh_per_second=4, transient=True) as live:

        def picture(progress: Progress | None) -> None:
            nonlocal latest
            latest = progress or latest
            if latest is not None:
                live.update(view(latest, trouble="" if progress else AWAY))

        ended = await _follow(store, found, interrupted, picture)
    if latest is not None:
        out.print(view(latest))
    return ended is not None


async def _follow(
    store: Store, found: Campaign, interrupted: asyncio.Event, tell: Callable[[Progress | None], None]
) -> Progress | None:
    """How it is at its end, after telling it each second or so; None if interrupted before."""
    while not interrupted.is_set():
        begun = time.monotonic()
        try:
            progress = await _look(store, found.campaign_id)
        except StoreAway:
            tell(None)
        else:
            tell(progress)
            if progress.is_over:
                return progress
        pause_seconds = max(LOOK_SECONDS, IDLE_SHARE * (time.monotonic() - begun))
        try:
            await asyncio.wait_for(interrupted.wait(), pause_seconds)
        except TimeoutError:
            continue
    return None
