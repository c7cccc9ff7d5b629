"""Polly over its own HTTP API: what it is asked, and that nothing it does wrong is more than `VoiceFailed`."""

import time

import pytest

from engine.core.speech import Manner
from engine.errors import Unavailable, VoiceAway, VoiceFailed
from engine.media.polly import Patience, Polly
from tests.media.polly import StandIn
from tests.media.sounds import RATE

DEFAULTS = Manner()
SECRET = "correct horse battery staple"
SHORT = Patience(connect_seconds=1, read_seconds=2, whole_seconds=20, attempts=2)


async def failing(patience: Patience = SHORT, manner: Manner = DEFAULTS) -> VoiceFailed:
    """How it fails, whole, and that it tells nothing of what it should have said."""
    with pytest.raises(VoiceFailed) as failed:
        await Polly(patience=patience).speak(SECRET, manner)
    exc = failed.value
    assert exc.code == "voice_failed"
    assert isinstance(exc, Unavailable)
    assert "horse" not in exc.message
    assert exc.__suppress_context__ or exc.__context__ is None, "a traceback would quote boto3, which quotes the text"
    return exc


@pytest.mark.asyncio
async def test_polly_speaks(polly: StandIn) -> None:
    samples = await Polly().speak("Hello there, this is a test.", Manner())
    assert 1 < len(samples) / 2 / RATE < 4
    assert polly.requests == [
        {
            "Engine": "standard",
            "OutputFormat": "pcm",
            "SampleRate": "8000",
            "Text": "<speak>Hello there, this is a test.</speak>",
            "TextType": "ssml",
            "VoiceId": "Joanna",
        }
    ]


@pytest.mark.asyncio
async def test_the_manner_is_polly_s_own_words(polly: StandIn) -> None:
    manner = Manner(voice="Matthew", rate="x-slow", pitch="high", volume="loud", tts_engine="standard")
    await Polly().speak("7", manner)
    await Polly().speak("Good day", Manner(tts_engine="neural", rate="fast"))
    assert polly.requests[0]["Text"] == (
        '<speak><prosody rate="x-slow" pitch="high"><say-as interpret-as="characters">7</say-as></prosody></speak>'
    )
    assert polly.requests[1]["Text"] == '<speak><prosody rate="fast">Good day</prosody></speak>'
    assert [each["Engine"] for each in polly.requests] == ["standard", "neural"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("voice", "code", "told"),
    [
        ("Raveena", "en-US", None),  # the document's own request: Polly would refuse the language
        ("Joanna", "en-US", None),
        ("Hans", "en-US", None),
        ("Aditi", "hi-IN", "hi-IN"),
        ("Aditi", "en-IN", "en-IN"),
        ("Aditi", "en-US", None),
    ],
)
async def test_only_who_speaks_several_languages_is_told_which(
    polly: StandIn, voice: str, code: str, told: str | None
) -> None:
    await Polly().speak("Hello", Manner(voice=voice, language_code=code))
    assert polly.requests[0].get("LanguageCode") == told


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "text",
    ['</speak><audio src="/etc/passwd"/>', "a < b && c > d", "&lt;break/>", "\x01\x1b[2J bell \x07", "\ud800\uffff"],
)
async def test_whatever_the_text_holds_it_is_no_markup(polly: StandIn, text: str) -> None:
    assert await Polly().speak(f"hello {text} there", Manner())


@pytest.mark.asyncio
async def test_throttling_is_tried_again_and_then_given_up(polly: StandIn) -> None:
    polly.trouble = "throttled"
    exc = await failing()
    assert exc.message == "Polly refuses: ThrottlingException"
    assert isinstance(exc, VoiceAway)
    assert len(polly.requests) == SHORT.attempts


@pytest.mark.asyncio
async def test_one_refusal_for_haste_is_not_heard(polly: StandIn) -> None:
    polly.trouble, polly.times = "throttled", 1
    assert await Polly().speak("Hello", Manner())
    assert len(polly.requests) == 2


