"""Agents and groups from the command line: who is logged in, who is free, where each is reached."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine import applied
from engine.core.account import Account, Agent
from engine.dialling import one_account
from engine.errors import InvalidRequest, NotFound
from engine.store.postgres import Row, Store
from engine.terminal import Json, out, present, with_store

UNTIL_APPLY = "until the next legwork apply"
IN_OR_OUT = {True: "in", False: "out"}
STYLE = {"free": "green", "busy": "yellow", "on a call": "cyan"}

AgentId = Annotated[str, typer.Argument(metavar="ID", help="The agent's id.")]
AccountId = Annotated[
    str, typer.Option("--account", envvar="CPAAS_ACCOUNT", help="Whose agent; needed if there are more accounts.")
]
Web = Annotated[bool, typer.Option("--web", help="The web log-in.")]
Call = Annotated[bool, typer.Option("--call", help="The log-in by telephone.")]

app = typer.Typer(help="List agents and groups, log agents in and out, change them.", no_args_is_help=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """An agent, and the calls of the account that are on the line with the agent now, each with whom it is."""

    agent: Agent
    calls: dict[str, list[str]]  # by call id: the other side's numbers, none while nobody is rung there

    @property
    def state(self) -> str:
        """One word or three: on a call, busy (somebody said so), free."""
        return "on a call" if self.calls else "busy" if self.agent.busy else "free"

    def row(self) -> dict[str, Any]:
        """For machines."""
        agent = self.agent
        return {
            "id": agent.agent_id,
            "number": agent.number,
            "cli": agent.cli,
            "web_login": agent.web_login,
            "call_login": agent.call_login,
            "busy": agent.busy,
            "state": self.state,
            "calls": [{"call_id": call_id, "with": numbers} for call_id, numbers in self.calls.items()],
        }


def presences(account: Account, live: Sequence[tuple[Row, list[Row]]]) -> list[Presence]:
    """The account's agents in the order applied, as the live calls of every node have them."""
    own = [(call, _on_the_line(legs)) for call, legs in live if call["account_id"] == account.account_id]
    return [
        Presence(
            agent=agent,
            calls={
                call["call_id"]: [other["number"] for other in legs if other["side"] != leg["side"]]
                for call, legs in own
                for leg in legs
                if leg["number"] == agent.number
            },
        )
        for agent in account.agents.values()
    ]


def _on_the_line(legs: list[Row]) -> list[Row]:
    return [leg for leg in legs if leg["ended_at"] is None]


def view(account: Account, found: list[Presence]) -> RenderableType:
    """For a person: agents, then groups with theirs in order."""
    agents = _table("agent", "number", "CLI", "web", "call", "state", "with")
    for each in found:
        numbers = [", ".join(numbers) or "nobody yet" for numbers in each.calls.values()]
        agents.add_row(
            each.agent.agent_id,
            each.agent.number,
            each.agent.cli or "-",
            IN_OR_OUT[each.agent.web_login],
            IN_OR_OUT[each.agent.call_login],
            Text(each.state, style=STYLE[each.state]),
            "; ".join(numbers) or "-",
        )
    groups = _table("group", "agents in order")
    for group_id, members in account.groups.items():
        groups.add_row(group_id, ", ".join(members))
    return Group(agents, Text(), groups)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=name not in ("with", "agents in order"))
    return table


@app.command("list")
def list_agents(account: AccountId = "", as_json: Json = False) -> None:
    """List the agents, each with log-ins, whether free, and with whom on the line; then the groups."""

    async def work(store: Store) -> None:
        whose, _ = await one_account(store, account)
        found = presences(whose, await store.all_live_calls())
        rows = {
            "account_id": whose.account_id,
            "agents": [each.row() for each in found],
            "groups": [{"id": group_id, "agents": members} for group_id, members in whose.groups.items()],
        }
        present(rows, view(whose, found), as_json=as_json)

    with_store(work)


@app.command()
def login(agent_id: AgentId, web: Web = False, call: Call = False, account: AccountId = "") -> None:
    """Log an agent in: --web, --call, or both. It lasts, whatever is applied later."""
    with_store(_logging(agent_id, account, web=web, call=call, to=True))


@app.command()
def logout(agent_id: AgentId, web: Web = False, call: Call = False, account: AccountId = "") -> None:
    """Log an agent out: --web, --call, or both. It lasts, whatever is applied later."""
    with_store(_logging(agent_id, account, web=web, call=call, to=False))


