"""The spool on a real disk: what it acknowledged is there, whatever happened."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engine.store.spool import FILE, Spool, SpoolRefused

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture(loop_scope="function")
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path)
    yield spool
    await spool.close()


async def everything(spool: Spool, *, count: int = 1_000_000) -> dict[str, bytes | None]:
    """What is in it, in its order."""
    return {each.call_id: each.body for each in await spool.oldest(count)}


async def again(spool: Spool, folder: Path) -> Spool:
    """The spool as the next engine finds it."""
    await spool.close()
    return Spool(folder)


async def test_the_newest_snapshot_of_each_call_comes_out_oldest_first(spool: Spool) -> None:
    await spool.put([("a", b"1"), ("b", b"1")])
    await spool.put([("c", b"1")])
    await spool.put([("a", b"2"), ("d", None)])
    assert spool.depth == 4
    assert list((await everything(spool)).items()) == [("b", b"1"), ("c", b"1"), ("a", b"2"), ("d", None)]


async def test_what_is_removed_is_gone_and_what_was_put_meanwhile_is_not(spool: Spool) -> None:
    await spool.put([("a", b"1"), ("b", b"1"), ("c", b"1")])
    batch = await spool.oldest(2)
    await spool.put([("a", b"2")])
    await spool.remove(batch)
    assert spool.depth == 2
    assert await everything(spool) == {"c": b"1", "a": b"2"}


async def test_it_takes_no_file_until_something_is_in_it_and_none_when_cleared(spool: Spool, tmp_path: Path) -> None:
    assert await spool.oldest(10) == []
    assert list(tmp_path.iterdir()) == []
    for turn in range(3):  # positions begin anew each time
        await spool.put([(f"call{turn}", b"1")])
        assert spool.left_over
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
        batch = await spool.oldest(10)
        assert [each.call_id for each in batch] == [f"call{turn}"]
        await spool.remove(batch)
        await spool.clear()
        assert list(tmp_path.iterdir()) == []
        assert not spool.left_over


async def test_a_full_spool_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit_bytes=400_000)
    kept = 0
    with contextlib.suppress(SpoolRefused):
        while kept < 1000:
            await spool.put([(f"call{kept}", b"x" * 20_000)])
            kept += 1
    assert 10 < kept < 25
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2_000_000
    spool = await again(spool, tmp_path)
    assert len(await everything(spool)) == kept
    await spool.remove(await spool.oldest(5))
    await spool.put([("another", b"x" * 20_000)])  # there is room again
    await spool.close()


@pytest.mark.parametrize("garbage", [b"not a database at all" * 400, None])
async def test_a_corrupt_file_is_moved_aside_and_the_spool_begins_anew(
    tmp_path: Path, garbage: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = Spool(tmp_path)
    await spool.put([(f"call{number}", b"x" * 3000) for number in range(50)])
    spool = await again(spool, tmp_path)
    file = tmp_path / FILE
    if garbage is None:  # its pages, but not its head
        whole = bytearray(file.read_bytes())
        whole[4096:] = os.urandom(len(whole) - 4096)
        garbage = bytes(whole)
    file.write_bytes(garbage)
    assert await spool.oldest(100) == []
    assert "corrupt" in capsys.readouterr().out
    (aside,) = tmp_path.glob("spool.db.corrupt-*")
    assert aside.read_bytes() == garbage
    await spool.put([("new", b"1")])
    assert await everything(spool) == {"new": b"1"}
    await spool.close()


async def test_without_a_folder_or_with_one_that_can_not_be_made_it_refuses_once_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    for spool in (Spool(), Spool(tmp_path / "file" / "state"), Spool(Path("/proc/legwork"))):
        capsys.readouterr()
        for _ in range(3):
            with pytest.raises(SpoolRefused):
                await spool.put([("a", b"1")])
        assert capsys.readouterr().out.count("the spool refuses") == 1
        assert await spool.oldest(10) == []
        await spool.clear()
        await spool.close()


async def test_a_spool_that_another_process_uses_refuses(spool: Spool, tmp_path: Path) -> None:
    await spool.put([("a", b"1")])
    other = Spool(tmp_path)
    with pytest.raises(SpoolRefused):
        await other.put([("a", b"2")])
    await other.close()
    assert await everything(spool) == {"a": b"1"}


async def test_the_loop_does_not_wait_for_the_disk(spool: Spool) -> None:
    turns = 0

    async def look() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    await spool.put([("warm", b"1")])
    looking = asyncio.create_task(look())
    await spool.put([(f"call{number}", b"x" * 2000) for number in range(5000)])
    looking.cancel()
    assert turns > 10
