"""What is to be spoken, part by part, and in which manner: checked once, then any voice can speak it."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from engine.core.refusal import InvalidRequest
from engine.core.voices import LANGUAGES, SPEAKERS, Engine, Speaker

Volume = Literal["silent", "x-soft", "soft", "medium", "loud", "x-loud"]
Rate = Literal["x-slow", "slow", "medium", "fast", "x-fast"]
Pitch = Literal["x-low", "low", "medium", "high", "x-high"]

DEFAULT_VOICE = "Joanna"
ASKABLE: tuple[Engine, ...] = ("standard", "neural")  # what an API may ask for
OTP = re.compile("[0-9A-Z]{3,10}")
FIELD = re.compile(r"\{([^{}]*)\}")
LANGUAGE = re.compile("[A-Za-z]{2,3}(-[A-Za-z]{2,3}){0,2}")
LEAD_SECONDS = 0.5  # of silence first: who answers needs a moment, and so does the path of the sound
WRITING_PAUSE_SECONDS = 0.6  # after each character of a password: time to write it down
LONGEST_CHARACTERS = 3000  # what Polly speaks at once
ARABIC = "arb"  # Polly's word for what is ar elsewhere, in its own codes too


@dataclass(frozen=True, slots=True)
class Text:
    """Words to be spoken in one go. They do not show in logs: a password may be among them."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """So many seconds of silence."""

    seconds: float


Part = Text | Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """Who speaks, in which language and how, in Polly's words. `language_code` is the one asked for."""

    voice: str = DEFAULT_VOICE
    language_code: str = "en-US"
    tts_engine: Engine = "standard"
    volume: Volume = "medium"
    rate: Rate = "medium"
    pitch: Pitch = "medium"

    @property
    def speaker(self) -> Speaker:
        """The voice's row of the table."""
        return SPEAKERS[self.voice]


def manner(
    *,
    voice: str | None = None,
    language_code: str | None = None,
    tts_engine_type: str | None = None,
    volume: str | None = None,
    rate: str | None = None,
    pitch: str | None = None,
) -> tuple[Manner, tuple[str, ...]]:
    """The manner that an API's texts ask for (None: the default), and warnings of what is spoken otherwise.

    Without a language the voice speaks its own. Raises `InvalidRequest` that names the parameter.
    """
    speaker = _speaker(voice)
    asked: Engine | None = _word("tts_engine_type", tts_engine_type, ASKABLE, default=None)
    wanted_pitch: Pitch = _word("pitch", pitch, get_args(Pitch), default="medium")
    language = _language(language_code)
    warnings = []
    engine = asked if asked and asked in speaker.engines else speaker.engines[0]
    if asked is not None and engine != asked:
        warnings.append(f"tts_engine_type: {speaker.name} has no {asked} engine, {engine} is used")
    if language is not None and _tongue(language) not in map(_tongue, speaker.languages):
        warnings.append(f"language_code: {speaker.name} speaks {' and '.join(speaker.languages)}")
    if engine != "standard" and wanted_pitch != "medium":
        warnings.append(f"pitch: the {engine} engine has medium only")
        wanted_pitch = "medium"
    made = Manner(
        voice=speaker.name,
        language_code=language or speaker.languages[0],
        tts_engine=engine,
        volume=_word("volume", volume, get_args(Volume), default="medium"),
        rate=_word("rate", rate, get_args(Rate), default="medium"),
        pitch=wanted_pitch,
    )
    return made, tuple(warnings)


def spoken(template: str, values: Mapping[str, str], *, otp: str | None = None) -> tuple[Part, ...]:
    """The template in parts, its `{fields}` replaced by values, `{otp}` spelt out with a pause after each character.

    Raises `InvalidRequest`: its `param` is otp, template, or the field that has no value.
    """
    if otp is not None and not OTP.fullmatch(otp):
        raise InvalidRequest("otp: 3 to 10 digits or capital letters are wanted", param="otp")
    parts: list[Part] = []
    words = ""
    for place, piece in enumerate(FIELD.split(template)):  # text, field, text, field, …, text
        name = piece.strip()
        if place % 2 == 0:
            words += piece
        elif name == "otp" and otp is not None:
            parts += [*_said(words), *_spelt(otp)]
            words = ""
        elif name in values:
            words += values[name]
        else:
            raise InvalidRequest(f"{name or 'a field'}: the template wants it, it has no value", param=name)
    parts += _said(words)
    return _checked(parts, otp)


def _checked(parts: list[Part], otp: str | None) -> tuple[Part, ...]:
    if otp is not None and not any(isinstance(part, Pause) for part in parts):
        raise InvalidRequest("template: it has no {otp}", param="template")
    if not any(isinstance(part, Text) for part in parts):
        raise InvalidRequest("template: there is nothing to say", param="template")
    if sum(len(part.text) for part in parts if isinstance(part, Text)) > LONGEST_CHARACTERS:
        raise InvalidRequest(f"template: it is longer than {LONGEST_CHARACTERS} characters", param="template")
    return tuple(parts)


def _said(words: str) -> list[Part]:
    text = " ".join(words.split())
    audible = any(unicodedata.category(letter)[0] not in "PZC" for letter in text)
    return [Text(text)] if audible else []


def _spelt(otp: str) -> list[Part]:
    return [part for letter in otp for part in (Text(letter), Pause(WRITING_PAUSE_SECONDS))]


def _speaker(name: str | None) -> Speaker:
    wanted = _plain(DEFAULT_VOICE if name is None else name)
    for speaker in SPEAKERS.values():
        if _plain(speaker.name) == wanted:
            return speaker
    raise InvalidRequest("voice: there is no such voice", param="voice")


def _plain(name: str) -> str:
    """The name without accents, capitals and spaces: Léa goes by Lea."""
    letters = unicodedata.normalize("NFKD", "".join(name.split()))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def _language(code: str | None) -> str | None:
    if code is None:
        return None
    wanted = "".join(code.split()).casefold()
    for language in LANGUAGES:
        if language.casefold() == wanted:
            return language
    fault = "no such language is spoken here" if LANGUAGE.fullmatch(wanted) else "it looks like en-US"
    raise InvalidRequest(f"language_code: {fault}", param="language_code")


def _tongue(language: str) -> str:
    """The language whatever its region: en of en-US."""
    return "ar" if language == ARABIC else language.split("-")[0]


def _word(param: str, raw: str | None, allowed: tuple[Any, ...], default: str | None) -> Any:
    """The word of that parameter: 'x- soft' is x-soft."""
    if raw is None:
        return default
    word = "".join(raw.split()).lower()
    if word not in allowed:
        raise InvalidRequest(f"{param}: must be one of {', '.join(allowed)}", param=param)
    return word
