"""Numbers by the million: what `numbers.parse` says of each, for most of one country code in a tenth of the time."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from engine.core.numbers import DEAR_COUNTRY_CODES, Number, parse

DEAR = ("premium_rate", "shared_cost")
PLAIN = ("fixed_line", "toll_free", "voip", "personal_number", "pager", "uan", "voicemail")
DIGITS = re.compile(r"[0-9]{3,15}", re.ASCII)
NEVER = re.compile(r"(?!)")

Read = Callable[[str], Number]
Description = tuple[re.Pattern[str], frozenset[int]]


@cache
def reader(region: str) -> Read:
    """What reads an account's numbers as `parse` does with its region. It raises `InvalidRequest`, as that does.

    A number takes the short way only where each step of the library's has but one outcome: it has the region's own
    country code, no prefix is to be taken off it, and it is of no kind that is dear.
    """
    metadata: Any = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.country_code in DEAR_COUNTRY_CODES:
        return lambda text: parse(text, region)
    return _Home(region, metadata).read


@dataclass(frozen=True, slots=True, kw_only=True)
class _Region:
    """One of those that share a country code, as far as numbers are known by it."""

    name: str
    only: bool  # there is no other
    leading: re.Pattern[str] | None
    emergency: re.Pattern[str]
    every: Description
    dear: tuple[Description, ...]
    plain: tuple[Description, ...]

    @classmethod
    def of(cls, name: str, *, only: bool) -> "_Region":
        """The region of that name."""
        metadata: Any = PhoneMetadata.metadata_for_region(name, None)
        # With one pattern for both, the library does not look at mobile numbers apart.
        plain = PLAIN if metadata.same_mobile_and_fixed_line_pattern else ("mobile", *PLAIN)
        return cls(
            name=name,
            only=only,
            leading=re.compile(metadata.leading_digits) if metadata.leading_digits is not None else None,
            emergency=_emergency(name),
            every=_described(metadata.general_desc),
            dear=tuple(_described(getattr(metadata, each)) for each in DEAR),
            plain=tuple(_described(getattr(metadata, each)) for each in plain),
        )

    def claims(self, national: str) -> bool:
        """The library's `_region_code_for_number_from_list`: whether it would look at no region after this one."""
        if self.only:
            return True
        if self.leading is not None:
            return self.leading.match(national) is not None
        return _is(national, self.every) and any(_is(national, each) for each in (*self.plain, *self.dear))

    def is_plain(self, national: str) -> bool:
        """It is a valid number of the region's that is neither dear nor an emergency number."""
        if not _is(national, self.every) or self.emergency.fullmatch(national):
            return False
        return any(_is(national, each) for each in self.plain) and not any(_is(national, each) for each in self.dear)


class _Home:
    """The numbers of one region, and of those with the same country code."""

    def __init__(self, region: str, metadata: Any) -> None:
        names = COUNTRY_CODE_TO_REGION_CODE[metadata.country_code]
        main: Any = PhoneMetadata.metadata_for_region(names[0], None)
        self._region = region
        self._code = str(metadata.country_code)
        self._abroad = _pattern(metadata.international_prefix)
        # Which of both is asked depends on how the number is written: neither is to find anything.
        self._prefixes = {_pattern(each.national_prefix_for_parsing) for each in (metadata, main)}
        self._emergency = _emergency(region)
        self._every = _described(metadata.general_desc)[0]
        self._regions = [_Region.of(name, only=len(names) == 1) for name in names]

    def read(self, text: str) -> Number:
        """The number. Raises `InvalidRequest`."""
        national = self._national(text)
        if national is not None:
            for region in self._regions:
                if region.claims(national):
                    if region.is_plain(national):
                        return Number(self._code + national, region.name)
                    break
        return parse(text, self._region)

    def _national(self, text: str) -> str | None:
        """Its national part, where there is but one way to read it."""
        plus = text.startswith("+")
        national = digits = text[1:] if plus else text
        if not DIGITS.fullmatch(digits) or digits[0] == "0" or self._emergency.fullmatch(text):
            return None
        if not plus and self._abroad.match(digits):
            return None
        if digits.startswith(self._code):
            national = digits[len(self._code) :]
            if not plus and (self._every.fullmatch(digits) or not self._every.fullmatch(national)):
                return None  # the digits of the code may belong to it
        elif plus:
            return None
        if national[:1] in ("", "0") or any(prefix.match(national) for prefix in self._prefixes):
            return None
        return national


def _is(national: str, description: Description) -> bool:
    """The library's `_is_number_matching_desc`: no lengths are any length."""
    pattern, lengths = description
    return (not lengths or len(national) in lengths) and pattern.fullmatch(national) is not None


def _emergency(region: str) -> re.Pattern[str]:
    short: Any = PhoneMetadata.short_metadata_for_region(region, None)
    return _described(short and short.emergency)[0]


def _described(description: Any) -> Description:
    if description is None:
        return NEVER, frozenset()
    return _pattern(description.national_number_pattern), frozenset(description.possible_length)


def _pattern(text: str | None) -> re.Pattern[str]:
    return re.compile(text) if text else NEVER
