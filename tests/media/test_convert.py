"""What becomes of a sound that somebody sends: the same tone, the same length, one level; or why it is refused."""

import asyncio
import re
import struct
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from docker.tones import amplitude, loudness, tones
from engine.errors import (
    BrokenSound,
    ConverterAway,
    Mislabelled,
    SilentSound,
    SoundTooLong,
    SoundTooShort,
    UnknownSound,
    WrongSound,
)
from engine.media import convert as conversion
from engine.media.convert import LEVEL_DB, PEAK_DB, convert
from engine.media.kinds import recognise
from tests.media.files import decibel, samples_of, sound

pytestmark = pytest.mark.asyncio(loop_scope="function")

FLOAT = ("-e", "floating-point", "-b", "32")


def streamed(wav: bytes) -> bytes:
    """As ffmpeg writes it into a pipe: it does not know yet how long it is."""
    at = wav.index(b"data") + 4
    return wav[:4] + b"\xff" * 4 + wav[8:at] + b"\xff" * 4 + wav[at + 4 :]


def whole(wav: bytes) -> bytes:
    """With its true length, which sox does not write into a pipe."""
    at = wav.index(b"data") + 8
    return wav[:4] + struct.pack("<I", len(wav) - 8) + wav[8 : at - 4] + struct.pack("<I", len(wav) - at) + wav[at:]


def tagged(mp3: bytes) -> bytes:
    """Behind a tag that holds what looks like a playlist."""
    tag = b"#EXTM3U\nhttp://127.0.0.1/x.mp3\n".ljust(200, b"\0")
    return b"ID3\x04\0\0\0\0" + bytes((len(tag) >> 7, len(tag) & 127)) + tag + mp3


def with_xing(mp3: bytes) -> bytes:
    """Behind a frame of silence that says how many bytes there are."""
    length = 417
    head = mp3[:2] + b"\x90" + mp3[3:4]
    said = b"Info" + struct.pack(">III", 3, 100, length + len(mp3))
    return (head + bytes(32) + said).ljust(length, b"\0") + mp3


SOUNDS = {
    "WAV of 44.1 kHz, stereo, 24 bits": sound(coding=("-b", "24")),
    "WAV of 44.1 kHz, stereo, 32-bit float": sound(coding=FLOAT),
    "WAV of 8 bits": sound(coding=("-b", "8"), gain=-3),
    "WAV of 16 kHz, mono": sound(rate=16000, channels=1, coding=("-b", "16")),
    "WAV of A-law": sound(rate=8000, channels=1, coding=("-e", "a-law")),
    "WAV of u-law": sound(rate=8000, channels=1, coding=("-e", "mu-law")),
    "WAV of six channels": sound(channels=6, coding=("-b", "16")),
    "WAV that is ours already": sound(rate=8000, channels=1, coding=("-b", "16")),
    "WAV out of a pipe": streamed(sound(coding=("-b", "16"))),
    "MP3": sound("mp3"),
    "MP3 of 22.05 kHz, mono": sound("mp3", rate=22050, channels=1),
    "MP3 with a tag": tagged(sound("mp3")),
    "MP3 with a Xing header": with_xing(sound("mp3")),
    "Ogg Vorbis": sound("ogg"),
    "Ogg Vorbis of 8 kHz, mono": sound("ogg", rate=8000, channels=1),
}


@pytest.mark.parametrize("content", SOUNDS.values(), ids=SOUNDS)
async def test_it_lasts_as_long_at_one_level_and_the_same_tone(content: bytes) -> None:
    found = await convert(content)
    samples = samples_of(found.wav)
    assert found.seconds == len(samples) / 8000
    assert found.seconds == pytest.approx(1.0, abs=0.05)
    assert decibel(loudness(samples)) == pytest.approx(LEVEL_DB, abs=0.5)
    stretch = max(tones(samples, [500, 550, 600, 650, 700]), key=lambda stretch: stretch.seconds)
    assert stretch.hz == 600
    assert stretch.seconds > 0.9
    middle = samples[1600:6400]
    assert amplitude(middle, 600) ** 2 / 2 > 0.98 * loudness(middle) ** 2, "and nothing but the tone"


@pytest.mark.parametrize("gain", [0, -6, -20, -45])
async def test_loud_or_soft_it_comes_out_the_same(gain: float) -> None:
    samples = samples_of((await convert(sound(gain=gain, coding=FLOAT))).wav)
    assert decibel(loudness(samples)) == pytest.approx(LEVEL_DB, abs=0.5)


async def test_pauses_do_not_make_it_louder() -> None:
    found = await convert(sound(seconds=1, coding=FLOAT, effects=("pad", "2", "3")))
    samples = samples_of(found.wav)
    assert found.seconds == pytest.approx(6, abs=0.05), "nothing is cut out"
    assert decibel(loudness(samples[17600:22400])) == pytest.approx(LEVEL_DB, abs=1)


