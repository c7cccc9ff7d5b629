"""The carrier does what its table says, row by row.

One phone dials every row at once and keeps what it saw for twelve seconds; each test then
looks at the trace of its own row.
"""

import asyncio
import csv
import time
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from docker.asterisks import BROUGHT, PHONES
from tests.live.lab import RATE, heard, loudness, read, recordings, settings, started_at, tones
from tests.live.phone import Call, Phone
from tests.live.rtp import FRAME

WATCH_SECONDS = 12
EXTENSIONS = [phone for phone in PHONES if phone != BROUGHT]
ROWS = (
    *(f"{n:02}" for n in (*range(15), 20, 30, 40, 50, 55, 60, 70, 71, 72)),
    *(f"{n}" for n in (*range(80, 93), 95)),
)
ANSWERING = tuple(row for row in ROWS if row not in ("20", "30", "40", "50", "55", "90"))
OPERATOR_HZ = 950  # what row 91 sends before it answers
TALK_HZ = 1000  # what the phone says
BEEP_HZ = 700
WAV_HEADER_BYTES = 44
QUIET = 50  # the loudness of what nobody hears
STRANGER = "12125550199"  # nobody's number

# The free digits of the numbers this run dials: a number of row 21 remembers a call for 60 s.
RUN = int(time.time())


def number(row: str, *, line: int = 0) -> str:
    return f"9199100{(RUN + line * 250) % 1000:03}{row}"


@dataclass(slots=True)
class Network:
    """What one phone saw of every row."""

    rows: dict[str, Call]
    ended_at: dict[str, float]
    extensions: dict[int, Call]
    row_21: list[Call]
    row_21_at_once: list[Call]
    spoken_to: Call
    caller: str
    late_seconds: float = 0  # how late the phone itself was at worst, on a machine that had no time for it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network() -> AsyncIterator[Network]:
    """Every row, dialled at once and watched; ended, and given a second to be written down."""
    phone = await Phone.open(caller=f"91991008{RUN % 10000:04}")

    once = await dial(phone, number("21"))
    await once.until(486)
    seen = Network(
        rows={row: await dial(phone, number(row)) for row in ROWS},
        ended_at={},
        extensions={e: await dial(phone, str(e)) for e in EXTENSIONS},
        row_21=[once, *[await dial(phone, number("21")) for _ in range(2)]],
        row_21_at_once=await asyncio.gather(*(dial(phone, number("21", line=1)) for _ in range(4))),
        spoken_to=await dial(phone, number("00", line=2)),
        caller=phone.caller,
    )
    watch = asyncio.create_task(worst_lateness(WATCH_SECONDS), name="watch")
    await asyncio.gather(
        speak(seen.spoken_to),
        relay(phone),
        *(asyncio.to_thread(join, extension) for extension in EXTENSIONS),
    )
    seen.late_seconds = await watch
    for row, call in seen.rows.items():
        seen.ended_at[row] = time.time()
        await call.end()
    await asyncio.gather(*(asyncio.to_thread(part, extension) for extension in EXTENSIONS))
    await asyncio.sleep(1)
    yield seen
    await phone.close()


async def worst_lateness(seconds: float) -> float:
    """Wait, and see how much later than asked the phone's own loop wakes up at worst."""
    loop = asyncio.get_running_loop()
    end, worst = loop.time() + seconds, 0.0
    while (now := loop.time()) < end:
        await asyncio.sleep(0.01)
        worst = max(worst, loop.time() - now - 0.01)
    return worst


async def dial(phone: Phone, number: str) -> Call:
    """Dial at the carrier; a moment apart, so that each answer is seen when it comes."""
    host, port = settings()["CARRIER_SIP"].split(":")
    call = await phone.dial(number, (host, int(port)))
    await asyncio.sleep(0.02)
    return call


async def speak(call: Call) -> None:
    """A second of tone, two of nothing, a second of tone."""
    await call.until(200)
    await asyncio.sleep(1)
    await call.send_tone(TALK_HZ, 1)
    await asyncio.sleep(2)
    await call.send_tone(TALK_HZ, 1)
    await call.end()


async def relay(phone: Phone) -> None:
    """Dial a number that is not the network's, nor any account's."""
    call = await dial(phone, STRANGER)
    await call.until(180, 183, 200, 403, 404, 480, 486, 503, 603)
    await call.end()


def joined_to(extension: int) -> str:
    """The number that hears this extension: one with another tone."""
    return number(f"0{(extension - 100) % 10}", line=3)


def join(extension: int) -> None:
    """Have the PBX ring one of its phones and join it to a number."""
    ari(
        "POST",
        f"channels/{channel(extension)}",
        endpoint=f"PJSIP/{extension}",
        context="lab-bench",
        extension=joined_to(extension),
        priority="1",
        timeout="5",
    )


def part(extension: int) -> None:
    ari("DELETE", f"channels/{channel(extension)}")


