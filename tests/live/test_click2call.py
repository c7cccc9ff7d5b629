"""A click2call to and from every row of the carrier's table, seen on the wire, in the recordings, in the CDRs.

All calls are made at once; each test then looks at what was seen of its own.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.store.postgres import Store
from tests.live.engine import CALLER_ID, Api, left_in_asterisk, log_lines
from tests.live.lab import RATE, heard, loudness, read, recordings, settings, tones
from tests.live.wire import Wire, answer, first

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

RUN = int(time.time())
TALK_SECONDS = 3.0
RING_SECONDS = 30.0
QUIET = 50
SPACING_SECONDS = 0.06  # not one burst: times are measured

# The carrier's row to what its CDR says when it is the destination.
DIAL_STATUS = {
    **{f"0{n}": "ANSWER" for n in range(10)},
    **{f"1{n}": "ANSWER" for n in range(5)},
    "20": "BUSY",
    "21": "BUSY",
    "30": "NOANSWER",
    "40": "CONGESTION",
    "50": "CHANUNAVAIL",
    "55": "CHANUNAVAIL",
    "60": "ANSWER",
    "70": "ANSWER",
    "71": "ANSWER",
    "72": "ANSWER",
    **{f"8{n}": "ANSWER" for n in range(10)},
    "90": "NOANSWER",
    "91": "ANSWER",
    "92": "ANSWER",
    "95": "ANSWER",
}
UNREACHED_AGENTS = ("20", "30", "40", "50", "55", "90")
SIP_CODE = {"20": 486, "40": 503, "50": 404, "55": 603}
AGENT_HZ = 450  # row 01


def number(line: int, row: str) -> str:
    """A number of that row that nobody else in this run uses."""
    return f"9199100{(97 * RUN + line) % 1000:03}{row}"


@dataclass(slots=True)
class Seen:
    """One call and its numbers."""

    agent: str
    destination: str
    request_id: str
    cdr: dict[str, Any]

    @property
    def agent_heard(self) -> Path:
        """What the carrier recorded of what the agent heard."""
        return recordings(self.agent)[-1]

    @property
    def destination_heard(self) -> Path:
        return recordings(self.destination)[-1]

    def leg(self, name: str) -> dict[str, Any]:
        """The leg row of that name."""
        found: dict[str, Any] = next(leg for leg in self.cdr["legs"] if leg["leg"] == name)
        return found


@dataclass(slots=True)
class Calls:
    """Every call of this run by what its agent and its destination do."""

    wire: Wire
    to: dict[str, Seen]
    from_agent: dict[str, Seen]
    agent_gives_up: Seen
    agent_hangs_up: Seen
    extensions: Seen

    def all(self) -> list[Seen]:
        return [
            *self.to.values(),
            *self.from_agent.values(),
            self.agent_gives_up,
            self.agent_hangs_up,
            self.extensions,
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls() -> AsyncIterator[Calls]:
    """All the calls, ended and recorded."""
    api, wire = await Api.open(), Wire.open()
    async with Store.open(settings()["DATABASE_URL"]) as store:
        places = itertools.count()

        async def lived(agent: str, destination: str) -> Seen:
            await asyncio.sleep(SPACING_SECONDS * next(places))
            request_id = await api.call(agent, destination)
            await hang_up_after_talk(store, request_id)
            return Seen(agent, destination, request_id, await api.cdr(request_id))

        lines = iter(range(1000))
        to = {row: lived(number(next(lines), "01"), number(next(lines), row)) for row in DIAL_STATUS}
        of = {row: lived(number(next(lines), row), number(next(lines), "02")) for row in UNREACHED_AGENTS}
        others = (
            lived(number(next(lines), "60"), number(next(lines), "30")),
            lived(number(next(lines), "60"), number(next(lines), "02")),
            lived("102", "103"),
        )
        every = await asyncio.gather(*to.values(), *of.values(), *others)
    await asyncio.sleep(1.2)  # a recording is complete within a second
    wire.close()
    await api.http.close()
    rest = every[len(to) :]
    yield Calls(wire, dict(zip(to, every, strict=False)), dict(zip(of, rest, strict=False)), *every[-3:])


async def hang_up_after_talk(store: Store, request_id: str) -> None:
    """As `legwork call --talk-seconds` does: nobody hangs up in most of the carrier's rows."""
    while True:
        found = await store.call(request_id)
        assert found is not None
        call, _ = found
        if call["ended_at"] is not None:
            return
        if call["bridged_at"] is not None and time.time() - call["bridged_at"] >= TALK_SECONDS:
            await store.order_hangup(request_id)
            return
        await asyncio.sleep(0.1)


# -- outcomes --------------------------------------------------------------------------------


