"""Campaigns of type 1 from the API to the carrier: a survey over rows 80-89, an extension, a group, an endpoint.

Rows 80-89 press their digit three seconds after they answered; row 60 hangs up by then. The lab's accounts say what
`survey` asks: 1-5 are answers, 9 asks again, 0 connects to group 302, all else is wrong.
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.live import outreach
from tests.live.engine import CALLER_ID, Api, left_in_asterisk, legwork
from tests.live.lab import Stretch, loudness, read, recordings, settings, tones
from tests.live.outreach import Outreach

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

SURVEY = [f"8{digit}" for digit in range(10)]
# Where a campaign connects to, and the tones of whom it may reach there.
WHERE = {"extension:101": (400,), "group:301": (450, 500), "endpoint:bot": (550,)}
GROUP_302 = {"919910020303": 550, "919910020404": 600, "919910020505": 650}
TRANSFERRED = "80"
TALK_SECONDS = 3.0
OVER_SECONDS = 150.0
SPOKEN = 300  # the loudness of a second in which somebody speaks


@dataclass(slots=True)
class Called:
    """A campaign that is over, and what its contacts heard."""

    run: Outreach
    heard: dict[str, list[int]]  # by number: samples

    def of(self, row: str) -> tuple[dict[str, Any], list[int]]:
        """The CDR of the only attempt at that row's number, and what it heard."""
        number = next(each for each in self.run.numbers if each.endswith(row))
        [cdr] = self.run.of(number)
        return cdr, self.heard[number]


async def ask(api: Api, path: str, body: dict[str, Any]) -> dict[str, Any]:
    status, response = await api.post(path, body)
    assert status == 200, response
    told: dict[str, Any] = response
    return told


async def begun(api: Api, rows: Sequence[str], **more: str) -> Outreach:
    """A campaign of type 1 to a number of each of these rows."""
    tag, since = secrets.token_hex(4), time.time()
    numbers = [f"9199100{secrets.randbelow(1000):03}{row}" for row in rows]
    list_id = (await ask(api, "/api/create_campaign_list", {"list_name": tag}))["list_id"]
    contacts = [{"contact_name": each, "contact_number": each} for each in numbers]
    await ask(api, "/api/add_contact_to_list", {"list_id": list_id, "contacts": contacts})
    wanted = {
        "list_id": list_id,
        "campaign_name": tag,
        "campaign_type": "1",
        "campaign_caller_id": CALLER_ID,
        "calls_per_minute": "600",
    }
    made = await ask(api, "/api/create_campaign", wanted | more)
    return Outreach(
        campaign_id=made["campaign_id"],
        list_id=list_id,
        numbers=numbers,
        unwanted=set(),
        max_retries=0,
        retry_on=set(),
        since=since,
    )


async def over(api: Api, run: Outreach) -> Called:
    """The campaign once it is over."""
    async with asyncio.timeout(OVER_SECONDS):
        while not run.cdrs or len(run.cdrs) < len(run.numbers):
            await asyncio.sleep(1)
            asked = {"campaign_id": run.campaign_id, "record_count": "1000", "offset": "0"}
            run.cdrs = (await ask(api, "/api/get_cdr_by_campaign_id", asked))["result"]
    await asyncio.sleep(1.2)  # a recording is complete within a second
    return Called(run, {each: read(recordings(each, since=run.since - 1)[-1]) for each in run.numbers})


async def bridged(number: str) -> str:
    """The id of the latest call to that number, once both talk, as the engine's log tells."""
    masked = f"{'*' * (len(number) - 4)}{number[-4:]}"
    async with asyncio.timeout(60):
        while True:
            lines = [json.loads(line) for line in Path(settings()["ENGINE_LOG"]).read_text().splitlines()[-2000:]]
            call = next((each["call"] for each in reversed(lines) if each.get("number") == masked), None)
            if call and any(each["event"] == "call bridged" and each["call"] == call for each in lines):
                return str(call)
            await asyncio.sleep(0.5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def called() -> AsyncIterator[dict[str, Called]]:
    """The survey, and a campaign to everything else there is to connect to, all at once."""
    api = await Api.open()
    try:
        runs = {"survey": await begun(api, SURVEY)}  # the account's default IVR
        for written in WHERE:
            runs[written] = await begun(api, ["60"], connect_to=written)
        transferred = await bridged(next(each for each in runs["survey"].numbers if each.endswith(TRANSFERRED)))
        await asyncio.sleep(TALK_SECONDS)
        assert (await legwork("hangup", transferred))[0] == 0
        yield {name: await over(api, run) for name, run in runs.items()}
    finally:
        await api.http.close()


def talked(samples: list[int], candidates: Sequence[int]) -> list[Stretch]:
    """Where somebody's tone is to be heard for a while: speech holds one for an instant."""
    return [each for each in tones(samples, candidates) if each.seconds > 0.5]


@pytest.mark.parametrize("row", SURVEY)
async def test_what_was_pressed_is_in_the_cdr_and_everybody_was_asked(called: dict[str, Called], row: str) -> None:
    cdr, heard = called["survey"].of(row)
    assert (cdr["dial_status"], cdr["dtmf_inputs"], cdr["is_dnd"]) == ("ANSWER", row[-1], "0")
    assert loudness(heard[4000:20000]) > SPOKEN, "the first question, until the key"


async def test_an_answer_leads_on_and_a_wrong_key_or_a_repeat_asks_again(called: dict[str, Called]) -> None:
    answered, wrong, again = (called["survey"].of(row)[0]["billsec"] for row in ("81", "86", "89"))
    assert wrong > answered + 5, "the first question was asked three times"
    assert again > answered + 5


async def test_mors_poll_is_what_was_pressed(called: dict[str, Called]) -> None:
    assert await outreach.poll_wrong(called["survey"].run) == []


async def test_nothing_is_left_in_asterisk(called: dict[str, Called]) -> None:
    cdrs = [cdr for each in called.values() for cdr in each.run.cdrs]
    assert await left_in_asterisk({cdr["uniqueid"].partition("-")[2].partition(".")[0] for cdr in cdrs}) == []


async def test_a_transfer_reaches_the_group(called: dict[str, Called]) -> None:
    cdr, heard = called["survey"].of(TRANSFERRED)
    [agent] = [leg for leg in cdr["legs"] if leg["bridged_at"] and leg["side"] == "agent"]
    assert agent["number"] in GROUP_302
    assert sum(each.seconds for each in talked(heard, [GROUP_302[agent["number"]]])) > TALK_SECONDS - 1


@pytest.mark.parametrize("written", list(WHERE))
async def test_who_answers_is_connected_and_hears_who_is_there(called: dict[str, Called], written: str) -> None:
    cdr, heard = called[written].of("60")
    assert (cdr["dial_status"], cdr["dialed_number"]) == ("ANSWER", called[written].run.numbers[0])
    assert [leg["side"] for leg in cdr["legs"]] == ["customer", "agent"]
    assert sum(each.seconds for each in talked(heard, WHERE[written])) > 1.5
