"""A one-time password through Polly, from the request to the file Asterisk plays, whatever Polly does wrong."""

from pathlib import Path

import pytest
import pytest_asyncio

from engine.media.cache import Cache
from engine.media.espeak import Espeak
from engine.media.polly import Patience, Polly
from engine.media.studio import Studio
from engine.media.voice import Voice
from tests.api.conftest import Client, SwitchDouble
from tests.api.test_outbound_call import REQUEST, accounts
from tests.media.conftest import key, no_key, polly
from tests.media.polly import StandIn

__all__ = ["accounts", "key", "no_key", "polly"]

pytestmark = pytest.mark.asyncio(loop_scope="function")

PATIENCE = Patience(connect_seconds=1, read_seconds=1, whole_seconds=5, attempts=1)
TEXTS = 6  # two of the template, and of the password four different characters


@pytest.fixture
def voices() -> tuple[Voice, ...]:
    return (Polly(region="eu-west-1", patience=PATIENCE), Espeak())


@pytest_asyncio.fixture(loop_scope="function")
async def studio(polly: StandIn, voices: tuple[Voice, ...], tmp_path: Path) -> Studio:
    """Real voices behind the API."""
    return Studio(voices, Cache(tmp_path / "cache", limit=1 << 24), at_once=4)


async def asked(client: Client, **change: str) -> int:
    reply = await client.post("/api/outbound_call", json={**REQUEST, "otp": "19187", **change})
    return reply.status


def seconds(switch: SwitchDouble) -> float:
    """How long what is said lasts; the file is there."""
    speech = switch.started[-1].speech
    assert speech is not None
    assert Path(f"{speech.media.removeprefix('sound:')}.wav").exists()
    return speech.seconds


async def test_polly_speaks_all_of_it(client: Client, polly: StandIn, switch: SwitchDouble) -> None:
    assert await asked(client) == 200
    assert seconds(switch) > 5
    spoken = [request["Text"] for request in polly.requests]
    assert len(spoken) == len(set(spoken)) == TEXTS
    assert all(request["VoiceId"] == "Raveena" for request in polly.requests)
    assert not any("19187" in text for text in spoken), "it is not told the password, only its characters"


@pytest.mark.parametrize("trouble", ["throttled", "failing", "stalled", "cut", "empty", "odd", "silent"])
async def test_whatever_polly_does_wrong_the_other_voice_says_all_of_it(
    client: Client, polly: StandIn, switch: SwitchDouble, trouble: str
) -> None:
    polly.trouble, polly.spares = trouble, 2
    assert await asked(client) == 200
    assert seconds(switch) > 5


async def test_a_voice_polly_refuses_is_spoken_by_the_other(
    client: Client, polly: StandIn, switch: SwitchDouble
) -> None:
    assert await asked(client, voice="Amy") == 200  # the stand-in has no engine for it
    assert polly.requests
    assert seconds(switch) > 5


async def test_without_a_key_the_other_speaks(
    client: Client, polly: StandIn, switch: SwitchDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert await asked(client) == 200
    assert polly.requests == []
    assert seconds(switch) > 5


@pytest.mark.parametrize("trouble", ["throttled", "stalled"])
@pytest.mark.parametrize("voices", [(Polly(region="eu-west-1", patience=PATIENCE),)])
async def test_where_no_voice_speaks_nobody_is_rung(
    client: Client, polly: StandIn, switch: SwitchDouble, trouble: str
) -> None:
    polly.trouble = trouble
    assert await asked(client) == 503
    assert switch.started == []
