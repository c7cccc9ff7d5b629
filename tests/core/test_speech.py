"""What an API may ask of a voice, and how a template becomes parts of a speech."""

import logging
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.refusal import InvalidRequest
from engine.core.speech import (
    LONGEST_CHARACTERS,
    WRITING_PAUSE_SECONDS,
    Manner,
    Part,
    Pause,
    Text,
    manner,
    spoken,
)
from engine.core.voices import ENGINES, LANGUAGES, SPEAKERS

TEMPLATE = "Your one time password is {otp}. Again, {otp}."


def texts(parts: tuple[Part, ...]) -> list[str]:
    return [part.text for part in parts if isinstance(part, Text)]


def refused(param: str, **asked: Any) -> str:
    with pytest.raises(InvalidRequest) as refusal:
        manner(**asked)
    assert refusal.value.param == param
    assert refusal.value.message.startswith(f"{param}: ")
    return refusal.value.message


# ── the table ───────────────────────────────────────────────────────────────


def test_the_names_are_those_that_amazons_own_model_enumerates() -> None:
    model = botocore.session.Session().get_service_model("polly")
    assert set(SPEAKERS) == set(model.shape_for("VoiceId").enum)
    assert set(model.shape_for("LanguageCode").enum) == LANGUAGES
    assert set(ENGINES) == set(model.shape_for("Engine").enum)


def test_each_voice_speaks_a_language_with_an_engine() -> None:
    for speaker in SPEAKERS.values():
        assert speaker.engines, speaker.name
        assert set(speaker.languages) <= LANGUAGES, speaker.name
    assert {"en-US", "en-GB", "en-IN", "hi-IN"} <= {each for one in SPEAKERS.values() for each in one.languages}


# What Amazon's table of available voices says of some.
@pytest.mark.parametrize(
    ("name", "gender", "languages", "engines"),
    [
        ("Joanna", "female", ("en-US",), ("standard", "neural", "generative")),
        ("Raveena", "female", ("en-IN",), ("standard",)),
        ("Aditi", "female", ("en-IN", "hi-IN"), ("standard",)),
        ("Kajal", "female", ("en-IN", "hi-IN"), ("neural", "generative")),
        ("Danielle", "female", ("en-US",), ("neural", "long-form", "generative")),
        ("Geraint", "male", ("en-GB-WLS",), ("standard",)),
        ("Jitka", "female", ("cs-CZ",), ("neural",)),
        ("Zeina", "female", ("arb",), ("standard",)),
    ],
)
def test_a_row_says_what_amazons_table_says(name: str, gender: str, languages: object, engines: object) -> None:
    speaker = SPEAKERS[name]
    assert (speaker.gender, speaker.languages, speaker.engines) == (gender, languages, engines)


# ── the manner ──────────────────────────────────────────────────────────────


# "voice … Default: Joanna", "volume … Default: medium", "language_code … Default: en-US", "tts_engine_type … standard"
def test_the_defaults_are_the_documents() -> None:
    assert manner() == (Manner(), ())
    assert Manner() == Manner(
        voice="Joanna", language_code="en-US", tts_engine="standard", volume="medium", rate="medium", pitch="medium"
    )


# "voice":"Raveena","volume":"soft","rate":"slow","pitch":"medium","language_code":"en-US","tts_engine_type":"standard"
def test_the_documents_own_request_speaks_without_a_warning() -> None:
    made, warnings = manner(
        voice="Raveena",
        volume="soft",
        rate="slow",
        pitch="medium",
        language_code="en-US",
        tts_engine_type="standard",
    )
    assert made == Manner(voice="Raveena", volume="soft", rate="slow")
    assert warnings == ()


# "Allowed values: 'silent','x- soft','soft','medium','loud','x- loud'"
def test_words_are_taken_as_the_document_prints_them() -> None:
    made, _ = manner(volume="x- soft", rate="x- fast", pitch=" X-Low ", tts_engine_type=" Standard")
    assert (made.volume, made.rate, made.pitch) == ("x-soft", "x-fast", "x-low")


