"""The log: numbers masked but for their last four digits, secrets never."""

from typing import Any

import pytest

from engine.log import mask


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
