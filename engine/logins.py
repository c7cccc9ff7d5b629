"""Agents that log in and out by telephone: the calls that do so, and the PINs that prove who it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from engine import pin
from engine.accounts import Accounts
from engine.ari.client import Ari
from engine.ari.orders import encode
from engine.clock import AlarmClock
from engine.core import events as e
from engine.core.account import Account
from engine.core.commands import Command
from engine.core.inbound import Arrival
from engine.core.ivr import Ivr, Prompt
from engine.core.login import LEG, TEXTS, LoggedIn, LogIn, Login, Said
from engine.errors import Refusal, StoreAway
from engine.store.postgres import Store

REJECTED = "21"  # Q.850

log = structlog.get_logger()


class Voice(Protocol):
    """Who speaks to those that call in. Both raise `VoiceFailed`, `Unavailable`."""

    async def spoken(self, ivr: Ivr) -> Ivr:
        """The IVR with all its texts spoken."""

    async def said(self, text: str) -> Prompt:
        """The text as a sound."""


@dataclass(slots=True, kw_only=True)
class Caller:
    """Who is on the line."""

    login: Login
    account: Account
    arrival: Arrival


class Logins:
    """By an id of ours, which names what is played. Nothing of them is kept."""

    def __init__(
        self,
        ari: Ari,
        store: Store,
        accounts: Accounts,
        *,
        node: str,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        voice: Voice,
    ) -> None:
        self._ari = ari
        self._store = store
        self._accounts = accounts
        self._node = node
        self._spawn = spawn
        self._voice = voice
        self._callers: dict[str, Caller] = {}
        self.owners: dict[str, tuple[str, str]] = {}  # id and leg by Asterisk's id of the channel
        self._clock = AlarmClock(self._due)
        self._wrong = pin.WrongPins()

    def __contains__(self, login_id: object) -> bool:
        return login_id in self._callers

    async def take(self, login_id: str, arrival: Arrival, *, to: bool) -> None:
        """Log whoever calls in, or out."""
        account = self._account(arrival.endpoint)
        if account is None:
            log.warning("log-in by telephone refused", reason="not the extension of an account")
            await self._ari.channels.hangup(channelId=arrival.channel, reason_code=REJECTED)
            return
        try:
            prompts: dict[Said, Prompt] = {said: await self._voice.said(text) for said, text in TEXTS.items()}
        except Refusal as exc:
            log.error("log-in by telephone has no voice", error=exc.message)
            await self._ari.channels.hangup(channelId=arrival.channel)
            return
        own = next((each.agent_id for each in account.agents.values() if each.number == arrival.endpoint), "")
        login = Login(to=to, own=own, prompts=prompts)
        self._callers[login_id] = Caller(login=login, account=account, arrival=arrival)
        self.owners[arrival.channel] = (login_id, LEG)
        self._carry_out(login_id, login.start(time.time()))

    def note(self, login_id: str, event: e.Event) -> None:
        """Take an event of that call in."""
        caller = self._callers.get(login_id)
        if caller is None:
            return
        self._carry_out(login_id, caller.login.note(event))
        if caller.login.over:
            self._forget(login_id)

    def close(self) -> None:
        """Forget them: another engine owns this Asterisk, and hangs up on who is on the line."""
        for login_id in list(self._callers):
            self._forget(login_id)

    def _forget(self, login_id: str) -> None:
        caller = self._callers.pop(login_id)
        self.owners.pop(caller.arrival.channel, None)
        self._clock.set(login_id, None)

    def _carry_out(self, login_id: str, commands: list[Command]) -> None:
        caller = self._callers[login_id]
        for command in commands:
            if isinstance(command, LogIn):
                self._spawn(self._log_in(login_id, caller, command), "log in")
                continue
            resource, nickname, arguments = encode(
                command, node=self._node, call_id=login_id, app=self._ari.app, channels={LEG: caller.arrival.channel}
            )
            self._spawn(self._request(getattr(getattr(self._ari, resource), nickname), arguments), "log in: request")
        self._clock.set(login_id, caller.login.deadline)

    async def _request(self, operation: Callable[..., Awaitable[Any]], arguments: dict[str, object]) -> None:
        await operation(**arguments)

    async def _log_in(self, login_id: str, caller: Caller, asked: LogIn) -> None:
        how = await self._proven(caller, asked)
        self.note(login_id, LoggedIn(at=time.time(), how=how))

    async def _proven(self, caller: Caller, asked: LogIn) -> Any:
        """Do it if that is the PIN. Told: `done`, `wrong` or `away`."""
        account, telephone = caller.account, caller.arrival.endpoint
        whose = {"account": account.account_id, "agent": asked.agent_id if asked.agent_id in account.agents else ""}
        agent = account.agents.get(asked.agent_id)
        names = {"account_id": account.account_id, "agent_id": asked.agent_id}
        right = await asyncio.to_thread(pin.proves, agent.pin if agent else "", asked.pin, **names)
        reason = self._wrong.refusal(telephone, (account.account_id, asked.agent_id), right=right, now=time.monotonic())
        if agent is None or reason:
            log.warning("log-in by telephone refused", reason=reason, telephone=telephone, **whose)
            return "wrong"
        try:
            state = await self._store.set_agent_state(account.account_id, agent.agent_id, call_login=asked.to)
        except StoreAway:
            return "away"
        log.info("agent logged in by telephone" if asked.to else "agent logged out by telephone", **whose)
        return "wrong" if state is None else "done"

    def _account(self, endpoint: str) -> Account | None:
        return next((each for each in self._accounts.accounts.values() if endpoint in each.extensions), None)

    def _due(self, login_id: str) -> None:
        caller = self._callers.get(login_id)
        for event in caller.login.due(time.time()) if caller else ():
            self.note(login_id, event)
        if login_id in self._callers:
            self._clock.set(login_id, self._callers[login_id].login.deadline)
