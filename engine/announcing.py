"""Announcements from the command line: which there are, of the accounts file and uploaded."""

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from engine.core.asks import AnnouncementRow
from engine.dialling import one_account
from engine.store.postgres import Store
from engine.terminal import Json, present, with_store

AccountId = Annotated[
    str, typer.Option("--account", envvar="CPAAS_ACCOUNT", help="Whose; needed if there are more accounts.")
]


def announcements(account: AccountId = "", as_json: Json = False) -> None:
    """List an account's announcements: those of the accounts file, then those uploaded."""

    async def work(store: Store) -> None:
        whose, _ = await one_account(store, account)
        found = await store.announcements(whose.account_id)
        rows = [{name: row[name] for name in row if name != "position"} for row in found]
        present(rows, view(rows), as_json=as_json)

    with_store(work)


def view(rows: list[AnnouncementRow]) -> Table:
    """For a person."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("id", "number", "seconds", "source", "uploaded", "name"):
        table.add_column(name, no_wrap=name != "name", justify="right" if name in ("number", "seconds") else "left")
    for row in rows:
        at = row["uploaded_at"]
        uploaded = datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M") if at else "-"
        shown = (row["id"], row["number"] or "-", f"{row['seconds']:.1f}", row["source"], uploaded)
        table.add_row(*shown, Text(row["name"]))
    return table
