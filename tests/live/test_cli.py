"""The command line as an operator uses it: what it prints, how it exits."""

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from tests.live.engine import LEGWORK, Api, left_in_asterisk, legwork
from tests.live.lab import settings

pytestmark = pytest.mark.asyncio(loop_scope="function")

ROOT = Path(__file__).resolve().parents[2]
LINE = 71 * int(time.time()) % 1000


def number(row: str) -> str:
    return f"9199100{LINE:03}{row}"


async def test_a_call_that_reached_both_is_exit_code_0_and_its_record() -> None:
    code, output = await legwork("call", number("01"), number("02"), "--talk-seconds", "1", "--json")
    cdr = json.loads(output.splitlines()[-1])
    assert (code, cdr["disposition"]) == (0, "ANSWER")
    assert 0.9 < cdr["billsec"] < 2
    code, output = await legwork("cdr", cdr["request_id"])
    assert code == 0
    for words in ("ANSWER", number("01"), number("02"), "agent", "destination"):
        assert words in output


async def test_a_call_that_did_not_reach_both_is_exit_code_3_and_says_why() -> None:
    code, output = await legwork("call", number("20"), number("02"))
    assert code == 3
    assert "busy (486)" in output


async def test_a_refused_call_is_exit_code_1_and_the_reason() -> None:
    assert await legwork("call", "91997927XXXX", number("02")) == (
        1,
        "refused: agent_number: only digits, 3 to 15 of them, with an optional + in front\n",
    )


async def test_an_unknown_id_is_exit_code_4() -> None:
    assert await legwork("cdr", "0000000000") == (4, "there is no request 0000000000\n")
    assert await legwork("hangup", "0000000000") == (4, "there is no call 0000000000\n")


async def test_ctrl_c_hangs_up() -> None:
    process = await asyncio.create_subprocess_exec(
        LEGWORK,
        "--env",
        str(ROOT / ".lab/lab.env"),
        "call",
        number("03"),
        number("30"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(10):
        while True:
            _, live = await legwork("calls", "--json")
            mine = [
                call for call in json.loads(live) if call["request"]["agent"]["targets"][0]["number"] == number("03")
            ]
            if mine and any(leg["side"] == "customer" and leg["rang_at"] for leg in mine[0]["legs"]):
                break
    process.send_signal(signal.SIGINT)
    output, _ = await process.communicate()
    assert process.returncode == 130
    call_id = mine[0]["call_id"]
    assert f"call {call_id} is told to hang up" in output.decode()
    api = await Api.open()
    assert (await api.cdr(call_id))["dial_status"] == "CANCEL"
    await api.http.close()
    assert await left_in_asterisk({call_id}) == []


async def test_show_lists_what_is_applied_and_no_secret() -> None:
    code, output = await legwork("show")
    assert code == 0
    for words in ("account_1", "account_2", "201", "302", "AN2222314c96", "1610448601_84.wav"):
        assert words in output
    _, rows = await legwork("show", "account_1", "--json")
    assert {row["account_id"] for row in json.loads(rows)} == {"account_1"}
    for name in ("CPAAS_AUTH", "SARV_TOKEN", "MOR_SECRET", "WOLKVOX_TOKEN"):
        assert settings()[name] not in output + rows
    assert (await legwork("show", "nobody"))[0] == 4


async def test_applying_the_same_file_again_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, output = await legwork("apply", "docker/accounts.toml", "--dry-run")
    assert code == 0, output
    assert output.startswith("0 changes")


async def test_a_wrong_file_is_exit_code_1_and_names_the_key(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[[account]]\nid = 'x'\nname = 'x'\nregion = 'Atlantis'\n")
    code, output = await legwork("apply", str(wrong))
    assert code == 1
    assert "account.0.region" in output


async def test_the_doctor_finds_the_lab_well() -> None:
    code, output = await legwork("doctor", "--json")
    assert code == 0, output
    assert all(finding["ok"] for finding in json.loads(output))


async def test_the_doctor_says_how_to_mend_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARI_PASSWORD", "wrong")
    monkeypatch.setenv("LEGWORK_URL", "http://127.0.0.1:9")
    code, output = await legwork("doctor")
    assert code == 1
    assert "refuses our password" in output
    assert "systemctl start legwork" in output


async def test_an_engine_that_can_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = settings()
    monkeypatch.setenv("LEGWORK_NODE", "other")
    monkeypatch.setenv("LEGWORK_HTTP_PORT", lab["LEGWORK_URL"].rpartition(":")[2])
    code, output = await legwork("run")
    assert code == 1
    assert "LEGWORK_HTTP_PORT" in output
    assert "address already in use" in output
    monkeypatch.setenv("DATABASE_URL", lab["DATABASE_URL"].replace("/legwork?", "/nothing?"))
    code, output = await legwork("run")
    assert (code, output.count("\n")) == (1, 1)
    assert output.startswith("Postgres does not answer")
    monkeypatch.setenv("LEGWORK_RING_SECONDS", "soon")
    code, output = await legwork("run")
    assert code == 1
    assert output.startswith("settings: ring_seconds: ")
