"""Who of the accounts' agents is free, and which calls wait for one: first come, first served."""

from collections import Counter
from collections.abc import Callable

from engine.accounts import Accounts
from engine.core.call import Call
from engine.core.commands import SeekAgent
from engine.core.reach import held
from engine.core.request import CallRequest, Party, Side, Target

Telephone = tuple[str, str]  # account id, number
SIDES: tuple[Side, ...] = ("agent", "customer", "third")
NOBODY: frozenset[str] = frozenset()


class Staff:
    """The agents of this node's calls. `found` is told whom a call may ring; with nobody where it does not wait.

    While nobody can be rung (not `ready`) calls only queue up: after a restart all do before the first is served.
    """

    def __init__(
        self,
        accounts: Accounts,
        found: Callable[[str, Side, tuple[int, ...]], None],
        *,
        ready: Callable[[], bool],
    ) -> None:
        self._accounts = accounts
        self._found = found
        self._ready = ready
        self._held: dict[str, frozenset[str]] = {}  # by call id: numbers
        self._busy: Counter[Telephone] = Counter()
        self._waiting: dict[tuple[str, Side], tuple[Call, SeekAgent]] = {}

    def note(self, call: Call) -> None:
        """Keep up with a call that took an event in: whom it holds, and whether it still waits."""
        for side in SIDES if self._waiting else ():
            if side not in call.seeking:
                self._waiting.pop((call.call_id, side), None)
        if self._hold(call, NOBODY if call.over else held(call)):
            self.look()

    def forget(self, call: Call) -> None:
        """The call is over, or another engine's now."""
        self._hold(call, NOBODY)
        for side in SIDES:
            self._waiting.pop((call.call_id, side), None)

    def seek(self, call: Call, order: SeekAgent) -> None:
        """Find free agents for the call: now, or as soon as it is its turn and one is free."""
        self._waiting[call.call_id, order.side] = (call, order)
        self.look()

    def look(self) -> None:
        """Give free agents to whoever waits longest, and an answer to whoever does not wait."""
        if not self._ready():
            return
        for key, (call, order) in sorted(self._waiting.items(), key=lambda each: each[1][1].since):
            if key not in self._waiting:  # served meanwhile
                continue
            party = call.party(order.side)
            free = [place for place in order.targets if self._free(call.request, party, party.targets[place])]
            if free or not party.queue_seconds:
                del self._waiting[key]
                self._found(*key, tuple(free if order.every else free[:1]))

    def unavailable(self, request: CallRequest) -> Side | None:
        """The first side of whose agents none is free and none may be waited for."""
        for side, party in request.parties.items():
            free = any(self._free(request, party, target) for target in party.targets)
            if party.staffed and not party.queue_seconds and not free:
                return side
        return None

    def _hold(self, call: Call, now: frozenset[str]) -> bool:
        """Let the call hold these numbers, and no others; whether it has let any go."""
        before = self._held.get(call.call_id, NOBODY)
        if now == before:
            return False
        if now:
            self._held[call.call_id] = now
        else:
            del self._held[call.call_id]
        account_id = call.request.account_id
        for number in now - before:
            self._busy[account_id, number] += 1
        for number in before - now:
            self._busy[account_id, number] -= 1
            if not self._busy[account_id, number]:
                del self._busy[account_id, number]
        return not before <= now

    def _free(self, request: CallRequest, party: Party, target: Target) -> bool:
        """Whether it may be rung now. What is no agent's is: its own telephone says where it is busy."""
        if not target.agent_id:
            return True
        account = self._accounts.accounts.get(request.account_id)
        agent = account.agents.get(target.agent_id) if account else None
        if agent is None or agent.busy or not party.wants(agent):
            return False
        return not self._busy[request.account_id, target.number]
