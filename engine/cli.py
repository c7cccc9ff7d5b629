"""The command line: run the engine, apply accounts, make a call and see how calls went."""

import asyncio
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import structlog
import typer
from rich.markup import escape
from rich.table import Table

from engine import (
    announcing,
    applied,
    calling,
    campaigning,
    catalogue,
    config,
    dialling,
    doctor,
    installing,
    log,
    screen,
    staffing,
)
from engine.errors import NotFound, Refusal, Unavailable, WrongConfig
from engine.store.connection import AWAY
from engine.store.postgres import Store
from engine.terminal import Json, err, out, present, with_store

EXIT_FAILED = 1
EXIT_NOT_REACHED = 3
EXIT_NOT_FOUND = 4
EXIT_INTERRUPTED = 130
AWAY_SECONDS = 6  # beats that did not come

app = typer.Typer(
    help=(
        "Legwork: live call legs on the Asterisk you already run.\n\n"
        "Settings come from LEGWORK_* and DATABASE_URL in the environment, or from --env FILE.\n\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the call did not reach both parties, 4 no such id."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(staffing.app, name="agent")


def main() -> None:
    """The entry point: errors of ours are one line, not a traceback."""
    try:
        app()
    except NotFound as exc:
        err.print(exc.message, style="red", highlight=False, markup=False)
        raise SystemExit(EXIT_NOT_FOUND) from None
    except Refusal as exc:
        err.print(exc.message, style="red", highlight=False, markup=False)
        raise SystemExit(EXIT_FAILED) from None


@app.callback()
def options(
    env: Annotated[Path | None, typer.Option(help="A file of KEY=value lines, such as .lab/lab.env.")] = None,
) -> None:
    if env is not None:
        config.load_environment(env)


@app.command()
def run(
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Exit with code 1 where another engine owns this Asterisk.")
    ] = False,
) -> None:
    """Run the engine until it is told to stop (systemd does this).

    SIGTERM lets what rings finish and leaves what talks to the next engine; a second one stops at once.
    """
    from engine.main import run as run_engine

    log.configure()
    try:
        run_engine(config.load(), wait=not no_wait)
    except BaseExceptionGroup as exc:
        refused: BaseException | None = exc.subgroup(Refusal)
        while isinstance(refused, BaseExceptionGroup):
            refused = refused.exceptions[0]
        if refused is not None:
            raise refused from None
        structlog.get_logger().exception("engine failed", exc_info=exc)
        raise SystemExit(EXIT_FAILED) from None
    except AWAY as exc:
        raise WrongConfig(f"Postgres does not answer: {exc or type(exc).__name__}") from exc


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="The accounts file, TOML.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing.")] = False,
) -> None:
    """Put the accounts file into force. What is missing from it is disabled, not deleted."""
    items = applied.read(file, config.load().seal)

    async def work(store: Store) -> None:
        before = {_key(row): row["body"] for row in await store.applied()}
        after = {_key(item): item["body"] for item in items}
        changes = [("disable", key) for key in before.keys() - after.keys()]
        changes += [("add", key) for key in after.keys() - before.keys()]
        changes += [("change", key) for key in after.keys() & before.keys() if after[key] != before[key]]
        for change, (kind, account_id, item_id) in sorted(changes):
            out.print(
                f"{change:8}{kind} {item_id}" + (f" of {account_id}" if account_id != item_id else ""), highlight=False
            )
        out.print(f"{len(changes)} changes, {len(items)} items" + (", nothing done (--dry-run)" if dry_run else ""))
        if not dry_run:
            await store.apply(items)

    with_store(work, migrating=True)


@app.command()
def show(
    account: Annotated[str | None, typer.Argument(help="Only this account.")] = None, as_json: Json = False
) -> None:
    """Show what is applied; secrets are never shown."""

    async def work(store: Store) -> None:
        rows = [row for row in await store.applied() if account in (None, row["account_id"])]
        if not rows:
            raise NotFound("nothing is applied" if account is None else f"there is no account {account}")
        for row in rows:
            row["body"] |= row.pop("state") or {}
            if "credentials" in row["body"]:
                row["body"]["credentials"] = sorted(row["body"]["credentials"])
            if row["kind"] == "agent":
                row["body"]["pin"] = bool(row["body"].pop("pin_scrypt", ""))
        present(rows, screen.applied_tables(rows), as_json=as_json)

    with_store(work)


@app.command()
def call(
    agent: Annotated[str, typer.Argument(metavar="FROM", help="Rung first: a number or an extension.")],
    destination: Annotated[str, typer.Argument(metavar="TO", help="Rung when FROM has answered.")],
    account: Annotated[str, typer.Option(envvar="CPAAS_ACCOUNT", help="The account that calls.")],
    auth: Annotated[str, typer.Option(envvar="CPAAS_AUTH", help="Its auth; better in the environment than here.")],
    caller_id: Annotated[str, typer.Option(help="What both are shown; the account's first by default.")] = "",
    talk_seconds: Annotated[float | None, typer.Option(min=0, help="Hang up after this much talk.")] = None,
    as_json: Json = False,
) -> None:
    """Ring FROM, then TO, and follow the call until it ends. Ctrl-C hangs up."""

    async def work(store: Store) -> None:
        body = {
            "agent_number": agent,
            "destination_number": destination,
            "caller_id": caller_id or await calling.first_caller_id(store, account),
        }
        call_id = await calling.click2call(body, account=account, auth=auth)
        # Not by cancelling what runs: libraries have been seen to lose a cancellation that meets a result.
        interrupted = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
        cdr = await calling.follow(store, call_id, interrupted, talk_seconds=talk_seconds, on=err if as_json else out)
        if cdr is None:
            await store.order_hangup(call_id)
            err.print(f"call {call_id} is told to hang up")
            raise SystemExit(EXIT_INTERRUPTED)
        present(cdr, screen.cdr_view(cdr), as_json=as_json)
        if cdr["disposition"] != "ANSWER":
            raise SystemExit(EXIT_NOT_REACHED)

    with_store(work)


