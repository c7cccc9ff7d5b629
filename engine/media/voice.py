"""A voice: what speaks a text. Another one is another file beside this, and a line in `casting.py`."""

from typing import Protocol

from engine.core.speech import Manner

SAMPLE_BYTES = 2


class Voice(Protocol):
    """Speaks texts. The manner's volume is not its business: the studio sets every level."""

    name: str

    async def speak(self, text: str, manner: Manner) -> bytes:
        """The text as 16-bit little-endian mono samples, 8000 a second.

        Raises `VoiceFailed`, `VoiceAway` where any other text would fail, too; neither tells of the text.
        """
