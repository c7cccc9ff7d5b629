"""Calls that come in, between a server that speaks ARI and a real Postgres."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engine import pin
from engine.core.account import Account, Agent, Did
from engine.store.postgres import Store
from tests.switch.test_switch import ACCOUNT, Node, database_url, node, stamp, store

__all__ = ["database_url", "node", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

DID = "15168148111"
OWN = "919910020101"
CHANNEL = "1700000000.7"
PIN = pin.hashed("2010", account_id="account_1", agent_id="201")
RECEIVING: Account = replace(
    ACCOUNT,
    extensions=("103",),
    agents={
        "201": Agent(agent_id="201", number=OWN, pin=PIN),
        "205": Agent(agent_id="205", number="919910020505"),
    },
    dids={DID: Did(to="agent:201")},
)


def came_in(
    state: str = "Ring", *, number: str = DID, wanted: str = "inbound", channel: str = CHANNEL
) -> dict[str, Any]:
    """ARI's channel of who calls."""
    return {
        "id": channel,
        "name": "PJSIP/103-0000000a" if wanted != "inbound" else "PJSIP/carrier-0000000a",
        "state": state,
        "creationtime": stamp(),
        "caller": {"name": "", "number": "919910088888"},
        "dialplan": {
            "context": "legwork-inbound",
            "exten": number,
            "priority": 2,
            "app_name": "Stasis",
            "app_data": f"legwork-n1,{wanted}",
        },
    }


async def comes(node: Node, **more: Any) -> None:
    channel = came_in(**more)
    wanted = more.get("wanted", "inbound")
    await node.asterisk.send({"type": "StasisStart", "timestamp": stamp(), "args": [wanted], "channel": channel})


async def happens(node: Node, kind: str, state: str = "Up", **more: Any) -> None:
    await node.asterisk.send({"type": kind, "timestamp": stamp(), "channel": came_in(state), **more})


async def call_id_of(node: Node) -> str:
    async with asyncio.timeout(3):
        while not (live := await node.store.live_calls()):
            await asyncio.sleep(0.01)
    found: str = live[0][0]["call_id"]
    return found


async def reached(node: Node) -> str:
    """A call that came in and rings its agent."""
    node.accounts.accounts = {"account_1": RECEIVING}
    await comes(node)
    await node.asked("POST channels/create")
    call_id = await call_id_of(node)
    await node.tell(f"{call_id}.a1", "StasisStart", "Down")
    await node.asked(f"POST channels/n1-{call_id}.a1/dial")
    return call_id


async def talking(node: Node) -> str:
    call_id = await reached(node)
    await node.tell(f"{call_id}.a1", "ChannelStateChange")
    await node.asked(f"POST channels/{CHANNEL}/answer")
    await happens(node, "ChannelStateChange")
    await node.asked(f"POST bridges/n1-{call_id}.1/addChannel")
    return call_id


async def test_a_call_from_outside_from_its_arrival_to_its_cdr(node: Node) -> None:
    call_id = await talking(node)
    subscribed = next(body for _, uri, body, _ in node.asterisk.requests if uri.endswith("/subscription"))
    assert subscribed == {"eventSource": f"channel:{CHANNEL}"}
    shown = next(body for _, uri, body, _ in node.asterisk.requests if uri == "channels/create")
    assert shown["variables"]["CONNECTEDLINE(num)"] == DID  # the agent is outside: it goes over a trunk
    added = next(body for _, uri, body, _ in node.asterisk.requests if uri.endswith("addChannel"))
    assert added["channel"] == [CHANNEL, f"n1-{call_id}.a1"]
    assert await node.store.live_kinds("account_1") == {"inbound": 1}
    await happens(node, "ChannelDestroyed", cause=16)
    await node.asked(f"DELETE channels/n1-{call_id}.a1?reason_code=16")
    await node.tell(f"{call_id}.a1", "ChannelDestroyed", cause=16)
    cdr = await node.cdr(call_id)
    assert (cdr["disposition"], cdr["channel"], cdr["dialed_number"]) == ("ANSWER", CHANNEL, DID)
    assert node.switch.live_calls("account_1") == 0


async def test_a_number_nobody_has_is_hung_up_on(node: Node) -> None:
    node.accounts.accounts = {"account_1": RECEIVING}
    await comes(node, number="12125550199")
    await node.asked(f"DELETE channels/{CHANNEL}?reason_code=1")
    await comes(node, number="x;DROP TABLE", channel="1700000000.8")
    await node.asked("DELETE channels/1700000000.8?reason_code=1")
    assert await node.store.live_calls() == []


