"""One-time passwords over HTTP: what is asked for, what is said, and that the password is nowhere afterwards."""

import asyncio
import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from engine.accounts import Accounts
from engine.core.speech import Manner, Part, Pause, Text
from engine.errors import OverCapacity, VoiceFailed
from engine.store.connection import connect
from tests.api.conftest import ROUTE, Client, StudioDouble, SwitchDouble, account, template

pytestmark = pytest.mark.asyncio(loop_scope="function")

PASSWORD = "7309"
# The document's own example, with numbers that exist.
REQUEST = {
    "customer_number": "919979270001",
    "otp": PASSWORD,
    "announce_template_id": "AN2222314c96",
    "repeat": "2",
    "caller_id": "15168148111",
    "voice": "Raveena",
    "volume": "soft",
    "rate": "slow",
    "pitch": "medium",
    "language_code": "en-US",
    "tts_engine_type": "standard",
}


@pytest_asyncio.fixture(loop_scope="function")
async def accounts() -> Accounts:
    accounts = Accounts()
    accounts.replace(
        [
            account("account_1", calls_per_second=1000, max_live_calls=1000),
            account("account_2"),
            ROUTE,
            template("AN2222314c96", "Your one time password is {otp}. Again, {otp}."),
            template("AN0000000001", "Not approved: {otp}.", approved=False),
            template("AN0000000002", "Of another account: {otp}.", account_id="account_2"),
            template("AN0000000003", "No password in it."),
        ]
    )
    return accounts


async def ask(client: Client, **change: Any) -> tuple[int, dict[str, Any]]:
    reply = await client.post("/api/outbound_call", json={**REQUEST, **change})
    return reply.status, (await reply.json())["response"]


async def test_the_documents_request_makes_a_call_that_speaks(
    client: Client, switch: SwitchDouble, studio: StudioDouble, tmp_path: Path
) -> None:
    """`{"response": {"request_id": "ae63e9576e","success": "true"}`"""
    status, response = await ask(client)
    assert (status, response) == (200, {"request_id": response["request_id"], "success": "true"})
    ((parts, manner),) = studio.asked
    assert (manner.voice, manner.volume, manner.rate, manner.language_code) == ("Raveena", "soft", "slow", "en-US")
    said = [part.text for part in parts if isinstance(part, Text)]
    assert said == ["Your one time password is", *PASSWORD, ". Again,", *PASSWORD]
    letters = [Text(letter) for letter in PASSWORD]
    assert all(isinstance(after, Pause) for part, after in pairwise(parts) if part in letters)
    (made,) = switch.started
    assert (made.kind, made.agent, made.customer.number, made.customer.caller_id) == (
        "otp",
        None,
        "919979270001",
        "15168148111",
    )
    assert made.speech is not None
    assert made.speech.times == 2
    (file,) = tmp_path.rglob("*.wav")
    assert made.speech.media == f"sound:{file.with_suffix('')}"
    assert made.speech.seconds == pytest.approx((file.stat().st_size - 44) / 16000)


async def test_what_is_not_said_is_as_the_document_says(
    client: Client, studio: StudioDouble, switch: SwitchDouble
) -> None:
    """ "Default: Joanna", medium, medium, medium, standard; `repeat` 1."""
    body = {name: REQUEST[name] for name in ("customer_number", "otp", "announce_template_id", "caller_id")}
    assert (await client.post("/api/outbound_call", json=body)).status == 200
    ((_, manner),) = studio.asked
    assert (manner.voice, manner.volume, manner.rate, manner.pitch) == ("Joanna", "medium", "medium", "medium")
    assert (manner.language_code, manner.tts_engine) == ("en-US", "standard")
    assert switch.started[0].speech is not None
    assert switch.started[0].speech.times == 1


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"customer_number": ""}, 400, "customer_number is required"),
        ({"customer_number": "91997927XXXX"}, 400, "customer_number"),
        ({"customer_number": "112"}, 400, "emergency"),
        ({"otp": ""}, 400, "otp is required"),
        ({"otp": "12"}, 400, "otp: 3 to 10 digits or capital letters"),
        ({"otp": "12345678901"}, 400, "otp: 3 to 10 digits or capital letters"),
        ({"otp": "12 4"}, 400, "otp: 3 to 10 digits or capital letters"),
        ({"otp": "<break/>"}, 400, "otp: 3 to 10 digits or capital letters"),
        ({"otp": "１２３４"}, 400, "otp: 3 to 10 digits or capital letters"),
        ({"announce_template_id": ""}, 400, "announce_template_id is required"),
        ({"announce_template_id": "AN9999999999"}, 404, "announce_template_id"),
        ({"announce_template_id": "AN0000000002"}, 404, "announce_template_id"),
        ({"announce_template_id": "AN0000000001"}, 400, "not approved"),
        ({"announce_template_id": "AN0000000003"}, 400, "no {otp}"),
        ({"repeat": "0"}, 400, "repeat must be from 1 to 10"),
        ({"repeat": "11"}, 400, "repeat must be from 1 to 10"),
        ({"repeat": "-1"}, 400, "repeat must be a whole number"),
        ({"caller_id": ""}, 400, "caller_id is required"),
        ({"caller_id": "15168148112"}, 400, "caller_id"),
        ({"voice": "Nobody"}, 400, "voice: there is no such voice"),
        ({"volume": "11"}, 400, "volume: must be one of"),
        ({"rate": "quick"}, 400, "rate: must be one of"),
        ({"pitch": "shrill"}, 400, "pitch: must be one of"),
        ({"language_code": "xx-XX"}, 400, "language_code"),
        ({"tts_engine_type": "steam"}, 400, "tts_engine_type: must be one of"),
    ],
)
async def test_what_is_wrong_is_told_and_nothing_is_said(
    client: Client, switch: SwitchDouble, studio: StudioDouble, change: dict[str, Any], status: int, message: str
) -> None:
    found, response = await ask(client, **change)
    assert (found, response["success"]) == (status, "false")
    assert message in response["message"]
    assert (studio.asked, switch.started) == ([], [])