@pytest.mark.parametrize("row", DIAL_STATUS)
async def test_each_row_as_destination_gives_its_dial_status(calls: Calls, row: str) -> None:
    seen = calls.to[row]
    assert seen.cdr["dial_status"] == DIAL_STATUS[row]
    assert seen.cdr["call_status"] == ("ANSWERED" if DIAL_STATUS[row] == "ANSWER" else None)
    assert (seen.cdr["dialed_number"], seen.cdr["customer_number"]) == (seen.destination, seen.destination)
    assert seen.cdr["agent_number"] == seen.agent
    assert [leg["leg"] for leg in seen.cdr["legs"]] == ["a1", "b1"]
    if row in SIP_CODE:
        assert seen.leg("b1")["sip_code"] == SIP_CODE[row]


@pytest.mark.parametrize("row", UNREACHED_AGENTS)
async def test_an_agent_that_does_not_answer_is_the_number_dialled_and_the_destination_never_rings(
    calls: Calls, row: str
) -> None:
    seen = calls.from_agent[row]
    assert seen.cdr["dial_status"] == DIAL_STATUS[row]
    assert (seen.cdr["dialed_number"], seen.cdr["customer_number"]) == (seen.agent, seen.destination)
    assert (seen.cdr["answer"], seen.cdr["billsec"]) == ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)
    assert calls.wire.dialled(seen.destination) == 0
    assert [leg["leg"] for leg in seen.cdr["legs"]] == ["a1"]


async def test_every_number_is_rung_once(calls: Calls) -> None:
    for seen in calls.all():
        for leg in seen.cdr["legs"]:
            assert calls.wire.dialled(leg["number"]) == 1, leg


async def test_nothing_is_left_in_asterisk(calls: Calls) -> None:
    assert await left_in_asterisk({seen.request_id for seen in calls.all()}) == []


# -- the order of things, on the wire ----------------------------------------------------------


@pytest.mark.parametrize("row", ["00", "10", "20", "90", "91"])
async def test_the_destination_is_invited_only_after_the_agent_answered(calls: Calls, row: str) -> None:
    seen = calls.to[row]
    agent, destination = calls.wire.dialog(seen.agent), calls.wire.dialog(seen.destination)
    assert answer(agent).at < first(destination, "INVITE").at


@pytest.mark.parametrize("row", ["00", "20", "90"])
async def test_both_invites_show_the_caller_id(calls: Calls, row: str) -> None:
    for called in (calls.to[row].agent, calls.to[row].destination):
        assert f"<sip:{CALLER_ID}@" in first(calls.wire.dialog(called), "INVITE").headers["from"]


@pytest.mark.parametrize("row", ["30", "90"])
async def test_the_destination_rings_for_thirty_seconds(calls: Calls, row: str) -> None:
    dialog = calls.wire.dialog(calls.to[row].destination)
    rung = first(dialog, "CANCEL").at - first(dialog, "INVITE").at
    assert rung == pytest.approx(RING_SECONDS, abs=0.3)


async def test_the_destination_hanging_up_ends_the_agent_within_200_ms(calls: Calls) -> None:
    seen = calls.to["60"]
    left = first(calls.wire.dialog(seen.destination), "BYE").at
    assert 0 <= first(calls.wire.dialog(seen.agent), "BYE").at - left < 0.2
    assert (seen.leg("b1")["ended_by"], seen.leg("a1")["ended_by"]) == ("party", "us")


async def test_the_agent_hanging_up_ends_the_destination_within_200_ms(calls: Calls) -> None:
    seen = calls.agent_hangs_up
    left = first(calls.wire.dialog(seen.agent), "BYE").at
    assert 0 <= first(calls.wire.dialog(seen.destination), "BYE").at - left < 0.2
    assert seen.cdr["dial_status"] == "ANSWER"


async def test_the_agent_giving_up_stops_the_ringing_at_once(calls: Calls) -> None:
    seen = calls.agent_gives_up
    left = first(calls.wire.dialog(seen.agent), "BYE").at
    assert 0 <= first(calls.wire.dialog(seen.destination), "CANCEL").at - left < 0.2
    assert (seen.cdr["dial_status"], seen.cdr["dialed_number"]) == ("CANCEL", seen.destination)
    assert (seen.cdr["billsec"], seen.leg("a1")["ended_by"]) == (0.0, "party")


async def test_extensions_are_called_as_numbers_are(calls: Calls) -> None:
    cdr = calls.extensions.cdr
    assert (cdr["agent_number"], cdr["dialed_number"], cdr["dial_status"]) == ("102", "103", "ANSWER")
    assert heard(recordings("919910000002")[-1], AGENT_HZ) > 2
    assert heard(recordings("919910000001")[-1], 500) > 2


# -- what is heard -----------------------------------------------------------------------------


@pytest.mark.parametrize("row", [f"0{n}" for n in range(10)])
async def test_each_side_hears_the_other(calls: Calls, row: str) -> None:
    seen = calls.to[row]
    assert heard(seen.agent_heard, 400 + 50 * int(row)) == pytest.approx(TALK_SECONDS, abs=0.5)
    assert heard(seen.destination_heard, AGENT_HZ) == pytest.approx(TALK_SECONDS, abs=0.5)


