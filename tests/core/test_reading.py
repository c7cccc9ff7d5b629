"""Numbers by the million: the short way says what `numbers.parse` says, of any text and in any region."""

from random import Random

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import numbers, reading
from engine.core.refusal import InvalidRequest

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
SOME = ("IN", "US", "CA", "GB", "DE", "IT", "AR", "BR", "MX", "RU", "KZ", "AU", "NZ", "CI", "SG", "HU", "CN", "JP")
TYPES = range(11)
SLOW = numbers.parse.__wrapped__
A_REGION, OF_ALL = 1500, 40


def said(read: reading.Read, text: str) -> object:
    """What it comes to, or why it is none."""
    try:
        return read(text)
    except InvalidRequest as exc:
        return type(exc), exc.message


def near(random: Random, region: str, count: int) -> list[str]:
    """Texts like the region's own numbers: some of them are, some nearly, in each way to write one."""
    code = str(phonenumbers.country_code_for_region(region))
    known = (phonenumbers.example_number_for_type(region, kind) for kind in TYPES)
    examples = [phonenumbers.national_significant_number(each) for each in known if each]
    found = []
    for _ in range(count):
        digits = list(random.choice(examples))
        for _ in range(random.choice((1, 2, 8))):
            digits[random.randrange(len(digits))] = random.choice("0123456789")
        cut = random.choice((0, 0, 0, 0, 1))
        national = "".join(digits)[cut:] + random.choice(("", "", "", "", random.choice("0123456789")))
        before = random.choice(("", "", code, code, "+" + code, "00" + code, "0", "0" + code, "+", "1", "8", "011"))
        found.append(before + national)
    return found


@pytest.mark.parametrize("region", SOME)
def test_the_short_way_leads_where_the_long_one_does(region: str) -> None:
    read = reading.reader(region)
    for text in near(Random(region), region, A_REGION):
        assert said(read, text) == said(lambda text: SLOW(text, region), text), text


def test_and_in_every_region_there_is() -> None:
    random = Random(6)
    for region in REGIONS:
        read = reading.reader(region)
        for text in near(random, region, OF_ALL):
            assert said(read, text) == said(lambda text, region=region: SLOW(text, region), text), (region, text)  # type: ignore[misc]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SOME), st.text(alphabet="0123456789", max_size=17) | st.text(max_size=17))
def test_and_for_texts_that_are_no_numbers(region: str, text: str) -> None:
    assert said(reading.reader(region), text) == said(lambda text: SLOW(text, region), text)


@pytest.mark.parametrize("region", ["IN", "US", "CA", "GB", "FR", "AU", "JM"])
def test_an_account_s_own_numbers_take_the_short_way(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert number
    national = phonenumbers.national_significant_number(number)
    monkeypatch.delattr(reading, "parse")
    read = reading.reader(region)
    for text in (f"+{number.country_code}{national}", f"{number.country_code}{national}"):
        assert read(text) == numbers.Number(f"{number.country_code}{national}", region)
