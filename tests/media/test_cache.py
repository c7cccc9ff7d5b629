"""The cache of spoken texts: its limit, restarts, and what else may lie in its folder."""

import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.core.speech import Manner
from engine.media.cache import Cache, name_of

ONE, TWO = (name_of(text, Manner(), "espeak") for text in ("one", "two"))
SAMPLES = bytes(range(256)) * 4


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_a_name_is_of_the_text_the_manner_and_the_voice() -> None:
    manners = [
        Manner(),
        Manner(voice="Amy"),
        Manner(language_code="en-GB"),
        Manner(tts_engine="neural"),
        Manner(volume="soft"),
        Manner(rate="slow"),
        Manner(pitch="low"),
    ]
    names = {name_of(text, each, voice) for text in ("a", "b") for each in manners for voice in ("polly", "espeak")}
    assert len(names) == 2 * 2 * len(manners)
    assert name_of("a", Manner(), "polly") == name_of("a", replace(Manner()), "polly")


@pytest.mark.asyncio
async def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    await Cache(tmp_path / "speech", limit=10_000).put(ONE, SAMPLES)
    cache = Cache(tmp_path / "speech", limit=10_000)
    assert await cache.get(ONE) == SAMPLES
    assert await cache.get(TWO) is None


@pytest.mark.asyncio
async def test_only_the_engine_s_user_can_listen(tmp_path: Path) -> None:
    await Cache(tmp_path / "speech", limit=10_000).put(ONE, SAMPLES)
    assert stat.S_IMODE((tmp_path / "speech").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "speech" / ONE).stat().st_mode) == 0o600


@pytest.mark.asyncio
async def test_it_keeps_to_its_limit_and_drops_what_was_not_used_for_longest(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=20_000)
    names = [name_of(str(place), Manner(), "espeak") for place in range(100)]
    for place, name in enumerate(names):
        await cache.put(name, SAMPLES)
        old = time.time() - 100_000 + place * 10
        os.utime(tmp_path / name, (old, old))
        assert size(tmp_path) <= 20_000
        assert await cache.get(names[0]) == SAMPLES, "what is used stays"
    kept = [name for name in names if await cache.get(name)]
    assert len(kept) >= 16
    assert kept == [names[0], *names[-len(kept) + 1 :]]


@pytest.mark.asyncio
async def test_a_restart_counts_what_is_there(tmp_path: Path) -> None:
    names = [name_of(str(place), Manner(), "espeak") for place in range(20)]
    for name in names:
        await Cache(tmp_path, limit=1_000_000).put(name, SAMPLES)
    await Cache(tmp_path, limit=5_000).put(ONE, SAMPLES)
    assert size(tmp_path) <= 5_000


@pytest.mark.asyncio
async def test_a_digit_s_file_does_not_tell_when_it_was_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=10_000)
    await cache.put(ONE, SAMPLES)
    before = (tmp_path / ONE).stat().st_mtime_ns
    await cache.get(ONE)
    assert (tmp_path / ONE).stat().st_mtime_ns == before


@pytest.mark.asyncio
@pytest.mark.parametrize("content", [b"", b"x", bytes(1056), bytes(32) + SAMPLES])
async def test_a_broken_file_is_not_there(tmp_path: Path, content: bytes) -> None:
    cache = Cache(tmp_path, limit=10_000)
    (tmp_path / ONE).write_bytes(content)
    assert await cache.get(ONE) is None
    await cache.put(ONE, SAMPLES)
    assert await cache.get(ONE) == SAMPLES


@pytest.mark.asyncio
async def test_a_file_cut_short_is_not_there(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=10_000)
    await cache.put(ONE, SAMPLES)
    os.truncate(tmp_path / ONE, 500)
    assert await cache.get(ONE) is None


@pytest.mark.asyncio
async def test_strangers_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("x" * 50_000)
    (tmp_path / "folder").mkdir()
    (tmp_path / TWO).mkdir()
    half = tmp_path / f"{ONE}.0123456789abcdef"
    half.write_bytes(bytes(5000))
    os.utime(half, (1, 1))
    cache = Cache(tmp_path, limit=5_000)
    await cache.put(ONE, SAMPLES)
    assert await cache.get(ONE) == SAMPLES
    assert await cache.get(TWO) is None
    assert (tmp_path / "README").stat().st_size == 50_000
    assert not half.exists(), "what was half-written when an engine was killed goes first"
    assert (tmp_path / TWO).is_dir()


@pytest.mark.asyncio
async def test_a_folder_that_can_not_be_written_is_a_cache_that_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "speech", limit=10_000)
    await cache.put(ONE, SAMPLES)
    assert await cache.get(ONE) is None


@pytest.mark.asyncio
async def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=10_000)
    await cache.put(ONE, SAMPLES)
    await cache.put(ONE, SAMPLES)
    assert [file.name for file in tmp_path.iterdir()] == [ONE]