async def test_a_pitch_that_a_neural_voice_has_not_is_dropped_with_a_warning(
    client: Client, studio: StudioDouble
) -> None:
    status, response = await ask(client, voice="Joanna", tts_engine_type="neural", pitch="x- high")
    assert (status, response["warnings"]) == (200, ["pitch: the neural engine has medium only"])
    assert studio.asked[0][1].pitch == "medium"


async def test_nobody_is_rung_when_no_voice_speaks(
    client: Client, switch: SwitchDouble, studio: StudioDouble, tmp_path: Path
) -> None:
    studio.failure = VoiceFailed("espeak: it stays silent")
    reply = await client.post("/api/outbound_call", json=REQUEST)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert switch.started == []
    assert list(tmp_path.rglob("*.wav")) == []


async def test_what_was_to_be_said_in_a_call_that_was_refused_is_gone(
    client: Client, switch: SwitchDouble, tmp_path: Path
) -> None:
    switch.failure = OverCapacity()
    assert (await ask(client))[0] == 429
    assert list(tmp_path.rglob("*.wav")) == []


async def test_a_request_with_the_same_key_is_one_call_and_with_another_password_another_request(
    client: Client, switch: SwitchDouble, database_url: str
) -> None:
    key = {"Idempotency-Key": "one"}
    first = await client.post("/api/outbound_call", json=REQUEST, headers=key)
    again = await client.post("/api/outbound_call", json=REQUEST, headers=key)
    other = await client.post("/api/outbound_call", json=REQUEST | {"otp": "7310"}, headers=key)
    assert (first.status, again.status, other.status) == (200, 200, 422)
    assert await first.json() == await again.json()
    assert len(switch.started) == 1
    connection = await connect(database_url)
    try:
        kept = [dict(row) for row in await connection.fetch("SELECT * FROM idempotency_keys")]
    finally:
        await connection.close()
    assert PASSWORD not in repr(kept)
    # Knowing all but the password, nobody can try which one it was.
    assert [guessed(row["fingerprint"]) for row in kept] == [False]


def guessed(fingerprint: str) -> bool:
    body = orjson.dumps(REQUEST, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"POST /api/outbound_call\n" + body).hexdigest() == fingerprint


async def test_the_password_is_in_no_row(client: Client, database_url: str) -> None:
    assert (await ask(client))[0] == 200
    connection = await connect(database_url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [repr(await connection.fetch(f"SELECT * FROM {table['tablename']}")) for table in tables]
    finally:
        await connection.close()
    assert "919979270001" in "".join(rows)
    assert PASSWORD not in "".join(rows)


@pytest.mark.parametrize("why", ["away", "stopped", "live calls"])
async def test_nothing_is_spoken_for_a_call_that_may_not_be_made(
    client: Client, switch: SwitchDouble, studio: StudioDouble, why: str
) -> None:
    switch.ready = why != "away"
    switch.live = 1000 if why == "live calls" else 0
    if why == "stopped":
        switch.gate.take_stops([{"account_id": "", "reason": "fraud alarm"}])
    assert (await ask(client))[0] == (429 if why == "live calls" else 503)
    assert studio.asked == []


async def test_one_account_does_not_keep_the_others_from_being_spoken_for(
    client: Client, studio: StudioDouble, switch: SwitchDouble
) -> None:
    """Two of an account at once, 48 behind them; who comes then is told so."""
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow(parts: Sequence[Part], manner: Manner) -> bytes:
        begun.release()
        await go_on.wait()
        return await StudioDouble().render(parts, manner)

    studio.render = slow  # type: ignore[method-assign]
    asked = [asyncio.ensure_future(ask(client, otp=f"{number:04}")) for number in range(50)]
    await begun.acquire()
    await begun.acquire()
    await asyncio.sleep(0.3)
    assert begun.locked(), "no third"
    status, response = await ask(client)
    assert (status, response["message"]) == (429, "too much is to be spoken at once, please try again")
    headers = {"account": "account_2", "auth": "secret of account_2"}
    other = {**REQUEST, "announce_template_id": "AN0000000002"}
    also = asyncio.ensure_future(client.post("/api/outbound_call", json=other, headers=headers))
    await begun.acquire()
    go_on.set()
    assert (await also).status == 200
    assert {status for status, _ in await asyncio.gather(*asked)} == {200}
    assert len(switch.started) == 51
