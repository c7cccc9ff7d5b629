"""SSML of our own around a text: whatever the text holds, it is spoken and never understood as markup."""

import unicodedata
from xml.sax.saxutils import escape, quoteattr

from engine.core.speech import Manner

UNSPEAKABLE = ("Cc", "Cs", "Co", "Cn")  # controls, and what is no character of XML, or of nobody's alphabet


def ssml(text: str, manner: Manner) -> str:
    """The text for a voice to speak at the manner's rate and pitch; a single character is spelt, not read as a word."""
    clean = "".join(" " if unicodedata.category(letter) in UNSPEAKABLE else letter for letter in text)
    words = escape(clean)
    if len(clean) == 1:
        words = f'<say-as interpret-as="characters">{words}</say-as>'
    asked = {"rate": manner.rate, "pitch": manner.pitch}
    how = "".join(f" {name}={quoteattr(word)}" for name, word in asked.items() if word != "medium")
    return f"<speak><prosody{how}>{words}</prosody></speak>" if how else f"<speak>{words}</speak>"
