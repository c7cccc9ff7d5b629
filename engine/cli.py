"""The command line: run the engine, apply accounts, make a call and see how calls went."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import asyncpg
import orjson
import structlog
import typer
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from engine import applied, config, doctor, log, screen
from engine.errors import InvalidRequest, NotFound, Refusal, Unavailable, WrongConfig
from engine.store import migrate
from engine.store.connection import AWAY
from engine.store.postgres import Store

EXIT_FAILED = 1
EXIT_NOT_REACHED = 3
EXIT_NOT_FOUND = 4
EXIT_INTERRUPTED = 130
POLL_SECONDS = 0.1
REQUEST_SECONDS = 10
AWAY_SECONDS = 6  # three beats that did not come

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
PIPE_WIDTH = 200  # no terminal: rows stay whole for grep

out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, width=None if sys.stderr.isatty() else PIPE_WIDTH)
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


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

    _with_store(work, migrating=True)


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
            if "credentials" in row["body"]:
                row["body"]["credentials"] = sorted(row["body"]["credentials"])
        _print(rows, screen.applied_tables(rows), as_json=as_json)

    _with_store(work)


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
            "caller_id": caller_id or await _first_caller_id(store, account),
        }
        call_id = await _click2call(body, account=account, auth=auth)
        # Not by cancelling what runs: libraries have been seen to lose a cancellation that meets a result.
        interrupted = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
        cdr = await _follow(store, call_id, interrupted, talk_seconds=talk_seconds, as_json=as_json)
        if cdr is None:
            await store.order_hangup(call_id)
            err.print(f"call {call_id} is told to hang up")
            raise SystemExit(EXIT_INTERRUPTED)
        _print(cdr, screen.cdr_view(cdr), as_json=as_json)
        if cdr["disposition"] != "ANSWER":
            raise SystemExit(EXIT_NOT_REACHED)

    _with_store(work)


@app.command()
def calls(as_json: Json = False) -> None:
    """List the live calls."""

    async def work(store: Store) -> None:
        live = await store.all_live_calls()
        _print([{**row, "legs": legs} for row, legs in live], screen.calls_table(live), as_json=as_json)

    _with_store(work)


@app.command()
def cdr(request_id: str, as_json: Json = False) -> None:
    """Show how one request came out, with each of its legs."""

    async def work(store: Store) -> None:
        found = await store.cdr(request_id)
        if found is not None:
            _print(found, screen.cdr_view(found), as_json=as_json)
            return
        live = await store.call(request_id)
        if live is None:
            raise NotFound(f"there is no request {request_id}")
        _print({**live[0], "legs": live[1]}, screen.calls_table([live]), as_json=as_json)

    _with_store(work)


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

    _with_store(work)


@app.command(name="doctor")
def examine(as_json: Json = False) -> None:
    """Check Asterisk, Postgres and this host; each failure comes with what to do."""
    findings = asyncio.run(doctor.examine(config.load()))
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        mark = "[red]✗[/red]" if finding.fix else "[green]✓[/green]"
        table.add_row(mark, finding.check, finding.found, finding.fix and f"→ {finding.fix}")
    rows = [{"check": each.check, "ok": not each.fix, "found": each.found, "fix": each.fix} for each in findings]
    _print(rows, table, as_json=as_json)
    if any(each.fix for each in findings):
        raise SystemExit(EXIT_FAILED)


# -- behind the commands ---------------------------------------------------------------------


def _with_store(work: Callable[[Store], Coroutine[Any, Any, None]], *, migrating: bool = False) -> None:
    settings = config.load()
    if not settings.database_url:
        raise WrongConfig("DATABASE_URL is not set; --env FILE reads it from a file, such as .lab/lab.env")

    async def within() -> None:
        if migrating:
            await migrate.migrate(settings.database_url)
        async with Store.open(settings.database_url) as store:
            await work(store)

    try:
        asyncio.run(within())
    except AWAY as exc:
        raise Unavailable(f"Postgres does not answer: {exc or type(exc).__name__}") from exc
    except asyncpg.UndefinedTableError as exc:
        raise WrongConfig("the database is empty: run legwork apply FILE first") from exc


async def _say_it_is_over(store: Store, call_id: str) -> None:
    found = await store.call(call_id)
    if found is None:
        raise NotFound(f"there is no call {call_id}")
    cdr = await store.cdr(call_id)
    outcome = f": {cdr['disposition']} ({cdr['reason']})" if cdr else ""
    out.print(f"call {call_id} was over at {screen.clock(found[0]['ended_at'])} already{outcome}", highlight=False)


async def _first_caller_id(store: Store, account_id: str) -> str:
    for row in await store.applied():
        if row["kind"] == "account" and row["account_id"] == account_id and row["body"]["caller_ids"]:
            first: str = row["body"]["caller_ids"][0]
            return first
    raise InvalidRequest(f"account {account_id} has no caller id: give --caller-id")


async def _click2call(body: dict[str, str], *, account: str, auth: str) -> str:
    url = config.load().url + "/api/click2call"
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers={"account": account, "auth": auth}) as http,
            http.post(url, json=body) as reply,
        ):
            response = (await reply.json())["response"]
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        raise Unavailable(f"the engine does not answer at {url}") from exc
    if response["success"] != "true":
        raise InvalidRequest(f"refused: {response['message']}")
    request_id: str = response["request_id"]
    return request_id


async def _follow(
    store: Store, call_id: str, interrupted: asyncio.Event, *, talk_seconds: float | None, as_json: bool
) -> dict[str, Any] | None:
    """The call's CDR, once it has ended, None if interrupted before.

    Until then a terminal shows how far it is (standard error for JSON).
    """
    asked, spinner = False, Spinner("dots")
    with Live(console=err if as_json else out, refresh_per_second=10, transient=True) as live:
        while (cdr := await store.cdr(call_id)) is None:
            found, legs = await store.call(call_id) or (None, [])
            live.update(screen.call_progress(spinner, call_id, found, legs))
            talked = screen.seconds_since(found["bridged_at"]) if found else None
            if talk_seconds is not None and not asked and talked is not None and talked >= talk_seconds:
                asked = await store.order_hangup(call_id) is not None
            if interrupted.is_set():
                return None
            await asyncio.sleep(POLL_SECONDS)
    return cdr


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["kind"], row["account_id"], row["id"]


def _print(value: Any, view: Any, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(orjson.dumps(value).decode() + "\n")
    else:
        out.print(view)
