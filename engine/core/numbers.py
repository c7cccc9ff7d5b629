"""Telephone numbers: which text is one, and its one spelling."""

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

from engine.core.refusal import InvalidRequest

# ASCII digits only: `\d` takes Arabic digits, and `$` a trailing newline.
SHAPE = re.compile(r"(\+|00)?[0-9]{3,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Number:
    """A valid number: E.164 digits without `+`, and its region (ISO 3166; `001` where it belongs to none)."""

    digits: str
    region: str


@lru_cache(maxsize=512)  # an account's agents come again and again
def parse(text: str, region: str) -> Number:
    """The number somebody wrote, in its one spelling.

    `+` or `00` in front means international. Otherwise a valid national number of the `region`
    is taken, else a number that is valid with `+` in front. Raises `InvalidRequest`.
    """
    if not SHAPE.fullmatch(text):
        raise InvalidRequest("only digits, 3 to 15 of them, with an optional + in front")
    readings: list[tuple[str, str | None]]
    if text.startswith(("+", "00")):
        readings = [("+" + text.removeprefix("+").removeprefix("00"), None)]
    else:
        readings = [(text, region), ("+" + text, None)]
    for digits, reading in readings:
        number = _valid(digits, reading)
        if number is not None:
            return number
    raise InvalidRequest("not a valid telephone number")


def _valid(digits: str, region: str | None) -> Number | None:
    try:
        parsed = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    found = phonenumbers.region_code_for_number(parsed)
    if found is None or not phonenumbers.is_valid_number_for_region(parsed, found):
        return None
    return Number(f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}", found)
