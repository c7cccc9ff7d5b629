"""Numbers by the million: what `numbers.parse` says of each, for most of one region in a tenth of the time."""

import re
from collections.abc import Callable
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from engine.core.numbers import DEAR_COUNTRY_CODES, Number, parse

DEAR = ("premium_rate", "shared_cost")
PLAIN = ("mobile", "fixed_line", "toll_free", "voip", "personal_number", "pager", "uan", "voicemail")
DIGITS = re.compile(r"[0-9]{3,15}", re.ASCII)
NEVER = re.compile(r"(?!)")

Read = Callable[[str], Number]
Description = tuple[re.Pattern[str], frozenset[int]]


def reader(region: str) -> Read:
    """What reads an account's numbers as `parse` does with its region. It raises `InvalidRequest`, as that does.

    A number takes the short way only where each step of the library's has but one outcome: it belongs to the region
    that its country code stands for, no prefix is to be taken off it, and it is of no kind that is dear.
    """
    metadata: Any = PhoneMetadata.metadata_for_region(region, None)
    regions = COUNTRY_CODE_TO_REGION_CODE.get(metadata.country_code, ()) if metadata else ()
    plain = metadata and regions[:1] == (region,) and (len(regions) == 1 or metadata.leading_digits is None)
    if not plain or metadata.country_code in DEAR_COUNTRY_CODES:
        return lambda text: parse(text, region)
    return _Home(region, metadata).read


class _Home:
    """One region's numbers, whose country code stands for it."""

    def __init__(self, region: str, metadata: Any) -> None:
        short: Any = PhoneMetadata.short_metadata_for_region(region, None)
        self._region = region
        self._code = str(metadata.country_code)
        self._abroad = _pattern(metadata.international_prefix)
        self._prefix = _pattern(metadata.national_prefix_for_parsing)
        self._emergency = _described(short and short.emergency)[0]
        self._any = _described(metadata.general_desc)
        self._dear = _all(metadata, DEAR)
        self._plain = _all(metadata, PLAIN)

    def read(self, text: str) -> Number:
        """The number. Raises `InvalidRequest`."""
        national = self._national(text)
        if national is not None and self._is_plain(national):
            return Number(self._code + national, self._region)
        return parse(text, self._region)

    def _national(self, text: str) -> str | None:
        """Its national part, where there is but one way to read it."""
        plus = text.startswith("+")
        digits = text[1:] if plus else text
        if not DIGITS.fullmatch(digits) or digits[0] == "0" or self._emergency.fullmatch(text):
            return None
        if not plus and self._abroad.match(digits):
            return None
        if not digits.startswith(self._code):
            return None if plus else digits
        national = digits[len(self._code) :]
        if not plus and (self._any[0].fullmatch(digits) or not self._any[0].fullmatch(national)):
            return None  # the digits of the code may belong to it
        return national

    def _is_plain(self, national: str) -> bool:
        if national[:1] in ("", "0") or self._prefix.match(national) or self._emergency.fullmatch(national):
            return False
        if not _is(national, self._any) or any(_is(national, each) for each in self._dear):
            return False
        return any(_is(national, each) for each in self._plain)


def _is(national: str, description: Description) -> bool:
    """The library's `_is_number_matching_desc`: no lengths are any length."""
    pattern, lengths = description
    return (not lengths or len(national) in lengths) and pattern.fullmatch(national) is not None


def _all(metadata: Any, names: tuple[str, ...]) -> tuple[Description, ...]:
    return tuple(_described(getattr(metadata, name)) for name in names)


def _described(description: Any) -> Description:
    if description is None:
        return NEVER, frozenset()
    return _pattern(description.national_number_pattern), frozenset(description.possible_length)


def _pattern(text: str | None) -> re.Pattern[str]:
    return re.compile(text) if text else NEVER
