"""The studio: what is heard in the end, measured, and what happens when voices fail."""

import asyncio
import math
import time
from array import array
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from engine import sound
from engine.core.speech import WRITING_PAUSE_SECONDS, Manner, Pause, Text, Volume, spoken
from engine.errors import VoiceAway, VoiceFailed
from engine.media.cache import Cache, name_of
from engine.media.espeak import Espeak
from engine.media.polly import Patience, Polly
from engine.media.studio import REST_SECONDS, Studio
from engine.media.voice import Voice
from tests.media.polly import StandIn
from tests.media.sounds import RATE, loudest_tone_share, peak_dbfs, rms, samples_of, silences, tone_share

TEMPLATE = "Your one time password is {otp}. Again, {otp}."
SECRET = "correct horse battery staple"


def sine(hertz: float, *, seconds: float = 0.3, peak: int = 8000) -> bytes:
    """A tone between two tenths of a second of silence."""
    count = round(seconds * RATE)
    wave = (round(peak * math.sin(2 * math.pi * hertz * place / RATE)) for place in range(count))
    return bytes(RATE // 5) + array("h", wave).tobytes() + bytes(RATE // 5)


class Tone:
    """A voice that says a tone for each text; `fails` are the texts that it can not say."""

    def __init__(self, name: str, hertz: int, *, fails: tuple[str, ...] = (), away: bool = False) -> None:
        self.name = name
        self.said: list[str] = []
        self.samples = sine(hertz)
        self.seconds = 0.0
        self.now = self.most = self.ended = 0
        self._fails = fails
        self._away = away

    async def speak(self, text: str, manner: Manner) -> bytes:
        self.said.append(text)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.now -= 1
        if self._away:
            raise VoiceAway("it is away")
        if text in self._fails:
            raise VoiceFailed("it can not say this")
        self.ended += 1
        return self.samples


def studio(cache: Cache, *voices: Voice, at_once: int = 4) -> Studio:
    return Studio(voices, cache, at_once=at_once)


# ── what is heard ───────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_a_password_has_exact_pauses_and_asterisk_can_play_it(cache: Cache, tmp_path: Path) -> None:
    wav = await studio(cache, Espeak()).render(spoken(TEMPLATE, {}, otp="1987"), Manner())
    pauses = silences(samples_of(wav), seconds=WRITING_PAUSE_SECONDS / 2)
    assert len(pauses) == 2 * len("1987")
    assert all(abs(pause - WRITING_PAUSE_SECONDS) < 0.02 for pause in pauses), pauses
    (tmp_path / "otp.wav").write_bytes(wav)
    assert sound.look(str(tmp_path / "otp.wav")).seconds == len(samples_of(wav)) / RATE


@pytest.mark.asyncio
async def test_a_speech_is_its_parts_one_after_the_other(cache: Cache) -> None:
    said = studio(cache, Espeak())
    one, two = [samples_of(await said.render([Text(text)], Manner())) for text in ("hello", "goodbye")]
    both = samples_of(await said.render([Text("hello"), Pause(0.25), Text("goodbye"), Text("hello")], Manner()))
    assert both == one + array("h", bytes(2 * RATE // 4)) + two + one


@pytest.mark.asyncio
async def test_the_silence_around_a_text_is_cut_off(cache: Cache) -> None:
    heard = samples_of(await studio(cache, Tone("tone", 500)).render([Text("x")], Manner()))
    assert abs(len(heard) / RATE - 0.3) < 0.01  # of 0.5 s
    assert tone_share(heard, 500) > 0.99


@pytest.mark.asyncio
async def test_no_sound_of_a_letter_is_cut_off(cache: Cache) -> None:
    """S and F end in the softest sounds there are: they are much longer than their vowel."""
    said = studio(cache, Espeak())
    for letter in "SFX":
        heard = samples_of(await said.render([Text(letter)], Manner()))
        assert rms(heard[-RATE // 20 :]) > 0.004 * 32768
        assert len(heard) > 0.2 * RATE


@pytest.mark.asyncio
async def test_levels_are_ours_whatever_the_voice_s(cache: Cache) -> None:
    volumes: list[Volume] = ["x-soft", "soft", "medium", "loud", "x-loud"]
    said = studio(cache, Espeak())
    heard = [samples_of(await said.render([Text("seven, eight, nine")], Manner(volume=each))) for each in volumes]
    assert peak_dbfs(heard[2]) == pytest.approx(-6, abs=0.7)
    assert peak_dbfs(heard[1]) == pytest.approx(-12, abs=0.7)
    assert peak_dbfs(heard[0]) == pytest.approx(-18, abs=0.7)
    powers = [rms(each) for each in heard]
    assert all(louder > 1.3 * softer for softer, louder in pairwise(powers))
    assert peak_dbfs(heard[4]) < -0.1, "limited, not clipped"
    faint = Tone("faint", 500)
    faint.samples = sine(500, peak=400)
    assert peak_dbfs(samples_of(await studio(cache, faint).render([Text("x")], Manner()))) == pytest.approx(-6, abs=0.1)


@pytest.mark.asyncio
async def test_silent_is_silent_for_as_long_as_it_would_be_heard(cache: Cache) -> None:
    said = studio(cache, Espeak())
    heard = samples_of(await said.render([Text("hello")], Manner()))
    silent = samples_of(await said.render([Text("hello")], Manner(volume="silent")))
    assert len(silent) == pytest.approx(len(heard), abs=RATE // 50)
    assert set(silent) == {0}


# ── when voices fail ────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_one_voice_speaks_all_of_a_speech(cache: Cache) -> None:
    first, second = Tone("first", 500, fails=("b",)), Tone("second", 900)
    heard = samples_of(await studio(cache, first, second).render([Text("a"), Pause(0.1), Text("b")], Manner()))
    assert loudest_tone_share(heard, 900) > 0.9
    assert loudest_tone_share(heard, 500) < 0.1
    assert silences(heard, seconds=0.05) == pytest.approx([0.1], abs=0.01)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "samples",
    [b"", bytes(8), bytes(16000), sine(500, peak=100), sine(500, seconds=0.01)],
    ids=["nothing", "eight zeros", "silence", "faint", "a click"],
)
async def test_a_voice_that_says_nothing_has_failed(cache: Cache, samples: bytes) -> None:
    mute, voice = Tone("mute", 500), Tone("voice", 900)
    mute.samples = samples
    heard = samples_of(await studio(cache, mute, voice).render([Text("a")], Manner()))
    assert tone_share(heard, 900) > 0.9
    with pytest.raises(VoiceFailed, match="mute: it "):
        await studio(cache, mute).render([Text("a")], Manner())


@pytest.mark.asyncio
async def test_nothing_to_say_is_not_said(cache: Cache) -> None:
    for parts in ((), (Pause(1),)):
        with pytest.raises(VoiceFailed, match="nothing to say"):
            await studio(cache, Tone("tone", 500)).render(parts, Manner())


@pytest.mark.asyncio
async def test_when_all_fail_it_is_said_why_and_not_of_what(cache: Cache) -> None:
    voices = Tone("one", 500, fails=(SECRET,)), Tone("two", 500, away=True)
    with capture_logs() as lines, pytest.raises(VoiceFailed) as failed:
        await studio(cache, *voices).render([Text(SECRET)], Manner())
    assert failed.value.message == "one: it can not say this; two: it is away"
    assert failed.value.may_pass
    assert not isinstance(failed.value, VoiceAway)
    assert lines == [
        {"event": "a text could not be spoken", "voice": "one", "why": "it can not say this", "log_level": "warning"},
        {"event": "two does not speak", "why": "it is away", "log_level": "error"},
    ]


@pytest.mark.asyncio
async def test_it_is_told_whether_a_text_failed_or_all_voices_are_away(cache: Cache) -> None:
    with pytest.raises(VoiceAway):
        await studio(cache, Tone("one", 500, away=True), Tone("two", 500, away=True)).render([Text("a")], Manner())
    voices = Tone("one", 500, fails=("a",)), Tone("two", 500, fails=("a",))
    with pytest.raises(VoiceFailed) as failed:
        await studio(cache, *voices).render([Text("a")], Manner())
    assert not isinstance(failed.value, VoiceAway)
    assert not failed.value.may_pass


@pytest.mark.asyncio
async def test_a_voice_that_is_away_is_left_alone_for_a_while(cache: Cache) -> None:
    away, other = Tone("away", 500, away=True), Tone("other", 900)
    said = studio(cache, away, other)
    with capture_logs() as lines:
        for text in "abc":
            await said.render([Text(text)], Manner())
        assert (away.said, other.said) == (["a"], ["a", "b", "c"])
        assert said._rests_until["away"] == pytest.approx(asyncio.get_running_loop().time() + REST_SECONDS, abs=10)
        said._rests_until["away"] = 0
        await said.render([Text("d")], Manner())
        assert away.said == ["a", "d"]
        away._away, said._rests_until["away"] = False, 0
        await said.render([Text("e")], Manner())
    assert other.said == ["a", "b", "c", "d"]
    assert [line["event"] for line in lines] == ["away does not speak", "over: away does not speak"]


def over(studio: Studio, voice: Tone) -> None:
    """Its rest ends now."""
    studio._rests_until[voice.name] = asyncio.get_running_loop().time()


@pytest.mark.asyncio
async def test_after_its_rest_one_request_finds_out_and_the_others_wait_for_no_voice(cache: Cache) -> None:
    away, other = Tone("away", 500, away=True), Tone("other", 900)
    said = studio(cache, away, other, at_once=20)

    async def seconds(text: str) -> float:
        began = time.perf_counter()
        await said.render([Text(text)], Manner())
        return time.perf_counter() - began

    await seconds("before")
    away.seconds = 2.0
    for outage in range(2):
        over(said, away)
        took = await asyncio.gather(*(seconds(f"{outage} {place}") for place in range(10)))
        assert len([each for each in took if each >= 2]) == 1
        assert len(away.said) == 2 + outage
    away._away = False
    over(said, away)
    back = asyncio.create_task(seconds("back"))
    await asyncio.sleep(0.1)
    assert await seconds("meanwhile") < 2
    await back
    away.seconds = 0
    await asyncio.gather(*(seconds(f"after {place}") for place in range(5)))
    assert away.said[-6:] == ["back", *(f"after {place}" for place in range(5))]


@pytest.mark.asyncio
async def test_what_was_kept_does_not_tell_whether_a_voice_is_back(cache: Cache) -> None:
    away, other = Tone("away", 500), Tone("other", 900)
    said = studio(cache, away, other)
    await said.render([Text("kept")], Manner())
    away._away = True
    await said.render([Text("a")], Manner())
    over(said, away)
    with capture_logs() as lines:
        await said.render([Text("kept")], Manner())
        away.seconds = 0.5
        await asyncio.gather(*(said.render([Text(text)], Manner()) for text in "bcd"))
    assert away.said == ["kept", "a", "b"]
    assert other.said == ["a", "c", "d", "b"]
    assert lines == []


@pytest.mark.asyncio
async def test_a_text_that_one_voice_can_not_say_is_no_reason_to_leave_it(cache: Cache) -> None:
    first, second = Tone("first", 500, fails=("a",)), Tone("second", 900)
    said = studio(cache, first, second)
    await said.render([Text("a")], Manner())
    await said.render([Text("b")], Manner())
    assert first.said == ["a", "b"]
    assert second.said == ["a"]


# ── at once ─────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_no_more_than_so_many_texts_are_spoken_at_once(cache: Cache) -> None:
    voice = Tone("tone", 500)
    voice.seconds = 0.1
    said = studio(cache, voice, at_once=3)
    await asyncio.gather(*(said.render([Text(f"text {place}")], Manner()) for place in range(12)))
    assert voice.most == 3
    assert len(voice.said) == 12


@pytest.mark.asyncio
async def test_a_text_that_two_ask_for_is_spoken_once(cache: Cache) -> None:
    voice = Tone("tone", 500)
    voice.seconds = 0.1
    said = studio(cache, voice)
    one, two = await asyncio.gather(*(said.render([Text("a"), Text("a")], Manner()) for _ in range(2)))
    assert voice.said == ["a"]
    assert one == two
    await said.render([Text("a")], Manner(rate="slow"))
    assert voice.said == ["a", "a"]


@pytest.mark.asyncio
async def test_who_leaves_takes_nothing_from_who_stays(cache: Cache) -> None:
    voice = Tone("tone", 500)
    voice.seconds = 0.1
    said = studio(cache, voice)
    one, two = (asyncio.create_task(said.render([Text("a")], Manner())) for _ in range(2))
    await asyncio.sleep(0.05)
    one.cancel()
    assert samples_of(await two)
    assert (voice.said, voice.ended) == (["a"], 1)


@pytest.mark.asyncio
async def test_what_nobody_waits_for_is_given_up(cache: Cache) -> None:
    voice = Tone("tone", 500)
    voice.seconds = 60
    said = studio(cache, voice)
    asking = [asyncio.create_task(said.render([Text("a")], Manner())) for _ in range(2)]
    await asyncio.sleep(0.05)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert (voice.now, voice.ended) == (0, 0)
    voice.seconds = 0
    assert await said.render([Text("a")], Manner())


# ── what is kept ────────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_after_a_restart_nothing_is_spoken_again(tmp_path: Path) -> None:
    voice, parts = Tone("tone", 500), spoken(TEMPLATE, {}, otp="1987")
    before = await studio(Cache(tmp_path, limit=1_000_000), voice).render(parts, Manner())
    count = len(voice.said)
    after = await studio(Cache(tmp_path, limit=1_000_000), voice).render(parts, Manner())
    assert (before, count) == (after, len(voice.said))


@pytest.mark.asyncio
async def test_no_voice_and_no_file_ever_has_two_characters_of_a_password(tmp_path: Path) -> None:
    voice = Tone("tone", 500)
    await studio(Cache(tmp_path, limit=1_000_000), voice).render(spoken(TEMPLATE, {}, otp="1987"), Manner())
    texts = ["Your one time password is", ". Again,", *"1987"]
    assert sorted(voice.said) == sorted(texts)
    assert {file.name for file in tmp_path.iterdir()} == {name_of(text, Manner(), "tone") for text in texts}


@pytest.mark.asyncio
async def test_a_cache_that_can_not_be_written_keeps_nobody_from_speaking(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert await studio(Cache(tmp_path / "file" / "x", limit=1000), Tone("tone", 500)).render([Text("a")], Manner())


# ── with Polly ──────────────────────────────────────────────────────────────


SHORT = Patience(connect_seconds=1, read_seconds=0.5, whole_seconds=20, attempts=1)


@pytest.mark.asyncio
async def test_polly_speaks_a_password_and_repeats_cost_nothing(cache: Cache, polly: StandIn) -> None:
    said = studio(cache, Polly(), Espeak())
    parts = spoken(TEMPLATE, {}, otp="1987")
    wav = await said.render(parts, Manner())
    assert len(polly.requests) == 6
    assert await said.render(parts, Manner()) == wav
    assert len(polly.requests) == 6
    assert len(silences(samples_of(wav), seconds=0.5)) == 8


@pytest.mark.asyncio
@pytest.mark.parametrize("trouble", ["throttled", "failing", "stalled", "cut", "empty", "odd", "silent"])
async def test_whatever_is_wrong_with_polly_espeak_speaks_all_of_it(
    cache: Cache, polly: StandIn, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    polly.trouble, polly.spares = trouble, 1  # the first text succeeds, the second fails
    parts = (Text(SECRET), Pause(0.1), Text("hello"))
    expected = await studio(Cache(Path("/dev/null/x"), limit=1), Espeak()).render(parts, Manner())
    with capture_logs() as lines:
        assert await studio(cache, Polly(patience=SHORT), Espeak()).render(parts, Manner()) == expected
    assert len(lines) == 1
    assert "horse" not in str(lines) + caplog.text


@pytest.mark.asyncio
async def test_where_both_fail_the_speech_fails(
    cache: Cache, polly: StandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    polly.trouble = "throttled"
    monkeypatch.setattr("engine.media.espeak.COMMAND", ("no-such-espeak",))
    with pytest.raises(VoiceFailed) as failed:
        await studio(cache, Polly(patience=SHORT), Espeak()).render([Text(SECRET)], Manner())
    why = "espeak: no-such-espeak can not be started: No such file or directory"
    assert failed.value.message == f"polly: Polly refuses: ThrottlingException; {why}"
    assert "horse" not in caplog.text


@pytest.mark.asyncio
async def test_so_many_requests_reach_polly_at_once_and_no_more(cache: Cache, polly: StandIn) -> None:
    polly.seconds = 0.2
    said = studio(cache, Polly(threads=3), at_once=3)
    await asyncio.gather(*(said.render([Text(f"text {place}")], Manner()) for place in range(8)))
    assert polly.most == 3


# ── and the calls go on meanwhile ───────────────────────────────────────────


@pytest.mark.asyncio
async def test_a_hundred_texts_leave_the_event_loop_to_others(cache: Cache) -> None:
    asyncio.get_running_loop().set_debug(False)
    late: list[float] = []

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            late.append(time.perf_counter() - began - 0.005)

    said = studio(cache, Espeak())
    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    await asyncio.gather(
        *(said.render([Text(f"Dear customer {place}, your balance is low.")], Manner()) for place in range(100))
    )
    took = time.perf_counter() - began
    watching.cancel()
    late.sort()
    print(
        f"\n100 texts in {took:.2f} s; the loop was late by {1000 * late[len(late) // 2]:.1f} ms in the middle, "
        f"{1000 * late[int(len(late) * 0.99)]:.1f} ms at 99 %, {1000 * late[-1]:.1f} ms at most"
    )
    assert late[-1] < took / 2, "the loop waited for what was spoken"
