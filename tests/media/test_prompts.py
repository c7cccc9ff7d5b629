"""What an IVR says: spoken once, kept as long as it is used."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.core.ivr import Choice, Ivr, Prompt, Step
from engine.core.speech import Manner, Part, Text
from engine.errors import Unavailable, VoiceFailed, WrongConfig
from engine.media.prompts import FRESH_SECONDS, UNUSED_SECONDS, Prompts
from tests.media.test_speeches import silence

pytestmark = pytest.mark.asyncio


@dataclass(slots=True)
class StudioDouble:
    """Notes what it says, and how."""

    said: list[tuple[str, str]] = field(default_factory=list)
    fails: bool = False
    seconds: float = 1.25

    async def render(self, parts: Sequence[Part], manner: Manner) -> bytes:
        if self.fails:
            raise VoiceFailed
        self.said.append((" ".join(part.text for part in parts if isinstance(part, Text)), manner.voice))
        await asyncio.sleep(0)
        return silence(self.seconds)


def prompts(folder: Path) -> tuple[Prompts, StudioDouble]:
    studio = StudioDouble()
    return Prompts(folder, studio), studio  # type: ignore[arg-type]


def file_of(prompt: Prompt) -> Path:
    return Path(f"{prompt.media.removeprefix('sound:')}.wav")


async def test_a_text_is_spoken_once_for_all_who_ask_and_after_a_restart(tmp_path: Path) -> None:
    made, studio = prompts(tmp_path)
    first, second = await asyncio.gather(*(made.prompt("Press one.", Manner()) for _ in range(2)))
    again = await prompts(tmp_path)[0].prompt("Press one.", Manner())
    assert first == second == again
    assert (first.seconds, studio.said) == (1.25, [("Press one.", "Joanna")])
    assert file_of(first).stat().st_mode & 0o777 == 0o644


async def test_another_text_or_manner_is_another_file(tmp_path: Path) -> None:
    made, _ = prompts(tmp_path)
    files = {
        file_of(await made.prompt(text, manner))
        for text in ("one", "two")
        for manner in (Manner(), Manner(voice="Brian"), Manner(rate="slow"))
    }
    assert len(files) == 6
    assert all("one" not in file.stem and "two" not in file.stem for file in files)


async def test_all_texts_of_an_ivr_are_spoken_by_its_voice_and_its_sounds_stay(tmp_path: Path) -> None:
    made, studio = prompts(tmp_path)
    keys = {"1": Choice(then="next", answer="yes")}
    sound = Prompt(media="sound:/srv/welcome", seconds=2.0)
    steps = (
        Step(name="a", prompt=Prompt(text="Do you?"), keys=keys, wrong=Prompt(text="What?")),
        Step(name="b", prompt=sound, keys=keys),
    )
    ivr = await made.spoken(Ivr(ivr_id="poll", steps=steps, voice="Brian"))
    assert sorted(studio.said) == [("Do you?", "Brian"), ("What?", "Brian")]
    assert ivr.steps[0].prompt.media
    assert ivr.steps[0].wrong is not None
    assert ivr.steps[0].wrong.media
    assert ivr.steps[1].prompt == sound
    assert ivr.steps[0].keys == keys


async def test_what_was_not_used_for_a_month_goes_and_what_was_used_stays(tmp_path: Path) -> None:
    made, _ = prompts(tmp_path)
    old, used = [await made.prompt(text, Manner()) for text in ("old", "used")]
    long_ago = time.time() - UNUSED_SECONDS - 60
    for each in (old, used):
        os.utime(file_of(each), (long_ago, long_ago))
    await made.prompt("used", Manner())
    assert await made.sweep() == 1
    assert [file_of(each).exists() for each in (old, used)] == [False, True]


async def test_a_file_that_is_no_sound_is_spoken_anew(tmp_path: Path) -> None:
    made, studio = prompts(tmp_path)
    file = file_of(await made.prompt("Hello", Manner()))
    file.write_bytes(b"RIFF")
    assert (await made.prompt("Hello", Manner())).seconds == 1.25
    assert len(studio.said) == 2


async def test_a_voice_that_fails_and_a_folder_that_can_not_be_written_are_told(tmp_path: Path) -> None:
    made, studio = prompts(tmp_path)
    studio.fails = True
    with pytest.raises(VoiceFailed):
        await made.prompt("Hello", Manner())
    (tmp_path / "prompts").write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        await prompts(tmp_path / "prompts")[0].prompt("Hello", Manner())
    with pytest.raises(WrongConfig):
        prompts(Path("/srv/two words"))


async def test_a_prompt_is_made_anew_each_hour_and_a_call_keeps_the_one_it_has(tmp_path: Path) -> None:
    """What another voice has spoken, while the first one was away, does not stay for ever."""
    made, studio = prompts(tmp_path)
    first = await made.prompt("Hello", Manner())
    an_hour_ago = time.time() - FRESH_SECONDS - 1
    os.utime(file_of(first), (an_hour_ago, an_hour_ago))
    studio.seconds = 0.75
    second = await made.prompt("Hello", Manner())
    assert (first.seconds, second.seconds) == (1.25, 0.75)
    assert file_of(first).exists()
    assert await made.prompt("Hello", Manner()) == second
    os.utime(file_of(second), (an_hour_ago + 1, an_hour_ago + 1))
    studio.fails = True
    assert await made.prompt("Hello", Manner()) == second  # better than none
