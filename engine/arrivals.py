"""Calls that come in: whose number was called, whom it is for, and the call that it is from then on."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from engine.ari import codec, orders
from engine.ari.client import Ari
from engine.ari.socket import Reply
from engine.census import RINGS
from engine.core import commands as c
from engine.core import events as e
from engine.core import inbound
from engine.core.account import Account
from engine.core.call import Call
from engine.core.inbound import CALLER, Arrival
from engine.core.request import CallRequest, Limits
from engine.errors import Refusal, Unavailable
from engine.gate import Gate
from engine.lines import Lines
from engine.logins import Logins, Voice
from engine.store.postgres import Store

NO_SUCH_NUMBER = "1"  # Q.850
BUSY = "17"

log = structlog.get_logger()


class Arrivals:
    """Takes in what our dialplan sends us."""

    def __init__(
        self,
        ari: Ari,
        store: Store,
        lines: Lines,
        logins: Logins,
        *,
        gate: Gate,
        limits: Limits,
        voice: Voice,
        ready: Callable[[], bool],
        new_id: Callable[[], str],
    ) -> None:
        self._ari = ari
        self._store = store
        self._lines = lines
        self._logins = logins
        self._gate = gate
        self._limits = limits
        self._voice = voice
        self._ready = ready
        self._new_id = new_id
        self._spawn = lines.spawn
        self._held: dict[str, list[e.LegEvent]] = {}  # what happened before it was a call, by its id
        self._arriving: dict[str, tuple[str, str]] = {}  # id and leg by Asterisk's id of the channel

    @property
    def owners(self) -> dict[str, tuple[str, str]]:
        """The id and the leg of who came in and is no call, by Asterisk's id of the channel."""
        return self._arriving | self._logins.owners

    def __contains__(self, call_id: object) -> bool:
        return call_id in self._held or call_id in self._logins

    def take(self, wanted: str, arrival: Arrival) -> None:
        """Take in who came, unless that was done before."""
        if arrival.channel in self.owners or arrival.channel in self._lines.came_in:
            return
        call_id = self._new_id()
        self._arriving[arrival.channel] = (call_id, CALLER)
        self._held[call_id] = []
        self._spawn(self._take(wanted, arrival, call_id), "arrival")

    def take_all(self, arrived: Mapping[str, dict[str, Any]]) -> None:
        """Take in whoever rings of those found in Asterisk: nobody heard them come."""
        for channel in arrived.values():
            if channel["state"] == RINGS:
                wanted = channel["dialplan"]["app_data"].split(",")[1]
                self.take(wanted, codec.arrived(channel))

    def note(self, call_id: str, event: e.LegEvent) -> bool:
        """Take an event in of one of these; False where it is none."""
        if call_id in self._held:
            self._held[call_id].append(event)
            return True
        if call_id not in self._logins:
            return False
        self._logins.note(call_id, event)
        return True

    def close(self) -> None:
        """Forget them: another engine finds them in Asterisk."""
        self._held.clear()
        self._arriving.clear()
        self._logins.close()

    def listen_again(self) -> None:
        """Hear of the ends of all who came in. What a call has missed it is told by whoever adopts it."""
        for channel in self._lines.came_in:
            self._spawn(self._listen(channel), "listen")
        for channel, (login_id, leg) in self._logins.owners.items():
            self._spawn(self._listen(channel, login_id, leg), "listen")

    async def _subscribed(self, channel: str) -> Reply:
        """Asterisk's answer to our wish to hear of that channel's end, and why it came."""
        source = f"channel:{channel}"
        return await self._ari.applications.subscribe(applicationName=self._ari.app, eventSource=source)

    async def _listen(self, channel: str, login_id: str = "", leg: str = "") -> None:
        reply = await self._subscribed(channel)
        if reply.status and not reply.done:  # it is gone
            self._logins.note(login_id, e.Missed(leg=leg, at=time.time(), reason="end_not_seen"))

    async def _take(self, wanted: str, arrival: Arrival, call_id: str) -> None:
        try:
            if not (await self._subscribed(arrival.channel)).done:
                log.info("caller gone at once")
            elif wanted == inbound.KIND:
                await self._accept(arrival, call_id)
            else:
                await self._logins.take(call_id, arrival, to=wanted == "login")
        except Exception:  # a fault of ours costs this one call, never the others
            log.exception("call not taken in")
            await self._send_away(arrival)
        self._arriving.pop(arrival.channel, None)
        for event in self._held.pop(call_id, []):
            self.note(call_id, event)

    async def _accept(self, arrival: Arrival, call_id: str) -> None:
        account = self._gate.accounts.whose(arrival.did)
        if account is None:
            log.warning("number not known", number=arrival.did or "none")
            await self._ari.channels.hangup(channelId=arrival.channel, reason_code=NO_SUCH_NUMBER)
            return
        if self._lines.live(account.account_id) >= account.max_live_calls:
            log.warning("call turned away", account=account.account_id, reason="live_calls")
            await self._ari.channels.hangup(channelId=arrival.channel, reason_code=BUSY)
            return
        self._lines.reserve(account.account_id, 1)
        try:
            begun, commands = await self._committed(account, arrival, call_id)
        except Refusal as exc:
            log.warning("call not taken in", account=account.account_id, error=exc.message)
            await self._send_away(arrival)
            return
        finally:
            self._lines.reserve(account.account_id, -1)
        self._begin(begun, commands)

    def _begin(self, begun: Call, commands: list[c.Command]) -> None:
        line = self._lines.open(begun)
        self._lines.counts.calls_started[inbound.KIND] += 1
        log.info("call accepted", call=begun.call_id, kind=inbound.KIND, account=begun.request.account_id)
        for event in self._held.pop(begun.call_id, []):  # who hung up meanwhile needs nobody any more
            line.note(event)
        line.post([order for order in commands if not isinstance(order, c.SaveIntent)])  # that is done

    async def _committed(self, account: Account, arrival: Arrival, call_id: str) -> tuple[Call, list[c.Command]]:
        """The call, in the store, and its first commands. Raises `Refusal`."""
        asked = await self._request(account, arrival)
        if not self._ready():
            raise Unavailable
        begun = inbound.call(asked, arrival, call_id=call_id)
        commands = begun.start(time.time())
        await self._store.writer.accept(begun)
        return begun, commands

    async def _request(self, account: Account, arrival: Arrival) -> CallRequest:
        caller = inbound.caller_of(account, arrival.caller)
        known = caller != inbound.ANONYMOUS
        ivr = inbound.ivr_of(account, account.dids[arrival.did].to)
        return inbound.request(
            account,
            did=arrival.did,
            caller=caller,
            routes=self._gate.accounts.routes,
            limits=self._limits,
            sticky=await self._store.sticky(account.account_id, caller) if known else None,
            ivr=await self._voice.spoken(ivr) if ivr else None,
        )

    async def _send_away(self, arrival: Arrival) -> None:
        """To the dialplan's own prompt: never dead air."""
        order = c.SendAway(leg=CALLER)
        resource, nickname, arguments = orders.encode(
            order, node="", call_id="", app=self._ari.app, channels={CALLER: arrival.channel}
        )
        await getattr(getattr(self._ari, resource), nickname)(**arguments)
