"""The log: numbers masked but for their last four digits, secrets never."""

import asyncio
import io
import json
from typing import Any

import pytest

from engine.log import KEPT_SECONDS, Journal, mask


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ({"number": "919910000101"}, {"number": "********0101"}),
        ({"error": "no PJSIP/919910000101@carrier"}, {"error": "no PJSIP/********0101@carrier"}),
        ({"call": "1234567890"}, {"call": "1234567890"}),
        ({"number": "101"}, {"number": "101"}),
        ({"auth": "x", "ari_password": "y", "token": "z"}, {"auth": "***", "ari_password": "***", "token": "***"}),
    ],
)
def test_a_line_is_masked(line: dict[str, Any], masked: dict[str, Any]) -> None:
    assert mask(line) == masked


def test_lines_are_written_together_an_error_at_once_and_none_is_lost() -> None:
    file = io.BytesIO()
    journal = Journal(file)

    def say(what: str) -> dict[str, Any]:
        return {"event": what, "at": 0.0}

    def written() -> list[str]:
        return [json.loads(line)["event"] for line in file.getvalue().splitlines()]

    journal.info(say("before"))
    assert written() == ["before"]

    async def turn() -> None:
        journal.info(say("one"))
        journal.info(say("two"))
        assert written() == ["before"]
        await asyncio.sleep(2 * KEPT_SECONDS)
        assert written() == ["before", "one", "two"]
        journal.info(say("three"))
        journal.error(say("wrong"))
        assert written()[3:] == ["three", "wrong"]
        journal.info(say("last"))

    asyncio.run(turn())
    journal.write()
    assert written()[5:] == ["last"]