async def test_no_peak_is_louder_than_the_limit() -> None:
    """Clicks on a soft tone: at its level they would be clipped."""
    clicks = sound(gain=-40, coding=FLOAT, rate=8000, channels=1, effects=("vol", "1"))
    body = bytearray(whole(clicks))
    for at in range(body.index(b"data") + 8, len(body) - 4, 4 * 800):
        struct.pack_into("<f", body, at, 0.99)
    samples = samples_of((await convert(bytes(body))).wav)
    assert decibel(max(map(abs, samples))) == pytest.approx(PEAK_DB, abs=0.1)
    assert decibel(loudness(samples)) < LEVEL_DB - 1


async def test_the_channels_are_mixed() -> None:
    right_only = sound(coding=("-b", "16"), effects=("remix", "0", "1"))
    assert (await convert(right_only)).seconds == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("wav", {"name": "x.mp3"}),
        ("mp3", {"name": "x.wav"}),
        ("mp3", {"name": "x.OGG"}),
        ("ogg", {"name": "x.mp3"}),
        ("wav", {"content_type": "audio/mpeg"}),
        ("mp3", {"content_type": "audio/wav; codecs=1"}),
        ("ogg", {"content_type": "audio/flac"}),
        ("mp3", {"content_type": "text/html"}),
        ("mp3", {"name": "x.mp3", "content_type": "audio/ogg"}),
        ("wav", {"only": "MP3"}),
    ],
)
async def test_what_says_that_it_is_another_kind_is_refused(kind: str, label: dict[str, Any]) -> None:
    with pytest.raises(Mislabelled):
        await convert(sound(kind, coding=("-b", "16") if kind == "wav" else ()), **label)


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("wav", {"name": "x.wav", "content_type": "audio/x-wav"}),
        ("wav", {"name": "x.wave", "content_type": "application/octet-stream"}),
        ("mp3", {"name": "../../etc/passwd.MP3", "content_type": "Audio/MPEG"}),
        ("mp3", {"name": "welcome v1.2", "only": "MP3"}),
        ("ogg", {"name": "x.oga", "content_type": "application/ogg"}),
        ("mp3", {"name": "download.php"}),
    ],
)
async def test_a_label_that_fits_or_says_nothing_is_no_matter(kind: str, label: dict[str, Any]) -> None:
    await convert(sound(kind, coding=("-b", "16") if kind == "wav" else ()), **label)


PLAYLISTS = (
    b"#EXTM3U\n/etc/passwd\n",
    b"[playlist]\nFile1=http://127.0.0.1/x.mp3\nNumberOfEntries=1\n",
    b"concat:/etc/passwd|/etc/hosts",
    b"http://127.0.0.1:1/x.wav",
    b"|sox -n -t wav - synth 1 sine 600",
    b"ffconcat version 1.0\nfile /etc/passwd\n",
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"ID3\x04\0\0\0\0\0\x7f",
        b"\xff\xfb\x90\x64" + bytes(40),  # one frame's head alone
        b"<html>404</html>",
        b"\x7fELF" + bytes(2000),
        sound("flac"),
        sound("aiff"),
        sound("au"),
        sound("ogg").replace(b"\x01vorbis", b"OpusHea", 1),
        whole(sound(coding=("-e", "ms-adpcm"))),
        whole(sound(coding=("-b", "16"))).replace(b"\x44\xac\0\0", b"\0\0\0\0", 1),  # 0 Hz
        *PLAYLISTS,
    ],
)
async def test_what_is_no_such_sound_is_refused(content: bytes) -> None:
    with pytest.raises(UnknownSound):
        await convert(content)


@pytest.mark.parametrize("playlist", PLAYLISTS)
async def test_a_playlist_in_a_sounds_clothes_is_noise_at_most(playlist: bytes) -> None:
    """sox is told the format, and that the sound is on its standard input: it opens nothing."""
    header = whole(sound(rate=8000, channels=1, coding=("-b", "16")))[:44]
    body = playlist * 200
    found = await convert(header[:40] + struct.pack("<I", len(body)) + body)
    assert found.seconds == pytest.approx(len(body) / 2 / 8000, abs=0.01)


@pytest.mark.parametrize("share", [0.2, 0.9])
@pytest.mark.parametrize(
    "content", [whole(sound(coding=("-b", "16"))), sound("ogg"), with_xing(sound("mp3"))], ids=["wav", "ogg", "mp3"]
)
async def test_what_is_cut_short_is_refused(content: bytes, share: float) -> None:
    with pytest.raises(BrokenSound):
        await convert(content[: int(share * len(content))])


async def test_an_ogg_file_without_its_last_page_is_cut_short_too() -> None:
    content = sound("ogg", seconds=3)
    with pytest.raises(BrokenSound):
        await convert(content[: content.rindex(b"OggS")])


