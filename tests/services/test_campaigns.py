"""Campaigns carried out by nodes on a real Postgres: who is called how often, who never, and who not twice."""

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from engine.core import numbers
from engine.core.account import CallingHours
from engine.core.flows import FLOWS
from engine.core.ivr import Choice, Ivr, Prompt, Step
from engine.core.rows import restore
from engine.core.speech import Manner, Part, Text
from engine.errors import DestinationCapped, NotPermitted, OverCapacity, StoreAway, VoiceFailed
from engine.leads import preparing, queue
from engine.leads.speech import LeadSpeech
from engine.services import campaigns
from engine.store import writer
from engine.store.postgres import Store
from tests.services.campaign_rig import (
    ANSWER,
    BUSY,
    HEARD,
    NO_SUCH,
    ROUTES,
    Node,
    Rung,
    StudioDouble,
    Tables,
    accounts_of,
    by_lead,
    number,
    running,
)
from tests.store.conftest import database_url, store

__all__ = ["database_url", "store"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

ALL = "CM00000001"


@dataclass(slots=True)
class Rig:
    """A node, and the tables beneath it."""

    node: Node
    tables: Tables

    @property
    def rung(self) -> list[Rung]:
        return self.node.switch.rung


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that look several times as often."""
    monkeypatch.setattr(campaigns, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(campaigns, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(campaigns, "IMPOSSIBLE_SECONDS", 0.6)
    monkeypatch.setattr(queue, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(preparing, "VOICE_SECONDS", 0.3)
    monkeypatch.setattr(preparing, "PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(queue, "PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)


@pytest_asyncio.fixture(loop_scope="function")
async def rig(store: Store, database_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(database_url, "m1", accounts_of(), tmp_path, lease_seconds=1.5) as node:
        yield Rig(node, Tables(database_url))


# -- whom ------------------------------------------------------------------------------------------


async def test_everybody_of_the_list_is_called_once_in_its_order_and_the_campaign_is_completed(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 60)
    await rig.tables.campaign(state=0)
    await rig.tables.settled()
    assert await rig.tables.state() == 3
    positions = [each.position for each in rig.rung]
    assert sorted(positions) == list(range(1, 61))
    # Neighbours may be rung within the same moment, and then in either order.
    assert all(abs(turn - position) <= 2 for turn, position in enumerate(positions, start=1))
    assert {lead["state"] for lead in await rig.tables.leads()} == {"done"}
    cdrs = await rig.tables.cdrs()
    assert len(cdrs) == 60
    assert {(row["disposition"], row["campaign_id"], row["list_id"], row["is_dnd"]) for row in cdrs} == {
        ("ANSWER", ALL, "LS00000001", False)
    }
    assert f"{ALL}_LS00000001_17-u1" in {row["unique_id"] for row in cdrs}
    assert {row["announcement_seconds"] for row in cdrs} == {HEARD.seconds}


async def test_who_was_busy_is_called_again_as_often_as_the_rules_allow_and_no_other(rig: Rig) -> None:
    """E6: "default NOANSWER,BUSY,CONGESTION"."""
    await rig.tables.contacts("LS00000001", 3)
    causes = {1: [BUSY] * 9, 2: [BUSY, ANSWER], 3: [NO_SUCH]}
    rig.node.switch.outcome = lambda rung: causes[rung.position][rung.attempt - 1]
    await rig.tables.campaign(max_retries=2, retry_seconds=1)
    await rig.tables.settled()
    assert by_lead(rig.rung) == {1: [1, 2, 3], 2: [1, 2], 3: [1]}
    leads = await rig.tables.leads()
    assert [(lead["attempts"], lead["disposition"]) for lead in leads] == [
        (3, "BUSY"),
        (2, "ANSWER"),
        (1, "CHANUNAVAIL"),
    ]
    starts = [each.at for each in rig.rung if each.position == 1]
    assert all(1.0 <= later - earlier < 1.9 for earlier, later in itertools.pairwise(starts))
    assert [row["unique_id"][-8:] for row in await rig.tables.cdrs()] == [
        f"001_{each}" for each in ("1-u1", "1-u2", "1-u3", "2-u1", "2-u2", "3-u1")
    ]


async def test_neither_retries_nor_fresh_leads_wait_for_all_of_the_others(rig: Rig) -> None:
    """Nobody ever answers, and may be called again at once: more retries are due than can be made."""
    await rig.tables.contacts("LS00000001", 300)
    rig.node.switch.outcome = lambda _: BUSY
    await rig.tables.campaign(max_retries=90, retry_seconds=0, per_minute=3000)
    await asyncio.sleep(2.5)
    await rig.tables.turn(ALL, 2)
    attempts = by_lead(rig.rung)
    assert len(rig.rung) >= 70
    assert len(attempts) >= len(rig.rung) / 5, attempts  # contacts, of all calls
    assert max(len(each) for each in attempts.values()) >= 2
    # In the order in which they came due: nobody is much behind who was enrolled before.
    assert list(attempts) == sorted(attempts)


async def test_a_campaign_without_contacts_is_completed_at_once(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 0)
    await rig.tables.campaign()
    await rig.tables.settled(seconds=3)
    assert (await rig.tables.state(), rig.rung) == (3, [])


async def test_it_begins_and_ends_when_its_time_has_come(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 100)
    began = time.time()
    await rig.tables.campaign(state=0, starts_in=0.6, ends_in=2.0, per_minute=300)
    await rig.tables.settled()
    assert await rig.tables.state() == 3
    starts = [each.at - began for each in rig.rung]
    assert 0.6 <= min(starts) <= max(starts) <= 2.2
    assert 4 <= len(starts) <= 9
    (row,) = await rig.tables.query("SELECT started_at IS NOT NULL AND settled_at >= ends_at AS ok FROM campaigns")
    assert row["ok"]


async def test_a_paused_one_ends_when_its_time_is_over(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 3)
    await rig.tables.campaign(state=4, ends_in=0.6)
    async with asyncio.timeout(5):
        while await rig.tables.state() == 4:
            await asyncio.sleep(0.05)
    assert (await rig.tables.state(), rig.rung) == (3, [])


# -- whom not --------------------------------------------------------------------------------------


async def test_who_is_not_to_be_disturbed_gets_a_row_and_no_call(rig: Rig) -> None:
    """CDR of campaigns: a DND contact has is_dnd 1, and was never dialled."""
    await rig.tables.contacts("LS00000001", 4)
    await rig.tables.contacts("DN00000001", 1, first=2)
    listed = accounts_of(dnd_numbers=frozenset({number(3)})).accounts["account_1"]
    rig.node.clock.accounts.accounts["account_1"] = listed
    await rig.tables.campaign(dnd_list_id="DN00000001")
    await rig.tables.settled()
    assert sorted(each.position for each in rig.rung) == [1, 4]
    rows = [row for row in await rig.tables.cdrs() if row["is_dnd"]]
    assert [row["unique_id"] for row in rows] == [f"{ALL}_LS00000001_2-u1", f"{ALL}_LS00000001_3-u1"]
    for row in rows:
        assert (row["disposition"], row["channel"], row["kind"]) == ("DND", "", "campaign")
        for name in ("created_at", "answered_at", "ended_at", "billsec", "duration"):
            assert row[name] is None
    assert len(await rig.tables.query("SELECT FROM calls")) == 2
    assert [lead["disposition"] for lead in await rig.tables.leads()] == ["ANSWER", "DND", "DND", "ANSWER"]


async def test_the_list_is_looked_at_again_before_a_retry(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 1)
    rig.node.switch.outcome = lambda _: BUSY
    await rig.tables.campaign(dnd_list_id="DN00000001", max_retries=3, retry_seconds=1)
    while not rig.rung:
        await asyncio.sleep(0.02)
    await rig.tables.contacts("DN00000001", 1)
    await rig.tables.settled()
    assert by_lead(rig.rung) == {1: [1]}
    assert [(row["unique_id"][-2:], row["is_dnd"]) for row in await rig.tables.cdrs()] == [("u1", False), ("u2", True)]


async def test_who_lacks_a_field_of_the_text_is_not_called_and_the_others_hear_theirs(rig: Rig) -> None:
    """apis.md: "A contact not on DND that lacks a used {field} is not dialled"."""
    await rig.tables.contacts("LS00000001", 2, fields='{"field1": "42 \\u0007rupees\\n"}')
    await rig.tables.contacts("LS00000001", 1, first=3, fields='{"field1": "  "}')
    await rig.tables.contacts("LS00000001", 1, first=4)
    await rig.tables.contacts("DN00000001", 1, first=4)
    await rig.tables.campaign(
        announcement="", text="{name}, you owe {field1}.", dnd_list_id="DN00000001", max_retries=5, retry_seconds=1
    )
    await rig.tables.settled()
    assert sorted(each.position for each in rig.rung) == [1, 2]
    assert rig.node.studio.said == ["Asha, you owe 42 rupees."] * 2
    cdrs = await rig.tables.cdrs()
    assert [(row["disposition"], row["reason"], row["is_dnd"]) for row in cdrs[2:]] == [
        ("CANCEL", "missing_field", False),
        ("DND", "on the do-not-disturb list", True),
    ]
    assert list(rig.node.speeches.glob("*")) == []  # each call's is gone with it


async def test_numbers_that_may_never_be_called_are_done_with_their_reason(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 3)
    await rig.tables.query("UPDATE contacts SET number = '18764567890' WHERE position = 1")  # Jamaica
    await rig.tables.query("UPDATE contacts SET number = '112' WHERE position = 2")
    await rig.tables.campaign(max_retries=3)
    await rig.tables.settled()
    assert [each.position for each in rig.rung] == [3]
    said = {row["unique_id"][-4:]: (row["disposition"], row["reason"]) for row in await rig.tables.cdrs()}
    assert said["1-u1"] == ("CANCEL", "a region the account may not call")
    assert said["2-u1"][0] == "CANCEL"


async def test_who_may_not_be_called_at_this_time_of_day_waits_and_costs_neither_an_attempt_nor_a_start(
    rig: Rig,
) -> None:
    clock = datetime.now(ZoneInfo("Asia/Kolkata"))
    hours = CallingHours(
        since=(clock + timedelta(hours=2)).strftime("%H:%M"), until=(clock + timedelta(hours=4)).strftime("%H:%M")
    )
    accounts = rig.node.clock.accounts
    accounts.accounts["account_1"] = accounts_of(calling_hours=hours).accounts["account_1"]
    await rig.tables.contacts("LS00000001", 500)
    await rig.tables.campaign()
    await asyncio.sleep(0.8)
    leads = await rig.tables.leads()
    assert {(lead["state"], lead["attempts"]) for lead in leads} == {("queued", 0)}
    assert 10 <= len(leads) <= 300  # it goes through the list in vain, but at its leisure
    due = [lead["due_at"].timestamp() - time.time() for lead in leads[:10]]
    assert 3000 < min(due) <= max(due) <= 3600  # for an hour at most, as the hours may be changed
    (row,) = await rig.tables.query("SELECT extract(epoch FROM next_start_at) AS at FROM campaigns")
    assert (row["at"], rig.rung, await rig.tables.cdrs()) == (0, [], [])


async def test_a_route_that_is_gone_for_a_moment_uses_up_nobody(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 300)
    await rig.tables.campaign(per_minute=600)
    while not rig.rung:
        await asyncio.sleep(0.02)
    accounts = rig.node.clock.accounts
    accounts.routes, before = (), accounts.routes
    await asyncio.sleep(1)
    accounts.routes = before
    outcomes = {lead["disposition"] for lead in await rig.tables.leads() if lead["state"] == "done"}
    assert outcomes == {"ANSWER"}


async def test_who_may_not_be_called_now_keeps_nobody_waiting_who_may(rig: Rig) -> None:
    """150 of India in front, out of their hours; then five of New York within theirs."""
    clock = datetime.now(ZoneInfo("America/New_York"))
    hours = CallingHours(
        since=(clock - timedelta(hours=1)).strftime("%H:%M"), until=(clock + timedelta(hours=1)).strftime("%H:%M")
    )
    accounts = rig.node.clock.accounts
    rich = accounts_of(calling_hours=hours, allowed_regions=("IN", "US"))
    accounts.accounts["account_1"], accounts.routes = (
        rich.accounts["account_1"],
        (*ROUTES, replace(ROUTES[0], prefix="1")),
    )
    await rig.tables.contacts("LS00000001", 155)
    await rig.tables.query("UPDATE contacts SET number = '1212736500' || (position - 150) WHERE position > 150")
    await rig.tables.campaign(per_minute=60)
    async with asyncio.timeout(15):
        while not rig.rung:
            await asyncio.sleep(0.02)
    assert rig.rung[0].position > 150
    assert await rig.tables.state() == 1  # for the others, as soon as they may be called
    await rig.tables.turn(ALL, 2)


async def test_a_number_that_no_hour_ever_suits_does_not_keep_a_campaign_from_its_end(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = datetime.now(ZoneInfo("Asia/Kolkata"))
    hours = CallingHours(
        since=(clock + timedelta(hours=2)).strftime("%H:%M"), until=(clock + timedelta(hours=4)).strftime("%H:%M")
    )
    rig.node.clock.accounts.accounts["account_1"] = accounts_of(calling_hours=hours).accounts["account_1"]
    monkeypatch.setattr(numbers, "zones", lambda _: ())
    await rig.tables.contacts("LS00000001", 2)
    await rig.tables.campaign()
    await rig.tables.settled(seconds=4)
    cdrs = await rig.tables.cdrs()
    assert [(row["disposition"], row["reason"]) for row in cdrs] == [("CANCEL", "not within calling hours")] * 2
    assert (await rig.tables.state(), rig.rung) == (3, [])


# -- stop, pause, resume ---------------------------------------------------------------------------


@pytest.mark.parametrize("state", [2, 4])
async def test_once_it_is_stopped_or_paused_nobody_is_called_any_more(rig: Rig, state: int) -> None:
    await rig.tables.contacts("LS00000001", 200)
    rig.node.switch.call_seconds = 0.5
    await rig.tables.campaign(per_minute=1200)
    while len(rig.rung) < 10:
        await asyncio.sleep(0.02)
    await rig.tables.turn(ALL, state)
    stopped, called = time.time(), len(rig.rung)
    await asyncio.sleep(0.8)
    assert len(rig.rung) <= called + 1  # one was committed before, its answer was on its way
    assert max(each.at for each in rig.rung) < stopped + 0.4
    leads = await rig.tables.leads()
    done = [lead for lead in leads if lead["state"] == "done"]
    assert len(done) == len(rig.rung)  # live calls ended by themselves
    assert {lead["disposition"] for lead in done} == {"ANSWER"}
    assert all(lead["attempts"] == 0 for lead in leads if lead["state"] == "queued")
    await rig.tables.turn(ALL, 1)
    await asyncio.sleep(0.6)
    positions = [each.position for each in rig.rung]
    assert len(positions) > called + 5
    assert positions == list(range(1, len(positions) + 1))  # exactly where it was


# -- what fails ------------------------------------------------------------------------------------


async def test_a_voice_that_fails_puts_leads_off_and_counts_nothing(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 3)
    rig.node.studio.fails = True
    await rig.tables.campaign(announcement="", text="Hello")
    await asyncio.sleep(0.8)
    assert rig.rung == []
    assert {(lead["state"], lead["attempts"]) for lead in await rig.tables.leads()} == {("queued", 0)}
    rig.node.studio.fails = False
    await rig.tables.settled()
    assert by_lead(rig.rung) == {1: [1], 2: [1], 3: [1]}


async def test_texts_that_no_voice_can_speak_stall_no_other_and_are_given_up_after_the_third_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    class Choosy(StudioDouble):
        async def render(self, parts: Sequence[Part], manner: Manner) -> bytes:
            if any("odd" in part.text for part in parts if isinstance(part, Text)):
                tried.append("odd")
                raise VoiceFailed
            return await super().render(parts, manner)

    monkeypatch.setattr(preparing, "TEXT_SECONDS", 0.5)
    monkeypatch.setattr(rig.node.clock.speech, "studio", Choosy())
    await rig.tables.contacts("LS00000001", 20, fields='{"m": "odd"}')
    await rig.tables.contacts("LS00000001", 20, first=21, fields='{"m": "hello"}')
    began = time.time()
    await rig.tables.campaign(announcement="", text="{m}", max_retries=5)
    await rig.tables.settled(seconds=9)
    assert sorted(each.position for each in rig.rung) == list(range(21, 41))
    assert min(each.at for each in rig.rung) < began + 1
    assert len(tried) == 3 * 20
    rows = [row for row in await rig.tables.cdrs() if row["disposition"] == "CANCEL"]
    assert {row["reason"] for row in rows} == {"the text can not be spoken with these fields"}
    assert len(rows) == 20


async def test_an_ivr_that_no_voice_can_speak_is_about_no_contact(rig: Rig) -> None:
    async def fails(*_: object) -> bytes:
        raise VoiceFailed

    step = Step(name="vote", prompt=Prompt(text="Press one."), keys={"1": Choice(then="next", answer="yes")})
    rich = accounts_of(ivrs={"poll": Ivr(ivr_id="poll", steps=(step,))}, default_ivr="poll").accounts["account_1"]
    rig.node.clock.accounts.accounts["account_1"] = rich
    rig.node.clock.speech.prompts._studio = SimpleNamespace(render=fails)  # type: ignore[assignment]
    await rig.tables.contacts("LS00000001", 3)
    await rig.tables.campaign(campaign_type=1, announcement="")
    await asyncio.sleep(1.5)
    assert await rig.tables.cdrs() == []
    rig.node.clock.speech.prompts._studio = rig.node.studio  # type: ignore[assignment]
    await rig.tables.settled(seconds=4)
    assert len(rig.rung) == 3


async def test_a_campaign_whose_query_fails_keeps_no_other_waiting_and_is_told_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = rig.node.store.leads
    enrol = leads.enrol

    async def fails(campaign_id: str, count: int) -> int:
        if campaign_id == ALL:
            raise StoreAway  # as after 2 s
        return await enrol(campaign_id, count)

    monkeypatch.setattr(leads, "enrol", fails)
    await rig.tables.contacts("LS00000001", 10)
    with capture_logs() as lines:
        await rig.tables.campaign()
        await rig.tables.campaign("CM00000002")
        await rig.tables.settled("CM00000002", seconds=4)
    told = [line["event"] for line in lines if line["log_level"] == "error"]
    assert told == [f"campaign {ALL} does not go on"]
    assert len(rig.rung) == 10
    assert not rig.node.store.writer.away
    monkeypatch.setattr(leads, "enrol", enrol)
    await rig.tables.settled(seconds=6)
    assert len(rig.rung) == 20


async def test_a_refusal_of_the_moment_puts_a_lead_off_and_gives_its_speech_back(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 2)
    rig.node.switch.refusals = [OverCapacity()]
    await rig.tables.campaign(announcement="", text="Hello")
    await rig.tables.settled()
    assert by_lead(rig.rung) == {1: [1], 2: [1]}
    assert list(rig.node.speeches.glob("*")) == []
    assert rig.node.clock.speech.held == set()


async def test_a_cap_of_the_day_pauses_the_campaign_and_a_destinations_only_its_lead(rig: Rig) -> None:
    """E: both are OverCapacity with Retry-After; the day's window may be over in less than 10 minutes, too."""
    await rig.tables.contacts("LS00000001", 3)
    of_number, of_day = DestinationCapped(), OverCapacity()
    of_number.retry_after_seconds = of_day.retry_after_seconds = 2
    rig.node.switch.refusals = [of_number]
    await rig.tables.campaign(per_minute=600)
    while len(rig.rung) < 2:
        await asyncio.sleep(0.02)
    assert [each.position for each in rig.rung] == [2, 3]
    await rig.tables.settled(seconds=5)
    rig.node.switch.refusals, before = [of_day], len(rig.rung)
    began = time.time()
    await rig.tables.campaign("CM00000002", per_minute=60)
    await rig.tables.settled("CM00000002", seconds=9)
    assert min(each.at for each in rig.rung[before:]) >= began + 2


async def test_a_fault_of_ours_ends_neither_the_engine_nor_what_is_under_way(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError

    writer, clock = rig.node.store.writer, rig.node.clock
    await rig.tables.contacts("LS00000001", 3)
    monkeypatch.setattr(writer, "accept", fails)
    rig.node.switch.refusals = [NotPermitted(reason="region")] * 3
    await rig.tables.campaign(announcement="", text="Hello")
    async with asyncio.timeout(15):
        while rig.node.switch.refusals:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    (lead_queue,) = clock._queues.values()
    assert (lead_queue.idle, lead_queue.means.starting["account_1"]) == (True, 0)
    assert not any(task.done() for task in rig.node.tasks)
    await rig.tables.turn(ALL, 2)


async def test_a_speech_is_dropped_whatever_fails_after_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(LeadSpeech, "ivr", fails)
    await rig.tables.contacts("LS00000001", 3)
    await rig.tables.campaign(announcement="", text="Hello")
    async with asyncio.timeout(15):
        while len(rig.node.studio.said) < 3:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    assert (rig.node.clock.speech.held, list(rig.node.speeches.glob("*"))) == (set(), [])
    await rig.tables.turn(ALL, 2)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"announcement": "gone"}, "announcement gone: there is no such announcement any more"),
        ({"caller_id": "15168148112"}, "this account does not own this caller id"),
        ({"campaign_type": 1, "connect_to": "ivr:gone"}, "ivr:gone: there is no such IVR any more"),
        ({"campaign_type": 1, "connect_to": "group:gone"}, "group:gone: there is no such agent, group, extension"),
    ],
)
async def test_a_campaign_that_can_not_be_carried_out_fails_and_says_why(
    rig: Rig, settings: dict[str, object], why: str
) -> None:
    await rig.tables.contacts("LS00000001", 2)
    await rig.tables.campaign(**settings)  # type: ignore[arg-type]
    await rig.tables.settled(seconds=3)
    (row,) = await rig.tables.query("SELECT state, reason FROM campaigns")
    assert (row["state"], row["reason"][: len(why)], rig.rung) == (5, why, [])


