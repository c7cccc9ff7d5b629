"""eSpeak: what it is told never becomes a file read aloud, and the manner's words can be heard."""

import asyncio
import subprocess
from array import array
from pathlib import Path

import pytest

from engine.core.speech import Manner, Pitch, Rate
from engine.core.voices import LANGUAGES, SPEAKERS
from engine.errors import VoiceAway, VoiceFailed
from engine.media import espeak, program
from engine.media.espeak import Espeak
from tests.media.sounds import RATE, loudest_tone_share, rms, telephone, tone

CANARY_HERTZ, CANARY_SECONDS = 1000, 4.0


async def said(text: str, manner: Manner | None = None) -> "array[int]":
    return array("h", await Espeak().speak(text, manner or Manner()))


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that nobody may hear: a loud tone."""
    return tone(tmp_path / "canary.wav", hertz=CANARY_HERTZ, seconds=CANARY_SECONDS)


def test_the_canary_is_heard_where_markup_is_let_through(canary: Path) -> None:
    ssml = f'<speak>hello <audio src="{canary}"/> there</speak>'
    bare = ["espeak-ng", "-v", "en-us", "-m", "--stdin", "--stdout"]
    heard = array("h", telephone(subprocess.run(bare, input=ssml.encode(), capture_output=True, check=True).stdout))
    assert loudest_tone_share(heard, CANARY_HERTZ) > 0.95
    assert len(heard) / RATE > CANARY_SECONDS


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "text",
    [
        'hello <audio src="{}"/> there',
        "hello </prosody></speak><audio src='{}'></audio><speak><prosody> there",
        "hello &lt;audio src=&quot;{}&quot;/&gt; there",
        "hello &#60;audio src='{}'/> there",
        "hello <![CDATA[<audio src='{}'/>]]> there",
        "hello <\x00audio src='{}'/> \x01 there",
        "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y SYSTEM 'file://{}'>]><speak>hello &y; there</speak>",
    ],
)
async def test_markup_in_a_text_reads_no_file(canary: Path, text: str) -> None:
    heard, missing = [await said(text.format(file)) for file in (canary, canary.with_name("canasy.wav"))]
    assert loudest_tone_share(heard, CANARY_HERTZ) < 0.2
    assert abs(len(heard) - len(missing)) < RATE / 2  # with the file it would last four seconds longer
    assert len(heard) > 3 * RATE  # all of it is spoken, as text


@pytest.mark.asyncio
@pytest.mark.parametrize("option", ["-f{}", "--path={}", "-w{}", "-f {}", "--help", "-vwhisper"])
async def test_an_option_as_text_is_spoken(tmp_path: Path, option: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a very long secret indeed, " * 40)
    heard = await said(option.format(secret))
    assert RATE / 4 < len(heard) < 30 * RATE  # the secret would last for more than a minute
    assert secret.read_text().startswith("a very long secret")


@pytest.mark.asyncio
async def test_brackets_are_no_phonemes() -> None:
    assert await said("code [[h@'loU]] end") != await said("code h@'loU end")
    written = await said("code [ [h@'loU]] end")
    assert await said("code [[h@'loU]] end") == written


@pytest.mark.asyncio
@pytest.mark.parametrize("count", [2, 3, 4, 5])
async def test_however_many_brackets_are_no_phonemes(count: int) -> None:
    end = "h@l'oU w'3:ld]]]"
    assert await said("[" * count + end) == await said(" ".join("[" * count) + end)


@pytest.mark.asyncio
async def test_rates_are_in_order() -> None:
    rates: list[Rate] = ["x-slow", "slow", "medium", "fast", "x-fast"]
    lengths = [len(await said("one two three four five", Manner(rate=rate))) for rate in rates]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 1.3 * lengths[2] > 1.3 * 1.1 * lengths[4]


def pitch_hertz(samples: "array[int]") -> float:
    """The pitch of the loudest tenth of a second, by autocorrelation."""
    step = RATE // 10
    frame = max((samples[place : place + step] for place in range(0, len(samples) - step, step)), key=rms)
    lags = range(RATE // 400, RATE // 70)
    return RATE / max(lags, key=lambda lag: sum(a * b for a, b in zip(frame, frame[lag:], strict=False)))


@pytest.mark.asyncio
async def test_pitches_are_in_order() -> None:
    pitches: list[Pitch] = ["x-low", "medium", "x-high"]
    heard = [pitch_hertz(await said("a", Manner(voice="Matthew", pitch=pitch))) for pitch in pitches]
    assert heard == sorted(heard)
    assert heard[2] > 1.15 * heard[0]


@pytest.mark.asyncio
async def test_a_woman_speaks_higher_than_a_man() -> None:
    woman, man = [pitch_hertz(await said("a", Manner(voice=voice))) for voice in ("Joanna", "Matthew")]
    assert woman > 1.2 * man


@pytest.mark.asyncio
async def test_each_character_is_spelt() -> None:
    letter, article = await said("A"), await said("a.")
    assert letter != article
    for digit in "0123456789":
        assert len(await said(digit)) > 0.2 * RATE


@pytest.mark.parametrize(
    ("manner", "name"),
    [
        (Manner(), "en-us+f3"),
        (Manner(voice="Matthew"), "en-us+m3"),
        (Manner(voice="Raveena"), "en-gb+f3"),  # "language_code":"en-US" of the document: her own English
        (Manner(voice="Aditi", language_code="hi-IN"), "hi+f3"),
        (Manner(language_code="hi-IN"), "hi+f3"),
        (Manner(voice="Hans", language_code="de-DE"), "de+m3"),
        (Manner(voice="Ricardo", language_code="pt-BR"), "pt-br+m3"),
        (Manner(voice="Mia", language_code="es-MX"), "es-419+f3"),
    ],
)
def test_polly_s_voices_have_stand_ins(manner: Manner, name: str) -> None:
    assert espeak.voice(manner) == name


def test_every_language_is_one_that_espeak_speaks() -> None:
    names = {
        espeak.voice(Manner(voice="Joanna" if code[:2] != "en" else "Hans", language_code=code)) for code in LANGUAGES
    }
    names |= {espeak.voice(Manner(voice=one.name, language_code=one.languages[0])) for one in SPEAKERS.values()}
    for name in names:
        done = subprocess.run(["espeak-ng", "-v", name, "-q", "--stdin"], input=b"7", capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), name


@pytest.mark.asyncio
async def test_hindi_is_spoken_by_espeak() -> None:
    assert len(await said("आपका कोड है", Manner(voice="Aditi", language_code="hi-IN"))) > 0.5 * RATE


# ── the programs themselves ─────────────────────────────────────────────────


def sleeper(file: Path) -> tuple[str, ...]:
    """A program that writes down its process id and hangs."""
    return ("sh", "-c", f"echo $$ >{file}; exec sleep 60")


def lives(file: Path) -> bool:
    return Path(f"/proc/{int(file.read_text())}").exists()


@pytest.mark.asyncio
async def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(VoiceFailed, match="sh takes longer than 1 s"):
        await program.run(sleeper(tmp_path / "id"), b"", seconds=1)
    assert not lives(tmp_path / "id")


@pytest.mark.asyncio
async def test_a_program_does_not_outlive_who_asked_for_it(tmp_path: Path) -> None:
    task = asyncio.create_task(program.run(sleeper(tmp_path / "id"), b""))
    while not (tmp_path / "id").exists() or not (tmp_path / "id").read_text():
        await asyncio.sleep(0.01)
    assert lives(tmp_path / "id")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not lives(tmp_path / "id")


@pytest.mark.asyncio
async def test_a_program_that_fails_or_is_missing_is_named() -> None:
    with pytest.raises(VoiceFailed, match="false failed with exit code 1"):
        await program.run(("false",), b"")
    with pytest.raises(VoiceAway, match="no-such-program can not be started: No such file"):
        await program.run(("no-such-program",), b"")


@pytest.mark.asyncio
async def test_a_program_that_does_not_read_is_no_trouble() -> None:
    assert await program.run(("true",), b"x" * 1_000_000) == b""
