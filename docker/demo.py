"""The demonstration: one call between two numbers, its record, and proof by ear."""

import json
import subprocess
import time
from pathlib import Path

from docker.choices import LAB, ROOT
from docker.engines import LEGWORK
from docker.tones import heard

FROM, FROM_HZ = "919910000101", 450
TO, TO_HZ = "919910000202", 500
TALK_SECONDS = 5
ENOUGH_SECONDS = 4
WRITTEN_SECONDS = 1  # after a call's end its recordings are complete


def demo() -> int:
    """Place the call and check what each side heard; 0 only if all was right."""
    started_ms = int(time.time() * 1000)
    say(f"calling {FROM}, and when it answers {TO}; they talk for {TALK_SECONDS} s")
    call = legwork("call", FROM, TO, "--talk-seconds", str(TALK_SECONDS), "--json", read=True)
    if call.returncode:
        return fail(f"the call failed (exit code {call.returncode})")
    if legwork("cdr", json.loads(call.stdout)["request_id"]).returncode:
        return fail("the call has no record")
    time.sleep(WRITTEN_SECONDS)
    right = [
        listen(FROM, TO_HZ, of=TO, since_ms=started_ms),
        listen(TO, FROM_HZ, of=FROM, since_ms=started_ms),
    ]
    if not all(right):
        return fail("the two did not hear each other")
    say("Both heard each other. Where to look next:")
    print(f"  {ROOT / 'README.md'}   what this is and how it works")
    print(f"  {LAB / 'lab.env'}   addresses and secrets, for curl and for the tests")
    print(f"  {LAB / 'n1/engine.log'}   what the engine did, one line a fact")
    print(f"  {LAB / 'carrier/recordings'}   what every number heard")
    print("  make down   stops the lab, which goes on running until then")
    return 0


def legwork(*arguments: str, read: bool = False) -> subprocess.CompletedProcess[str]:
    """The command line of the product; what it shows goes to the terminal."""
    return subprocess.run(
        [LEGWORK, "--env", LAB / "lab.env", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE if read else None,
        text=True,
        check=False,
    )


def listen(number: str, hz: int, *, of: str, since_ms: int) -> bool:
    """Whether what this number heard holds the other side's tone for most of the talk."""
    path = recording(number, since_ms)
    if path is None:
        say(f"{number} has no recording")
        return False
    seconds = heard(path, hz)
    say(f"{number} heard {of}'s tone ({hz} Hz) for {seconds:.1f} s: {path}")
    return seconds >= ENOUGH_SECONDS


def recording(number: str, since_ms: int) -> Path | None:
    """What this number heard since then."""
    found = sorted((LAB / "carrier/recordings").glob(f"{number}-*.wav"))
    return next((p for p in found if int(p.stem.partition("-")[2]) >= since_ms), None)


def fail(why: str) -> int:
    say(f"{why}. The engine's log: {LAB / 'n1/engine.log'}")
    return 1


def say(line: str) -> None:
    print(f"demo: {line}", flush=True)
