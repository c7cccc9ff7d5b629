"""`legwork campaign` and `legwork campaigns` on a real Postgres."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from engine import campaigning, cli
from engine.core.campaign import Campaign, State
from engine.core.causes import Disposition
from engine.core.progress import Progress
from engine.errors import StoreAway
from engine.store.postgres import Store
from tests.core.test_progress import NOW, campaign_of, progress_of
from tests.store.conftest import EMPTY, execute
from tests.store.test_campaigns import ID, lists, under_way
from tests.test_sound import ACCOUNT

run = CliRunner().invoke


@pytest.fixture
def url(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with account_1 applied, and two campaigns, of which the first is half-way."""
    asyncio.run(execute(database_url, EMPTY))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LEGWORK_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(campaigning, "LOOK_SECONDS", 0.05)
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNT)
    assert run(cli.app, ["apply", str(file)]).exit_code == 0
    asyncio.run(filled(database_url))
    return database_url


async def filled(url: str) -> None:
    await lists(url)
    async with Store.open(url) as store:
        await store.campaigns.create(campaign_of(ID, name="[red]diwali"))
        await store.campaigns.create(campaign_of("CM0000000002", name="next", state=State.SCHEDULED))
    await under_way(url, now=time.time())


def rendered(view: Any) -> str:
    """What a person sees."""
    page = StringIO()
    Console(width=120, file=page).print(view)
    return page.getvalue()


def test_the_list_says_how_each_stands(url: str) -> None:
    listed = json.loads(run(cli.app, ["campaigns", "--json"]).output)
    told = [(each["number"], each["campaign_id"], each["name"], each["state"]) for each in listed]
    assert told == [(1, ID, "[red]diwali", "running"), (2, "CM0000000002", "next", "scheduled")]
    heads, first, second = run(cli.app, ["campaigns"]).output.splitlines()
    assert heads.split()[:4] == ["number", "id", "state", "type"]
    assert first.split()[:3] == ["1", ID, "running"]
    assert first.endswith("[red]diwali")
    assert second.split()[:3] == ["2", "CM0000000002", "scheduled"]
    assert run(cli.app, ["campaigns", "--account", "nobody"]).exit_code != 0


@pytest.mark.parametrize("name", ["[red]diwali", ID, "1"])
def test_one_look_at_it_by_any_name(url: str, name: str) -> None:
    found = json.loads(run(cli.app, ["campaign", name, "--once", "--json"]).output)
    assert (found["campaign_id"], found["state"], found["contacts"], found["done"]) == (ID, "running", 100, 25)
    assert found["attempts"] == {
        "answered": 40,
        "busy": 20,
        "no_answer": 20,
        "congestion": 0,
        "failed": 0,
        "dnd": 20,
        "cancelled": 0,
    }
    assert found["calls_last_minute"] in (58, 59, 60)
    assert found["at"] < found["expected_end_at"] < found["at"] + 3600
    text = run(cli.app, ["campaign", name, "--once"]).output
    assert "25 of 100 contacts done, 25%" in text
    assert "[red]diwali" in text


def test_an_unknown_one_is_said_to_be(url: str) -> None:
    found = run(cli.app, ["campaign", "nothing"])
    assert found.exit_code != 0
    assert "account account_1 has no campaign nothing" in str(found.exception)


def test_it_is_followed_until_it_is_over(url: str) -> None:
    asyncio.run(execute(url, "UPDATE campaigns SET state = 2; UPDATE leads SET state = 'done'"))
    found = run(cli.app, ["campaign", ID])
    assert (found.exit_code, "stopped" in found.output) == (0, True)
    found = run(cli.app, ["campaign", ID, "--json"])
    assert (found.exit_code, json.loads(found.output)["state"]) == (0, "stopped")


def test_json_is_a_line_a_look_and_a_stopped_campaign_with_calls_is_not_over(url: str) -> None:
    """Followed by another process, as a script would."""
    asyncio.run(execute(url, "UPDATE campaigns SET state = 2"))
    command = [sys.executable, "-m", "engine", "campaign", ID, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as following:
        assert following.stdout is not None
        first = json.loads(following.stdout.readline())
        asyncio.run(execute(url, "UPDATE leads SET state = 'done'"))
        rest = following.stdout.read().splitlines()
        assert following.wait(10) == 0
    assert (first["state"], first["calling"], json.loads(rest[-1])["calling"]) == ("stopped", 5, 0)


def test_ctrl_c_stops_looking_and_nothing_else(url: str) -> None:
    command = [sys.executable, "-m", "engine", "campaign", ID, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as following:
        assert following.stdout is not None
        following.stdout.readline()
        following.send_signal(signal.SIGINT)
        assert following.wait(10) == 130

    async def state() -> State:
        async with Store.open(url) as store:
            found = await store.campaigns.one("account_1", ID)
            assert found is not None
            return found.state

    assert asyncio.run(state()) == State.RUNNING


class StoreDouble:
    """A store that is away at the second look, and whose campaign is over at the third."""

    def __init__(self) -> None:
        self.campaigns = self
        self.looks = 0

    async def progress(self, campaign_id: str, *, now: float) -> Progress:
        self.looks += 1
        if self.looks == 2:
            raise StoreAway
        state = State.RUNNING if self.looks == 1 else State.COMPLETED
        return progress_of(campaign_of(campaign_id, state=state), calling=0)


def test_a_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigning, "LOOK_SECONDS", 0.01)
    told: list[Progress | None] = []
    store: Any = StoreDouble()
    ended = asyncio.run(campaigning._follow(store, campaign_of(), asyncio.Event(), told.append))
    assert [each and each.campaign.state for each in told] == [State.RUNNING, None, State.COMPLETED]
    assert ended is told[-1]


def test_the_view_says_what_a_supervisor_asks() -> None:
    campaign: Campaign = campaign_of(name="diwali [bold]sale", calls_per_minute=60, number=7)
    outcomes = {Disposition.ANSWER: 1200, Disposition.BUSY: 31, Disposition.NOANSWER: 32, Disposition.DND: 33}
    verdicts = {"human": 1000, "machine": 190, "unsure": 10}
    counted = {"contacts": 4000, "enrolled": 2000, "done": 1500, "queued": 480, "calling": 20}
    text = rendered(
        campaigning.view(
            progress_of(campaign, **counted, last_minute=58, outcomes=outcomes, verdicts=verdicts), trouble="away"
        )
    )
    for words in (
        "diwali [bold]sale  CMcc0cb33a01 (7)  running",
        "1,500 of 4,000 contacts done, 38%",
        "1,200 (1,000 human, 10 unsure)",
        "calling now",
        "58",
        "away",
    ):
        assert words in text
    figures = {name.strip(): value for name, value in _pairs(text)}
    assert (figures["busy"], figures["no answer"], figures["DND"], figures["machine"]) == ("31", "32", "33", "190")
    rates = (figures["rate now"], figures["allowed"], figures["waiting"])
    assert rates == ("58 a minute", "60 a minute", "2,480")
    expected = campaigning._clock(NOW + 2480 / 58 * 60)
    assert figures["expected end"] == expected
    empty = rendered(campaigning.view(progress_of(campaign, contacts=0, enrolled=0, done=0, queued=0)))
    assert "0 of 0 contacts done, no contacts" in empty


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """The names and figures of the view, which stand in four columns."""
    for line in text.splitlines()[2:]:
        cells = [cell for cell in line.split("  ") if cell.strip()]
        yield from zip(cells[::2], (cell.strip() for cell in cells[1::2]), strict=False)