@app.command()
def calls(as_json: Json = False) -> None:
    """List the live calls."""

    async def work(store: Store) -> None:
        live = await store.all_live_calls()
        present([{**row, "legs": legs} for row, legs in live], screen.calls_table(live), as_json=as_json)

    with_store(work)


@app.command()
def cdr(request_id: str, as_json: Json = False) -> None:
    """Show how one request came out, with each of its legs."""

    async def work(store: Store) -> None:
        found = await store.cdr(request_id)
        if found is not None:
            present(found, screen.cdr_view(found), as_json=as_json)
            return
        live = await store.call(request_id)
        if live is None:
            raise NotFound(f"there is no request {request_id}")
        present({**live[0], "legs": live[1]}, screen.calls_table([live]), as_json=as_json)

    with_store(work)


@app.command()
def callbacks(
    count: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100, as_json: Json = False
) -> None:
    """List the calls that are scheduled, the next one first."""

    async def work(store: Store) -> None:
        scheduled = await store.callbacks.scheduled(count)
        present([asdict(each) for each in scheduled], screen.callbacks_table(scheduled), as_json=as_json)

    with_store(work)


@app.command()
def hangup(call_id: str) -> None:
    """End a live call. One that is over already is no error."""

    async def work(store: Store) -> None:
        asked = await store.order_hangup(call_id)
        if asked is None:
            await _say_it_is_over(store, call_id)
        elif asked["silent_seconds"] > AWAY_SECONDS:
            silent = f"engine {asked['node']} has not been heard of for {asked['silent_seconds']:.0f} s"
            raise Unavailable(f"call {call_id} is not ended yet: {silent}; it ends the call when it is back")

    with_store(work)


@app.command(name="stop-dialing")
def stop_dialing(
    account: Annotated[str, typer.Option(help="Only this account; every one by default.")] = "",
    reason: Annotated[str, typer.Option(help="Why; whoever asks for a call is told.")] = "",
) -> None:
    """Dial nothing more, at once and until resume-dialing: live calls go on, new calls and legs are refused."""
    with_store(lambda store: dialling.stop(store, account, reason, out), migrating=True)


@app.command(name="resume-dialing")
def resume_dialing(
    account: Annotated[str, typer.Option(help="Only this account's own stop; that of every one by default.")] = "",
) -> None:
    """Take a stop-dialing back."""
    with_store(lambda store: dialling.resume(store, account, out), migrating=True)


@app.command()
def explain(
    number: Annotated[str, typer.Argument(help="A number as somebody would write it, or an extension.")],
    account: Annotated[
        str, typer.Option(envvar="CPAAS_ACCOUNT", help="Who would call; needed if there are more.")
    ] = "",
    caller_id: Annotated[str, typer.Option(help="What would be shown; the account's first by default.")] = "",
    kind: Annotated[
        Literal["click2call", "campaign"], typer.Option(help="What kind of call it would be.")
    ] = "click2call",
    as_json: Json = False,
) -> None:
    """Say, check by check, why a number may or may not be called now. Exit code 1 if it may not."""

    async def work(store: Store) -> None:
        found = await dialling.explain(store, number, account_id=account, caller_id=caller_id, kind=kind)
        present(found.row(), found.view(), as_json=as_json)
        if not found.verdict.allowed:
            raise SystemExit(EXIT_FAILED)

    with_store(work)


@app.command(name="doctor")
def examine(as_json: Json = False) -> None:
    """Check Asterisk, Postgres and this host; each failure comes with what to do."""
    findings = asyncio.run(doctor.examine(config.load()))
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        mark = "[red]✗[/red]" if finding.fix else "[green]✓[/green]"
        table.add_row(mark, finding.check, escape(finding.found), finding.fix and f"→ {escape(finding.fix)}")
    rows = [{"check": each.check, "ok": not each.fix, "found": each.found, "fix": each.fix} for each in findings]
    present(rows, table, as_json=as_json)
    if any(each.fix for each in findings):
        raise SystemExit(EXIT_FAILED)


# -- behind the commands ---------------------------------------------------------------------


async def _say_it_is_over(store: Store, call_id: str) -> None:
    found = await store.call(call_id)
    if found is None:
        raise NotFound(f"there is no call {call_id}")
    cdr = await store.cdr(call_id)
    outcome = f": {cdr['disposition']} ({cdr['reason']})" if cdr else ""
    out.print(f"call {call_id} was over at {screen.clock(found[0]['ended_at'])} already{outcome}", highlight=False)


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["kind"], row["account_id"], row["id"]


app.command()(installing.init)
app.command()(catalogue.codes)
app.command()(announcing.announcements)
app.command()(campaigning.campaign)
app.command()(campaigning.campaigns)