async def test_a_node_that_an_apply_has_not_reached_yet_fails_no_campaign(rig: Rig) -> None:
    accounts = rig.node.clock.accounts.accounts
    applied, accounts["account_1"] = accounts["account_1"], accounts_of(announcements={}).accounts["account_1"]
    await rig.tables.contacts("LS00000001", 2)
    await rig.tables.campaign()
    await asyncio.sleep(0.4)
    assert (await rig.tables.state(), rig.rung) == (1, [])
    accounts["account_1"] = applied
    await rig.tables.settled(seconds=4)
    assert (await rig.tables.state(), len(rig.rung)) == (3, 2)


async def test_an_announcement_that_is_no_file_of_this_node_yet_is_waited_for(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 1)
    await rig.tables.query(
        "INSERT INTO announcements (account_id, id, number, name, seconds, sound, uploaded_at)"
        " VALUES ('account_1', '1700000000_7.wav', 7, 'x', 1, '', now())"
    )
    await rig.tables.campaign(announcement="1700000000_7.wav")
    await asyncio.sleep(0.5)
    assert (await rig.tables.state(), rig.rung) == (1, [])
    there = accounts_of(announcements={"1700000000_7.wav": HEARD}).accounts["account_1"]
    rig.node.clock.accounts.accounts["account_1"] = there
    await rig.tables.settled(seconds=4)
    assert len(rig.rung) == 1


