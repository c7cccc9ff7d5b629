"""Calls from outside, over the carrier's trunk: each is judged by what its caller saw and heard, and by its CDR."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.store.postgres import Store
from tests.live.engine import ROOT, Api, ari, legwork, make_up
from tests.live.lab import loudness, read, recordings, settings, tones
from tests.live.phone import Call, Phone
from tests.live.spoken import likeness, onset, samples
from tests.live.wire import Wire, first

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]

AGENT, GROUP, IVR, EXTENSION, BOT = (
    "15168148111",
    "919910099999",
    "919910099998",
    "919910099997",
    "919910099996",
)
NOBODY = "12125550199"
OWN = "919910020101"  # where agent 201 is reached
TALK_HZ = 1000
HEARD_HZ = range(400, 1000, 50)
SETTLE_SECONDS = 0.5
QUIET = 50


@pytest_asyncio.fixture(loop_scope="function")
async def api() -> AsyncIterator[Api]:
    client = await Api.open()
    yield client
    await client.http.close()


def caller(line: int = 0) -> str:
    """A number nobody has called from before."""
    return f"9199100{(int(time.time() * 10) + line) % 100000:05}"


@asynccontextmanager
async def dialling(number: str, *, shown: str = "", **more: Any) -> AsyncIterator[Call]:
    """A call of a phone outside, before anything came back."""
    host, _, port = settings()["CARRIER_SIP"].partition(":")
    phone = await Phone.open(shown or caller(), **more)
    try:
        yield await phone.dial(number, (host, int(port)))
    finally:
        await phone.close()


@asynccontextmanager
async def reached_at(agent: str, number: str, back: str) -> AsyncIterator[None]:
    """That agent has another number meanwhile."""
    assert (await legwork("agent", "set", agent, "--number", number))[0] == 0
    await asyncio.sleep(SETTLE_SECONDS)
    try:
        yield
    finally:
        assert (await legwork("agent", "set", agent, "--number", back))[0] == 0
        await asyncio.sleep(SETTLE_SECONDS)


async def cdr_of(api: Api, shown: str, *, seconds: float = 5) -> dict[str, Any]:
    """The newest CDR of a call from that number."""
    today = time.strftime("%Y-%m-%d", time.gmtime())
    last = time.monotonic() + seconds
    while True:
        body = {"start_call_date": today, "end_call_date": today, "record_count": 1000}
        _, counted = await api.post("/api/get_cdr_by_date", body)
        rows: list[dict[str, Any]] = counted["result"]
        while len(rows) % 1000 == 0 and counted["result"]:
            _, counted = await api.post("/api/get_cdr_by_date", {**body, "offset": len(rows)})
            rows += counted["result"]
        found = [row for row in rows if row["call_direction"] == "inbound" and row["customer_number"] == shown]
        if found or time.monotonic() > last:
            return found[-1]
        await asyncio.sleep(0.2)


async def ended(call: Call) -> None:
    """Wait until the other side has hung up."""
    async with asyncio.timeout(20):
        while not call.bye_at:
            await asyncio.sleep(0.05)


async def live(api: Api) -> int:
    counted: int = (await api.get("/api/get_live_call_statistics"))["result"]["live_calls_inbound"]
    return counted


async def nothing_left() -> bool:
    """Whether Asterisk has no channel that came in from the carrier, within a second."""
    last = time.monotonic() + 2
    while [each for each in await ari("channels") if each["dialplan"]["context"].startswith("legwork-")]:
        if time.monotonic() > last:
            return False
        await asyncio.sleep(0.1)
    return True


@pytest.mark.parametrize(
    ("number", "hz", "reached", "where"),
    [
        (AGENT, 450, OWN, OWN),
        (GROUP, 450, OWN, OWN),
        (EXTENSION, 550, "104", "919910000003"),
        (BOT, 550, "bot", "919910099103"),
    ],
)
async def test_a_number_leads_to_whom_it_belongs_and_both_hear_each_other(
    api: Api, number: str, hz: int, reached: str, where: str
) -> None:
    shown, wire = caller(hz), Wire.open()
    try:
        async with dialling(number, shown=shown) as call:
            await call.until(200)
            since = call.answered_at
            assert 180 in call.statuses  # it rang before
            await asyncio.sleep(0.3)
            await call.send_tone(TALK_HZ, 1.0)
            assert await live(api) == 1
            await asyncio.sleep(0.3)
            (heard,) = tones(call.audio(since + 0.3, since + 1.3), HEARD_HZ)
            assert heard.hz == hz
        cdr = await cdr_of(api, shown)
    finally:
        wire.close()
    assert (cdr["call_direction"], cdr["destination_context"]) == ("inbound", "inbound")
    assert (cdr["dial_status"], cdr["dialed_number"]) == ("ANSWER", number)
    assert (cdr["agent_number"], cdr["customer_number"], cdr["caller_id"]) == (reached, shown, shown)
    assert cdr["billsec"] == pytest.approx(call.messages[-1].at - since, abs=0.3)
    assert bool(cdr["recording_name"]) == (number == EXTENSION)  # as the accounts file says
    seen = shown if number == EXTENSION else number  # no word of the caller's leaves over a trunk
    assert f"<sip:{seen}@" in first(wire.dialog("104" if number == EXTENSION else where), "INVITE").headers["from"]
    await asyncio.sleep(1.2)
    # In one piece or, where our own telephone's process had to wait for its turn, in two.
    assert {stretch.hz for stretch in tones(read(recordings(where, since=since - 1)[-1]), [TALK_HZ])} == {TALK_HZ}
    assert await nothing_left()
    assert await live(api) == 0


async def test_an_ivr_answers_and_its_keys_lead_on(api: Api) -> None:
    shown = caller(1)
    async with dialling(IVR, shown=shown) as call:
        await call.until(200)
        await asyncio.sleep(2)
        assert loudness(call.audio(call.answered_at, call.answered_at + 2)) > QUIET  # the question
        await call.press("0")  # group 302: agent 203 is first
        await asyncio.sleep(2)
        assert [each.hz for each in tones(call.audio(time.time() - 1, time.time()), HEARD_HZ)] == [550]
    cdr = await cdr_of(api, shown)
    assert (cdr["dial_status"], cdr["dtmf_inputs"], cdr["agent_number"]) == ("ANSWER", "0", "919910020303")


async def test_a_number_that_is_nobodys_does_not_exist(api: Api) -> None:
    async with dialling(NOBODY) as call:
        await call.until(404, seconds=3)
    assert call.statuses[-1] == 404


async def test_a_caller_who_gives_up_while_it_rings_leaves_nobody_ringing(api: Api) -> None:
    shown = caller(2)
    async with reached_at("201", ringing := f"9199100{int(time.time()) % 1000:03}30", OWN):
        wire = Wire.open()
        try:
            async with dialling(AGENT, shown=shown) as call:
                await call.until(180)
                await asyncio.sleep(1)
            cdr = await cdr_of(api, shown)
        finally:
            wire.close()
    assert 200 not in call.statuses
    assert first(wire.dialog(ringing), "CANCEL")
    assert (cdr["dial_status"], cdr["billsec"], cdr["agent_number"]) == ("CANCEL", 0.0, ringing)
    assert await nothing_left()


async def test_a_caller_for_somebody_busy_hears_so_from_the_own_network(api: Api) -> None:
    shown = caller(3)
    async with reached_at("201", f"9199100{int(time.time()) % 1000:03}20", OWN), dialling(AGENT, shown=shown) as call:
        await call.until(486)
    cdr = await cdr_of(api, shown)
    assert (cdr["dial_status"], cdr["billsec"]) == ("BUSY", 0.0)


async def test_whoever_waits_hears_music_until_somebody_is_free(api: Api) -> None:
    shown = caller(4)
    assert (await legwork("agent", "busy", "201"))[0] == 0
    await asyncio.sleep(SETTLE_SECONDS)
    try:
        async with dialling(AGENT, shown=shown) as call:
            await call.until(183)  # music before the answer
            await asyncio.sleep(2)
            assert 200 not in call.statuses
            assert loudness(call.audio(time.time() - 1, time.time())) > QUIET
            assert (await legwork("agent", "free", "201"))[0] == 0
            await call.until(200)
            await asyncio.sleep(1)
            (heard,) = tones(call.audio(call.answered_at + 0.3, call.answered_at + 1), HEARD_HZ)
            assert heard.hz == 450
    finally:
        assert (await legwork("agent", "free", "201"))[0] == 0


async def test_a_caller_with_an_agent_of_its_own_reaches_that_one(api: Api) -> None:
    shown = "91991004" + caller(5)[-4:]
    async with Store.open(settings()["DATABASE_URL"]) as store:
        await store.pair("account_1", shown, "205", 60)
    async with dialling(GROUP, shown=shown) as call:
        await call.until(200)
    assert (await cdr_of(api, shown))["agent_number"] == "919910020505"


HOSTILE = (
    ("x'%3B%20DROP%20TABLE%20cdrs%3B--", ""),
    ("919910088888", '"<script>alert(1)</script>" '),
    ("..%2F..%2Fetc%2Fpasswd", '"$(reboot)" '),
    ("%24%7BSHELL(id)%7D", '"%0d%0aX-Evil: 1" '),
    ("1%0d%0a%7B%22level%22:%22error%22%7D", ""),
    ("anonymous", '"Anonymous" '),
    ("9" * 200, ""),
    ("%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5", ""),
)


@pytest.mark.parametrize(("shown", "name"), HOSTILE)
async def test_a_hostile_caller_id_is_nobodys(api: Api, shown: str, name: str) -> None:
    log = Path(settings()["ENGINE_LOG"])
    before, wire = log.stat().st_size, Wire.open()
    try:
        async with dialling(EXTENSION, shown=shown, name=name) as call:  # a telephone of ours shows who calls
            await call.until(200)
        kept = shown if shown.isdigit() and len(shown) <= 15 else "anonymous"
        cdr = await cdr_of(api, kept)
    finally:
        wire.close()
    assert (cdr["customer_number"], cdr["dial_status"]) == (kept, "ANSWER")
    seen = first(wire.dialog("104"), "INVITE").headers["from"]
    assert f"<sip:{EXTENSION if kept == 'anonymous' else kept}@" in seen
    assert not any(evil in seen for evil in ("script", "reboot", "Evil", "SHELL", "DROP"))
    lines = log.read_bytes()[before:].decode().splitlines()
    assert not any(evil in line for line in lines for evil in ("script", "reboot", "Evil", "SHELL", "DROP", "passwd"))
    assert not [line for line in lines if '"level":"error"' in line]
    canary = Path(settings()["PBX_CANARY"])
    assert not canary.exists() or canary.stat().st_mtime < call.messages[0].at


async def test_with_the_engine_gone_a_caller_hears_so_and_calls_survive(api: Api) -> None:
    shown, ringing = caller(6), f"9199100{int(time.time()) % 1000:03}30"
    async with reached_at("202", ringing, "919910020202"), dialling(GROUP, shown=shown) as talking:
        await talking.until(200)  # agent 201
        async with dialling(GROUP, shown=caller(7)) as waiting:
            await waiting.until(180)  # agent 202
            await asyncio.sleep(0.5)
            os.kill(int(Path(settings()["ENGINE_PID_FILE"]).read_text().split()[0]), signal.SIGKILL)
            await asyncio.sleep(0.3)  # Asterisk sees it
            async with dialling(AGENT) as away:
                await away.until(200)
                again, _ = await asyncio.gather(make_up(), ended(away))  # its return does not cut who listens
            heard = away.audio(away.answered_at, time.time())
            said = samples((ROOT / "sounds/en/away.wav").read_bytes())
            begin = onset(said)
            part = said[round(begin * 8000) : round((begin + 1.5) * 8000)]
            assert likeness(heard, part, onset(heard)) > 0.9  # and was never left alone
            assert "started engine" in again
            async with asyncio.timeout(2):
                while await live(api) != 2:
                    await asyncio.sleep(0.1)
            assert not waiting.bye_at
            assert set(waiting.statuses) <= {100, 180}
        assert not talking.bye_at
        assert [each.hz for each in tones(talking.audio(time.time() - 1, time.time()), HEARD_HZ)] == [450]
    assert (await cdr_of(api, shown))["dial_status"] == "ANSWER"
    assert (await cdr_of(api, waiting.phone.caller))["dial_status"] == "CANCEL"
    assert await nothing_left()
    log = Path(settings()["PBX_CANARY"]).parent
    assert any("did not take a call" in path.read_text(errors="replace") for path in log.glob("*") if path.is_file())


# -- agents log in -----------------------------------------------------------------------------


async def logged_in(agent: str) -> bool:
    async with Store.open(settings()["DATABASE_URL"]) as store:
        rows = {row["id"]: row["state"] for row in await store.applied() if row["kind"] == "agent"}
    state: bool = (rows[agent] or {}).get("call_login", False)
    return state


async def keyed(code: str, keys: str, *, extension: int = 103) -> Call:
    """What a phone of ours saw that called that code and pressed these keys."""
    host, _, port = settings()["PBX_SIP"].partition(":")
    own = int(settings()[f"PHONE_SIP_{extension}"].partition(":")[2])
    phone = await Phone.open("31337", port=own)  # what it says of itself does not matter
    try:
        call = await phone.dial(code, (host, int(port)))
        await call.until(200)
        await asyncio.sleep(0.6)  # the question has begun
        await call.press(keys)
        await ended(call)
    finally:
        await phone.close()
    return call


async def test_an_agent_logs_in_and_out_by_telephone_with_the_pin_and_not_without_it() -> None:
    log = Path(settings()["ENGINE_LOG"])
    before = log.stat().st_size
    async with Store.open(settings()["DATABASE_URL"]) as store:
        for agent in ("201", "202"):
            await store.set_agent_state("account_1", agent, call_login=False)
    in_vain = keyed("*45", "202#1111#202##202#2010#", extension=104)  # a wrong one, none, another agent's
    call, _ = await asyncio.gather(in_vain, keyed("*45", "210#2010#201#2010#"))  # mistyped at first
    assert (await logged_in("202"), await logged_in("201")) == (False, True)
    assert loudness(call.audio(call.answered_at, call.answered_at + 1)) > QUIET
    await keyed("*46", "201#2010#")
    assert not await logged_in("201")
    told = log.read_bytes()[before:].decode()
    assert "agent logged in by telephone" in told
    assert "wrong PIN or agent" in told
    assert not any(pin in told for pin in ("2010", "1111"))
