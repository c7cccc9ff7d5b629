"""The demonstration: a call between two numbers, a spoken password, a small campaign, their records, proof by ear."""

import json
import secrets
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from docker.choices import LAB, ROOT
from docker.engines import LEGWORK
from docker.tones import heard, loudness, read

FROM, FROM_HZ = "919910000101", 450
TO, TO_HZ = "919910000202", 500
CUSTOMER = "919910000300"
CALLER_ID = "15168148111"
# The contacts of the campaign, by name: one who talks, one who is busy the first time, a machine, one who hangs up.
CONTACTS = {"Asha": "919910031071", "Ben": "919910031021", "Chen": "919910031070", "Dora": "919910031060"}
UNWANTED = "919910031001"
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
    if why := campaign():
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
    asked = {"customer_number": CUSTOMER, "otp": "1987", "announce_template_id": "AN2222314c96", "caller_id": CALLER_ID}
    return str(ask("/api/outbound_call", asked)["request_id"])


def campaign() -> str:
    """Have a campaign call a handful of contacts; what went wrong, "" if nothing did."""
    started_ms, name = int(time.time() * 1000), f"demo-{secrets.token_hex(3)}"
    say(
        f"campaign {name}: {len(CONTACTS)} contacts, one of them busy at first, one a machine, and one not to be called"
    )
    list_id = ask("/api/create_campaign_list", {"list_name": name})["list_id"]
    dnd_id = ask("/api/create_campaign_dnd_list", {"dnd_list_name": name})["dnd_list_id"]
    people = [*CONTACTS.items(), ("Nobody", UNWANTED)]
    rows = [{"contact_name": who, "contact_number": number, "contact_fields": {"name": who}} for who, number in people]
    ask("/api/add_contact_to_list", {"list_id": list_id, "contacts": rows})
    unwanted = [{"dnd_contact_name": "Nobody", "dnd_contact_number": UNWANTED}]
    ask("/api/add_dnd_contact_to_list", {"dnd_list_id": dnd_id, "dnd_contacts": unwanted})
    asked = {
        "list_id": list_id,
        "dnd_list_id": dnd_id,
        "campaign_name": name,
        "campaign_type": "0",
        "campaign_caller_id": CALLER_ID,
        "dynamic_announcement": "1",
        "announcement_text": "Hello {name}, this is a demonstration.",
        "amd": "asterisk",
        "on_machine": "beep",
        "max_retries": "1",
        "retry_time": "3",
        "calls_per_minute": "120",
    }
    campaign_id = ask("/api/create_campaign", asked)["campaign_id"]
    if legwork("campaign", name).returncode:
        return "the campaign was not carried out"
    time.sleep(WRITTEN_SECONDS)
    counted = ask("/api/get_campaign_cdr_statistics", {"campaign_id": campaign_id})["result"]
    say(", ".join(f"{count} {what.removesuffix('_calls')}" for what, (count,) in counted.items() if count))
    spoken_to = [recording(number, started_ms) for number in CONTACTS.values()]
    heard_it = [path is not None and loudness(read(path)) >= QUIET for path in spoken_to[:-1]]  # Dora hangs up
    say(f"{sum(heard_it)} of {len(heard_it)} heard their announcement, the machine's after its beep: {spoken_to[0]}")
    return "" if all(heard_it) and recording(UNWANTED, started_ms) is None else "somebody heard what was not meant so"


def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the API answers."""
    lab = dict(line.split("=", 1) for line in (LAB / "lab.env").read_text().splitlines())
    request = urllib.request.Request(
        lab["LEGWORK_URL"] + path,
        data=json.dumps(body).encode(),
        headers={"account": lab["CPAAS_ACCOUNT"], "auth": lab["CPAAS_AUTH"]},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        answer: dict[str, Any] = json.load(reply)["response"]
    return answer


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
