"""One-time passwords on the real Asterisk: what the carrier recorded, what the CDR says, what is left behind."""

import asyncio
import os
import secrets
import signal
import string
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.core.speech import LEAD_SECONDS, Pause, spoken
from tests.live.engine import CALLER_ID, Api, left_in_asterisk, make_up
from tests.live.lab import RATE, loudness, read, recordings
from tests.live.sarv import number
from tests.live.spoken import Reference, likeness, onset
from tests.live.test_restart import engine_pid
from tests.live.wire import Wire, answer, first

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

LAB = Path(__file__).resolve().parents[2] / ".lab"
TEMPLATE_ID = "AN2222314c96"
TEMPLATE = "Your one time password is {otp}. Again, {otp}."  # as the lab's accounts say
PASSWORD = "73092"
WRONG = "73019"
ALIKE, UNLIKE = 0.8, 0.6


def secret() -> str:
    """A password that stands nowhere by chance."""
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(10))


@dataclass(slots=True)
class Calls:
    """All made at once."""

    api: Api
    wire: Wire
    heard_out: dict[str, Any]
    hung_up: dict[str, Any]
    busy: dict[str, Any]
    counted: int
    passwords: list[str]
    since: float


async def ask(api: Api, customer: str, otp: str, **more: str) -> str:
    """The request id of an accepted request."""
    body = {"customer_number": customer, "otp": otp, "announce_template_id": TEMPLATE_ID, "caller_id": CALLER_ID}
    status, response = await api.post("/api/outbound_call", body | more)
    assert (status, response["success"]) == (200, "true"), response
    request_id: str = response["request_id"]
    return request_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls() -> AsyncIterator[Calls]:
    api, wire = await Api.open(), Wire.open()
    since, passwords = time.time(), [secret() for _ in range(2)]
    try:
        out = await ask(api, number("00"), PASSWORD, repeat="2")
        early = await ask(api, number("60"), passwords[0], repeat="3")
        busy = await ask(api, number("20"), passwords[1])
        await asyncio.sleep(2)
        counted = (await api.get("/api/get_live_call_statistics"))["result"]["live_calls_otp"]
        heard_out, hung_up, engaged = [await api.cdr(each) for each in (out, early, busy)]
        await asyncio.sleep(1.2)  # a recording is complete within a second
        yield Calls(api, wire, heard_out, hung_up, engaged, counted, passwords, since)
    finally:
        wire.close()
        await api.http.close()


async def test_the_password_is_heard_character_by_character_and_no_other(calls: Calls, tmp_path: Path) -> None:
    recording = read(recordings(calls.heard_out["customer_number"])[-1])
    for otp, right in ((PASSWORD, True), (WRONG, False)):
        parts = (Pause(LEAD_SECONDS), *spoken(TEMPLATE, {}, otp=otp))
        reference = await Reference.of(parts, PASSWORD + WRONG, tmp_path)
        begun = onset(recording) - LEAD_SECONDS
        found = [
            (said, likeness(recording, reference.sounds[said], begun + at))
            for said, at in reference.places
            if len(said) == 1
        ]
        assert len(found) == 2 * len(otp), "twice in the template"
        if right:
            assert min(alike for _, alike in found) > ALIKE, found
        for place, (said, alike) in enumerate(found):
            same = said == PASSWORD[place % len(PASSWORD)]
            assert same or alike < UNLIKE, (place, said, alike)


async def test_the_whole_is_said_so_many_times_and_then_we_hang_up(calls: Calls) -> None:
    cdr = calls.heard_out
    dialog = calls.wire.dialog(cdr["customer_number"])
    talked = first(dialog, "BYE").at - answer(dialog).at
    assert cdr["announcement_seconds"] == cdr["heard_seconds"]
    assert talked == pytest.approx(cdr["announcement_seconds"], abs=0.5)
    recording = read(recordings(cdr["customer_number"])[-1])
    once = round(cdr["announcement_seconds"] / 2 * RATE)
    start = round((onset(recording) - LEAD_SECONDS) * RATE)
    for begin in (start, start + once):
        assert loudness(recording[begin : begin + once]) > 500
    legs = cdr["legs"]
    assert (len(legs), legs[0]["ended_by"]) == (1, "us")


async def test_the_cdr_is_as_the_reports_show_it(calls: Calls) -> None:
    """An OTP is `outbound-api` / `local_call`, `agent_number` "" (apis.md part 5)."""
    cdr = calls.heard_out
    assert (cdr["call_direction"], cdr["destination_context"], cdr["agent_number"]) == (
        "outbound-api",
        "local_call",
        "",
    )
    assert (cdr["dial_status"], cdr["call_status"], cdr["caller_id"]) == ("ANSWER", "ANSWERED", CALLER_ID)
    assert calls.counted >= 1


async def test_who_hangs_up_early_is_a_normal_end(calls: Calls) -> None:
    """Row 60 answers and hangs up after 3 s."""
    cdr = calls.hung_up
    assert (cdr["dial_status"], cdr["reason"]) == ("ANSWER", "answered")
    assert cdr["heard_seconds"] == pytest.approx(cdr["billsec"], abs=0.1)
    assert cdr["heard_seconds"] == pytest.approx(3, abs=0.3)
    assert cdr["announcement_seconds"] > 20
    assert cdr["legs"][0]["ended_by"] == "party"


async def test_who_is_busy_has_heard_nothing(calls: Calls) -> None:
    cdr = calls.busy
    assert (cdr["dial_status"], cdr["heard_seconds"], cdr["billsec"]) == ("BUSY", 0.0, 0.0)


async def test_the_password_is_nowhere_afterwards(calls: Calls) -> None:
    """Not in Postgres's files nor its log, not in the engine's, not in Asterisk's, not in the name of any file."""
    assert not list((LAB / "media/n1/speeches").iterdir()), "not even its sound"
    needles = [password.encode() for password in calls.passwords]
    looked = 0
    for file in LAB.rglob("*"):
        assert not any(password in file.name for password in calls.passwords), file
        if file.is_file() and file.stat().st_mtime >= calls.since - 1:
            content = file.read_bytes()
            looked += 1
            assert not any(needle in content for needle in needles), file
    assert looked > 10
    canary = calls.hung_up["customer_number"].encode()
    written = [file for file in (LAB / "postgres").rglob("*") if file.is_file() and canary in file.read_bytes()]
    assert written, "what is in Postgres would have been found"


async def test_an_engine_killed_while_it_speaks_says_all_of_it_from_the_start(calls: Calls, tmp_path: Path) -> None:
    customer = number("00")
    request_id = await ask(calls.api, customer, PASSWORD)
    await asyncio.sleep(4)
    os.kill(engine_pid(), signal.SIGKILL)
    assert "started engine" in await make_up()
    back_at = time.time()
    cdr = await calls.api.cdr(request_id)
    await asyncio.sleep(1.2)
    assert (cdr["dial_status"], cdr["heard_seconds"]) == ("ANSWER", cdr["announcement_seconds"])
    assert calls.wire.dialled(customer) == 1
    assert await left_in_asterisk({request_id}) == []
    recording = read(recordings(customer)[-1])
    parts = (Pause(LEAD_SECONDS), *spoken(TEMPLATE, {}, otp=PASSWORD))
    reference = await Reference.of(parts, (), tmp_path)
    begun = len(recording) / RATE - cdr["announcement_seconds"]
    said = [likeness(recording, reference.sounds[text], begun + at) for text, at in reference.places if len(text) == 1]
    assert sum(alike > ALIKE for alike in said) == len(said), (said, back_at)
