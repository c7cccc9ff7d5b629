"""What tests prove that stand elsewhere, run larger than `make test` does, and told as figures."""

import os
import subprocess
import sys
from dataclasses import dataclass

from docker.choices import ROOT
from tests.bench.lab import say


@dataclass(frozen=True, slots=True)
class Proof:
    """Tests to run with these settings, and what it means when they pass."""

    what: str
    tests: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()


PROOFS = (
    Proof("50 identical concurrent requests with one key are one call", ("tests/live/test_idempotency.py",)),
    Proof(
        "2,000 hostile requests to every route: no 500, no foreign INVITE, no canary, no fetch, no secret in the log",
        ("tests/live/test_strangers.py", "tests/live/test_exposure.py"),
        (("STRANGERS", "2000"),),
    ),
    Proof(
        "10,000 runs against a simulated ARI: no number rung twice for one attempt, no leg without an owner",
        ("tests/sim/test_sim.py",),
        (("SIM_RUNS", "10000"),),
    ),
)


def run_proofs() -> int:
    """Run all of them; 1 if any does not hold."""
    verdicts = [(proof, _passes(proof)) for proof in PROOFS]
    for proof, passes in verdicts:
        print(f"{'PASS' if passes else 'FAIL'}  {proof.what}")
    return int(not all(passes for _, passes in verdicts))


def _passes(proof: Proof) -> bool:
    say(f"running {' '.join(proof.tests)}")
    pytest = [sys.executable, "-m", "pytest", "-q", "--capture=no", "--timeout=1800", *proof.tests]
    return subprocess.run(pytest, cwd=ROOT, env=os.environ | dict(proof.settings), check=False).returncode == 0
