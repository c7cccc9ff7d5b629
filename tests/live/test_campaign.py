"""A campaign to every row of the carrier's table: the wire, recordings, our CDRs and four vendors' reports agree."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.live import outreach
from tests.live.engine import Api, left_in_asterisk
from tests.live.outreach import Outreach
from tests.live.wire import Wire

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

PER_MINUTE = 300


@dataclass(slots=True)
class Carried:
    """What was carried out, and who asks about it."""

    api: Api
    wire: Wire
    run: Outreach


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def carried() -> AsyncIterator[Carried]:
    api, wire = await Api.open(), Wire.open()
    try:
        run = await outreach.carried_out(
            api, contacts=len(outreach.ROWS), per_minute=PER_MINUTE, retry_on=("BUSY", "CONGESTION")
        )
        yield Carried(api, wire, run)
    finally:
        wire.close()
        await api.http.close()


async def test_everybody_is_called_as_often_as_the_rules_say_and_comes_out_as_the_table_says(carried: Carried) -> None:
    assert outreach.attempts_wrong(carried.run) == []


async def test_the_carriers_recordings_are_those_of_the_answers_and_hold_the_announcement(carried: Carried) -> None:
    assert outreach.recordings_wrong(carried.run) == []


async def test_each_attempt_is_one_invitation_and_comes_out_as_the_network_says(carried: Carried) -> None:
    assert outreach.wire_wrong(carried.run, carried.wire) == []


async def test_the_statistics_count_every_attempt(carried: Carried) -> None:
    assert await outreach.statistics_wrong(carried.api, carried.run) == []


async def test_sarvs_report_tells_each_attempt(carried: Carried) -> None:
    assert await outreach.sarv_wrong(carried.run) == []


async def test_wolkvoxs_report_counts_each_telephones_machine_codes(carried: Carried) -> None:
    assert await outreach.wolkvox_wrong(carried.run) == []


async def test_mors_poll_holds_what_was_pressed(carried: Carried) -> None:
    assert await outreach.poll_wrong(carried.run) == []


async def test_nothing_is_left_in_asterisk(carried: Carried) -> None:
    calls = {cdr["uniqueid"].partition("-")[2].partition(".")[0] for cdr in carried.run.cdrs if cdr["uniqueid"]}
    assert await left_in_asterisk(calls) == []
