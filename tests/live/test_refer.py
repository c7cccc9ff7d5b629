"""A phone that nobody here wrote, SIPp's, transfers with a REFER of its own: the customer hears whom it named."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bench.phones import free_ports
from tests.live.engine import Api, left_in_asterisk
from tests.live.lab import read, recordings, settings, started_at, tones
from tests.live.own_node import fresh

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(60)]

SCENARIO = Path(__file__).with_name("refer.xml")
OF_103 = 500
TALK_SECONDS = 2.0


@contextlib.asynccontextmanager
async def sipp_phone(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The phone of extension 108, for one call; it exits with 0 if that went as the scenario says."""
    host, _, port = settings()["PHONE_SIP_108"].partition(":")
    control_port, media_port = free_ports(2)
    options = ["-sf", SCENARIO, "-nostdin", "-m", "1", "-timeout", "30s", "-i", host, "-p", port]
    options += ["-mi", host, "-mp", media_port, "-ci", host, "-cp", control_port]
    options += ["-trace_err", "-error_file", folder / "errors.log"]
    process = await asyncio.create_subprocess_exec(
        "sipp", *(str(each) for each in options), cwd=folder, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_refer_of_another_makers_phone_is_obeyed_and_told_how_it_goes(tmp_path: Path) -> None:
    api, customer = await Api.open(), fresh("06")
    try:
        async with sipp_phone(tmp_path) as phone:
            await asyncio.sleep(0.3)  # it listens
            request_id = await api.call("108", customer)
            code = await phone.wait()
            errors = [each.read_text() for each in tmp_path.glob("errors.log")]
            assert code == 0, errors
            await asyncio.sleep(TALK_SECONDS)
            await api.post("/api/modify_call", {"request_id": request_id, "modify_type": "2"})
            cdr = await api.cdr(request_id)
    finally:
        await api.http.close()
    assert [(leg["side"], leg["number"], leg["dial_status"]) for leg in cdr["legs"]] == [
        ("agent", "108", "ANSWER"),
        ("customer", customer, "ANSWER"),
        ("third", "103", "ANSWER"),
    ]
    await asyncio.sleep(1)  # the recording is complete
    (recording,) = recordings(customer, since=started_at(recordings(customer)[-1]))
    found = [each for each in tones(read(recording), [OF_103]) if each.seconds > TALK_SECONDS - 0.5]
    assert len(found) == 1, "the customer hears 103 once the phone has gone"
    assert await left_in_asterisk({request_id}) == []