@app.command()
def busy(agent_id: AgentId, account: AccountId = "") -> None:
    """Set an agent busy: not rung by any call that chooses among agents, until set free."""
    with_store(lambda store: _set_state(store, account, agent_id, busy=True))


@app.command()
def free(agent_id: AgentId, account: AccountId = "") -> None:
    """Take a busy back. An agent on a call is busy all the same."""
    with_store(lambda store: _set_state(store, account, agent_id, busy=False))


@app.command(name="set")
def set_agent(
    agent_id: AgentId,
    number: Annotated[str | None, typer.Option(help="Reached at this number.")] = None,
    extension: Annotated[str | None, typer.Option(help="Reached at this extension of the account's.")] = None,
    cli: Annotated[
        str | None, typer.Option(help="The agent's own caller id, one of the account's; '' for none.")
    ] = None,
    account: AccountId = "",
) -> None:
    """Change where an agent is reached, or the agent's own CLI: until the next legwork apply."""
    if number is None and extension is None and cli is None:
        raise typer.BadParameter("give --number, --extension or --cli")
    if number is not None and extension is not None:
        raise typer.BadParameter("an agent has either a number or an extension")

    async def work(store: Store) -> None:
        whose, _ = await one_account(store, account)
        _agent(whose, agent_id)
        changes: Row = {}
        if number is not None or extension is not None:
            changes |= {"number": number, "extension": extension}
        if cli is not None:
            changes["cli"] = cli or None
        asked = {"number": None, "extension": None, "cli": None, **changes}
        kept = applied.agent(asked, whose)
        await _change(store, "agent", whose, agent_id, {name: kept[name] for name in changes})
        shown = " ".join(f"{name}={kept[name] or 'none'}" for name in changes if kept[name] or name == "cli")
        out.print(f"agent {agent_id} of {whose.account_id}: {shown}, {UNTIL_APPLY}", highlight=False)

    with_store(work)


@app.command()
def group(
    group_id: Annotated[str, typer.Argument(metavar="ID", help="The group's id.")],
    agents: Annotated[list[str], typer.Argument(metavar="AGENT", help="Ids of agents, in the order they are tried.")],
    account: AccountId = "",
) -> None:
    """Put these agents, in this order, in the place of those a group has: until the next legwork apply."""

    async def work(store: Store) -> None:
        whose, _ = await one_account(store, account)
        if group_id not in whose.groups:
            raise NotFound(f"there is no group {group_id} of {whose.account_id}")
        for agent_id in agents:
            _agent(whose, agent_id)
            if agents.count(agent_id) > 1:
                raise InvalidRequest(f"agent {agent_id} is given twice")
        await _change(store, "group", whose, group_id, {"agents": agents})
        out.print(f"group {group_id} of {whose.account_id}: {', '.join(agents)}, {UNTIL_APPLY}", highlight=False)

    with_store(work)


# -- behind the commands ---------------------------------------------------------------------


def _logging(
    agent_id: str, account_id: str, *, web: bool, call: bool, to: bool
) -> Callable[[Store], Coroutine[Any, Any, None]]:
    if not (web or call):
        raise typer.BadParameter("give --web, --call or both")
    return lambda store: _set_state(
        store, account_id, agent_id, web_login=to if web else None, call_login=to if call else None
    )


async def _set_state(store: Store, account_id: str, agent_id: str, **changes: bool | None) -> None:
    whose, _ = await one_account(store, account_id)
    state = await store.set_agent_state(whose.account_id, agent_id, **changes)
    if state is None:
        raise _no_agent(whose, agent_id)
    said = f"web log-in {IN_OR_OUT[state['web_login']]}, call log-in {IN_OR_OUT[state['call_login']]}"
    busy_or_not = "set busy" if state["busy"] else "not set busy"
    out.print(f"agent {agent_id} of {whose.account_id}: {said}, {busy_or_not}", highlight=False)


async def _change(store: Store, kind: str, whose: Account, item_id: str, settings: Row) -> None:
    if not await store.change_applied(kind, whose.account_id, item_id, **settings):
        raise NotFound(f"there is no {kind} {item_id} of {whose.account_id} any more")


def _agent(whose: Account, agent_id: str) -> Agent:
    found = whose.agents.get(agent_id)
    if found is None:
        raise _no_agent(whose, agent_id)
    return found


def _no_agent(whose: Account, agent_id: str) -> NotFound:
    return NotFound(f"there is no agent {agent_id} of {whose.account_id}")
