"""One key, one call: the API, the switch and the store together, on a real Postgres and a fake Asterisk."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from engine.accounts import Accounts
from engine.api.dialects import DIALECTS
from engine.api.dialects.sarv import DIALECT as SARV
from engine.api.door import Door
from engine.api.lockout import Lockout
from engine.ari.client import Ari
from engine.errors import StoreAway
from engine.gate import Gate
from engine.line import Line
from engine.media.shelf import Shelf
from engine.store.connection import connect
from engine.store.ledger import Ledger
from engine.store.postgres import Store
from engine.store.spool import Spool
from engine.switch import Switch
from tests.api.conftest import Client, account, application
from tests.ari.fake import FakeAsterisk
from tests.store.conftest import execute
from tests.store.test_keys import kept
from tests.store.test_store import new_call
from tests.voice import LIMITS, Voice

pytestmark = pytest.mark.asyncio(loop_scope="function")

CALL = {"agent_number": "919910000101", "caller_id": "15168148111", "destination_number": "919910000202"}
OTHER = {**CALL, "destination_number": "919910000303"}
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
ROUTE = {"prefix": "91", "endpoints": ["PJSIP/{number}@carrier"]}


@dataclass(slots=True)
class Engine:
    """An engine without its process."""

    client: Client
    asterisk: FakeAsterisk
    store: Store
    switch: Switch

    async def call(
        self, body: dict[str, Any] = CALL, *, key: str = KEY, **headers: str
    ) -> tuple[int, bytes, str | None]:
        """Ask for a call: status, body, and whether it says that this was answered before."""
        async with self.client.post("/api/click2call", json=body, headers={"Idempotency-Key": key, **headers}) as reply:
            return reply.status, await reply.read(), reply.headers.get("Idempotent-Replayed")

    async def legs_created(self) -> int:
        """How many channels Asterisk was asked for: one for each call started, and none later."""
        last = time.monotonic() + 2
        while self._created < self.switch.counts.calls_started["click2call"] and time.monotonic() < last:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        return self._created

    @property
    def _created(self) -> int:
        return sum((method, uri) == ("POST", "channels/create") for method, uri, _, _ in self.asterisk.requests)


# A machine that is busy with something else is not an Asterisk or a Postgres that is away.
PATIENCE = (
    "engine.ari.client.STALE_SECONDS",
    "engine.ari.socket.SILENT_BEATS",
    "engine.store.connection.COMMAND_SECONDS",
    "engine.store.postgres.COMMAND_SECONDS",
)


@asynccontextmanager
async def running(url: str, *, node: str = "n1", **account_1: Any) -> AsyncIterator[Engine]:
    """An engine that is ready, with `account_1` changed as told."""
    accounts = Accounts()
    one, two = account("account_1"), account("account_2")
    one["body"].update({"max_live_calls": 100, **account_1})
    accounts.replace([one, two, {"kind": "route", "account_id": "", "id": "91", "position": 1, "body": ROUTE}])
    headers = {"account": "account_1", "auth": "secret of account_1"}
    with pytest.MonkeyPatch.context() as patient:
        for name in PATIENCE:
            patient.setattr(name, 20.0)
        with TemporaryDirectory() as state:
            async with _running(url, node, accounts, headers, Path(state)) as engine:
                yield engine


@asynccontextmanager
async def _running(
    url: str, node: str, accounts: Accounts, headers: dict[str, str], state: Path
) -> AsyncIterator[Engine]:
    async with (
        FakeAsterisk.run() as asterisk,
        Store.open(url, node=node, spool=Spool(state)) as store,
        Ari.open(url=asterisk.url, user="u", password="p", app=f"legwork-{node}") as ari,
        asyncio.TaskGroup() as tasks,
    ):
        asterisk.reply("GET channels", 200, [])
        asterisk.reply("GET bridges", 200, [])
        switch = Switch(ari, store, tasks, node=node, gate=Gate(accounts, store), limits=LIMITS, voice=Voice())
        await store.writer.own()
        services = [
            tasks.create_task(store.writer.run()),
            tasks.create_task(ari.run(owned=store.writer.lock.held, adopt=switch.adopt, note=switch.note)),
        ]
        async with asyncio.timeout(10):
            while not switch.ready:
                await asyncio.sleep(0.01)
        door = Door(accounts=accounts, lockout=Lockout(100), trusted_proxies=())
        app = application(store, switch, door, Shelf(store, accounts, state / "media"))
        async with TestClient(TestServer(app), headers=headers) as client:
            yield Engine(client, asterisk, store, switch)
        switch.close()
        for service in services:
            service.cancel()
        await asyncio.wait(services)
        await store.writer.close()


@pytest_asyncio.fixture(loop_scope="function")
async def url(database_url: str) -> str:
    """An empty database."""
    await execute(database_url, "TRUNCATE applied, calls, legs, cdrs, idempotency_keys, nodes RESTART IDENTITY")
    return database_url


@pytest_asyncio.fixture(loop_scope="function")
async def engine(url: str) -> AsyncIterator[Engine]:
    """One engine."""
    async with running(url) as engine:
        yield engine


@asynccontextmanager
async def outage(engine: Engine, *, came_through: bool) -> AsyncIterator[None]:
    """Postgres loses its answer to the next call of that engine, and refuses it until the end."""
    writer = engine.store.writer
    ledger = writer._ledger
    insert, reach = ledger._insert_provided, ledger.reach
    with pytest.MonkeyPatch.context() as away:

        async def refused() -> Any:
            raise ConnectionRefusedError

        async def lost(*arguments: Any) -> Any:
            if came_through:
                await insert(*arguments)
            away.setattr(ledger, "reach", refused)
            raise TimeoutError

        away.setattr("engine.store.writer.RETRY_SECONDS", 0.05)
        away.setattr(ledger, "_insert_provided", lost)
        assert (await engine.call())[0] == 503
        yield
        away.setattr(ledger, "_insert_provided", insert)
        away.setattr(ledger, "reach", reach)
        async with asyncio.timeout(10):
            while writer.away:
                await asyncio.sleep(0.02)


async def rows(url: str, table: str) -> int:
    connection = await connect(url)
    try:
        counted: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
        return counted
    finally:
        await connection.close()


# -- one call --------------------------------------------------------------------------------


async def test_fifty_identical_requests_at_once_with_one_key_are_one_call(engine: Engine, url: str) -> None:
    answers = await asyncio.gather(*(engine.call() for _ in range(50)))
    assert {status for status, _, _ in answers} <= {200, 409}
    assert len({body for status, body, _ in answers if status == 200}) == 1
    assert [mark for status, _, mark in answers if status == 200].count(None) == 1
    assert await engine.legs_created() == await rows(url, "calls") == await rows(url, "legs") == 1


async def test_fifty_identical_requests_to_two_engines_are_one_call(url: str) -> None:
    async with running(url, node="n1") as one, running(url, node="n2") as two:
        answers = await asyncio.gather(*(engine.call() for _ in range(25) for engine in (one, two)))
        assert {status for status, _, _ in answers} <= {200, 409}
        assert len({body for status, body, _ in answers if status == 200}) == 1
        assert [mark for status, _, mark in answers if status == 200].count(None) == 1
        assert await one.legs_created() + await two.legs_created() == await rows(url, "calls") == 1


async def test_two_engines_that_commit_one_key_at_the_same_moment_make_one_call(url: str) -> None:
    """Both have looked before either has written: Postgres decides."""
    async with running(url, node="n1") as one, running(url, node="n2") as two:
        blocker = await connect(url)
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
            asked = [asyncio.create_task(engine.call()) for engine in (one, two)]
            await asyncio.sleep(0.3)
        answers = await asyncio.gather(*asked)
        await blocker.close()
        assert [status for status, _, _ in answers] == [200, 200]
        assert answers[0][1] == answers[1][1]
        assert Counter(mark for _, _, mark in answers) == {None: 1, "true": 1}
        assert await one.legs_created() + await two.legs_created() == await rows(url, "calls") == 1
        assert sum(engine.switch.live_calls("account_1") for engine in (one, two)) == 1


# -- replay ----------------------------------------------------------------------------------


async def test_the_same_request_again_is_given_the_first_answer_byte_for_byte(engine: Engine) -> None:
    status, body, mark = await engine.call()
    assert (status, mark) == (200, None)
    assert await engine.call() == (200, body, "true")
    reordered = dict(reversed(CALL.items()))
    assert await engine.call(reordered) == (200, body, "true")
    assert await engine.legs_created() == 1


async def test_both_answers_have_the_headers_of_any_other(engine: Engine) -> None:
    for mark in ({}, {"Idempotent-Replayed": "true"}):
        async with engine.client.post("/api/click2call", json=CALL, headers={"Idempotency-Key": KEY}) as reply:
            own = {name: value for name, value in reply.headers.items() if name not in ("Date", "Server")}
            assert own == {"Content-Type": "application/json", "Content-Length": "57", **mark}


async def test_an_answer_outlives_the_engine_and_is_given_by_another(url: str) -> None:
    async with running(url) as engine:
        _, body, _ = await engine.call()
    async with running(url) as engine, running(url, node="n2") as other:
        assert await engine.call() == await other.call() == (200, body, "true")
        assert await engine.legs_created() == await other.legs_created() == 0


async def test_an_answer_is_given_again_whatever_the_account_may_no_longer_do(url: str) -> None:
    async with running(url) as engine:
        _, body, _ = await engine.call()
    async with running(url, caller_ids=[], max_live_calls=0) as engine:
        assert await engine.call() == (200, body, "true")
        assert (await engine.call(key="another"))[0] == 400


async def test_a_key_is_one_accounts_own(engine: Engine) -> None:
    _, body, _ = await engine.call()
    status, other, mark = await engine.call(account="account_2", auth="secret of account_2")
    assert (status, mark) == (200, None)
    assert other != body
    assert (await engine.call(account="account_1", auth="wrong"))[0] == 401


async def test_a_key_is_new_again_after_a_day(engine: Engine, url: str) -> None:
    _, first, _ = await engine.call()
    await execute(url, "UPDATE idempotency_keys SET expires_at = expires_at - interval '23 hours 59 minutes'")
    assert await engine.call() == (200, first, "true")
    await execute(url, "UPDATE idempotency_keys SET expires_at = expires_at - interval '1 minute'")
    status, second, mark = await engine.call(OTHER)
    assert (status, mark) == (200, None)
    assert await engine.call(OTHER) == (200, second, "true")
    assert await engine.legs_created() == 2


async def test_the_same_body_to_another_url_is_another_request(engine: Engine) -> None:
    await engine.call()
    headers = {"Idempotency-Key": KEY}
    async with engine.client.post("/api/click2call?agent_number=1", json=CALL, headers=headers) as reply:
        assert reply.status == 422


# -- refused ---------------------------------------------------------------------------------


async def test_the_same_key_with_another_body_is_422(engine: Engine) -> None:
    await engine.call()
    assert await engine.call(OTHER) == (
        422,
        b'{"response":{"message":"this Idempotency-Key was used for another request","success":"false"}}',
        None,
    )
    assert await engine.legs_created() == 1


async def test_while_the_first_is_in_flight_the_second_is_409(engine: Engine, url: str) -> None:
    blocker = await connect(url)
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
        first = asyncio.create_task(engine.call())
        await asyncio.sleep(0.3)
        assert await engine.call() == (
            409,
            b'{"response":{"message":"the request with this Idempotency-Key is still being carried out",'
            b'"success":"false"}}',
            None,
        )
        assert (await engine.call(OTHER))[0] == 422
    await blocker.close()
    status, body, mark = await first
    assert (status, mark) == (200, None)
    assert await engine.call() == (200, body, "true")


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "schlüssel", "a\tb"])
async def test_a_key_that_is_none_is_400(engine: Engine, key: str) -> None:
    status, body, _ = await engine.call(key=key)
    assert (status, b"Idempotency-Key: 1 to 255 printable ASCII characters, once" in body) == (400, True)
    assert await engine.legs_created() == 0


async def test_two_keys_are_400_and_the_longest_is_a_key(engine: Engine) -> None:
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    async with engine.client.post("/api/click2call", json=CALL, headers=twice) as reply:
        assert reply.status == 400
    assert (await engine.call(key="~" * 255))[0] == 200


async def test_a_request_that_is_not_valid_leaves_its_key_free(engine: Engine) -> None:
    assert (await engine.call({**CALL, "agent_number": "12"}))[0] == 400
    assert (await engine.call())[::2] == (200, None)


async def test_a_request_refused_for_want_of_room_leaves_its_key_free(url: str) -> None:
    async with running(url, max_live_calls=1) as engine:
        await engine.call(key="another")
        assert (await engine.call())[0] == 429
    await execute(url, "TRUNCATE calls, legs")
    async with running(url, max_live_calls=1) as engine:
        assert (await engine.call())[::2] == (200, None)


async def test_a_request_refused_while_asterisk_is_away_leaves_its_key_free(engine: Engine) -> None:
    engine.asterisk.refusing = True
    await engine.asterisk.drop()
    async with asyncio.timeout(10):
        while engine.switch.ready:
            await asyncio.sleep(0.01)
    assert (await engine.call())[0] == 503
    engine.asterisk.refusing = False
    async with asyncio.timeout(10):
        while not engine.switch.ready:
            await asyncio.sleep(0.01)
    assert (await engine.call())[::2] == (200, None)


@pytest.mark.parametrize("came_through", [False, True])
async def test_a_request_refused_while_postgres_is_away_leaves_its_key_free(
    engine: Engine, url: str, came_through: bool
) -> None:
    async with outage(engine, came_through=came_through):
        assert await rows(url, "idempotency_keys") == came_through
        assert (await engine.call())[0] == 503  # and not the answer that nobody was given
    assert (await engine.call())[::2] == (200, None)
    assert await engine.legs_created() == await rows(url, "calls") == 1


async def test_a_body_too_deep_to_be_compared_is_400(engine: Engine) -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    status, body, _ = await engine.call({**CALL, "extra": deep})
    assert (status, b"nested too deeply" in body) == (400, True)


async def test_a_call_id_that_was_used_before_costs_nobody_anything(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.store.writer.accept(new_call("57362de4f0"), kept("its own"))
    ids = iter(["57362de4f0", "57362de4f0", "0123456789"])
    monkeypatch.setattr("engine.switch.secrets.token_hex", lambda _: next(ids))
    status, body, mark = await engine.call()
    assert (status, b"0123456789" in body, mark) == (200, True, None)
    assert await engine.call() == (200, body, "true")
    await engine.store.writer.commit(new_call("next000000"))  # whatever was to be taken back is by now
    assert await engine.store.call("57362de4f0") is not None
    assert await rows(url, "idempotency_keys") == 2


# -- an engine that dies in between -----------------------------------------------------------


async def test_an_engine_that_dies_after_the_commit_has_made_the_call(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key's row and the call's intent are one commit: the next engine knows both, and dials nobody twice."""

    def dies(self: Line, *_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    async with running(url) as engine:
        with monkeypatch.context() as death:
            death.setattr(Line, "post", dies)
            assert (await engine.call())[0] == 503
        assert await engine.legs_created() == 0
    async with running(url) as engine:
        status, body, mark = await engine.call()
        assert (status, mark) == (200, "true")
        call_id = body.decode().split('"')[5]
        async with asyncio.timeout(10):
            while (cdr := await engine.store.cdr(call_id)) is None:
                await asyncio.sleep(0.02)
        assert (cdr["disposition"], cdr["reason"]) == ("CONGESTION", "its end was not seen")
        assert await engine.legs_created() == 0


async def test_an_engine_that_dies_before_the_commit_has_made_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(*_: Any, **__: Any) -> Any:
        raise asyncio.CancelledError

    async with running(url) as engine:
        with monkeypatch.context() as death:
            death.setattr("engine.api.app.Api.answer", dies)
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await engine.call()
    async with running(url) as engine:
        assert (await engine.call())[::2] == (200, None)
        assert await engine.legs_created() == 1


async def test_an_answer_that_another_engine_gave_is_not_taken_back(url: str) -> None:
    async with running(url, node="n1") as one, running(url, node="n2") as two:
        async with outage(one, came_through=True):
            status, body, mark = await two.call()
            assert (status, mark) == (200, "true")
        assert await one.call() == (200, body, "true")
        assert await rows(url, "calls") == 1


# -- for clients that can send no header ------------------------------------------------------


async def asked(engine: Engine, body: dict[str, Any] = CALL) -> tuple[int, bytes, str | None]:
    """As `Engine.call`, without a key."""
    async with engine.client.post("/api/click2call", json=body) as reply:
        return reply.status, await reply.read(), reply.headers.get("Idempotent-Replayed")


async def test_without_a_key_each_request_is_a_call_and_the_store_is_not_asked(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def must_not(*_: Any) -> Any:
        raise StoreAway

    monkeypatch.setattr(Store, "_fetch", must_not)
    monkeypatch.setattr(Ledger, "_insert_provided", must_not)
    answers = [await asked(engine) for _ in range(2)]
    assert [(status, mark) for status, _, mark in answers] == [(200, None)] * 2
    assert answers[0][1] != answers[1][1]
    assert await rows(url, "idempotency_keys") == 0


async def test_where_the_account_wants_it_the_same_request_is_the_same_call_for_a_while(url: str) -> None:
    async with running(url, same_request_seconds=30) as engine:
        _, body, mark = await asked(engine)
        assert mark is None
        assert await asked(engine) == (200, body, "true")
        assert (await asked(engine, OTHER))[::2] == (200, None)
        assert (await engine.call())[::2] == (200, None)  # a key of its own says that it is another
        await execute(url, "UPDATE idempotency_keys SET expires_at = expires_at - interval '29 seconds'")
        assert await asked(engine) == (200, body, "true")
        await execute(url, "UPDATE idempotency_keys SET expires_at = expires_at - interval '1 second'")
        status, again, mark = await asked(engine)
        assert (status, mark, again == body) == (200, None, False)


async def test_a_client_without_a_header_waits_for_the_first_answer(url: str) -> None:
    async with running(url, same_request_seconds=5) as engine:
        answers = await asyncio.gather(*(asked(engine) for _ in range(20)))
        assert {status for status, _, _ in answers} == {200}
        assert len({body for _, body, _ in answers}) == await engine.legs_created() == 1


SARV_CALL = {"user_id": "101", "token": "token of account_1", "from": "9910000101", "to": "9910000202"}


async def test_a_sarv_call_takes_a_key_too(engine: Engine, url: str) -> None:
    answers = [await sarv_asked(engine) for _ in range(3)]
    assert [(status, replayed) for status, _, replayed in answers] == [(200, None), (200, "true"), (200, "true")]
    assert len({body for _, body, _ in answers}) == await engine.legs_created() == await rows(url, "calls") == 1
    status, body, _ = await sarv_asked(engine, to="9910000303")
    assert (status, body) == (422, b'{"message":"Invalid format","status":"error","code":"1539"}')
    assert await rows(url, "calls") == 1


async def test_a_sarv_call_without_a_key_is_the_same_for_a_while_where_the_account_wants_it(url: str) -> None:
    async with running(url, same_request_seconds=5) as engine:
        answers = await asyncio.gather(*(sarv_asked(engine, key=None) for _ in range(20)))
        assert {status for status, _, _ in answers} == {200}
        assert len({body for _, body, _ in answers}) == await engine.legs_created() == 1


async def sarv_asked(engine: Engine, *, key: str | None = KEY, **change: str) -> tuple[int, bytes, str | None]:
    headers = {} if key is None else {"Idempotency-Key": key}
    async with engine.client.post("/v2/clickToCall/para", params=SARV_CALL | change, headers=headers) as reply:
        return reply.status, await reply.read(), reply.headers.get("Idempotent-Replayed")


async def test_a_request_that_can_not_dial_takes_no_key(engine: Engine) -> None:
    headers = {"Idempotency-Key": "x" * 300}
    async with engine.client.get("/api/get_cdr_statistics", headers=headers) as reply:
        assert reply.status == 200


PATHS = ("/api/click2call", "/api/outbound_call", "/api/callback", "/api/create_campaign")
DIALLING = [("POST", path) for path in PATHS]


@pytest.mark.parametrize("operation", [each for d in DIALECTS for each in d.operations], ids=lambda each: each.path)
async def test_an_operation_says_so_if_it_dials(operation: Any) -> None:
    assert operation.dials == ((operation.method, operation.path) in DIALLING or operation in SARV.operations)
