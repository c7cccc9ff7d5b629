"""Whom a call is connected to, as it is written: `agent:201`, `group:301`, `extension:101`, `endpoint:bot`."""

from collections.abc import Sequence

from engine.core import dialstring
from engine.core.account import Account, Agent, Route
from engine.core.refusal import InvalidRequest
from engine.core.request import Limits, Party, Target

QUEUE_SECONDS = 60  # how long a free agent is waited for
IVR = "ivr"


def party(account: Account, written: str, *, shown: str, routes: Sequence[Route], limits: Limits) -> Party:
    """The party that this means; it is shown that caller id. Raises `InvalidRequest`."""
    kind, _, name = written.partition(":")
    match kind:
        case "agent" if name in account.agents:
            targets = _targets(account, [account.agents[name]], routes)
        case "group" if name in account.groups:
            targets = _targets(account, [account.agents[each] for each in account.groups[name]], routes)
        case "extension" if name in account.extensions:
            endpoints = dialstring.endpoints(name, extensions=account.extensions, routes=routes)
            targets = (Target(number=name, endpoints=endpoints),)
        case "endpoint" if name in account.endpoints:
            targets = (Target(number=name, endpoints=(account.endpoints[name],)),)
        case _:
            raise InvalidRequest("there is no such agent, group, extension or endpoint")  # a log may hold this
    if not targets:
        raise InvalidRequest("nobody can be reached there")
    staffed = kind in ("agent", "group")
    return Party(
        targets=targets,
        ring_seconds=limits.ring_seconds,
        caller_id=shown,
        group_id=name if kind == "group" else "",
        queue_seconds=QUEUE_SECONDS if staffed else 0,
    )


def _targets(account: Account, agents: Sequence[Agent], routes: Sequence[Route]) -> tuple[Target, ...]:
    reached = (
        (each, dialstring.endpoints(each.number, extensions=account.extensions, routes=routes)) for each in agents
    )
    return tuple(
        Target(number=agent.number, endpoints=endpoints, agent_id=agent.agent_id, cli=agent.cli)
        for agent, endpoints in reached
        if endpoints
    )
