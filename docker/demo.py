"""The demonstration: one call between two numbers, one that speaks a password, their records, and proof by ear."""

import json
import subprocess
import time
import urllib.request
from pathlib import Path

from docker.choices import LAB, ROOT
from docker.engines import LEGWORK
from docker.tones import heard, loudness, read

FROM, FROM_HZ = "919910000101", 450
TO, TO_HZ = "919910000202", 500
CUSTOMER = "919910000300"
QUIET = 200  # of 32767, over a whole recording
SPOKEN_SECONDS = 40
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
    say("Both heard each other.")
    if why := spoken_password():
        return fail(why)
    say("Where to look next:")
    print(f"  {ROOT / 'README.md'}   what this is and how it works")
    print(f"  {LAB / 'lab.env'}   addresses and secrets, for curl and for the tests")
    print(f"  {LAB / 'n1/engine.log'}   what the engine did, one line a fact")
    print(f"  {LAB / 'carrier/recordings'}   what every number heard")
    print("  make down   stops the lab, which goes on running until then")
    return 0


def spoken_password() -> str:
    """Have a password spoken to a number; what went wrong, "" if nothing did."""
    started_ms = int(time.time() * 1000)
    say(f"speaking a password to {CUSTOMER}, who answers at once")
    request_id = asked_for_password()
    last = time.monotonic() + SPOKEN_SECONDS
    while "disposition" not in (cdr := json.loads(legwork("cdr", request_id, "--json", read=True).stdout)):
        if time.monotonic() > last:
            return f"the password was not spoken within {SPOKEN_SECONDS} s"
        time.sleep(0.5)
    legwork("cdr", request_id)
    time.sleep(WRITTEN_SECONDS)
    path = recording(CUSTOMER, started_ms)
    if path is None or loudness(read(path)) < QUIET:
        return f"{CUSTOMER} heard nothing"
    say(f"{CUSTOMER} heard {cdr['heard_seconds']:.1f} s of {cdr['announcement_seconds']:.1f} s: {path}")
    return "" if cdr["heard_seconds"] == cdr["announcement_seconds"] else "it was not spoken to its end"


def asked_for_password() -> str:
    """The id of a request as a shop would make it."""
    lab = dict(line.split("=", 1) for line in (LAB / "lab.env").read_text().splitlines())
    body = {
        "customer_number": CUSTOMER,
        "otp": "1987",
        "announce_template_id": "AN2222314c96",
        "caller_id": "15168148111",
    }
    request = urllib.request.Request(
        f"{lab['LEGWORK_URL']}/api/outbound_call",
        data=json.dumps(body).encode(),
        headers={"account": lab["CPAAS_ACCOUNT"], "auth": lab["CPAAS_AUTH"]},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        request_id: str = json.load(reply)["response"]["request_id"]
    return request_id


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
