"""Telephone numbers: which text is one, and its one spelling."""

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType, shortnumberinfo, timezone

from engine.core.refusal import InvalidRequest

# ASCII digits only: `\d` takes Arabic digits, and `$` a trailing newline.
SHAPE = re.compile(r"(\+|00)?[0-9]{3,15}", re.ASCII)

# Whoever is called earns by the minute.
DEAR_TYPES = {
    PhoneNumberType.PREMIUM_RATE: "a premium rate number",
    PhoneNumberType.SHARED_COST: "a shared cost number",
}
DEAR_COUNTRY_CODES = {
    870: "a satellite telephone",
    881: "a satellite telephone",
    882: "a satellite telephone or an international network",
    883: "an international network",
}


class WrongShape(InvalidRequest):
    """only digits, 3 to 15 of them, with an optional + in front"""


class EmergencyNumber(InvalidRequest):
    """an emergency number is not a valid telephone number here"""


@dataclass(frozen=True, slots=True)
class Number:
    """A valid number: E.164 digits without `+`, its region (ISO 3166; `001` where it belongs to none).

    `dear` says what makes it one that fraud is made with; it is empty for any other.
    """

    digits: str
    region: str
    dear: str = ""


@lru_cache(maxsize=2048)  # an account's agents come again and again, and each number is asked for several times
def parse(text: str, region: str) -> Number:
    """The number somebody wrote, in its one spelling.

    `+` or `00` in front means international. Otherwise a valid national number of the `region`
    is taken, else a number that is valid with `+` in front, unless the region's exchanges would
    connect it to an emergency service after its first digits (911123456789 in the US). Raises `InvalidRequest`.
    """
    if not SHAPE.fullmatch(text):
        raise WrongShape
    if shortnumberinfo.is_emergency_number(text, region):
        raise EmergencyNumber
    if not text.startswith(("+", "00")):
        national = _valid(text, region)
        if national is not None:
            return national
        if shortnumberinfo.connects_to_emergency_number(text, region):
            raise EmergencyNumber("begins with an emergency number: write + in front if another country is meant")
    number = _valid("+" + text.removeprefix("+").removeprefix("00"), None)
    if number is None:
        raise InvalidRequest("not a valid telephone number")
    return number


def of_caller(text: str, region: str) -> Number:
    """Whose number a trunk says is calling, in its one spelling. Raises `InvalidRequest`.

    Trunks write E.164 without `+`, or as within their country. A number that is valid in E.164 stays as it is: read as
    a national one it would be somebody else's (18005551212 is in the US, and with 91 in front in India). Any other is
    a national one of the `region`. A national number that is by chance another country's in E.164 is taken for that.
    """
    try:
        return parse("+" + text.removeprefix("+"), region)
    except InvalidRequest:
        return parse(text, region)


def of_digits(digits: str, region: str) -> Number:
    """The number whose one spelling this is. Raises `InvalidRequest`."""
    try:
        number = parse(digits, region)  # mostly how it was asked for, too
    except InvalidRequest:
        return parse("+" + digits, region)
    return number if number.digits == digits else parse("+" + digits, region)


def national(digits: str) -> str:
    """The number as it is written within its own country; what is none (an extension, say) as it is."""
    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return digits
    return phonenumbers.national_significant_number(number) if phonenumbers.is_valid_number(number) else digits


def zones(digits: str) -> tuple[str, ...]:
    """The time zones whoever has this number may be in; none where that is not known."""
    found = timezone.time_zones_for_number(phonenumbers.parse("+" + digits))
    return () if found == (timezone.UNKNOWN_TIMEZONE,) else tuple(found)


def _valid(digits: str, region: str | None) -> Number | None:
    try:
        parsed = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    national = phonenumbers.national_significant_number(parsed)
    found = phonenumbers.region_code_for_number(parsed)
    home = found or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    if shortnumberinfo.is_emergency_number(national, home):
        raise EmergencyNumber
    kind = phonenumbers.number_type(parsed)  # of no valid number it is known
    if found is None or kind == PhoneNumberType.UNKNOWN:
        return None
    dear = DEAR_TYPES.get(kind) or DEAR_COUNTRY_CODES.get(parsed.country_code or 0, "")
    return Number(f"{parsed.country_code}{national}", found, dear)