async def test_an_account_has_no_more_calls_than_it_may(node: Node) -> None:
    node.accounts.accounts = {"account_1": replace(RECEIVING, max_live_calls=0)}
    await comes(node)
    await node.asked(f"DELETE channels/{CHANNEL}?reason_code=17")


async def test_who_can_not_be_taken_in_hears_the_dialplans_prompt(node: Node) -> None:
    node.accounts.accounts = {"account_1": RECEIVING}
    node.switch.draining = True
    await comes(node)
    await node.asked(f"POST channels/{CHANNEL}/continue")
    told = next(body for _, uri, body, _ in node.asterisk.requests if uri.endswith("/continue"))
    assert told == {"context": "legwork-away", "extension": "s", "priority": 1}


async def test_who_hung_up_before_the_call_was_committed_rings_nobody(node: Node) -> None:
    node.accounts.accounts = {"account_1": RECEIVING}
    original = node.store.writer.accept

    def accept(*arguments: Any) -> Any:
        accepted = original(*arguments)
        node.switch.note(
            {"type": "ChannelDestroyed", "timestamp": stamp(), "cause": 127, "tech_cause": 487, "channel": came_in()}
        )
        return accepted

    node.store.writer.accept = accept  # type: ignore[method-assign,assignment]
    await comes(node)
    call_id = await call_id_of(node)
    assert (await node.cdr(call_id))["disposition"] == "CANCEL"
    assert "POST channels/create" not in node.operations


async def test_a_cut_socket_leaves_a_call_from_outside_as_it_was(node: Node) -> None:
    call_id = await talking(node)
    legs = [came_in("Up"), {"id": f"n1-{call_id}.a1", "state": "Up"}]
    node.asterisk.reply("GET channels", 200, legs)
    node.asterisk.reply("GET bridges", 200, [{"id": f"n1-{call_id}.1", "channels": [each["id"] for each in legs]}])
    node.asterisk.requests.clear()
    await node.asterisk.drop()
    await node.asked("GET channels", "POST applications/legwork-n1/subscription")
    await asyncio.sleep(0.1)
    assert node.switch.live_calls("account_1") == 1
    assert not [each for each in node.operations if each.startswith("DELETE") or "addChannel" in each]
    await happens(node, "ChannelDestroyed", cause=16)
    await node.asked(f"DELETE channels/n1-{call_id}.a1?reason_code=16")


async def test_the_next_engine_knows_the_channel_that_came_in(node: Node) -> None:
    call_id = await talking(node)
    await asyncio.sleep(0.4)  # what nobody waits for is written
    found = await node.store.call(call_id)
    assert found is not None
    assert [leg["channel"] for leg in found[1]] == [CHANNEL, ""]
    node.switch.close()
    node.switch._restored = False
    node.asterisk.reply("GET channels", 200, [came_in("Up"), {"id": f"n1-{call_id}.a1", "state": "Up"}])
    node.asterisk.reply("GET bridges", 200, [{"id": f"n1-{call_id}.1", "channels": [CHANNEL, f"n1-{call_id}.a1"]}])
    await node.asterisk.drop()
    async with asyncio.timeout(5):
        while not node.switch.live_calls("account_1"):
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    await happens(node, "ChannelDestroyed", cause=16)
    await node.asked(f"DELETE channels/n1-{call_id}.a1?reason_code=16")


async def test_who_came_while_nobody_listened_is_taken_in(node: Node) -> None:
    node.accounts.accounts = {"account_1": RECEIVING}
    node.asterisk.reply("GET channels", 200, [came_in("Ring")])
    await node.asterisk.drop()
    await node.asked("POST channels/create")
    assert f"DELETE channels/{CHANNEL}" not in " ".join(node.operations)


async def test_the_audit_misses_no_call_from_outside(node: Node) -> None:
    call_id = await talking(node)
    node.asterisk.reply("GET channels", 200, [came_in("Up"), {"id": f"n1-{call_id}.a1", "state": "Up"}])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("engine.switch.ORPHAN_SECONDS", 0.05)
        await node.switch.audit()
    assert node.switch.live_calls("account_1") == 1
    assert not [each for each in node.operations if each.startswith(f"DELETE channels/{CHANNEL}?")]


