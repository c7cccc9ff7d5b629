"""How an attempt came out, in the words of each vendor: one table for all of their reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.core.campaign import KIND as CAMPAIGN
from engine.core.causes import Disposition

MACHINE, MISSING_FIELD = "machine", "missing_field"  # outcomes that a disposition alone does not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What vendors call one outcome; "" where one of them does not count it.

    `sarv` is fetch_report's `report`, `wolkvox` a column of its machine codes, `dial_status`, `call_status` and
    `statistics` (a key of theirs) are the CPaaS suite's.
    """

    sarv: str
    wolkvox: str
    dial_status: str
    call_status: str | None = None
    statistics: str


ANSWERED = Words(
    sarv="Answered", wolkvox="", dial_status="ANSWER", call_status="ANSWERED", statistics="answer_calls"
)  # by a human, or by nobody knows whom
WORDS: Mapping[str, Words] = {
    Disposition.ANSWER: ANSWERED,
    MACHINE: Words(
        sarv="Answered",
        wolkvox="answer_machine",
        dial_status="ANSWER",
        call_status="ANSWERED",
        statistics="answer_calls",
    ),
    Disposition.NOANSWER: Words(
        sarv="No Answer", wolkvox="no_answer", dial_status="NOANSWER", statistics="noanswer_calls"
    ),
    Disposition.BUSY: Words(sarv="Busy", wolkvox="busy", dial_status="BUSY", statistics="busy_calls"),
    # "Congession" is the document's spelling.
    Disposition.CONGESTION: Words(
        sarv="Congession", wolkvox="congestion", dial_status="CONGESTION", statistics="congestion_calls"
    ),
    Disposition.CHANUNAVAIL: Words(
        sarv="Failed", wolkvox="failed", dial_status="CHANUNAVAIL", statistics="chanunavail_calls"
    ),
    Disposition.CANCEL: Words(sarv="Cancelled", wolkvox="failed", dial_status="CANCEL", statistics="cancel_calls"),
    # Nobody was dialled.
    MISSING_FIELD: Words(sarv="Cancelled", wolkvox="", dial_status="CANCEL", statistics="cancel_calls"),
    Disposition.DND: Words(sarv="DND", wolkvox="", dial_status="DND", statistics="dnd_calls"),
}
WOLKVOX_COLUMNS = {str(outcome): words.wolkvox for outcome, words in WORDS.items() if words.wolkvox}

# The CPaaS suite's words for a kind of call, where they are not ours.
DIRECTIONS = {CAMPAIGN: "outbound-campaign", "inbound": "inbound"}
OTHER_DIRECTION = "outbound-api"
CONTEXTS = {"otp": "local_call", CAMPAIGN: "local_call_campaign_type_{campaign_type}"}


def words_of(row: Mapping[str, Any]) -> Words:
    """The words for how the attempt of a CDR came out."""
    return WORDS[outcome_of(row)]


def outcome_of(row: Mapping[str, Any]) -> str:
    """How the attempt of a CDR came out, by its disposition, its reason and who answered."""
    if row["reason"] == MISSING_FIELD:
        return MISSING_FIELD
    if row["disposition"] == Disposition.ANSWER and row.get("amd_status") == "machine":
        return MACHINE
    return Disposition(row["disposition"])


def counted(dispositions: Mapping[str, int]) -> dict[str, int]:
    """Counts by disposition as counts by the CPaaS suite's keys, in the document's order of them."""
    found = dict.fromkeys(sorted({words.statistics for words in WORDS.values()}), 0)
    for disposition, count in dispositions.items():
        found[WORDS[disposition].statistics] += count
    return found


def direction(row: Mapping[str, Any]) -> str:
    """The CPaaS suite's `call_direction`."""
    return DIRECTIONS.get(row["kind"], OTHER_DIRECTION)


def context(row: Mapping[str, Any]) -> str:
    """The CPaaS suite's `destination_context`."""
    kind: str = row["kind"]
    return CONTEXTS.get(kind, kind).format_map(row)
