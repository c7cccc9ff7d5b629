"""Answering machines: whether one is listened for, with which ears, and what is done about it."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["human", "machine", "silence", "unsure"]
OnMachine = Literal["hangup", "play", "beep"]
# Names of deadlines: by then there is a copy of what the party says, a verdict on it.
SNOOP = "snoop"
AMD = "amd"
VERDICT_SECONDS = 3  # how much longer than its own time the analysis is waited for
SNOOP_SECONDS = 3  # how long a copy of what the party says is waited for
BEEP_SECONDS = 30  # how long the end of a greeting and its beep is waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Amd:
    """Asterisk's AMD (its parameters, in its order; times in milliseconds), and what happens on a machine.

    With `beep` what is to be said is said when the greeting and its beep are over. The figures are tuned so that a
    long human answer is none (measured: Asterisk's own call every long one a machine).
    """

    on_machine: OnMachine = "hangup"
    initial_silence: int = 3000
    greeting: int = 2500
    after_greeting_silence: int = 700
    total_analysis_time: int = 5000
    minimum_word_length: int = 120
    between_words_silence: int = 50
    maximum_number_of_words: int = 5
    silence_threshold: int = 256
    maximum_word_length: int = 5000

    @property
    def arguments(self) -> str:
        """As Asterisk's AMD takes them."""
        values = (
            self.initial_silence,
            self.greeting,
            self.after_greeting_silence,
            self.total_analysis_time,
            self.minimum_word_length,
            self.between_words_silence,
            self.maximum_number_of_words,
            self.silence_threshold,
            self.maximum_word_length,
        )
        return ",".join(map(str, values))
