"""What is spoken in live calls: one file each, to be read by Asterisk, gone with its call."""

import os
import time
import wave
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from engine.core.call import Call
from engine.core.request import Speech
from engine.errors import Unavailable, WrongConfig
from engine.media.speeches import Speeches
from tests.core.conftest import call_of, otp_of

pytestmark = pytest.mark.asyncio


def silence(seconds: float) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(round(16000 * seconds)))
    return file.getvalue()


SOUND = silence(1.5)


def file_of(speech: Speech) -> Path:
    return Path(f"{speech.media.removeprefix('sound:')}.wav")


def call(speech: Speech | None) -> Call:
    return call_of(replace(otp_of(), speech=speech))


async def test_it_is_a_file_that_asterisk_can_read_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        speech = await Speeches(tmp_path / "n1/speeches").keep(SOUND, times=2)
    finally:
        os.umask(before)
    assert (speech.seconds, speech.times) == (1.5, 2)
    file = file_of(speech)
    assert file.read_bytes() == SOUND
    assert file.stat().st_mode & 0o777 == 0o644
    assert [folder.stat().st_mode & 0o777 for folder in (file.parent, file.parent.parent)] == [0o755, 0o755]


async def test_a_folder_that_is_there_stays_as_its_owner_made_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o750)
    await Speeches(folder).keep(SOUND, times=1)
    assert folder.stat().st_mode & 0o777 == 0o750


async def test_it_is_gone_with_its_call_and_twice_is_harmless(tmp_path: Path) -> None:
    speeches = Speeches(tmp_path)
    one, other = [await speeches.keep(SOUND, times=1) for _ in range(2)]
    speeches.forget(call(one))
    speeches.forget(call(one))
    speeches.forget(call(None))
    assert [file_of(each).exists() for each in (one, other)] == [False, True]


async def test_what_a_dead_engine_left_is_swept_but_not_what_is_heard_or_young(tmp_path: Path) -> None:
    speeches = Speeches(tmp_path)
    heard, left, young = [await speeches.keep(SOUND, times=1) for _ in range(3)]
    half = tmp_path / "tmp1234.part"
    half.write_bytes(b"half")
    long_ago = time.time() - 3600
    for file in (file_of(heard), file_of(left), half):
        os.utime(file, (long_ago, long_ago))
    await speeches.sweep({heard.media})
    assert [file_of(each).exists() for each in (heard, left, young)] == [True, False, True]
    assert not half.exists()
    await Speeches(tmp_path / "none-yet").sweep(set())


async def test_what_can_not_be_written_refuses_the_request(tmp_path: Path) -> None:
    (tmp_path / "speeches").write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        await Speeches(tmp_path / "speeches").keep(SOUND, times=1)


async def test_a_path_that_asterisk_is_not_given_is_told_at_the_start() -> None:
    with pytest.raises(WrongConfig, match="LEGWORK_SPEECH_DIR /srv/two words"):
        Speeches(Path("/srv/two words"))


async def test_an_announcement_that_was_played_stays(tmp_path: Path) -> None:
    """What is no speech of this folder is somebody's for longer than a call."""
    sound = tmp_path / "announcements/offer.wav"
    sound.parent.mkdir()
    sound.write_bytes(SOUND)
    offer = Speech(media=f"sound:{sound.with_suffix('')}", seconds=1.5, times=1)
    Speeches(tmp_path / "speeches").forget(call(offer))
    assert sound.exists()
