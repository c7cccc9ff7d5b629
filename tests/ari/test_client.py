"""The ARI client against a server that speaks the real protocol and fails on order."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.ari.client import Ari
from tests.ari.fake import FakeAsterisk

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def owned() -> None:
    """Asterisk is ours."""


class Ears:
    """What the client told its owner."""

    def __init__(self) -> None:
        self.adopted = 0
        self.heard: list[dict[str, Any]] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def adopt(self) -> None:
        self.adopted += 1
        await self.hold.wait()

    def note(self, message: dict[str, Any]) -> None:
        self.heard.append(message)


@asynccontextmanager
async def connected(fake: FakeAsterisk, ears: Ears) -> AsyncIterator[Ari]:
    """A client that runs and is ready."""
    async with Ari.open(url=fake.url, user="u", password="p", app="legwork-n1") as ari:
        running = asyncio.create_task(ari.run(owned=owned, adopt=ears.adopt, note=ears.note))
        await until(lambda: ari.ready)
        try:
            yield ari
        finally:
            running.cancel()
            await asyncio.wait([running])


async def until(condition: Any, seconds: float = 5) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_commands_go_over_the_websocket_of_the_events_and_the_blocking_ones_over_another() -> None:
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        assert (await ari.channels.dial(channelId="n1-c.a1", timeout=30)).done
        assert (await ari.bridges.addChannel(bridgeId="n1-c.1", channel=["n1-c.a1"])).done
        assert (await ari.channels.hangup(channelId="n1-c.a1", reason_code="16")).done
        assert [request[:3] for request in fake.requests[-3:]] == [
            ("POST", "channels/n1-c.a1/dial", {"timeout": 30}),
            ("POST", "bridges/n1-c.1/addChannel", {"channel": ["n1-c.a1"]}),
            ("DELETE", "channels/n1-c.a1?reason_code=16", None),
        ]
        events, blocking, again = [wire for *_, wire in fake.requests[-3:]]
        assert events == again == "ws legwork-n1"
        assert blocking.startswith("ws legwork-n1-")


async def test_each_blocking_command_has_a_socket_of_its_own_and_then_http() -> None:
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        fake.stuck = "addChannel"
        adding = [asyncio.create_task(ari.bridges.addChannel(bridgeId=f"b{n}", channel="x")) for n in range(6)]
        await until(lambda: len(fake.requests) >= 7)
        assert (await ari.channels.ring(channelId="x")).done  # nobody else waits
        wires = [wire for _, uri, _, wire in fake.requests if uri.endswith("addChannel")]
        assert sorted(wires) == ["http", "http", *(f"ws legwork-n1-{n}" for n in range(4))]
        fake.stuck = ""
        await fake.drop()
        assert [reply.status for reply in await asyncio.gather(*adding)] == [0, 0, 0, 0, 204, 204]


async def test_a_socket_that_got_stuck_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ari.socket.REQUEST_SECONDS", 0.5)
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        assert (await ari.bridges.addChannel(bridgeId="b", channel="x")).done
        fake.stuck = "addChannel"
        assert (await ari.bridges.addChannel(bridgeId="b", channel="x")).status == 0
        fake.stuck = ""
        stuck = len(fake.sockets)
        assert (await ari.bridges.addChannel(bridgeId="b", channel="x")).done
        assert len(fake.connected_at) == 3  # events, the one that got stuck, the one in its place
        assert len(fake.sockets) <= stuck


async def test_what_is_sent_at_once_keeps_its_order() -> None:
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        replies: list[int] = []
        for n in range(100):
            assert ari.send("channels", "ring", {"channelId": f"c{n}"}, lambda reply: replies.append(reply.status))
        await until(lambda: len(replies) == 100)
        assert [uri for _, uri, _, _ in fake.requests[-100:]] == [f"channels/c{n}/ring" for n in range(100)]
        assert not ari.send("bridges", "addChannel", {"bridgeId": "b", "channel": "x"}, lambda _: None)


async def test_a_refusal_is_a_reply_and_not_an_exception() -> None:
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        fake.reply("POST channels/create", 500, {"message": "Allocation failed"})
        reply = await ari.channels.create(endpoint="PJSIP/x@y", app="a", channelId="n1-c.a1")
        assert (reply.status, reply.done, reply.body) == (500, False, {"message": "Allocation failed"})


async def test_an_unknown_operation_or_parameter_is_our_own_mistake() -> None:
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        with pytest.raises(AttributeError, match="no operation dail"):
            await ari.channels.dail(channelId="x")
        with pytest.raises(TypeError, match="no parameter time"):
            await ari.channels.dial(channelId="x", time=30)


async def test_an_id_is_quoted_into_its_place() -> None:
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        await ari.channels.hangup(channelId="../bridges/b?x=1")
        assert fake.requests[-1][1] == "channels/..%2Fbridges%2Fb%3Fx%3D1"


async def test_only_the_events_we_read_are_asked_for_and_the_answers_with_them() -> None:
    async with FakeAsterisk.run() as fake, connected(fake, Ears()):
        method, uri, body, _ = fake.requests[0]
        assert (method, uri) == ("PUT", "applications/legwork-n1/eventFilter")
        assert {"type": "RESTResponse"} in body["allowed"]
        assert {"type": "ChannelVarset"} not in body["allowed"]


async def test_events_are_held_while_calls_are_adopted() -> None:
    ears = Ears()
    ears.hold.clear()
    async with FakeAsterisk.run() as fake, Ari.open(url=fake.url, user="u", password="p", app="a") as ari:
        running = asyncio.create_task(ari.run(owned=owned, adopt=ears.adopt, note=ears.note))
        await until(lambda: ears.adopted)
        await fake.send({"type": "StasisStart"})
        await asyncio.sleep(0.1)
        assert (ears.heard, ari.ready) == ([], False)
        ears.hold.set()
        await until(lambda: ears.heard == [{"type": "StasisStart"}])
        running.cancel()
        await asyncio.wait([running])


async def test_a_cut_socket_is_connected_again_and_calls_adopted_again() -> None:
    ears = Ears()
    async with FakeAsterisk.run() as fake, connected(fake, ears) as ari:
        await fake.drop()
        await until(lambda: not ari.ready)
        await until(lambda: ari.ready)
        assert ears.adopted == 2


async def test_the_back_off_grows_and_is_never_the_same_twice() -> None:
    async with FakeAsterisk.run() as fake:
        tries: list[float] = []
        fake.refusing = True
        async with Ari.open(url=fake.url, user="u", password="p", app="a") as ari:
            original = ari._connected

            def counted() -> Any:
                tries.append(asyncio.get_running_loop().time())
                return original()

            ari._connected = counted  # type: ignore[method-assign]
            running = asyncio.create_task(ari.run(owned=owned, adopt=Ears().adopt, note=lambda _: None))
            await until(lambda: len(tries) == 4)
            running.cancel()
            await asyncio.wait([running])
        waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
        assert waits == sorted(waits)
        assert 0.15 <= waits[0] <= 0.4
        assert waits[2] >= 0.6


async def test_a_frozen_asterisk_is_noticed_within_two_seconds() -> None:
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        fake.silent = True
        began = asyncio.get_running_loop().time()
        await until(lambda: not ari.ready)
        assert asyncio.get_running_loop().time() - began < 2.1


async def test_a_request_without_an_answer_is_given_up_and_its_neighbours_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.ari.client.REQUEST_SECONDS", 0.6)
    monkeypatch.setattr("engine.ari.socket.REQUEST_SECONDS", 0.6)
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        fake.silent = True
        dialling, adding = ari.channels.dial(channelId="x"), ari.bridges.addChannel(bridgeId="b", channel="x")
        assert [reply.status for reply in await asyncio.gather(dialling, adding)] == [0, 0]
        fake.silent = False
        assert (await ari.asterisk.ping()).done


async def test_a_request_in_flight_when_the_socket_is_cut_is_answered_at_once() -> None:
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        fake.silent = True
        asking = asyncio.create_task(ari.channels.dial(channelId="x"))
        await asyncio.sleep(0.05)
        fake.silent = False
        await fake.drop()
        async with asyncio.timeout(1):
            assert (await asking).status == 0


async def test_without_the_websocket_requests_go_over_http() -> None:
    async with FakeAsterisk.run() as fake, Ari.open(url=fake.url, user="u", password="p", app="a") as ari:
        assert (await ari.channels.hangup(channelId="x")).done
        assert fake.requests[-1][3] == "http"


async def test_a_replaced_application_stops_dialling_at_once() -> None:
    async with FakeAsterisk.run() as fake, connected(fake, Ears()) as ari:
        await fake.send({"type": "ApplicationReplaced"})
        await until(lambda: not ari.ready)
