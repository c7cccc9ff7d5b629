"""Uploaded announcements, heard in a call: each kind of file at its frequency, level and length.

Each is a second of tone and half a second of silence, played in a loop while the other party rings for 7 s.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from engine.media.convert import LEVEL_DB
from tests.live.lab import RATE, loudness, read, settings, tones
from tests.live.sarv import Customer, Seen, number
from tests.media.files import decibel, sound

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

PATH = "/v1/announcements"
VOICE = "/api/voice/upload_announcement.php"
TONE_SECONDS, PAUSE_SECONDS = 1.0, 0.5
FREQUENCIES = {"wav": 1100, "mp3": 1200, "ogg": 1300}  # none of the carrier's
GAINS = {"wav": 0.0, "mp3": -12.0, "ogg": -30.0}  # as they are sent: loud, as usual, soft


@dataclass(frozen=True, slots=True)
class Heard:
    """An upload, and the call it was played in."""

    announcement: dict[str, Any]
    seen: Seen


async def uploaded(customer: Customer, kind: str) -> dict[str, Any]:
    coding = ("-b", "24") if kind == "wav" else ()
    content = sound(
        kind,
        hz=FREQUENCIES[kind],
        seconds=TONE_SECONDS,
        gain=GAINS[kind],
        coding=coding,
        effects=("pad", "0", str(PAUSE_SECONDS)),
    )
    form = aiohttp.FormData()
    form.add_field("file", content, filename=f"tone.{kind}")
    async with customer.api.http.post(customer.api.url + PATH, data=form) as reply:
        body: dict[str, Any] = await reply.json()
        assert reply.status == 201, body
    return body


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def heard() -> AsyncIterator[dict[str, Heard]]:
    """All made at once, the moment they were uploaded: two by their id, one by its number."""
    async with Customer.open() as customer:
        kinds = list(FREQUENCIES)
        sent = [await uploaded(customer, kind) for kind in kinds]
        names = [sent[0]["id"], sent[1]["number"], sent[2]["id"]]
        calls = [customer.call(number("01"), number("12"), talk_seconds=1, ringTone=name) for name in names]
        seen = await asyncio.gather(*calls)
        yield {kind: Heard(*each) for kind, each in zip(kinds, zip(sent, seen, strict=True), strict=True)}
        for each in sent:
            async with customer.api.http.delete(f"{customer.api.url}{PATH}/{each['id']}") as reply:
                assert reply.status == 200


@pytest.mark.parametrize("kind", FREQUENCIES)
async def test_it_is_heard_at_its_frequency_level_and_length(heard: dict[str, Heard], kind: str) -> None:
    seen = heard[kind].seen
    samples = read(seen.heard_by(seen.cdr["agent_number"]))
    found = [each for each in tones(samples, [FREQUENCIES[kind]]) if each.seconds > 0.3]
    whole = found[1:-1]  # the first may begin before there is media, the last ends with the answer
    assert len(whole) >= 2
    assert [each.seconds for each in whole] == pytest.approx([TONE_SECONDS] * len(whole), abs=0.1)
    starts = [each.start_seconds for each in whole]
    laps = [later - earlier for earlier, later in pairwise(starts)]
    assert laps == pytest.approx([heard[kind].announcement["seconds"]] * len(laps), abs=0.1)
    assert heard[kind].announcement["seconds"] == pytest.approx(TONE_SECONDS + PAUSE_SECONDS, abs=0.05)
    for each in whole:
        middle = samples[round((each.start_seconds + 0.2) * RATE) : round((each.end_seconds - 0.2) * RATE)]
        assert decibel(loudness(middle)) == pytest.approx(LEVEL_DB, abs=1)


async def test_what_was_uploaded_is_no_other_accounts(heard: dict[str, Heard]) -> None:
    lab = settings()
    theirs = {"user_id": lab["SARV_USER_ID_2"], "token": lab["SARV_TOKEN_2"], "from": number("01"), "to": number("02")}
    asked = theirs | {"ringTone": heard["wav"].announcement["id"], "mode": "developer"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{lab['LEGWORK_URL']}/v2/clickToCall/para", params=asked) as reply,
    ):
        assert (await reply.json())["code"] == "1535"


async def test_sarvs_upload_fetches_nothing_of_ours() -> None:
    lab = settings()
    asked = {"username": lab["SARV_VOICE_USERNAME"], "token": lab["SARV_VOICE_TOKEN"]}
    asked["announcement_path"] = lab["ARI_URL"].replace("http:", "https:") + "/ari/asterisk/info"
    async with aiohttp.ClientSession() as http, http.get(lab["LEGWORK_URL"] + VOICE, params=asked) as reply:
        body = await reply.json()
    assert body == {
        "status": "error",
        "code": "007",
        "desc": "Invalid announcement: this URL leads to an address that is not public",
    }
