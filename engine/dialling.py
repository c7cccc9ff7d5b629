"""The permit from the command line: stop dialling, resume it, explain a number."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.accounts import Accounts
from engine.core import permit
from engine.core.account import Account
from engine.core.permit import Attempt, Finding, Moment, Verdict
from engine.core.refusal import InvalidRequest
from engine.errors import NotFound, WrongConfig
from engine.gate import stopped
from engine.store.postgres import Store

MARK = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "[dim]·[/dim]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the permit says of one number, check by check."""

    number: str
    account_id: str
    verdict: Verdict
    findings: Sequence[Finding]

    def row(self) -> dict[str, Any]:
        """For machines."""
        checks = [{"check": each.reason, "holds": each.holds, "words": each.words} for each in self.findings]
        return {"number": self.number, "account_id": self.account_id, **asdict(self.verdict), "checks": checks}

    def view(self) -> RenderableType:
        """For a person."""
        table = Table(box=None, show_header=False, pad_edge=False)
        for each in self.findings:
            table.add_row(MARK[each.holds], each.reason, Text(each.words))
        verdict = "may be called now" if self.verdict.allowed else f"may not be called now: {self.verdict.words}"
        return Group(table, Text(), Text(f"{self.number} {verdict}", style="green" if self.verdict.allowed else "red"))


async def stop(store: Store, account_id: str, reason: str, out: Console) -> None:
    """Stop dialling for one account, or every one ('')."""
    if account_id:
        await one_account(store, account_id)
    await store.stop(account_id, reason)
    out.print(f"dialling is stopped for {account_id or 'every account'}; live calls go on", highlight=False)


async def resume(store: Store, account_id: str, out: Console) -> None:
    """Take that stop back, and say which are left."""
    resumed = await store.resume(account_id)
    whose = account_id or "every account"
    out.print(
        f"dialling is resumed for {whose}" if resumed else f"dialling was not stopped for {whose}", highlight=False
    )
    for row in await store.stops():
        out.print(f"still stopped for {row['account_id'] or 'every account'}: {row['reason']}", highlight=False)


async def explain(store: Store, number: str, *, account_id: str, caller_id: str, kind: str) -> Explanation:
    """What the permit says now, from what is applied and what the account has done today."""
    account, accounts = await one_account(store, account_id)
    shown = caller_id or next(iter(account.caller_ids), "")
    target = Attempt(number=number, caller_id=shown, kind=kind)
    stops = {row["account_id"]: row["reason"] for row in await store.stops()}
    counted = await _counted(store, account, number)
    moment = Moment(
        account=account,
        routes=accounts.routes,
        now=time.time(),
        stopped=stopped(stops, account.account_id),
        live_calls=sum((await store.live_kinds(account.account_id)).values()),
        today=counted["today"],
        to_destination=counted["to_destination"],
    )
    return Explanation(
        number=number,
        account_id=account.account_id,
        verdict=permit.verdict(target, moment),
        findings=tuple(permit.explain(target, moment)),
    )


async def one_account(store: Store, account_id: str) -> tuple[Account, Accounts]:
    """This account ('': the only one there is), and all that is applied. Raises `NotFound`, `WrongConfig`."""
    accounts = Accounts()
    # An operator need not have the key that secrets are sealed under.
    accounts.replace({**row, "body": {**row["body"], "credentials": {}}} for row in await store.applied())
    if not account_id and len(accounts.accounts) != 1:
        raise WrongConfig(f"which account? --account {' or '.join(accounts.accounts) or 'ID: none is applied'}")
    account = accounts.accounts.get(account_id or next(iter(accounts.accounts)))
    if account is None:
        raise NotFound(f"there is no account {account_id}")
    return account, accounts


async def _counted(store: Store, account: Account, number: str) -> dict[str, Any]:
    try:
        digits = permit.spelt(account, number)
    except InvalidRequest:
        digits = ""
    return await store.attempts(
        account.account_id, digits, now=time.time(), without=[], daily=True, destination=bool(digits)
    )
