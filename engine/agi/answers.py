"""What a dialplan is answered: the variables of each path, each value of a pattern that no dialplan can misread."""

import re
from collections.abc import Awaitable, Callable, Mapping

from engine.accounts import Accounts
from engine.agi.asked import Asked, Question, Refused
from engine.core import numbers, permit
from engine.core.account import Account
from engine.core.permit import Attempt
from engine.core.refusal import InvalidRequest
from engine.errors import DndAway, StoreAway
from engine.gate import Gate
from engine.store.postgres import Store

STATUS, REASON = "LEGWORK_STATUS", "LEGWORK_REASON"
# No quote, comma, bracket, dollar sign or space: nothing that ends an argument or begins an expression.
SAFE = re.compile(r"[A-Za-z0-9_.+-]{0,64}", re.ASCII)

Variables = Mapping[str, str]
AWAY: Variables = {STATUS: "away"}


class Answers:
    """Answers questions from what is applied and what Postgres knows. A status always comes last."""

    def __init__(self, accounts: Accounts, store: Store, gate: Gate) -> None:
        self._accounts = accounts
        self._store = store
        self._gate = gate
        self._paths: Mapping[str, Callable[[Question], Awaitable[Variables]]] = {
            "sticky": self._sticky,
            "permit": self._permit,
            "dnd": self._dnd,
            "caller": self._caller,
        }

    async def find(self, asked: Asked) -> Variables:
        """The variables to set, in order; those of a refusal or of an outage where there are no others."""
        try:
            question = Question(asked=asked, account=await self._account(asked))
            return checked({**await self._paths[asked.path](question), STATUS: "ok"})
        except Refused as exc:
            return refused(exc.reason)
        except (StoreAway, DndAway):
            return AWAY

    async def _account(self, asked: Asked) -> Account:
        """The account that is named, or the one whose number was dialed. Raises `Refused`, `StoreAway`."""
        account_id = asked.account_id
        if not account_id and asked.dids:
            account_id = await self._store.callers.account_of(asked.dids)
        account = self._accounts.accounts.get(account_id)
        if account is None:
            raise Refused("unknown_account")
        return account

    async def _sticky(self, question: Question) -> Variables:
        number = _spelt(question)
        agent_id = await self._store.sticky(question.account.account_id, number)
        return _agent(question.account, agent_id or "")

    async def _permit(self, question: Question) -> Variables:
        account, asked = question.account, question.asked
        caller_id = asked.caller_id or next(iter(account.caller_ids), "")
        verdict = await self._gate.now(account, Attempt(number=asked.number, caller_id=caller_id))
        if verdict.allowed and await self._listed(question):
            return {"LEGWORK_ALLOWED": "0", REASON: "dnd"}
        return {"LEGWORK_ALLOWED": "1" if verdict.allowed else "0", REASON: verdict.reason}

    async def _dnd(self, question: Question) -> Variables:
        return {"LEGWORK_DND": "1" if await self._listed(question) else "0"}

    async def _listed(self, question: Question) -> bool:
        """It is on a do-not-disturb list, as that is in Postgres now, and none of the account's own people's."""
        account, number = question.account, _spelt(question)
        if number in account.extensions or number in account.agent_numbers:
            return False
        return number in await self._store.dnd_listed(account.account_id, [number])

    async def _caller(self, question: Question) -> Variables:
        account, number = question.account, _spelt(question)
        calls, agent_id = await self._store.callers.known(account.account_id, number)
        region = "" if number in account.extensions else numbers.of_digits(number, account.region).region
        return {
            "LEGWORK_CALLER_NUMBER": number,
            "LEGWORK_CALLER_REGION": region,
            "LEGWORK_CALLER_CALLS": str(calls),
            **_agent(account, agent_id),
        }


def refused(reason: str) -> Variables:
    """What is set where a question is not answered."""
    return {REASON: reason, STATUS: "refused"}


def checked(variables: Variables) -> Variables:
    """The variables, if each value is harmless in a dialplan; else a refusal."""
    return variables if all(SAFE.fullmatch(value) for value in variables.values()) else refused("unsafe_value")


def _spelt(question: Question) -> str:
    """The number in its one spelling. Raises `Refused`."""
    account, number = question.account, question.asked.number
    try:
        if question.asked.of_caller and number not in account.extensions:
            return numbers.of_caller(number, account.region).digits
        return permit.spelt(account, number)
    except InvalidRequest as exc:
        raise Refused("invalid_number") from exc


def _agent(account: Account, agent_id: str) -> Variables:
    """An agent that is still applied; nobody for any other."""
    agent = account.agents.get(agent_id)
    return {
        "LEGWORK_AGENT": agent.agent_id if agent else "",
        "LEGWORK_AGENT_NUMBER": agent.number if agent else "",
    }
