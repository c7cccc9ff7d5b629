"""Any program as an engine of transcripts: also one that fails, hangs, or writes what nobody can read."""

import asyncio
import os
import sys
import time
from pathlib import Path

import orjson
import pytest

from engine.errors import TranscriptFailed
from engine.transcripts.command import Command
from engine.transcripts.engine import Transcript

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def transcript(code: str, file: Path, *, seconds: float = 20.0) -> Transcript:
    """What a program of that code comes to."""
    command = Command(arguments=(sys.executable, "-c", code), seconds=seconds)
    return await command.transcribe(file, account_id="account_1", name="n1-57362de4f0.b1.r1")


async def test_the_program_gets_the_path_and_its_json_is_the_transcript(tmp_path: Path) -> None:
    file = tmp_path / "a b;$(touch evil).wav"
    file.write_bytes(b"x" * 7)
    code = (
        "import json, sys, os; print(json.dumps({'text': f'{os.path.getsize(sys.argv[1])} bytes',"
        "'segments': [{'text': 'x', 'start_time': 0.5, 'words': [1]}], 'more': 1}))"
    )
    assert await transcript(code, file) == Transcript("7 bytes", [{"text": "x", "start_time": 0.5}])


async def test_a_transcript_may_be_empty_and_have_no_segments(tmp_path: Path) -> None:
    assert await transcript('print(\'{"text": ""}\')', tmp_path) == Transcript("")


async def test_what_postgres_can_not_keep_is_left_out(tmp_path: Path) -> None:
    code = r"""print('{"text": "a\\u0000b\\ud800c", "segments": [{"te\\u0000xt": "\\u0000"}]}')"""
    assert await transcript(code, tmp_path) == Transcript("ab?c", [{"text": ""}])


@pytest.mark.parametrize("number", [2**64, -(2**64), 10**400])
async def test_a_number_no_json_has_room_for_is_left_out(tmp_path: Path, number: int) -> None:
    code = f"import json; print(json.dumps({{'text': 'x', 'segments': [{{'id': {number}, 'start': {2**63 - 1}}}]}}))"
    found = await transcript(code, tmp_path)
    assert found == Transcript("x", [{"start": 2**63 - 1}])
    assert orjson.dumps(found.segments)  # as the store does


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; sys.exit(3)", "failed with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "failed with exit code -9"),
        ('print(\'{"text": "x"}\'); raise SystemExit(1)', "failed with exit code 1"),
        ("print('hello')", "does not write JSON"),
        ("", "does not write JSON"),
        ("import os; os.write(1, b'\\xff\\xfe{')", "does not write JSON"),
        ("print('[' * 100000)", "does not write JSON"),
        ("print('[]')", "the answer has no text"),
        ("print('{\"text\": null}')", "the answer has no text"),
        ('print(\'{"text": "x", "segments": 1}\')', "segments are no list of objects"),
        ('print(\'{"text": "x", "segments": [1]}\')', "segments are no list of objects"),
        ("print('{\"text\": \"' + 'x' * 1000001 + '\"}')", "longer than 1,000,000 letters"),
        ("import sys; sys.stdout.write('x' * (10 << 20))", "writes more than 8 MB"),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "writes more than 8 MB"),
    ],
)
async def test_what_goes_wrong_is_said(tmp_path: Path, code: str, reason: str) -> None:
    with pytest.raises(TranscriptFailed) as failed:
        await transcript(code, tmp_path)
    assert reason in failed.value.message


async def test_the_last_words_of_a_program_that_fails_are_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import sys; sys.stderr.write('x' * 100_000 + 'out of memory'); sys.exit(1)"
    with pytest.raises(TranscriptFailed):
        await transcript(code, tmp_path)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "program failed" in line)
    assert "x" * 487 + "out of memory" in line
    assert "x" * 488 not in line
    await transcript("import sys; sys.stderr.write('100 %'); print('{\"text\": \"\"}')", tmp_path)
    assert "100 %" not in capsys.readouterr().out


async def test_a_program_runs_at_a_lower_priority_than_calls(tmp_path: Path) -> None:
    code = 'import os, time; time.sleep(0.3); print(\'{"text": "%d"}\' % os.getpriority(os.PRIO_PROCESS, 0))'
    assert (await transcript(code, tmp_path)).text == "10"


async def test_a_program_that_hangs_is_ended_and_so_is_what_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = f"import subprocess, time; child = subprocess.Popen(['sleep', '60']); open({str(told)!r}, 'w').write(str(child.pid)); time.sleep(60)"  # noqa: E501
    began = time.monotonic()
    with pytest.raises(TranscriptFailed, match="takes longer than 1 s"):
        await transcript(code, tmp_path, seconds=1.0)
    assert time.monotonic() - began < 5
    assert not runs(int(told.read_text()))


async def test_a_program_dies_with_whoever_waits_for_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    waiting = asyncio.create_task(transcript(code, tmp_path))
    while not told.exists() or not told.read_text():
        await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not runs(int(told.read_text()))


async def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    command = Command(arguments=(str(tmp_path / "none"),), seconds=1.0)
    with pytest.raises(TranscriptFailed, match="none can not be started: No such file"):
        await command.transcribe(tmp_path, account_id="account_1", name="x")


def runs(pid: int) -> bool:
    """Whether it is still at work: one that ended may wait for its parent's notice."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX" and os.getpid() != pid
