"""The log: numbers masked but for their last four digits, control characters spelled out, secrets never."""

import asyncio
import io
import json
import re
import subprocess
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.log import KEPT_SECONDS, Journal, mask, render


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


HIDDEN = {"Cc", "Cs", "Zl", "Zp"}  # controls, surrogates, line and paragraph separators
DIRECTIONS = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
NASTY = st.text(st.characters() | st.sampled_from("\x00\x07\r\n\t\x1b\x7f\x85\x9b\u2028\u202e\ud800\udfff"))


@given(st.dictionaries(st.sampled_from(["event", "path", "reason", "number"]), NASTY | st.lists(NASTY)))
def test_whatever_is_logged_is_one_line_of_json_without_control_characters(facts: dict[str, Any]) -> None:
    raw = render(mask({"event": "x", "at": 0.0, **facts}))
    line = json.loads(raw)
    shown = [value for fact in line.values() for value in (fact if isinstance(fact, list) else [fact])]
    for text in [raw.decode().removesuffix("\n"), *shown]:
        assert not [each for each in text if unicodedata.category(each) in HIDDEN or each in DIRECTIONS]
        assert not re.search(r"[0-9]{8,}", text)


def test_what_libraries_log_and_python_warns_of_are_lines_like_ours() -> None:
    code = """
import logging, warnings
from aiohttp.http_exceptions import InvalidHeader
from engine import log
log.configure()
logging.getLogger("aiohttp.server").error("bad \\x1b[2J from %s", "919910000101")
logging.getLogger("asyncio").warning("slow\\nforged")
logging.getLogger("aiohttp.access").info("not worth a line")
warnings.warn("old")
try:
    raise ValueError("919910000101")
except ValueError:
    logging.getLogger("asyncio").exception("failed")
try:
    raise InvalidHeader(b"auth: planted\\x01")
except InvalidHeader:
    logging.getLogger("aiohttp.server").exception("Error handling request from %s", "127.0.0.1")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr == b""
    bad, slow, old, failed, unreadable = (json.loads(line) for line in done.stdout.splitlines())
    assert (bad["event"], bad["library"]) == (r"bad \u001b[2J from ********0101", "aiohttp.server")
    assert (slow["event"], slow["level"]) == (r"slow\u000aforged", "warning")
    assert "UserWarning: old" in old["event"]
    assert failed["exception"].splitlines()[-1] == "ValueError: ********0101"
    assert (unreadable["error"], unreadable["level"]) == ("InvalidHeader", "info")
    assert b"planted" not in done.stdout


class FullDisk(io.BytesIO):
    """A file whose disk may be full."""

    full = True

    def write(self, data: Any) -> int:
        """Write, or not."""
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_full_disk_under_the_log_ends_nothing_and_is_told_when_there_is_room() -> None:
    file = FullDisk()
    journal = Journal(file)
    journal.error({"event": "one", "at": 0.0})
    journal.error({"event": "two", "at": 0.0})
    file.full = False
    journal.error({"event": "three", "at": 0.0})
    journal.error({"event": "four", "at": 0.0})
    told = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [(line["event"], line.get("lines")) for line in told] == [
        ("three", None),
        ("lines of the log lost", 2),
        ("four", None),
    ]
