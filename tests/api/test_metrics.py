"""`/metrics`, read with Prometheus's own parser."""

import asyncio
from collections.abc import Iterable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.store.ledger import Ledger
from engine.store.postgres import Store
from tests.api.conftest import Client, SwitchDouble
from tests.api.test_idempotency import CALL, running, url
from tests.store.test_store import new_call

__all__ = ["url"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(client: Client) -> Samples:
    """Every sample by its name and labels."""
    async with client.get("/metrics", headers={"account": "", "auth": ""}) as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return samples(await reply.text())


def samples(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


def refused(found: Samples, dialect: str) -> dict[str, float]:
    """How many requests of a dialect were refused, by error code."""
    told = [(dict(each), value) for (name, each), value in found.items() if "refused_total" in name]
    return {each["code"]: value for each, value in told if each["dialect"] == dialect}


def words(found: Iterable[tuple[str, frozenset[tuple[str, str]]]]) -> str:
    return " ".join(f"{name} {' '.join(value for _, value in each)}" for name, each in found)


async def test_a_call_is_counted_from_its_start_to_its_outcome(url: str) -> None:
    async with running(url) as engine:
        before = await scraped(engine.client)
        await engine.call()
        during = await scraped(engine.client)
        engine.asterisk.reply("POST channels/create", 500, {"message": "Allocation failed"})
        await engine.call(key="another")
        async with asyncio.timeout(10):
            while engine.switch.live_calls("account_1") > 1:
                await asyncio.sleep(0.02)
        after = await scraped(engine.client)
    kind, ended = labels(kind="click2call"), labels(kind="click2call", disposition="CHANUNAVAIL")
    leg = labels(side="agent", disposition="CHANUNAVAIL", cause="")
    assert [each["legwork_live_calls", labels()] for each in (before, during, after)] == [0, 1, 1]
    assert [each["legwork_calls_started_total", kind] for each in (before, during, after)] == [0, 1, 2]
    assert [each["legwork_calls_ended_total", ended] for each in (before, during, after)] == [0, 0, 1]
    assert [each.get(("legwork_legs_ended_total", leg)) for each in (before, during, after)] == [None, None, 1]
    assert after["legwork_adopt_runs_total", labels()] == 1
    for secret in ("account_1", CALL["agent_number"], CALL["caller_id"]):
        assert secret not in words(after)


async def test_refusals_are_counted_by_their_code(client: Client, switch: SwitchDouble) -> None:
    await client.post("/api/click2call", json={})
    await client.post("/api/click2call", json=CALL, headers={"auth": "wrong"})
    await client.post("/api/click3call", json=CALL)
    switch.live = 2
    for _ in range(2):
        await client.post("/api/click2call", json=CALL)
    found = await scraped(client)
    assert refused(found, "cpaas") == {"invalid_request": 1, "unauthorised": 1, "not_found": 1, "over_capacity": 2}
    assert refused(found, "sarv_click2call") == {}


async def test_refusals_of_another_dialect_are_its_own(client: Client, switch: SwitchDouble) -> None:
    call = {"user_id": "101", "token": "token of account_1", "from": "9910000101", "to": "9910000202"}
    wrong: list[dict[str, str]] = [{"token": "wrong"}, {"to": "x"}, {"to": "y"}]
    for change in wrong:
        await client.post("/v2/clickToCall/para", params=call | change)
    await client.get("/clickToCall/v2/para", params=call)
    switch.live = 2
    await client.get("/clickToCall/v1/para", params=call)
    found = await scraped(client)
    sarv = {"unauthorised": 1, "invalid_request": 2, "not_found": 1, "over_capacity": 1}
    assert (refused(found, "sarv_click2call"), refused(found, "cpaas")) == (sarv, {})
    for secret in ("token of account_1", "9910000101", "account_1"):
        assert secret not in words(found)


async def test_what_does_not_answer_is_down(
    client: Client, switch: SwitchDouble, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await scraped(client)
    assert (found["legwork_asterisk_up", labels()], found["legwork_postgres_up", labels()]) == (1, 1)
    switch.ready = False
    await store._pool.close()
    found = await scraped(client)
    assert (found["legwork_asterisk_up", labels()], found["legwork_postgres_up", labels()]) == (0, 0)


async def test_what_postgres_has_not_got_is_the_depth(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("engine.store.writer.RETRY_SECONDS", 0.05)
    assert (await scraped(client))["legwork_spool_depth", labels()] == 0
    with monkeypatch.context() as outage:
        outage.setattr(Ledger, "_insert", away)
        for number in range(3):
            store.writer.note(new_call(f"{number:010x}"))
        await asyncio.sleep(0.5)
        assert (await scraped(client))["legwork_spool_depth", labels()] == 3
    async with asyncio.timeout(10):
        while (await scraped(client))["legwork_spool_depth", labels()]:
            await asyncio.sleep(0.02)


async def test_the_process_and_its_version_are_told(client: Client) -> None:
    found = await scraped(client)
    assert [dict(each) for name, each in found if name == "legwork_build_info"] == [{"version": "0.1.0"}]
    assert found["process_resident_memory_bytes", labels()] > 1e6
    assert found["legwork_event_loop_lag_seconds_bucket", labels(le="+Inf")] == 0