async def test_an_ivr_has_its_texts_spoken_and_its_transfers_found(rig: Rig) -> None:
    step = Step(
        name="vote",
        prompt=Prompt(text="Press one."),
        wrong=Prompt(text="Press one."),
        keys={"1": Choice(then="next", answer="yes"), "9": Choice(then="transfer", to="extension:101")},
    )
    rich = accounts_of(ivrs={"poll": Ivr(ivr_id="poll", steps=(step,))}, default_ivr="poll").accounts["account_1"]
    rig.node.clock.accounts.accounts["account_1"] = rich
    await rig.tables.contacts("LS00000001", 3)
    await rig.tables.campaign(campaign_type=1, announcement="")
    await rig.tables.settled()
    assert rig.node.studio.said == ["Press one."]
    request = rig.node.switch.requests[0]
    assert request.ivr is not None
    assert request.ivr.steps[0].prompt.media.startswith("sound:/")
    assert request.ivr.steps[0].prompt.seconds == 0.5
    assert request.choices["extension:101"].targets[0].endpoints == ("PJSIP/101",)
    assert (request.connect_to, request.speech, request.agent) == ("", None, None)


# -- room ------------------------------------------------------------------------------------------


async def test_campaigns_of_one_account_share_its_room_and_never_exceed_it(rig: Rig) -> None:
    rig.node.clock.accounts.accounts["account_1"] = accounts_of(max_live_calls=4).accounts["account_1"]
    rig.node.switch.call_seconds = 0.2
    ids = [f"CM0000000{each}" for each in range(1, 4)]
    for each in ids:
        await rig.tables.contacts(f"LS{each[2:]}", 300)
        await rig.tables.campaign(each, list_id=f"LS{each[2:]}", per_minute=(6000 if each == ids[0] else 600))
    await asyncio.sleep(3)
    assert rig.node.switch.most_live["account_1"] == 4
    called = [sum(rung.campaign_id == each for rung in rig.rung) for each in ids]
    assert sum(called) >= 35  # of some 50: nobody waits where there is room
    assert min(called) >= 0.7 * max(called), called


