"""Recordings on the real Asterisk: who is in them, from when to when, and whether a dead engine costs any of it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest
import pytest_asyncio

from engine.core.events import RecordingAsked
from engine.core.request import Alert, CallRequest
from engine.media.tapes import Tapes
from engine.services.recordings import Recordings
from tests.live.engine import Api, legwork, make_up
from tests.live.lab import RATE, heard, read, settings, tones
from tests.live.own_node import OwnNode, fresh, own_node, party, tone
from tests.live.test_restart import engine_pid
from tests.live.wire import Wire, answer, first

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

AGENT_HZ, CUSTOMER_HZ, ALERT_HZ = 450, 500, 1000  # rows 01 and 02
SIDES: dict[str, set[int]] = {
    "both": {AGENT_HZ, CUSTOMER_HZ},
    "agent": {AGENT_HZ},
    "customer": {CUSTOMER_HZ},
}
CUT_SECONDS = 0.3
SHORTEST_SECONDS = 0.2


@dataclass(slots=True)
class Recorded:
    """A call that was recorded while the engine was killed, and brought back."""

    cdr: dict[str, Any]
    talk_seconds: float  # on the wire
    wav: bytes  # by its link

    @property
    def recording(self) -> dict[str, Any]:
        """The only one there is."""
        (found,) = self.cdr["recordings"]
        return dict(found)

    @property
    def file(self) -> Path:
        """Where Asterisk wrote it."""
        return Path(settings()["PBX_RECORDINGS"]) / "account_1" / f"{self.cdr['recording_name']}.wav"


@dataclass(slots=True)
class Calls:
    """One for each side that can be recorded."""

    api: Api
    by_side: dict[str, Recorded]


async def fetched(url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """What whoever has no account gets there."""
    async with aiohttp.ClientSession() as http, http.get(settings()["LEGWORK_URL"] + url, headers=headers) as reply:
        return reply.status, await reply.read()


async def settled(api: Api, request_id: str) -> dict[str, Any]:
    """The call's CDR, once its recording is."""
    for _ in range(100):
        cdr = await api.cdr(request_id)
        if cdr["recordings"] and all(each["state"] in ("finished", "failed") for each in cdr["recordings"]):
            return cdr
        await asyncio.sleep(0.1)
    raise AssertionError(cdr)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls() -> AsyncIterator[Calls]:
    api, wire = await Api.open(), Wire.open()
    try:
        numbers = {side: (fresh("01"), fresh("02")) for side in SIDES}
        ids = {side: await api.call(*numbers[side], recording_option=side, transcript="on") for side in SIDES}
        await asyncio.sleep(2.5)
        os.kill(engine_pid(), signal.SIGKILL)
        await asyncio.sleep(2)
        assert "started engine" in await make_up()
        await asyncio.sleep(2)
        for request_id in ids.values():
            assert await legwork("hangup", request_id) == (0, "")
        found = {}
        for side, request_id in ids.items():
            cdr = await settled(api, request_id)
            dialog = wire.dialog(numbers[side][1])
            seconds = first(dialog, "BYE").at - answer(dialog).at
            status, wav = await fetched(cdr["recordings"][0]["link"])
            assert status == 200
            found[side] = Recorded(cdr, seconds, wav)
        yield Calls(api, found)
    finally:
        wire.close()
        await api.http.close()


@pytest.mark.parametrize("side", SIDES)
async def test_a_recording_holds_whom_it_was_asked_for_and_nobody_else(calls: Calls, side: str) -> None:
    """ "How you want to record calls, agent side only, customer side only or both sides." """
    seconds = {hz: heard(calls.by_side[side].file, hz) for hz in (AGENT_HZ, CUSTOMER_HZ)}
    assert {hz for hz, length in seconds.items() if length > SHORTEST_SECONDS} == SIDES[side], seconds


@pytest.mark.parametrize("side", SIDES)
async def test_an_engine_that_was_killed_meanwhile_cost_none_of_it(calls: Calls, side: str) -> None:
    found = calls.by_side[side]
    samples = read(found.file)
    assert found.recording["state"] == "finished"
    assert found.recording["seconds"] == pytest.approx(len(samples) / RATE, abs=0.001)
    assert found.talk_seconds > 6
    assert found.recording["seconds"] == pytest.approx(found.talk_seconds, abs=CUT_SECONDS)
    for hz in SIDES[side]:
        (whole,) = tones(samples, [hz])
        assert whole.seconds == pytest.approx(found.recording["seconds"], abs=CUT_SECONDS), "there is no hole in it"


async def test_the_cdr_names_it_and_it_lies_in_the_accounts_folder(calls: Calls) -> None:
    for found in calls.by_side.values():
        name = found.cdr["recording_name"]
        assert name == found.recording["recording_name"]
        assert found.cdr["request_id"] in name
        assert found.file.read_bytes() == found.wav


