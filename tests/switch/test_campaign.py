"""A campaign on a switch with its gate, at a fake Asterisk: each attempt one call, each refusal none."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from engine.leads.speech import LeadSpeech
from engine.media.prompts import Prompts
from engine.media.speeches import Speeches
from engine.services import campaigns
from engine.services.campaigns import CampaignClock
from tests.services.campaign_rig import HEARD, LIMITS, StudioDouble, Tables
from tests.store.conftest import database_url, store
from tests.switch.test_switch import Node, node

__all__ = ["database_url", "node", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture(loop_scope="function")
async def tables(
    node: Node, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Tables]:
    """A list of one contact, while the node carries campaigns out."""
    monkeypatch.setattr(campaigns, "POLL_SECONDS", 0.1)
    account = replace(node.accounts.accounts["account_1"], announcements={"offer": HEARD})
    node.accounts.accounts["account_1"] = account
    studio = StudioDouble()
    speech = LeadSpeech(
        studio=studio,  # type: ignore[arg-type]
        speeches=Speeches(tmp_path / "speeches"),
        prompts=Prompts(tmp_path / "prompts", studio),  # type: ignore[arg-type]
    )
    clock = CampaignClock(switch=node.switch, store=node.store, accounts=node.accounts, limits=LIMITS, speech=speech)
    running = asyncio.create_task(clock.run())
    made = Tables(database_url)
    await made.contacts("LS00000001", 1)
    yield made
    running.cancel()
    await asyncio.wait([running])


async def calling(tables: Tables, *, attempts: int = 1) -> str:
    """The id of the call that is on for the only lead."""
    async with asyncio.timeout(8):
        while True:
            for lead in await tables.leads():
                if lead["state"] == "calling" and lead["attempts"] == attempts:
                    return str(lead["call_id"])
            await asyncio.sleep(0.02)


async def test_who_is_busy_is_dialled_again_and_that_is_all(node: Node, tables: Tables) -> None:
    await tables.campaign(max_retries=1, retry_seconds=1)
    calls = []
    for attempts in (1, 2):
        calls.append(call_id := await calling(tables, attempts=attempts))
        await node.asked("POST channels/create")
        found = await node.store.call(call_id)
        assert found is not None
        (leg,) = found[1]
        assert (leg["number"], found[0]["kind"]) == ("919910000001", "campaign")
        await node.tell(f"{call_id}.{leg['name']}", "ChannelDestroyed", cause=17)
    await tables.settled(seconds=5)
    cdrs = await tables.cdrs()
    assert [(row["unique_id"][-2:], row["disposition"], row["request_id"]) for row in cdrs] == [
        ("u1", "BUSY", calls[0]),
        ("u2", "BUSY", calls[1]),
    ]
    assert node.switch.counts.calls_started == {"campaign": 2}
    assert node.switch.live_calls("account_1") == 0


async def test_a_stop_of_the_account_keeps_everybody_waiting_and_costs_nobody_an_attempt(
    node: Node, tables: Tables
) -> None:
    node.gate.take_stops([{"account_id": "account_1", "reason": "audit"}])
    await tables.campaign()
    await asyncio.sleep(1)
    assert [(lead["state"], lead["attempts"]) for lead in await tables.leads()] == [("queued", 0)]
    assert "POST channels/create" not in node.operations
    node.gate.take_stops([])
    assert await calling(tables)
