"""SSML of ours: any text is one well-formed document in which it is nothing but text."""

from typing import get_args
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.speech import Manner, Rate
from engine.media.ssml import ssml

MARKUP = st.sampled_from(
    ["<", ">", "&", '"', "'", "]]>", "<!--", "<speak>", "</prosody>", "&amp;", "&#0;", "\x00", "\ud800"]
)


@given(st.lists(st.text(max_size=5) | MARKUP, max_size=20).map("".join), st.sampled_from(get_args(Rate)))
def test_any_text_is_only_text(text: str, rate: Rate) -> None:
    document = ssml(text, Manner(rate=rate, pitch="high"))
    document.encode()
    root = ElementTree.fromstring(document)
    assert {element.tag for element in root.iter()} <= {"speak", "prosody", "say-as"}
    words = "".join(root.itertext())
    assert len(words) == len(text)
    assert all(heard in (said, " ") for heard, said in zip(words, text, strict=True))


@pytest.mark.parametrize(
    ("text", "manner", "document"),
    [
        ("Good day", Manner(), "<speak>Good day</speak>"),
        ("Good day", Manner(volume="x-loud"), "<speak>Good day</speak>"),  # levels are the studio's
        ("a & b", Manner(rate="fast"), '<speak><prosody rate="fast">a &amp; b</prosody></speak>'),
        ("A", Manner(), '<speak><say-as interpret-as="characters">A</say-as></speak>'),
        ("नमस्ते", Manner(), "<speak>नमस्ते</speak>"),
    ],
)
def test_a_manner_of_medium_words_needs_no_markup(text: str, manner: Manner, document: str) -> None:
    assert ssml(text, manner) == document
