"""The bench's judges can say no: each invariant broken on purpose, by itself."""

from dataclasses import replace
from typing import Any

import pytest

from engine import crash
from tests.faults.checks import broken
from tests.faults.evidence import Dialog, Evidence
from tests.faults.faults import STRIKES
from tests.faults.plan import KINDS, LEAD_SECONDS, kind_of, plan
from tests.faults.proxy import Frames
from tests.faults.rig import Wait
from tests.faults.traffic import Asked

AGENT, CUSTOMER, CHANNEL = "919910000000", "919910000105", "n1-c1.b1"
TALK = 10.0


def dialog(number: str, *, answered_at: float | None = 101.0, ended_at: float | None = 111.0) -> Dialog:
    return Dialog(
        number=number,
        invited_at=100.0,
        answered_at=answered_at,
        cancelled_at=None,
        ended_at=ended_at,
        ended_by_us=True,
        over_at=ended_at or 112.0,
    )


def leg(number: str) -> dict[str, Any]:
    return {"leg_id": CHANNEL, "number": number, "rang_at": None}


def cdr() -> dict[str, Any]:
    row = {"request_id": "c1", "agent_number": AGENT, "dialed_number": CUSTOMER}
    return {**row, "channel": CHANNEL, "billsec": TALK, "answered_at": 101.0}


def sound() -> Evidence:
    """One call as it should be, not recorded."""
    return Evidence(
        began=99.0,
        asked=[Asked(AGENT, CUSTOMER, 100.0, "accepted", 200, "c1")],
        cuts=[],
        waits=[],
        pbx_died_at=None,
        pbx_back_at=None,
        talk_seconds=TALK,
        recorded=False,
        dialogs={AGENT: [dialog(AGENT)], CUSTOMER: [dialog(CUSTOMER)]},
        calls=[{"call_id": "c1", "ended": True}],
        legs=[leg(AGENT), leg(CUSTOMER)],
        cdrs=[cdr()],
        asterisk={CHANNEL: [{"billsec": TALK}]},
        left=[],
    )


def dialogs(*customers: Dialog) -> dict[str, Any]:
    return {"dialogs": {AGENT: [dialog(AGENT)], CUSTOMER: list(customers)}}


BREAKS: list[tuple[str, dict[str, Any]]] = [
    ("cdr", {"cdrs": []}),
    ("cdr", {"cdrs": [cdr(), cdr()]}),
    ("cdr", {"asked": [Asked(AGENT, CUSTOMER, 100.0, "refused", 503)]}),
    ("rung twice", dialogs(dialog(CUSTOMER), dialog(CUSTOMER))),
    ("rung twice", {"legs": [leg(AGENT)]}),
    ("open row", {"calls": [{"call_id": "c1", "ended": False}]}),
    ("left over", {"left": [CHANNEL]}),
    ("billsec", {"asterisk": {CHANNEL: [{"billsec": TALK + 1.5}]}}),
    ("dropped", dialogs(dialog(CUSTOMER, ended_at=105.0))),
    ("dropped", dialogs(dialog(CUSTOMER, ended_at=113.0))),
    ("dropped", dialogs(dialog(CUSTOMER, ended_at=None))),
    ("gap", {"recorded": True}),
    ("late", {"waits": [Wait("ready", 3.1, 3.0)]}),
    ("no fault", {"missed": ["place.created:3 was not reached"]}),
]


def test_a_sound_run_is_not_broken() -> None:
    assert broken(sound()) == []


@pytest.mark.parametrize(("invariant", "changed"), BREAKS)
def test_what_is_broken_is_found(invariant: str, changed: dict[str, Any]) -> None:
    assert invariant in {each.invariant for each in broken(replace(sound(), **changed))}


def test_a_limit_that_came_while_cut_off_may_wait_for_the_end_of_the_cut() -> None:
    late = replace(sound(), cuts=[(110.0, 115.0)], **dialogs(dialog(CUSTOMER, ended_at=115.5)))
    assert "dropped" not in {each.invariant for each in broken(late)}


def test_our_own_hang_up_after_a_cut_has_its_true_billsec() -> None:
    """The far side talked on until we hung up: that we know, whatever we missed before."""
    seen = replace(
        sound(),
        cuts=[(108.0, 115.0)],
        asterisk={CHANNEL: [{"billsec": 14.5}]},
        **dialogs(dialog(CUSTOMER, ended_at=115.5)),
    )
    assert "billsec" in {each.invariant for each in broken(seen)}


def test_consecutive_seeds_go_through_every_kind_and_every_point() -> None:
    kinds = {kind_of(seed) for seed in range(100, 100 + len(KINDS))}
    assert kinds == set(KINDS)
    assert {kind.partition("@")[2] for kind in kinds} - {""} == set(crash.POINTS)
    assert {kind.partition("@")[0] for kind in kinds} <= set(STRIKES)


def test_a_seed_is_a_run() -> None:
    assert plan(7, calls=20) == plan(7, calls=20)
    assert plan(7, calls=20) != plan(8, calls=20)
    numbers = [number for call in plan(7, calls=20).calls for number in (call.agent, call.customer)]
    assert len(set(numbers)) == len(numbers)
    assert sum(call.at < LEAD_SECONDS < call.at + call.life_seconds for call in plan(7, calls=20).calls) == 20


def test_frames_are_found_however_they_are_cut() -> None:
    """RFC 6455, 5.7: a text frame of "Hello", bare and masked, and one of 256 bytes."""
    bare, masked = bytes.fromhex("810548656c6c6f"), bytes.fromhex("818537fa213d7f9f4d5158")
    long = bytes.fromhex("817e0100") + b"x" * 256
    frames = Frames()
    found = [frame for byte in bare + masked + long for frame in frames.feed(bytes([byte]))]
    assert found == [(bare, b"Hello"), (masked, b"Hello"), (long, b"x" * 256)]