async def test_a_link_that_is_old_forged_or_anothers_is_refused(calls: Calls) -> None:
    link, other = (calls.by_side[side].recording["link"] for side in ("both", "agent"))
    path, _, query = link.partition("?")
    expires = query.split("=")[1].partition("&")[0]
    for wrong in (
        link.replace(expires, "1"),
        link[:-1] + ("1" if link[-1] != "1" else "2"),
        other.split("?")[0] + "?" + query,
    ):
        assert (await fetched(wrong))[0] == 403, wrong
    lab = settings()
    assert (await fetched(path))[0] == 401
    assert (await fetched(path, {"account": lab["CPAAS_ACCOUNT_2"], "auth": lab["CPAAS_AUTH_2"]}))[0] == 404
    status, wav = await fetched(path, {"account": lab["CPAAS_ACCOUNT"], "auth": lab["CPAAS_AUTH"]})
    assert (status, wav) == (200, calls.by_side["both"].wav)


@pytest.mark.parametrize("side", SIDES)
async def test_a_recorded_call_comes_back_as_text(calls: Calls, side: str) -> None:
    """The lab's engine of transcripts writes down the tones it hears."""
    request_id = calls.by_side[side].cdr["request_id"]
    for _ in range(150):
        async with calls.api.http.get(f"{calls.api.url}/v1/transcripts/{request_id}") as reply:
            said = await reply.json()
        if said["state"] in ("done", "failed"):
            break
        await asyncio.sleep(0.1)
    assert (said["state"], said["text"]) == ("done", ", ".join(f"{hz} Hz" for hz in sorted(SIDES[side]))), said
    assert [each["side"] for each in said["recordings"]] == [side]


# -- in the middle of a call -------------------------------------------------------------------


async def ask(node: OwnNode, call_id: str, what: Literal["start", "stop", "pause", "resume"]) -> None:
    """Ask for that, as an API does."""
    line = node.switch._lines.get(call_id)
    assert line is not None
    assert line.call.can_record(what) == ""
    line.note(RecordingAsked(at=time.time(), what=what))


async def test_what_is_asked_for_in_the_middle_of_a_call_is_cut_where_it_should_be(tmp_path: Path) -> None:
    """A tone of a second is played to both 2 s after they were bridged: it tells where in the talk a recording is."""
    async with own_node(tmp_path) as node:
        tapes = Tapes(Path(settings()["PBX_RECORDINGS"]))
        keeper = Recordings(store=node.store, ari=node.switch._ari, tapes=tapes)
        request = CallRequest(
            account_id="account_1",
            kind="click2call",
            agent=party(fresh("01")),
            customer=party(fresh("02")),
            max_talk_seconds=60,
            alerts=(
                Alert(after_seconds=2, media=tone(ALERT_HZ, 1.0)),
                Alert(after_seconds=7, media=tone(ALERT_HZ, 1.0)),
            ),
        )
        call_id = await node.switch.start(request)
        line = node.switch._lines.get(call_id)
        assert line is not None
        while line.call.bridged_at is None:
            await asyncio.sleep(0.01)
        for at, what in ((1.0, "start"), (4.0, "stop"), (5.0, "start"), (6.0, "pause"), (6.5, "resume"), (9.0, "stop")):
            await asyncio.sleep(line.call.bridged_at + at - time.time())
            await ask(node, call_id, what)  # type: ignore[arg-type]
        await asyncio.sleep(0.2)
        node.switch.cancel(call_id)
        cdr = await node.cdr(call_id)
        for _ in range(50):
            await keeper.settle()
            rows = (await node.store.recordings.of_calls([call_id]))[call_id]
            if all(row["settled_at"] for row in rows):
                break
            await asyncio.sleep(0.1)
    assert cdr["disposition"] == "ANSWER"
    assert [(row["name"], row["state"]) for row in rows] == [
        (f"t1-{call_id}.b1.r1", "finished"),
        (f"t1-{call_id}.b1.r2", "finished"),
    ]
    # From 1 s to 4 s, the tone at 2 s; from 5 s to 9 s without the half second from 6 s on, the tone at 7 s.
    for row, seconds, alert in zip(rows, (3.0, 3.5), (1.0, 1.5), strict=True):
        samples = read(tapes.file("account_1", row["name"]))
        assert len(samples) / RATE == pytest.approx(seconds, abs=CUT_SECONDS)
        (told,) = tones(samples, [ALERT_HZ], gap_seconds=0.2)
        assert told.start_seconds == pytest.approx(alert, abs=CUT_SECONDS)
        for hz in (AGENT_HZ, CUSTOMER_HZ):
            assert heard(tapes.file("account_1", row["name"]), hz) > seconds - 2 * CUT_SECONDS - 1.0
