"""The simulation can fail: each engine made worse on purpose is found out."""

from collections.abc import Callable
from typing import Any

import pytest

import engine.core.call
import engine.core.reconcile
import engine.core.refused
import engine.core.rows
import engine.line
import engine.lines
import engine.switch
from engine.core import commands as c
from engine.core import events as e
from engine.core.call import Call
from engine.line import Line
from engine.store.ledger import Ledger
from engine.sweep import Sweep
from tests.sim.simulate import Simulation

SEEDS = 5000

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited"),  # an engine killed before a task of it began
]


def _nothing_is_swept(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any, **__: Any) -> None:
        """Leave it."""

    patch.setattr(Sweep, "after", nothing)
    patch.setattr(Sweep, "hang_up", nothing)


def _a_lost_dial_is_repeated(patch: pytest.MonkeyPatch) -> None:
    original = engine.core.refused.refused

    def again(call: Call, command: c.Command, status: int) -> list[c.Command]:
        if isinstance(command, c.Dial) and status == 0 and not call.legs[command.leg].over:
            return [command]
        return original(call, command, status)

    patch.setattr(engine.core.call, "refused", again)


def _whoever_rang_is_rung_again(patch: pytest.MonkeyPatch) -> None:
    original = Call._note_leg

    def forgetful(call: Call, leg: Any, event: e.LegEvent) -> bool:
        known = original(call, leg, event)
        if leg.hangup_reason == "interrupted":
            leg.rang_at, leg.estimated = None, False
        return known

    patch.setattr(Call, "_note_leg", forgetful)


def _adopt_hangs_up_what_talks(patch: pytest.MonkeyPatch) -> None:
    original = engine.core.reconcile.reconcile

    def missing(call: Call, states: Any, **times: Any) -> list[e.Event]:
        return original(call, {} if call.bridged_at else states, **times)

    patch.setattr(engine.line, "reconcile", missing)


def _deadlines_die_with_the_engine(patch: pytest.MonkeyPatch) -> None:
    original = engine.core.rows.restore

    def limitless(*row: Any, **more: Any) -> Call:
        call = original(*row, **more)
        call.deadlines.clear()
        return call

    patch.setattr(engine.lines, "restore", limitless)


def _refusals_are_not_taken_back(patch: pytest.MonkeyPatch) -> None:
    async def keep(*_: Any) -> None:
        """Forget nothing."""

    patch.setattr(Ledger, "forget", keep)


def _a_leg_is_created_before_its_row(patch: pytest.MonkeyPatch) -> None:
    original = Line._send

    def send(line: Line, command: c.Command) -> None:
        if not isinstance(command, c.SaveIntent):
            original(line, command)

    patch.setattr(Line, "_send", send)


def _an_agent_stays_muted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Call, "still", lambda call, command: not isinstance(command, c.Unmute))


def _a_playback_begins_before_its_number_is_kept(patch: pytest.MonkeyPatch) -> None:
    original = Line._send

    def send(line: Line, command: c.Command) -> None:
        if not (isinstance(command, c.SaveIntent) and not command.legs):
            original(line, command)

    patch.setattr(Line, "_send", send)


WORSE = (
    (_nothing_is_swept, ("without an owner", "has no owner", "left", "dead-man")),
    (_a_lost_dial_is_repeated, ("dialled a second time",)),
    (_whoever_rang_is_rung_again, ("was rung again",)),
    (_adopt_hangs_up_what_talks, ("was dropped", "no CDR says so", "billed")),
    (_deadlines_die_with_the_engine, ("its limit is",)),
    (_refusals_are_not_taken_back, ("refused call",)),
    (_a_leg_is_created_before_its_row, ("without a row",)),
    (_an_agent_stays_muted, ("bridged and muted",)),
    (_a_playback_begins_before_its_number_is_kept, ("was used before",)),
)


FIRST_SEEDS: dict[Callable[[pytest.MonkeyPatch], None], int] = {
    _whoever_rang_is_rung_again: 2280
}  # where it shows: from 0 on that takes most of a minute


@pytest.mark.parametrize(("worsen", "words"), WORSE, ids=[worsen.__name__.strip("_") for worsen, _ in WORSE])
def test_an_engine_made_worse_is_found_out(
    worsen: Callable[[pytest.MonkeyPatch], None], words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    worsen(monkeypatch)
    first = FIRST_SEEDS.get(worsen, 0)
    for seed in range(first, first + SEEDS):
        if any(word in wrong for wrong in Simulation(seed).run().wrong for word in words):
            print(f"found out by seed {seed}")
            return
    pytest.fail(f"not found out in {SEEDS} runs")
