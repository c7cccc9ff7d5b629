"""The vendors' words for an outcome, against the table they were agreed on."""

from typing import Any

import pytest

from engine.core.causes import Disposition
from engine.core.vendor_words import WOLKVOX_COLUMNS, WORDS, context, counted, direction, outcome_of, words_of

# apis.md 0: internal | S1 report | S4 column | S5 dial_status / call_status | S5 stats key
TABLE = """
ANSWER        | Answered   | -              | ANSWER / ANSWERED  | answer_calls
machine       | Answered   | answer_machine | ANSWER / ANSWERED  | answer_calls
NOANSWER      | No Answer  | no_answer      | NOANSWER / null    | noanswer_calls
BUSY          | Busy       | busy           | BUSY / null        | busy_calls
CONGESTION    | Congession | congestion     | CONGESTION / null  | congestion_calls
CHANUNAVAIL   | Failed     | failed         | CHANUNAVAIL / null | chanunavail_calls
CANCEL        | Cancelled  | failed         | CANCEL / null      | cancel_calls
missing_field | Cancelled  | -              | CANCEL / null      | cancel_calls
DND           | DND        | -              | DND / null         | dnd_calls
"""
LINES = [[each.strip() for each in line.split("|")] for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize(("outcome", "sarv", "wolkvox", "statuses", "statistics"), LINES)
def test_the_table_is_as_agreed(outcome: str, sarv: str, wolkvox: str, statuses: str, statistics: str) -> None:
    words = WORDS[outcome]
    assert (words.sarv, words.wolkvox or "-", words.statistics) == (sarv, wolkvox, statistics)
    assert f"{words.dial_status} / {words.call_status or 'null'}" == statuses


def test_every_disposition_has_words_and_no_other_outcome() -> None:
    assert set(WORDS) == {line[0] for line in LINES}
    assert set(Disposition) <= set(WORDS)
    assert {type(name) for name in WOLKVOX_COLUMNS} == {str}  # as JSON needs it


def row(disposition: str, *, reason: str = "as it was", **more: Any) -> dict[str, Any]:
    return {"disposition": disposition, "reason": reason, "kind": "campaign", "campaign_type": 1} | more


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (row("ANSWER"), "ANSWER"),
        (row("ANSWER", amd_status=None), "ANSWER"),
        (row("ANSWER", amd_status="human"), "ANSWER"),
        (row("ANSWER", amd_status="unsure"), "ANSWER"),
        (row("ANSWER", amd_status="machine"), "machine"),
        (row("CANCEL", reason="missing_field"), "missing_field"),
        (row("CANCEL", reason="missed"), "CANCEL"),
        (row("DND"), "DND"),
    ],
)
def test_a_disposition_alone_does_not_tell_everything(found: dict[str, Any], outcome: str) -> None:
    assert outcome_of(found) == outcome
    assert words_of(found) is WORDS[outcome]


def test_counts_are_in_the_documents_order_and_all_there() -> None:
    found = counted({"BUSY": 2, "DND": 1})
    shown = "answer busy cancel chanunavail congestion dnd noanswer"
    assert list(found) == [f"{name}_calls" for name in shown.split()]
    assert (found["busy_calls"], found["dnd_calls"], sum(found.values())) == (2, 1, 3)


def test_a_kind_of_call_has_the_suites_words() -> None:
    assert (direction(row("BUSY")), context(row("BUSY"))) == ("outbound-campaign", "local_call_campaign_type_1")
    for kind, (way, where) in {
        "otp": ("outbound-api", "local_call"),
        "click2call": ("outbound-api", "click2call"),
        "callback": ("outbound-api", "callback"),
        "inbound": ("inbound", "inbound"),
    }.items():
        assert (direction(row("BUSY", kind=kind)), context(row("BUSY", kind=kind))) == (way, where)
