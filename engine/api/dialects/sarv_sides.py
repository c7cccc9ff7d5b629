"""One side of a Sarv request: whom it means, and how they are to be reached."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from engine.api.dialect import Surroundings
from engine.api.dialects.sarv_codes import Coded
from engine.api.dialects.sarv_params import Params
from engine.core import dialstring, permit
from engine.core.account import Account, Agent
from engine.core.refusal import InvalidRequest
from engine.core.request import Party, Side, Strategy, Target

NUMBER, AGENT, GROUP = "Number", "Agent", "Group"
RING_SECONDS = 20
OF_THE_NUMBER = ("shape", "emergency", "number", "premium", "region", "route")  # of the permit's reasons

# The code of each error, for the from side and for the to side.
CODES_OF = {
    "type_empty": ("1502", "1504"),
    "type": ("1503", "1505"),
    "missing": ("1506", "1507"),
    "number": ("1508", "1509"),
    "number_twice": ("1510", "1511"),
    "agent": ("1512", "1513"),
    "agent_twice": ("1514", "1515"),
    "groups": ("1516", "1517"),
    "group": ("1518", "1519"),
    "strategy": ("1522", "1523"),
    "ring_time": ("1524", "1526"),
    "ring_time_negative": ("1525", "1527"),
    "ring_time_most": ("1550", "1551"),
    "retries": ("1528", "1530"),
    "retries_negative": ("1529", "1531"),
    "retries_most": ("1548", "1549"),
    "too_many": ("1552", "1553"),
    "agent_cli_type": ("1580", "1581"),
    "agent_cli_none": ("1582", "1583"),
    "cli": ("1554", "1555"),
    "web_login": ("1564", "1566"),
    "call_login": ("1565", "1567"),
    "call_login_to_all": ("1556", "1557"),
    "web_login_agents": ("1536", "1541"),
    "web_login_group": ("1537", "1542"),
    "call_login_agents": ("1538", "1543"),
    "call_login_group": ("1540", "1544"),
    "several": ("1576", "1577"),
    "dnd_type": ("1571", "1572"),
}


@dataclass(slots=True)
class OneSide:
    """The from side or the to side, as far as it was read."""

    name: Literal["from", "to"]
    side: Side
    type: str = NUMBER
    ids: tuple[str, ...] = ()  # what was written: numbers, agent ids, or one group id
    targets: tuple[Target, ...] = ()
    strategy: Strategy = "one_by_one"
    ring_seconds: int = RING_SECONDS
    retries: int = 0
    caller_id: str = ""
    web_login: bool | None = None
    call_login: bool | None = None

    def coded(self, error: str) -> Coded:
        """The refusal of that error on this side."""
        return Coded(CODES_OF[error][self.name == "to"])

    @property
    def agent_clis(self) -> list[str]:
        """The CLIs its agents have of their own."""
        return [target.cli for target in self.targets if target.cli]

    def read_targets(self, around: Surroundings) -> None:
        """Find out whom its ids mean. Raises `Coded`."""
        account = around.account
        if self.type == GROUP:
            if len(self.ids) > 1:
                raise self.coded("groups")
            if self.ids[0] not in account.groups:
                raise self.coded("group")
            agents = [account.agents[each] for each in account.groups[self.ids[0]]]
            self.targets = tuple(self._agent_target(around, agent, "group") for agent in agents)
            if not self.targets:
                raise self.coded("group")
            return
        if len(self.ids) > account.max_targets:
            raise self.coded("too_many")
        if self.type == AGENT:
            if any(each not in account.agents for each in self.ids):
                raise self.coded("agent")
            self.targets = tuple(self._agent_target(around, account.agents[each], "agent") for each in self.ids)
        else:
            self.targets = tuple(self._number_target(around, each) for each in self.ids)
        numbers = [target.number for target in self.targets]
        if len(set(numbers)) < len(numbers):
            raise self.coded("agent_twice" if self.type == AGENT else "number_twice")

    def _number_target(self, around: Surroundings, text: str) -> Target:
        account = around.account
        shown = account.caller_ids[0] if account.caller_ids else ""
        attempt = permit.Attempt(number=text, caller_id=shown, side=self.side, heeds_dnd=False)
        verdict = permit.verdict(attempt, permit.Moment(account=account, routes=around.routes))
        if not verdict.allowed and verdict.reason in OF_THE_NUMBER:
            raise self.coded("number")
        number = permit.spelt(account, text)
        return Target(number=number, endpoints=endpoints_of(number, around))

    def _agent_target(self, around: Surroundings, agent: Agent, error: str) -> Target:
        endpoints = endpoints_of(agent.number, around)
        if not endpoints:
            raise self.coded(error)
        return Target(number=agent.number, endpoints=endpoints, agent_id=agent.agent_id, cli=agent.cli)

    def leave_out(self, other: "OneSide") -> None:
        """Ask in a group for nobody who is named on the other self. Raises `Coded`."""
        named = {target.number for target in other.targets}
        if self.type == GROUP and other.type != GROUP:
            self.targets = tuple(target for target in self.targets if target.number not in named)
            if not self.targets:
                raise Coded("1520")

    def up_to(self, most: int, params: Params, name: str, error: str, *, default: int) -> int:
        """Its whole number of that name, from 0. Raises `Coded`."""
        place = self.name == "to"
        invalid, negative = CODES_OF[error][place], CODES_OF[f"{error}_negative"][place]
        value = params.whole(self.name + name, default=default, invalid=invalid, negative=negative)
        if value > most:
            raise self.coded(f"{error}_most")
        return value

    def shown(self, account: Account, text: str) -> str:
        """The caller id, as the account owns it. Raises `Coded`."""
        try:
            return permit.shown(account, text)
        except InvalidRequest as exc:
            raise self.coded("cli") from exc

    def anybody(self, agents: Mapping[str, Agent], *, web_only: bool = False) -> bool:
        """Whether any of its agents is logged in as asked for, now."""
        party = self.party(0)
        party = replace(party, call_login=None) if web_only else party
        return any(party.wants(agents[target.agent_id]) for target in self.targets)

    def party(self, queue_seconds: int) -> Party:
        """Who is to be reached."""
        group = self.type == GROUP
        return Party(
            targets=self.targets,
            ring_seconds=self.ring_seconds,
            caller_id=self.caller_id,
            strategy="one_by_one" if group else self.strategy,
            retries=self.retries,
            group_id=self.ids[0] if group else "",
            queue_seconds=queue_seconds if group else 0,
            web_login=self.web_login,
            call_login=self.call_login,
        )


def endpoints_of(number: str, around: Surroundings) -> tuple[str, ...]:
    """The endpoints that lead to it."""
    return dialstring.endpoints(number, extensions=around.account.extensions, routes=around.routes)
