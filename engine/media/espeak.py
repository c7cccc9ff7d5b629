"""eSpeak NG: the voice that needs no key and no network, a program of the host."""

import re

from engine.core.speech import Manner
from engine.media import sox
from engine.media.program import run
from engine.media.ssml import ssml

# Polly's languages in eSpeak's words, by the whole code or its first part.
VOICES = {
    "arb": "ar",
    "en-US": "en-us",
    "en": "en-gb",  # Indian English, too: eSpeak has none
    "es-ES": "es",
    "es": "es-419",
    "fr-BE": "fr-be",
    "fr": "fr-fr",
    "pt-BR": "pt-br",
}
VARIANTS = {"female": "f3", "male": "m3"}
SIDE_BY_SIDE = re.compile(r"\[(?=\[)")
COMMAND = ("espeak-ng", "-m", "-b", "1", "--stdin", "--stdout", "-v")


class Espeak:
    """Speaks as a woman or a man, in the voice's language or in another one that is asked for.

    A text given as an argument could be an option, and `<audio src=…>` would be a file read aloud: the text comes by
    standard input, inside SSML of ours. Brackets side by side would be phonemes: each is parted from the next.
    """

    name = "espeak"

    async def speak(self, text: str, manner: Manner) -> bytes:
        """See `Voice.speak`."""
        words = ssml(SIDE_BY_SIDE.sub("[ ", text), manner)
        return await sox.telephone(await run((*COMMAND, voice(manner)), words.encode()))


def voice(manner: Manner) -> str:
    """eSpeak's name of whoever speaks so: the voice's own accent, unless it is asked for another language."""
    own = manner.speaker.languages[0]
    asked = manner.language_code
    language = own if asked.split("-")[0] == own.split("-")[0] else asked
    first = language.split("-")[0]
    return f"{VOICES.get(language) or VOICES.get(first, first)}+{VARIANTS[manner.speaker.gender]}"
