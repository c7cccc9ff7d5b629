"""The log: numbers masked but for their last four digits, secrets never."""

import asyncio
import io
from typing import Any

import pytest

from engine.log import Journal, mask


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
    assert mask(None, "info", line) == masked


def test_lines_of_one_turn_are_written_together_and_none_is_lost() -> None:
    file = io.BytesIO()
    journal = Journal(file)
    journal.write(b"before\n")
    assert file.getvalue() == b"before\n"

    async def turn() -> None:
        journal.write(b"one\n")
        journal.write(b"two\n")
        assert file.getvalue() == b"before\n"
        await asyncio.sleep(0)
        assert file.getvalue() == b"before\none\ntwo\n"
        journal.write(b"last\n")

    asyncio.run(turn())
    journal.close_turn()
    assert file.getvalue().endswith(b"last\n")