@pytest.mark.parametrize("name", ["raveena", "RAVEENA", " Raveena "])
def test_a_voice_goes_by_its_name_in_any_case(name: str) -> None:
    assert manner(voice=name)[0].voice == "Raveena"


@pytest.mark.parametrize(("name", "known"), [("Léa", "Lea"), ("Céline", "Celine"), ("Vitória", "Vitoria")])
def test_a_voice_goes_by_its_name_with_accents_too(name: str, known: str) -> None:
    assert manner(voice=name)[0].voice == known


@pytest.mark.parametrize("name", ["", "Alexa", "Joanna; rm", "J", "Joanna\x00"])
def test_an_unknown_voice_is_refused(name: str) -> None:
    assert refused("voice", voice=name) == "voice: there is no such voice"


@pytest.mark.parametrize(
    ("param", "word"),
    [
        ("volume", "x-medium"),
        ("volume", ""),
        ("volume", "+6dB"),
        ("rate", "120%"),
        ("rate", "silent"),
        ("pitch", "loud"),
        ("tts_engine_type", "generative"),
        ("tts_engine_type", "long-form"),
    ],
)
def test_another_word_is_refused_with_those_there_are(param: str, word: str) -> None:
    assert "must be one of " in refused(param, **{param: word})


@pytest.mark.parametrize("code", ["", "en", "xx-XX", "english", "en_US", "en-US-", "../../etc/passwd"])
def test_an_unknown_language_is_refused(code: str) -> None:
    refused("language_code", language_code=code)


@pytest.mark.parametrize(("code", "known"), [("EN-us", "en-US"), ("ARB", "arb"), ("en-gb-wls", "en-GB-WLS")])
def test_a_language_is_known_in_any_case(code: str, known: str) -> None:
    assert manner(language_code=code)[0].language_code == known


def test_without_a_language_a_voice_speaks_its_own() -> None:
    assert manner(voice="Hans")[0].language_code == "de-DE"
    assert manner(voice="Aditi")[0].language_code == "en-IN"
    assert manner(voice="Aditi", language_code="hi-IN")[0].language_code == "hi-IN"


# E20: "neural + pitch (Polly rejects pitch on neural): ignore pitch with a warning field"
def test_a_neural_voice_has_its_pitch_and_says_so() -> None:
    made, warnings = manner(tts_engine_type="neural", pitch="high")
    assert (made.tts_engine, made.pitch) == ("neural", "medium")
    assert warnings == ("pitch: the neural engine has medium only",)
    assert manner(tts_engine_type="neural", pitch="medium")[1] == ()
    assert manner(tts_engine_type="standard", pitch="high") == (Manner(pitch="high"), ())


def test_a_voice_without_the_engine_asked_for_speaks_with_the_one_it_has() -> None:
    made, warnings = manner(voice="Raveena", tts_engine_type="neural", pitch="low")
    assert (made.tts_engine, made.pitch) == ("standard", "low")
    assert warnings == ("tts_engine_type: Raveena has no neural engine, standard is used",)
    made, warnings = manner(voice="Kajal", tts_engine_type="standard", pitch="low")
    assert (made.tts_engine, made.pitch) == ("neural", "medium")
    assert len(warnings) == 2
    assert manner(voice="Kajal") == (Manner(voice="Kajal", language_code="en-IN", tts_engine="neural"), ())
    made, warnings = manner(voice="Tiffany", pitch="high")
    assert (made.tts_engine, made.pitch) == ("generative", "medium")
    assert warnings == ("pitch: the generative engine has medium only",)


@pytest.mark.parametrize(
    ("voice", "code", "speaks"),
    [
        (None, "hi-IN", "Joanna speaks en-US"),
        ("Joanna", "hi-IN", "Joanna speaks en-US"),
        ("Aditi", "fr-FR", "Aditi speaks en-IN and hi-IN"),
        ("Gwyneth", "en-GB-WLS", "Gwyneth speaks cy-GB"),
    ],
)
def test_a_voice_that_does_not_speak_the_language_asked_for_says_so(voice: str | None, code: str, speaks: str) -> None:
    made, warnings = manner(voice=voice, language_code=code)
    assert (made.language_code, warnings) == (code, (f"language_code: {speaks}",))