def channel(extension: int) -> str:
    return f"test-carrier-{RUN}-{extension}"


def ari(method: str, path: str, **query: str) -> None:
    lab = settings()
    login = b64encode(f"{lab['ARI_USER']}:{lab['ARI_PASSWORD']}".encode()).decode()
    request = urllib.request.Request(
        f"{lab['ARI_URL']}/ari/{path}?{urllib.parse.urlencode(query)}",
        headers={"Authorization": f"Basic {login}"},
        method=method,
    )
    urllib.request.urlopen(request, timeout=3).close()


# What a row sent, measured in seconds from its answer


def sent(call: Call, start: float, end: float) -> list[int]:
    """The audio that arrived between two moments after the answer."""
    return call.audio(call.answered_at + start, call.answered_at + end)


def sent_before_answer(call: Call) -> list[int]:
    end = call.answered_at if 200 in call.statuses else float("inf")
    return call.audio(0, end)


def tone(samples: list[int], candidates: range = range(400, 1000, 50)) -> list[int]:
    """Which tones fill these samples from end to end."""
    seconds = len(samples) / RATE
    whole = (s.hz for s in tones(samples, candidates) if s.seconds > 0.95 * seconds)
    return list(whole)


def loud_until(samples: list[int]) -> float:
    """The second after which nothing is heard any more."""
    frames = [samples[at : at + FRAME] for at in range(0, len(samples), FRAME)]
    loud = [index for index, frame in enumerate(frames) if loudness(frame) > QUIET]
    return (loud[-1] + 1) * FRAME / RATE if loud else 0.0


def rtp_seconds(call: Call) -> float:
    """How much audio was sent after the answer."""
    return len(sent(call, 0, WATCH_SECONDS + 5)) / RATE


@pytest.mark.parametrize("row", [f"0{n}" for n in range(10)])
def test_rows_00_to_09_answer_at_once_with_a_steady_tone_of_their_own(network: Network, row: str) -> None:
    call = network.rows[row]
    assert call.statuses == [100, 200]
    assert call.answered_at - call.messages[0].at < 0.5
    assert tone(sent(call, 0.1, 11)) == [400 + 50 * int(row)]
    assert rtp_seconds(call) > WATCH_SECONDS - 1
    assert call.bye_at is None


@pytest.mark.parametrize("row", ["10", "11", "12", "13", "14"])
def test_rows_10_to_14_ring_without_media_then_send_their_tone(network: Network, row: str) -> None:
    call = network.rows[row]
    assert call.statuses == [100, 180, 200]
    assert call.answered_at - call.first(180).at == pytest.approx(int(row) - 5, abs=0.15)
    assert "m=audio" not in call.first(180).body
    assert sent_before_answer(call) == []
    assert tone(sent(call, 0.1, 2)) == [400 + 50 * (int(row) % 10)]


def test_row_20_is_busy(network: Network) -> None:
    assert network.rows["20"].statuses == [100, 486]


def test_row_21_is_busy_once_within_a_minute_then_answers(network: Network) -> None:
    once, again, thrice = network.row_21
    assert once.statuses == [100, 486]
    assert again.statuses == [100, 200]
    assert thrice.statuses == [100, 200]
    assert tone(sent(again, 0.1, 2)) == [400]


def test_row_21_called_four_times_at_once_is_busy_for_one(network: Network) -> None:
    finals = sorted(call.statuses[-1] for call in network.row_21_at_once)
    assert finals == [200, 200, 200, 486]


def test_row_30_rings_for_ever_without_media(network: Network) -> None:
    call = network.rows["30"]
    assert call.statuses == [100, 180, 487]  # 487 is the answer to our own CANCEL
    assert call.first(487).at - call.messages[0].at > WATCH_SECONDS - 1
    assert call.packets == []


@pytest.mark.parametrize(("row", "status"), [("40", 503), ("50", 404), ("55", 603)])
def test_rows_40_50_and_55_refuse_each_with_its_own_code(network: Network, row: str, status: int) -> None:
    call = network.rows[row]
    assert call.statuses == [100, status]
    assert call.packets == []


def test_row_60_answers_and_hangs_up_after_three_seconds(network: Network) -> None:
    call = network.rows["60"]
    assert call.statuses == [100, 200]
    assert call.bye_at is not None
    assert call.bye_at - call.answered_at == pytest.approx(3, abs=0.1)


def test_row_70_greets_for_six_seconds_beeps_and_sends_silence(network: Network) -> None:
    call = network.rows["70"]
    assert call.statuses == [100, 200]
    whole = sent(call, 0, WATCH_SECONDS)
    beep = [s for s in tones(whole, [BEEP_HZ]) if s.start_seconds > 5.8 and s.seconds > 0.05]
    assert len(beep) == 1
    assert beep[0].start_seconds == pytest.approx(6, abs=0.2)
    greeting = whole[: 6 * RATE]
    assert all(loudness(greeting[at : at + RATE]) > QUIET for at in range(0, 6 * RATE, RATE))
    assert loud_until(whole) < 6.5
    assert rtp_seconds(call) > WATCH_SECONDS - 1


