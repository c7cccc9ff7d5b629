"""What the fault bench prints: a line a run, and a table at the end."""

from collections import Counter
from collections.abc import Sequence

from tests.faults.checks import CHECKS
from tests.faults.rounds import Run

MOST_WORDS = 6


def line(run: Run) -> str:
    """One run."""
    verdict = "broken" if run.broken else "ok"
    return (
        f"seed {run.plan.seed:<5} {run.plan.kind:<24} {verdict:<6} "
        f"{run.in_flight:3} in flight, {run.talking:2} talking; "
        f"{run.accepted} accepted, {len(run.cdrs)} CDRs; {'; '.join(run.waits)}; load {run.load:.1f}"
    )


def details(run: Run, *, most: int = MOST_WORDS) -> list[str]:
    """What broke, a line each, and how to see it again."""
    words = [f"  {each.invariant}: {each.what}" for each in run.broken]
    more = [f"  … and {len(words) - most} more"] if len(words) > most else []
    again = f"  again: .venv/bin/python tests/faults/run.py {run.plan.again}"
    return [*words[:most], *more, again]


def print_table(runs: Sequence[Run]) -> None:
    """A line a kind of fault, with how often each invariant broke; then the sum."""
    columns = list(CHECKS)
    print()
    print(f"{'fault':<24}{'runs':>5}{'in flight':>10}" + "".join(f"{name:>12}" for name in columns))
    for kind in dict.fromkeys(run.plan.kind for run in runs):
        print(_row(kind, [run for run in runs if run.plan.kind == kind], columns))
    print(_row("all", runs, columns))
    print_figures(runs)


def print_figures(runs: Sequence[Run]) -> None:
    """What is promised, and how often it was not kept."""
    print()
    for name, what in FIGURES.items():
        if name == "gap" and not any(run.plan.recorded for run in runs):
            print(f" --   {what}: SIPp's phones record nothing")
            continue
        count = sum(each.invariant == name for run in runs for each in run.broken)
        print(f"{'PASS' if not count else 'FAIL'}  {what}: {count}")


FIGURES = {
    "dropped": "answered calls dropped, or talk limits more than 1 s off",
    "gap": "talks with a gap of more than 0.3 s",
    "cdr": "CDRs missing, doubled, or of a refused request",
    "billsec": "billsec more than 1 s from Asterisk's own record",
    "rung twice": "numbers rung twice for one attempt, or legs without an owner",
    "open row": "calls open in our rows at the end",
    "left over": "channels and bridges left 10 s after the last call",
    "late": "times over what is promised",
    "no fault": "faults that did not happen",
}


def _row(kind: str, runs: Sequence[Run], columns: list[str]) -> str:
    counts = Counter(each.invariant for run in runs for each in run.broken)
    flying = sum(run.in_flight for run in runs)
    return f"{kind:<24}{len(runs):>5}{flying:>10}" + "".join(f"{counts[name] or '-':>12}" for name in columns)