@pytest.mark.parametrize("row", [f"1{n}" for n in range(5)])
async def test_the_agent_hears_ring_back_until_the_answer_and_then_the_destination(calls: Calls, row: str) -> None:
    seen = calls.to[row]
    rings = int(row) - 5
    samples = read(seen.agent_heard)
    for hz in (440, 480):
        bursts = tones(samples[: rings * RATE], [hz])
        assert bursts[0].start_seconds < 0.5
        assert bursts[0].seconds == pytest.approx(2, abs=0.2)  # us: 2 s on, 4 s off
    talk, *_ = tones(samples[rings * RATE :], [400 + 50 * (int(row) % 10)])
    assert talk.start_seconds < 0.4
    assert talk.seconds == pytest.approx(TALK_SECONDS, abs=0.5)
    assert heard(seen.destination_heard, AGENT_HZ) == pytest.approx(TALK_SECONDS, abs=0.5)


async def test_the_agent_hears_the_operators_message_before_the_answer_that_never_comes(calls: Calls) -> None:
    samples = read(calls.to["90"].agent_heard)
    seconds = [samples[at : at + RATE] for at in range(0, int(RING_SECONDS) * RATE, RATE)]
    assert sum(loudness(second) > 4 * QUIET for second in seconds) > RING_SECONDS / 2


async def test_early_media_turns_into_talk_without_a_hole(calls: Calls) -> None:
    early, *_, talk = tones(read(calls.to["91"].agent_heard), [950, 400])
    assert (early.hz, talk.hz) == (950, 400)
    assert early.seconds == pytest.approx(5, abs=0.3)
    assert talk.start_seconds - early.end_seconds < 0.2


@pytest.mark.parametrize(("row", "pair"), [("20", (480, 620)), ("40", (480, 620)), ("50", (480, 620))])
async def test_an_unreachable_destination_is_a_tone_of_three_seconds_and_then_the_end(
    calls: Calls, row: str, pair: tuple[int, int]
) -> None:
    """Busy is 480+620 Hz half a second on and off, congestion a quarter (indications.conf, us)."""
    seen = calls.to[row]
    for hz in pair:
        bursts = tones(read(seen.agent_heard), [hz])
        each = 0.5 if row == "20" else 0.25
        assert len(bursts) >= 3
        assert bursts[1].seconds == pytest.approx(each, abs=0.05)
    ended = first(calls.wire.dialog(seen.destination), f"SIP/2.0 {SIP_CODE[row]}").at
    assert first(calls.wire.dialog(seen.agent), "BYE").at - ended == pytest.approx(3, abs=0.3)


async def test_keys_pressed_by_the_destination_are_in_its_cdr(calls: Calls) -> None:
    assert calls.to["92"].cdr["dtmf_inputs"] == "1234#"


# -- the CDR's arithmetic, against the wire ------------------------------------------------------


@pytest.mark.parametrize("row", ["00", "12", "60", "91"])
async def test_billsec_and_duration_are_what_was_on_the_wire(calls: Calls, row: str) -> None:
    seen = calls.to[row]
    dialog = calls.wire.dialog(seen.destination)
    ended = first(dialog, "BYE").at
    assert seen.cdr["billsec"] == pytest.approx(ended - answer(dialog).at, abs=0.05)
    # Asterisk makes the channel before it invites, on a busy machine some time before.
    assert seen.cdr["call_duration"] == pytest.approx(ended - first(dialog, "INVITE").at, abs=0.25)
    assert seen.cdr["uniqueid"].endswith(f"{seen.request_id}.b1")


async def test_asterisks_own_cdr_agrees(calls: Calls) -> None:
    written = Path(settings()["PBX_CDR"]).read_text().splitlines()
    for row in ("00", "60", "91"):
        cdr = calls.to[row].cdr
        (line,) = [line for line in written if line.startswith(f'"{cdr["uniqueid"]}"')]
        *_, duration, billsec, disposition = line.replace('"', "").split(",")
        assert disposition == "ANSWERED"
        assert float(duration) == pytest.approx(cdr["call_duration"], abs=0.02)
        assert float(billsec) == pytest.approx(cdr["billsec"], abs=0.02)


# -- the log -------------------------------------------------------------------------------------


async def test_the_log_tells_the_call_and_no_whole_number(calls: Calls) -> None:
    seen = calls.to["00"]
    lines = log_lines(seen.request_id)
    assert [line["event"] for line in lines] == [
        "call accepted",
        "leg dialing",
        "leg up",
        "leg dialing",
        "leg up",
        "call bridged",
        "leg ended",
        "leg ended",
        "call ended",
    ]
    text = Path(settings()["ENGINE_LOG"]).read_text()
    for secret in (seen.agent, seen.destination, settings()["CPAAS_AUTH"], settings()["ARI_PASSWORD"]):
        assert secret not in text
    assert lines[1]["number"] == "*" * 8 + seen.agent[-4:]
