"""`legwork announcements` on a real Postgres."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine import cli
from engine.store.postgres import Store
from tests.store.conftest import EMPTY, execute
from tests.test_sound import ACCOUNT, announcement, recorded


def test_the_list_has_both_kinds(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(execute(database_url, EMPTY))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LEGWORK_STATE_DIR", str(tmp_path))
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNT + announcement("1610448601_84.wav", recorded(tmp_path / "hello.wav")))

    async def upload() -> str:
        async with Store.open(database_url) as store:
            row = await store.add_announcement("account_1", name="[red]x.mp3", seconds=2.25, sound=b"RIFF", most=9)
            assert row is not None
            return str(row["id"])

    run = CliRunner().invoke
    assert run(cli.app, ["apply", str(file)]).exit_code == 0
    uploaded = asyncio.run(upload())
    listed = json.loads(run(cli.app, ["announcements", "--json"]).output)
    assert [(row["id"], row["number"], row["source"]) for row in listed] == [
        ("1610448601_84.wav", "84", "file"),
        (uploaded, "1", "upload"),
    ]
    assert str(tmp_path) not in str(listed)
    heads, first, second = run(cli.app, ["announcements"]).output.splitlines()
    assert heads.split() == ["id", "number", "seconds", "source", "uploaded", "name"]
    assert first.split() == ["1610448601_84.wav", "84", "1.5", "file", "-", "hello.wav"]
    assert second.split()[:4] == [uploaded, "1", "2.2", "upload"]
    assert second.endswith("[red]x.mp3")
    assert run(cli.app, ["announcements", "--account", "nobody"]).exit_code != 0
