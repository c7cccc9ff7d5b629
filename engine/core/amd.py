"""Answering machines: whether one is listened for, with which ears, and what is done about it."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["human", "machine", "silence", "unsure"]
OnMachine = Literal["hangup", "play", "beep"]


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
