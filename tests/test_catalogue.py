"""`legwork codes`: the table the replies are made of, for a person and for machines."""

import json

from typer.testing import CliRunner

from engine.api.dialects.sarv_codes import CODES
from engine.cli import app


def test_every_code_is_listed_with_its_message_and_our_reading() -> None:
    told = CliRunner().invoke(app, ["codes"])
    assert told.exit_code == 0
    for code in CODES.values():
        assert code.code in told.output


def test_machines_get_the_same() -> None:
    told = CliRunner().invoke(app, ["codes", "--json"])
    rows = json.loads(told.output)
    assert {row["code"]: row["message"] for row in rows} == {code.code: code.message for code in CODES.values()}
    assert next(row for row in rows if row["code"] == "1566")["reading"].endswith("toWebLogin is meant")
