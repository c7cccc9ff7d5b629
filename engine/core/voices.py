"""Polly's voices: their names, genders, languages and engines, as Amazon's table of available voices lists them."""

from dataclasses import dataclass
from typing import Literal

Engine = Literal["standard", "neural", "long-form", "generative"]

# Those that an API may ask for come first: a voice without the one asked for speaks with the first it has.
ENGINES: tuple[Engine, ...] = ("standard", "neural", "long-form", "generative")
# Polly's, and no others: arb is Arabic.
CODES = """
ar-AE arb ca-ES cmn-CN cs-CZ cy-GB da-DK de-AT de-CH de-DE en-AU en-GB en-GB-WLS en-IE en-IN en-NZ en-SG en-US en-ZA
es-ES es-MX es-US fi-FI fr-BE fr-CA fr-FR hi-IN is-IS it-IT ja-JP ko-KR nb-NO nl-BE nl-NL pl-PL pt-BR pt-PT ro-RO
ru-RU sv-SE tr-TR yue-CN
"""
LANGUAGES = frozenset(CODES.split())


@dataclass(frozen=True, slots=True)
class Speaker:
    """One of Polly's voices. The first of its languages is its own; most have no other."""

    name: str
    gender: Literal["female", "male"]
    languages: tuple[str, ...]
    engines: tuple[Engine, ...]


# Name, gender, languages, engines by their first letters. Of the newest (Arjun, Carlos, Carolina, Curtis, Hyunduk,
# Kenneth, Kiara, Leo, Nate, Tina) Amazon's SDK knows the names only: what stands here of them is what names suggest.
TABLE = """
Zeina      f  arb            s
Hala       f  ar-AE          n
Zayd       m  ar-AE          n
Arlet      f  ca-ES          n
Hiujin     f  yue-CN         n
Zhiyu      f  cmn-CN         s n
Jitka      f  cs-CZ          n
Gwyneth    f  cy-GB          s
Naja       f  da-DK          s
Mads       m  da-DK          s
Sofie      f  da-DK          n
Marlene    f  de-DE          s
Vicki      f  de-DE          s n g
Hans       m  de-DE          s
Daniel     m  de-DE          n g
Lennart    m  de-DE          g
Tina       f  de-DE          g
Hannah     f  de-AT          n
Sabrina    f  de-CH          n g
Nicole     f  en-AU          s
Olivia     f  en-AU          n g
Russell    m  en-AU          s
Curtis     m  en-AU          g
Amy        f  en-GB          s n g
Emma       f  en-GB          s n
Brian      m  en-GB          s n g
Arthur     m  en-GB          n
Geraint    m  en-GB-WLS      s
Niamh      f  en-IE          n g
Aditi      f  en-IN,hi-IN    s
Raveena    f  en-IN          s
Kajal      f  en-IN,hi-IN    n g
Arjun      m  en-IN          g
Kiara      f  en-IN          g
Aria       f  en-NZ          n g
Jasmine    f  en-SG          n g
Danielle   f  en-US          n l g
Gregory    m  en-US          n l
Ivy        f  en-US          s n
Joanna     f  en-US          s n g
Kendra     f  en-US          s n
Kimberly   f  en-US          s n
Salli      f  en-US          s n g
Joey       m  en-US          s n
Justin     m  en-US          s n
Kevin      m  en-US          n
Matthew    m  en-US          s n g
Ruth       f  en-US          n l g
Stephen    m  en-US          n g
Tiffany    f  en-US          g
Kenneth    m  en-US          g
Nate       m  en-US          g
Ayanda     f  en-ZA          n g
Conchita   f  es-ES          s
Lucia      f  es-ES          s n g
Enrique    m  es-ES          s
Sergio     m  es-ES          n g
Mia        f  es-MX          s n g
Andres     m  es-MX          n g
Lupe       f  es-US          s n g
Penelope   f  es-US          s
Miguel     m  es-US          s
Pedro      m  es-US          n g
Carlos     m  es-US          g
Suvi       f  fi-FI          n
Isabelle   f  fr-BE          n g
Chantal    f  fr-CA          s
Gabrielle  f  fr-CA          n g
Liam       m  fr-CA          n g
Celine     f  fr-FR          s
Lea        f  fr-FR          s n g
Mathieu    m  fr-FR          s
Remi       m  fr-FR          n g
Ambre      f  fr-FR          g
Florian    m  fr-FR          g
Dora       f  is-IS          s
Karl       m  is-IS          s
Carla      f  it-IT          s
Bianca     f  it-IT          s n g
Giorgio    m  it-IT          s
Adriano    m  it-IT          n
Beatrice   f  it-IT          g
Lorenzo    m  it-IT          g
Mizuki     f  ja-JP          s
Takumi     m  ja-JP          s n
Kazuha     f  ja-JP          n
Tomoko     f  ja-JP          n
Seoyeon    f  ko-KR          s n g
Jihye      f  ko-KR          n
Hyunduk    m  ko-KR          g
Liv        f  nb-NO          s
Ida        f  nb-NO          n
Lisa       f  nl-BE          n g
Laura      f  nl-NL          n g
Lotte      f  nl-NL          s
Ruben      m  nl-NL          s
Ewa        f  pl-PL          s
Maja       f  pl-PL          s
Jacek      m  pl-PL          s
Jan        m  pl-PL          s
Ola        f  pl-PL          n g
Camila     f  pt-BR          s n g
Vitoria    f  pt-BR          s n
Ricardo    m  pt-BR          s
Thiago     m  pt-BR          n
Carolina   f  pt-BR          g
Leo        m  pt-BR          g
Ines       f  pt-PT          s n
Cristiano  m  pt-PT          s
Carmen     f  ro-RO          s
Tatyana    f  ru-RU          s
Maxim      m  ru-RU          s
Astrid     f  sv-SE          s
Elin       f  sv-SE          n
Filiz      f  tr-TR          s
Burcu      f  tr-TR          n
"""


def _read(line: str) -> Speaker:
    name, gender, languages, *letters = line.split()
    engines = tuple(engine for engine in ENGINES if engine[0] in letters)
    return Speaker(name, "female" if gender == "f" else "male", tuple(languages.split(",")), engines)


SPEAKERS = {speaker.name: speaker for speaker in map(_read, TABLE.strip().splitlines())}