@pytest.mark.parametrize("effects", [("trim", "0", "0.1"), ("trim", "0", "0")])
async def test_too_short_is_refused(effects: tuple[str, ...]) -> None:
    with pytest.raises((SoundTooShort, SilentSound)):
        await convert(sound(rate=8000, channels=1, coding=("-b", "16"), effects=effects))


@pytest.mark.parametrize("gain", [-200, -60])
async def test_silence_is_refused(gain: float) -> None:
    with pytest.raises(SilentSound):
        await convert(sound(gain=gain, coding=FLOAT))


async def test_a_small_file_of_hours_is_refused_in_time() -> None:
    """8 kbit/s: a file of 10 MB lasts for three hours, and is some 160 MB of samples."""
    bomb = sound("mp3", seconds=2, rate=8000, channels=1, coding=("-C", "8")) * 4000
    assert len(bomb) < 10_000_000
    began = time.monotonic()
    with pytest.raises(SoundTooLong):
        await convert(bomb)
    assert time.monotonic() - began < 8


async def test_a_length_that_is_only_claimed_is_not_believed() -> None:
    wav = bytearray(whole(sound(rate=8000, channels=1, coding=("-b", "16"))))
    struct.pack_into("<I", wav, 40, 0x7FFE_FFFF)
    with pytest.raises(BrokenSound):
        await convert(bytes(wav))


async def test_what_takes_too_long_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pids = slow_sox(monkeypatch, tmp_path)
    monkeypatch.setattr(conversion, "SECONDS", 0.3)
    with pytest.raises(SoundTooLong, match="could not be converted"):
        await convert(SOUNDS["MP3"])
    assert not Path(f"/proc/{pids.read_text().strip()}").exists()


async def test_who_gives_up_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pids = slow_sox(monkeypatch, tmp_path)
    converting = asyncio.create_task(convert(SOUNDS["MP3"]))
    while not pids.exists() or not pids.read_text():
        await asyncio.sleep(0.01)
    converting.cancel()
    await asyncio.wait([converting])
    assert not Path(f"/proc/{pids.read_text().strip()}").exists()


def slow_sox(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Put a sox that sleeps in the place of ours; where it writes its process id."""
    fake = folder / "sox"
    fake.write_text(f"#!/bin/sh\necho $$ >{folder}/pid\nexec /bin/sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setattr("engine.media.convert.shutil.which", lambda _: str(fake))
    return folder / "pid"


async def test_sox_is_limited_niced_and_told_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOX_OPTS", "--play-rate-arg -m")
    monkeypatch.setenv("CANARY", "of our environment")
    fake = tmp_path / "sox"
    fake.write_text(
        "#!/bin/sh\n/bin/cat >/dev/null\n"
        f"(/bin/cat /proc/self/limits; echo nice $(/usr/bin/nice); /usr/bin/env) >{tmp_path}/seen\n"
    )
    fake.chmod(0o755)
    monkeypatch.setattr("engine.media.convert.shutil.which", lambda _: str(fake))
    with pytest.raises(SoundTooShort):
        await convert(SOUNDS["MP3"])
    seen = (tmp_path / "seen").read_text()
    assert re.search(r"Max address space +536870912 +536870912", seen)
    assert re.search(r"Max cpu time +10 +10", seen)
    assert re.search(r"Max file size +67108864 +67108864", seen)
    assert int(re.findall(r"nice (\d+)", seen)[0]) >= 10
    assert "SOX_OPTS" not in seen
    assert "CANARY" not in seen


async def test_an_engine_that_is_nicer_already_is_not_asked_to_be_less_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sox").write_text(f"#!/bin/sh\n/bin/sleep 0.2; /usr/bin/nice >{tmp_path}/seen\n")
    (tmp_path / "sox").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("engine.media.convert.os.getpriority", lambda *_: 15)
    await conversion.formats()
    assert int((tmp_path / "seen").read_text()) >= 15


async def test_without_sox_it_is_said_that_it_can_not_be_done_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConverterAway):
        await convert(SOUNDS["MP3"])


async def test_random_damage_is_refused_or_heard_and_nothing_else() -> None:
    random = Random(7)
    wholes = [whole(sound(seconds=0.3, rate=8000, channels=1)), sound("mp3", seconds=0.3), sound("ogg", seconds=0.3)]
    for _ in range(60):
        broken = bytearray(random.choice(wholes))
        for _ in range(random.randint(1, 8)):
            broken[random.randrange(min(200, len(broken)))] = random.randrange(256)
        try:
            found = await convert(bytes(broken))
        except WrongSound:
            continue
        assert found.seconds < 600


async def test_every_prefix_of_a_file_is_read_without_stumbling() -> None:
    for content in (whole(sound(seconds=0.3)), tagged(sound("mp3", seconds=0.3)), sound("ogg", seconds=0.3)):
        for length in range(600):
            try:
                recognise(content[:length])
            except WrongSound:
                continue