async def test_the_callers_own_agent_is_rung_first(node: Node, store: Store) -> None:
    node.accounts.accounts = {"account_1": RECEIVING}
    await store.pair("account_1", "919910088888", "205", 60)
    await comes(node)
    await node.asked("POST channels/create")
    created = next(body for _, uri, body, _ in node.asterisk.requests if uri == "channels/create")
    assert created["endpoint"] == "PJSIP/919910020505@carrier"


# -- logging in --------------------------------------------------------------------------------


async def keyed(node: Node, keys: str) -> None:
    for key in keys:
        await happens(node, "ChannelDtmfReceived", digit=key)


async def plays(node: Node, count: int) -> list[str]:
    """What was played, once it is so many."""
    async with asyncio.timeout(3):
        while True:
            asked = node.asterisk.requests
            found: list[str] = [body["media"][0] for _, uri, body, _ in asked if f"{CHANNEL}/play/" in uri]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("entered", "logged_in"), [("2010", True), ("1111", False)])
async def test_an_agent_logs_in_by_telephone_with_the_pin_only(node: Node, entered: str, logged_in: bool) -> None:
    node.accounts.accounts = {"account_1": RECEIVING}
    asked: list[tuple[str, bool]] = []

    async def set_agent_state(account_id: str, agent_id: str, *, call_login: bool) -> dict[str, Any]:
        asked.append((agent_id, call_login))
        return {}

    node.store.set_agent_state = set_agent_state  # type: ignore[method-assign,assignment]
    await comes(node, wanted="login")
    await node.asked(f"POST channels/{CHANNEL}/answer")
    await happens(node, "ChannelStateChange")
    await plays(node, 1)
    await keyed(node, "201#")
    await plays(node, 2)
    await keyed(node, f"{entered}#")
    await plays(node, 3)
    assert asked == ([("201", True)] if logged_in else [])
    await happens(node, "ChannelDestroyed", cause=16)
    assert await node.store.live_calls() == []


async def test_a_phone_that_is_nobodys_logs_nobody_in(node: Node) -> None:
    node.accounts.accounts = {"account_1": replace(RECEIVING, extensions=())}
    await comes(node, wanted="login")
    await node.asked(f"DELETE channels/{CHANNEL}?reason_code=21")


async def asking(node: Node) -> None:
    """A log-in by telephone, asked for its agent."""
    node.accounts.accounts = {"account_1": RECEIVING}
    await comes(node, wanted="login")
    await node.asked(f"POST channels/{CHANNEL}/answer")
    await happens(node, "ChannelStateChange")
    await plays(node, 1)


async def nobody_on_the_line(node: Node) -> bool:
    """Whether nothing is kept of a log-in any more, within three seconds."""
    arrivals = node.switch._arrivals
    async with asyncio.timeout(3):
        while arrivals.owners or arrivals._logins._callers:
            await asyncio.sleep(0.01)
    return True


async def test_a_log_in_goes_on_after_a_cut_socket_and_its_end_is_heard(node: Node) -> None:
    await asking(node)
    node.asterisk.reply("GET channels", 200, [came_in("Up", wanted="login")])
    node.asterisk.requests.clear()
    await node.asterisk.drop()
    await node.asked("GET channels", "POST applications/legwork-n1/subscription")
    assert node.switch._arrivals.owners
    await happens(node, "ChannelDestroyed", cause=16)
    assert await nobody_on_the_line(node)


async def test_a_log_in_that_ended_while_nobody_listened_is_forgotten(node: Node) -> None:
    await asking(node)
    node.asterisk.reply("GET channels", 200, [])
    node.asterisk.reply("POST applications/legwork-n1/subscription", 422, {})
    await node.asterisk.drop()
    assert await nobody_on_the_line(node)


async def test_a_log_in_whose_end_is_never_heard_is_forgotten_after_its_time(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.core.login.VISIT_SECONDS", 0.5)
    monkeypatch.setattr("engine.core.login.END_SECONDS", 0.2)
    await asking(node)
    await node.asked(f"DELETE channels/{CHANNEL}?reason_code=16")
    assert await nobody_on_the_line(node)


async def test_who_steps_down_knows_no_log_in_any_more(node: Node) -> None:
    await asking(node)
    node.switch.close()
    assert await nobody_on_the_line(node)
