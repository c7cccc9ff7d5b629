"""`legwork callbacks`: what is scheduled, for a person and for machines."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine import cli
from engine.core.callback import Callback
from engine.store.postgres import Store
from tests.core.test_callback import callback_of
from tests.store.conftest import EMPTY, execute

MADE = (
    callback_of("c000000002", due_at=2000.0),
    callback_of("c000000001", account_id="account_2", wall="2023-08-15 12:55:00", time_zone="Asia/Kolkata"),
    callback_of("c000000003"),
)


async def schedule(url: str) -> None:
    """Two that are scheduled, and one that is not any more."""
    await execute(url, EMPTY)
    async with Store.open(url) as store:
        for each in MADE:
            await store.callbacks.schedule(each)
        await store.callbacks.delete("account_1", "c000000003", now=950.0)


def test_what_is_scheduled_is_listed_the_next_one_first(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(schedule(database_url))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LEGWORK_STATE_DIR", str(tmp_path))
    told = CliRunner().invoke(cli.app, ["callbacks", "--json"])
    assert told.exit_code == 0, told.output
    listed = [Callback(**each) for each in json.loads(told.output)]
    assert listed == [MADE[1], MADE[0]]
    told = CliRunner().invoke(cli.app, ["callbacks", "--count", "1"])
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    assert (lines[0].strip(), lines[1].split()[:2]) == ("1 scheduled callbacks", ["call", "account"])
    assert lines[2].split()[:2] == ["c000000001", "account_2"]
    assert "2023-08-15 12:55:00" in lines[2]
    assert "919910000202" in lines[2]
