"""Who of the accounts' agents is free, and which calls wait for one: first come, first served."""

from collections import Counter
from collections.abc import Callable

from engine.accounts import Accounts
from engine.core.call import Call
from engine.core.commands import SeekAgent
from engine.core.reach import held
from engine.core.request import CallRequest, Party, Side, Target

Telephone = tuple[str, str]  # account id, number


class Staff:
    """The agents of this node's calls. `found` is told whom a call may ring; with nobody where it does not wait."""

    def __init__(self, accounts: Accounts, found: Callable[[str, Side, tuple[int, ...]], None]) -> None:
        self._accounts = accounts
        self._found = found
        self._held: dict[str, frozenset[Telephone]] = {}
        self._busy: Counter[Telephone] = Counter()
        self._waiting: dict[tuple[str, Side], tuple[Call, SeekAgent]] = {}

    def note(self, call: Call) -> None:
        """Keep up with a call that took an event in: whom it holds, and whether it still waits."""
        account_id = call.request.account_id
        now = frozenset() if call.over else frozenset((account_id, number) for number in held(call))
        before = self._held.get(call.call_id, frozenset())
        for key in [each for each in self._waiting if each[0] == call.call_id and each[1] not in call.seeking]:
            del self._waiting[key]
        if now == before:
            return
        self._busy.update(now - before)
        self._busy.subtract(before - now)
        self._held[call.call_id] = now
        if call.over:
            del self._held[call.call_id]
        if before - now:
            self.look()

    def forget(self, call: Call) -> None:
        """The call is another engine's now."""
        self._busy.subtract(self._held.pop(call.call_id, frozenset()))
        for side in list(call.seeking):
            self._waiting.pop((call.call_id, side), None)

    def seek(self, call: Call, order: SeekAgent) -> None:
        """Find free agents for the call: now, or as soon as it is its turn and one is free."""
        self._waiting[call.call_id, order.side] = (call, order)
        self.look()
        key = (call.call_id, order.side)
        if key in self._waiting and not call.request.party(order.side).queue_seconds:
            del self._waiting[key]
            self._found(*key, ())

    def look(self) -> None:
        """Give free agents to whoever waits longest."""
        for key, (call, order) in sorted(self._waiting.items(), key=lambda each: each[1][1].since):
            if key not in self._waiting:  # served meanwhile
                continue
            party = call.request.party(order.side)
            free = [place for place in order.targets if self._free(call.request.account_id, party.targets[place])]
            if free:
                del self._waiting[key]
                self._found(*key, tuple(free if order.every else free[:1]))

    def unavailable(self, request: CallRequest) -> Side | None:
        """The first side of whose agents none is free and none may be waited for."""
        sides: tuple[tuple[Side, Party], ...] = (("agent", request.agent), ("customer", request.customer))
        for side, party in sides:
            free = any(self._free(request.account_id, target) for target in party.targets)
            if party.staffed and not party.queue_seconds and not free:
                return side
        return None

    def _free(self, account_id: str, target: Target) -> bool:
        account = self._accounts.accounts.get(account_id)
        agent = account.agents.get(target.agent_id) if account else None
        return agent is not None and not agent.busy and not self._busy[account_id, target.number]