@pytest.mark.parametrize(
    ("voice", "code"),
    [("Joanna", "en-US"), ("Raveena", "en-US"), ("Joanna", "en-GB-WLS"), ("Aditi", "hi-IN"), ("Zeina", "ar-AE")],
)
def test_the_same_language_of_another_region_needs_no_warning(voice: str, code: str) -> None:
    assert manner(voice=voice, language_code=code)[1] == ()


def test_where_no_language_is_asked_for_no_voice_has_a_warning() -> None:
    assert {manner(voice=name)[1] for name in SPEAKERS} == {()}


# ── the parts ───────────────────────────────────────────────────────────────


def test_every_character_of_a_password_is_said_alone_with_time_to_write_it_down() -> None:
    pause = Pause(WRITING_PAUSE_SECONDS)
    assert spoken("Your code is {otp}. Again, { otp }.", {}, otp="1A7") == (
        Text("Your code is"),
        *(Text("1"), pause, Text("A"), pause, Text("7"), pause),
        Text(". Again,"),
        *(Text("1"), pause, Text("A"), pause, Text("7"), pause),
    )
    assert 0.5 <= WRITING_PAUSE_SECONDS <= 1


@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=3, max_size=10))
def test_no_two_characters_of_a_password_share_a_text(otp: str) -> None:
    said = texts(spoken(TEMPLATE, {}, otp=otp))
    assert "".join(each for each in said if len(each) == 1) == otp * 2
    assert [each for each in said if len(each) > 1] == ["Your one time password is", ". Again,"]


@pytest.mark.parametrize("otp", ["", "12", "1" * 11, "12 4", "12a4", "१२३४", "1234\n", "<a>", "{otp}"])
def test_what_is_no_password_is_refused(otp: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        spoken(TEMPLATE, {}, otp=otp)
    assert refusal.value.param == "otp"
    assert not otp or otp not in refusal.value.message


def test_fields_are_replaced_once_and_are_never_fields_themselves() -> None:
    values = {"name": "{otp} {0.__class__} {{amount}}", "amount": "500"}
    assert texts(spoken("Dear {name}, pay {amount}!", values)) == ["Dear {otp} {0.__class__} {{amount}}, pay 500!"]


@pytest.mark.parametrize(
    ("template", "param"),
    [
        ("Hello {name}", "name"),
        ("Hello {otp}", "otp"),
        ("Hello {}", ""),
        ("Hello {amount.__class__}", "amount.__class__"),
        ("Hello {0}", "0"),
    ],
)
def test_a_field_without_a_value_is_refused(template: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        spoken(template, {"amount": "500"})
    assert refusal.value.param == param


def test_a_template_that_does_not_say_the_password_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"no \{otp\}"):
        spoken("Your code is on its way.", {}, otp="1987")


def test_a_lone_brace_is_a_character() -> None:
    assert texts(spoken("a } b { c", {})) == ["a } b { c"]


@pytest.mark.parametrize("template", ["", " \n ", ". , - !", "{name}", "\u200b…"])
def test_a_template_with_nothing_to_say_is_refused(template: str) -> None:
    with pytest.raises(InvalidRequest, match="nothing to say"):
        spoken(template, {"name": " – "})


def test_what_is_only_punctuation_is_not_said_and_spaces_are_one() -> None:
    assert texts(spoken("  ¡{otp} … ! {otp}\n\t.", {}, otp="123")) == ["1", "2", "3"] * 2
    assert texts(spoken("नमस्ते\n\n  दुनिया।  ₹ 500", {})) == ["नमस्ते दुनिया। ₹ 500"]


def test_a_text_too_long_is_refused() -> None:
    assert spoken("{name}", {"name": "a" * LONGEST_CHARACTERS})
    with pytest.raises(InvalidRequest, match="longer than 3000 characters"):
        spoken("{name}", {"name": "a" * (LONGEST_CHARACTERS + 1)})


def test_a_part_does_not_show_its_words(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("x").warning("%s", spoken(TEMPLATE, {}, otp="1987"))
    assert "password" not in caplog.text
    assert "'9'" not in caplog.text