@pytest.mark.parametrize(("row", "least", "most"), [("71", 0.3, 1), ("72", 2.2, 2.7)])
def test_rows_71_and_72_speak_a_word_or_a_sentence_then_send_silence(
    network: Network, row: str, least: float, most: float
) -> None:
    call = network.rows[row]
    assert call.statuses == [100, 200]
    assert least < loud_until(sent(call, 0, WATCH_SECONDS)) < most
    assert rtp_seconds(call) > WATCH_SECONDS - 1


@pytest.mark.parametrize("row", [f"8{n}" for n in range(10)])
def test_rows_80_to_89_press_their_digit_after_three_seconds(network: Network, row: str) -> None:
    call = network.rows[row]
    assert call.statuses == [100, 200]
    [(pressed_at, digit)] = call.digits
    assert digit == row[1]
    assert pressed_at - call.answered_at == pytest.approx(3, abs=0.25)
    assert rtp_seconds(call) > WATCH_SECONDS - 1.5


def test_row_90_speaks_before_the_answer_and_never_answers(network: Network) -> None:
    call = network.rows["90"]
    assert call.statuses == [100, 183, 487]
    assert "m=audio" in call.first(183).body
    early = sent_before_answer(call)
    assert len(early) / RATE > 0.7 * WATCH_SECONDS
    assert loudness(early) > QUIET
    assert loudness(early[-4 * RATE :]) > QUIET, "the message is repeated"


def test_row_91_sends_five_seconds_of_early_media_then_answers(network: Network) -> None:
    call = network.rows["91"]
    assert call.statuses == [100, 183, 200]
    assert call.answered_at - call.first(183).at == pytest.approx(5, abs=0.15)
    assert tone(sent_before_answer(call)) == [OPERATOR_HZ]
    assert tone(sent(call, 0.1, 2)) == [400]


def test_row_92_presses_a_code_and_the_hash_key(network: Network) -> None:
    call = network.rows["92"]
    assert call.statuses == [100, 200]
    assert "".join(digit for _, digit in call.digits) == "1234#"
    assert rtp_seconds(call) > WATCH_SECONDS - 3


def test_row_95_answers_and_sends_no_rtp_at_all(network: Network) -> None:
    call = network.rows["95"]
    assert call.statuses == [100, 200]
    assert call.packets == []
    assert len(recordings(call.number, since=RUN)) == 1


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_phones_101_to_109_answer_with_the_tone_of_their_row(network: Network, extension: int) -> None:
    call = network.extensions[extension]
    assert call.statuses == [100, 200]
    assert tone(sent(call, 0.1, 2)) == [400 + 50 * (extension - 101)]
    assert recordings(f"91991000000{extension - 101}", since=RUN)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_pbx_reaches_its_phones_and_joins_them_to_a_number(network: Network, extension: int) -> None:
    [recording] = recordings(joined_to(extension), since=RUN)
    assert heard(recording, 400 + 50 * (extension - 101)) > WATCH_SECONDS - 2


@pytest.mark.parametrize("row", [row for row in ANSWERING if row != "95"])
def test_a_recording_is_whole_a_second_after_the_end_and_as_long_as_the_call(network: Network, row: str) -> None:
    call = network.rows[row]
    [recording] = recordings(call.number, since=RUN)
    assert started_at(recording) == pytest.approx(call.answered_at, abs=0.1 + network.late_seconds)
    ended_at = call.bye_at or network.ended_at[row]
    samples = read(recording)  # accepts 16-bit mono 8 kHz only, of the length its header says
    assert len(samples) / RATE == pytest.approx(ended_at - call.answered_at, abs=0.1 + network.late_seconds)
    assert recording.stat().st_size == WAV_HEADER_BYTES + 2 * len(samples)


def test_rows_that_do_not_answer_are_not_recorded(network: Network) -> None:
    assert not any(recordings(number(row), since=RUN) for row in set(ROWS) - set(ANSWERING))


def test_a_recording_keeps_the_time_of_what_was_heard(network: Network) -> None:
    [recording] = recordings(network.spoken_to.number, since=RUN)
    first, second = (s for s in tones(read(recording), [TALK_HZ]) if s.seconds > 0.5)
    assert (first.start_seconds, first.end_seconds) == pytest.approx((1, 2), abs=0.1 + network.late_seconds)
    assert (second.start_seconds, second.end_seconds) == pytest.approx((4, 5), abs=0.1 + network.late_seconds)


def test_the_carrier_relays_a_phones_call_to_the_pbx(network: Network) -> None:
    with Path(settings()["PBX_CDR"]).open(newline="") as records:
        calls = [(source, destination) for _, _, source, destination, *_ in csv.reader(records)]
    assert (network.caller, STRANGER) in calls