@pytest.mark.asyncio
async def test_a_failure_of_the_service_is_one_of_the_voice(polly: StandIn) -> None:
    polly.trouble = "failing"
    assert isinstance(await failing(), VoiceAway)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("manner", "code"),
    [
        (Manner(voice="Alexa"), "ValidationException"),
        (Manner(voice="Raveena", tts_engine="neural"), "EngineNotSupportedException"),
        (Manner(tts_engine="neural", pitch="high"), "InvalidSsmlException"),
    ],
)
async def test_what_polly_refuses_of_this_text_only_leaves_it_in_service(
    polly: StandIn, manner: Manner, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if manner.voice == "Alexa":
        monkeypatch.setattr("engine.media.polly.request", _unchecked)
    exc = await failing(manner=manner)
    assert exc.message == f"Polly refuses: {code}"
    assert not isinstance(exc, VoiceAway)


def _unchecked(text: str, manner: Manner) -> dict[str, str]:
    asked = {"Engine": "standard", "OutputFormat": "pcm", "SampleRate": "8000", "TextType": "ssml"}
    return asked | {"Text": f"<speak>{text}</speak>", "VoiceId": manner.voice}


@pytest.mark.asyncio
@pytest.mark.parametrize("trouble", ["empty", "odd"])
async def test_what_is_no_sound_is_a_failure(polly: StandIn, trouble: str) -> None:
    polly.trouble = trouble
    assert "no 16-bit samples" in (await failing()).message


@pytest.mark.asyncio
async def test_an_answer_that_is_cut_off_is_a_failure(polly: StandIn) -> None:
    polly.trouble = "cut"
    assert (await failing()).message.startswith("Polly can not be used: ")


@pytest.mark.asyncio
async def test_an_answer_that_stalls_is_given_up(polly: StandIn) -> None:
    polly.trouble = "stalled"
    began = time.monotonic()
    assert isinstance(await failing(Patience(read_seconds=0.5, whole_seconds=30)), VoiceAway)
    assert time.monotonic() - began < 5


@pytest.mark.asyncio
async def test_nobody_waits_longer_than_the_whole_of_our_patience(polly: StandIn) -> None:
    polly.seconds = 1
    began = time.monotonic()
    exc = await failing(Patience(connect_seconds=1, read_seconds=5, whole_seconds=0.5))
    assert exc.message == "Polly takes longer than 0.5 s"
    assert time.monotonic() - began < 2


@pytest.mark.asyncio
async def test_nobody_there_is_a_failure(key: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_POLLY", "http://127.0.0.1:9")
    assert (await failing()).message == "Polly can not be used: EndpointConnectionError"


@pytest.mark.asyncio
async def test_without_a_key_polly_is_away(polly: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    exc = await failing()
    assert isinstance(exc, VoiceAway)
    assert exc.message == "Polly can not be used: NoCredentialsError"
    assert polly.requests == []


@pytest.mark.asyncio
async def test_without_a_region_the_setting_is_named(polly: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_ENDPOINT_URL_POLLY")
    assert "LEGWORK_AWS_REGION" in (await failing()).message


@pytest.mark.asyncio
async def test_after_a_failure_to_begin_the_next_text_tries_again(
    polly: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Polly(patience=SHORT)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(VoiceAway):
        await voice.speak("Hello", Manner())
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert await voice.speak("Hello", Manner())


@pytest.mark.asyncio
async def test_an_answer_that_trickles_holds_nobody_up(polly: StandIn) -> None:
    polly.trouble = "trickling"
    began = time.monotonic()
    exc = await failing(Patience(read_seconds=5, whole_seconds=1))
    assert isinstance(exc, VoiceAway)
    assert time.monotonic() - began < 5


@pytest.mark.asyncio
async def test_an_answer_without_an_end_is_refused(polly: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.media.polly.LARGEST_BYTES", 16_000)
    exc = await failing()
    assert "speaks for longer" in exc.message
    assert not isinstance(exc, VoiceAway)