async def test_an_account_that_has_no_room_keeps_no_other_waiting(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    accounts, tables = accounts_of("full", "free"), Tables(database_url)
    async with running(database_url, "m1", accounts, tmp_path) as node:
        node.switch.live["full"] = 50
        for each, account in (("CM00000001", "full"), ("CM00000002", "free")):
            await tables.contacts(f"LS{each[2:]}", 20, account=account)
            await tables.campaign(each, account=account, list_id=f"LS{each[2:]}")
        await tables.settled("CM00000002", seconds=4)
        assert {each.campaign_id for each in node.switch.rung} == {"CM00000002"}
        node.switch.live["full"] = 0
        await tables.settled(seconds=4)


async def test_what_is_prepared_stays_this_nodes_while_it_waits_for_room(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 3)
    rig.node.switch.live["account_1"] = 50
    await rig.tables.campaign(announcement="", text="Hello")
    await asyncio.sleep(2.5)  # longer than a claim
    assert rig.node.studio.said == ["Hello"] * 3  # for each once
    assert {lead["version"] for lead in await rig.tables.leads()} == {1}
    rig.node.switch.live["account_1"] = 0
    await rig.tables.settled(seconds=4)
    assert len(rig.rung) == 3


async def test_who_is_being_spoken_to_stays_this_nodes_however_slow_the_voice_is(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve texts of a quarter of a second, one after the other: twice as long as a claim."""
    turn = asyncio.Semaphore(1)

    class Slow(StudioDouble):
        async def render(self, parts: Sequence[Part], manner: Manner) -> bytes:
            async with turn:
                await asyncio.sleep(0.25)
            return await super().render(parts, manner)

    slow = Slow()
    monkeypatch.setattr(rig.node.clock.speech, "studio", slow)
    await rig.tables.contacts("LS00000001", 12)
    await rig.tables.campaign(announcement="", text="Hello")
    await rig.tables.settled(seconds=9)
    assert (len(slow.said), len(rig.rung)) == (12, 12)
    assert {lead["version"] for lead in await rig.tables.leads()} == {1}


async def test_who_is_lost_while_being_spoken_to_is_dropped(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 1)
    go_on, studio = asyncio.Event(), rig.node.studio
    render = studio.render

    async def waits(parts: Sequence[Part], manner: Manner) -> bytes:
        await go_on.wait()
        return await render(parts, manner)

    rig.node.clock.speech.studio = SimpleNamespace(render=waits)  # type: ignore[assignment]
    await rig.tables.campaign(announcement="", text="Hello")
    while not await rig.tables.query("SELECT FROM leads WHERE version = 1"):
        await asyncio.sleep(0.02)
    await rig.tables.query("UPDATE leads SET version = 2, claimed_until = now() + interval '1 hour'")
    await asyncio.sleep(0.8)
    go_on.set()
    await asyncio.sleep(0.2)
    assert (studio.said, rig.rung, rig.node.clock.speech.held) == (["Hello"], [], set())
    await rig.tables.turn(ALL, 2)


async def test_who_was_prepared_when_it_was_stopped_is_given_back_with_the_speech(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 5)
    rig.node.switch.live["account_1"] = 50
    await rig.tables.campaign(announcement="", text="Hello")
    async with asyncio.timeout(5):
        while len(rig.node.clock.speech.held) < 5:
            await asyncio.sleep(0.02)
    assert len(list(rig.node.speeches.glob("*.wav"))) == 5
    await rig.tables.turn(ALL, 2)
    await asyncio.sleep(0.5)
    assert (rig.node.clock.speech.held, list(rig.node.speeches.glob("*"))) == (set(), [])
    (row,) = await rig.tables.query("SELECT count(*) AS free FROM leads WHERE claimed_until = 'epoch'")
    assert row["free"] == 5


# -- pace ------------------------------------------------------------------------------------------


async def test_two_nodes_keep_one_pace(store: Store, database_url: str, tmp_path: Path) -> None:
    """600 a minute: one each 102.5 ms, whoever calls."""
    accounts, tables = accounts_of(), Tables(database_url)
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(running(database_url, name, accounts, tmp_path)) for name in ("m1", "m2")
        ]
        await tables.contacts("LS00000001", 1000)
        await tables.campaign(per_minute=600)
        await asyncio.sleep(4)
        await tables.turn(ALL, 2)
        starts = sorted(each.at for node in nodes for each in node.switch.rung)
        shares = [len(node.switch.rung) for node in nodes]
    span = starts[-1] - starts[0]
    assert len(starts) - 1 <= span / 0.1025 + 10 * 1.0  # a second of jitter at most
    assert len(starts) - 1 >= 0.9 * span * 10, (len(starts), span)  # 97.6 % where nobody else has the processor
    assert min(shares) > 0, shares


async def test_a_clock_of_postgres_that_is_put_back_freezes_no_campaign(rig: Rig) -> None:
    await rig.tables.contacts("LS00000001", 5)
    await rig.tables.campaign()
    await rig.tables.query("UPDATE campaigns SET next_start_at = now() + interval '1 hour'")
    rig.node.clock._account_next_at["account_1"] = time.time() + 3600
    await rig.tables.settled(seconds=4)
    assert len(rig.rung) == 5


# -- kills -----------------------------------------------------------------------------------------


async def test_however_often_a_node_is_killed_each_is_called_as_often_as_the_rules_allow_and_none_twice(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    """Twelve kills at random moments; what the dead had begun to call is ended by the one that takes its place."""
    random, tables, accounts = Random(6), Tables(database_url), accounts_of()
    rung: list[Rung] = []
    adopted: set[str] = set()
    await tables.contacts("LS00000001", 90, fields='{"field1": "x"}')
    await tables.contacts("DN00000001", 10, first=60)
    await tables.query("UPDATE contacts SET fields = '{}' WHERE list_id = 'LS00000001' AND position BETWEEN 80 AND 84")
    rules = {"dnd_list_id": "DN00000001", "max_retries": 2, "retry_seconds": 0, "per_minute": 1800}
    await tables.campaign(announcement="", text="Hi {field1}", **rules)  # type: ignore[arg-type]
    async with running(database_url, "m1", accounts, tmp_path, lease_seconds=2.0) as steady:
        steady.switch.outcome, steady.switch.hesitates_seconds = every_third_is_busy, 0.03
        for kills in range(13):
            async with running(database_url, "m2", accounts, tmp_path, lease_seconds=2.0) as node:
                node.switch.outcome, node.switch.hesitates_seconds = every_third_is_busy, 0.03
                adopted |= await adopt(node)
                if kills < 12:
                    await asyncio.sleep(random.uniform(0.02, 0.25))
                    await node.kill()
                else:
                    await tables.settled(seconds=30)
                rung += node.switch.rung
        rung += steady.switch.rung
    assert await tables.state() == 3
    assert {lead["state"] for lead in await tables.leads()} == {"done"}
    ids = [each.call_id for each in rung]
    cdrs = await tables.cdrs()
    # Nobody rang without a CDR; who has one and did not ring was committed by one that died before it could.
    assert len(ids) == len(set(ids))
    assert {*ids, *adopted} == {row["request_id"] for row in cdrs if row["channel"]}
    made: dict[int, list[str]] = defaultdict(list)
    for row in cdrs:
        _, _, attempt = row["unique_id"].split("_")
        made[int(attempt.split("-u")[0])].append(f"{attempt} {row['disposition']}")
    for position in range(1, 91):
        if position in range(60, 70):
            wanted = ["1 DND"]
        elif position in range(80, 85):
            wanted = ["1 CANCEL"]
        elif position % 3 == 0:
            wanted = ["1 BUSY", "2 BUSY", "3 ANSWER"]
        else:
            wanted = ["1 ANSWER"]
        assert made[position] == [f"{position}-u{each}" for each in wanted]


def every_third_is_busy(rung: Rung) -> int:
    """Twice, then it answers."""
    return BUSY if rung.position % 3 == 0 and rung.attempt < 3 else ANSWER


async def adopt(node: Node) -> set[str]:
    """Lead the calls of the node before to their end, then take new ones, as the switch does: their ids."""
    node.switch.ready = False
    found = await node.store.live_calls()
    for row, legs in found:
        call = restore(row, legs, flow=FLOWS["campaign"], now=time.time())
        campaign = call.request.campaign
        assert campaign is not None
        each = Rung(campaign.campaign_id, campaign.position, campaign.attempt, time.time(), call.call_id)
        node.switch.end(call, node.switch.outcome(each))
        await node.store.writer.commit(call)
    node.switch.ready = True
    return {row["call_id"] for row, _ in found}
