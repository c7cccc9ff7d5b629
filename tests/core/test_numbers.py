"""Which text is a number: only what somebody would dial, never what a stranger would be rung by."""

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from engine.core import numbers
from engine.core.refusal import InvalidRequest


@pytest.mark.parametrize(
    ("text", "region", "digits", "found"),
    [
        ("9910000101", "IN", "919910000101", "IN"),
        ("919910000101", "IN", "919910000101", "IN"),
        ("+919910000101", "US", "919910000101", "IN"),
        ("00919910000101", "US", "919910000101", "IN"),
        ("15168148111", "IN", "15168148111", "US"),
        ("+18764567890", "IN", "18764567890", "JM"),
    ],
)
def test_a_number_has_one_spelling_and_a_region(text: str, region: str, digits: str, found: str) -> None:
    assert numbers.parse(text, region) == numbers.Number(digits, found)


@pytest.mark.parametrize(
    "text",
    [
        "91997927XXXX",  # a vanity number to phonenumbers, and a stranger's
        "٩١٩٩١٠٠٠٠١٠١",
        "919910000101\n",
        " 919910000101",
        "",
        "+",
        "12",
        "1" * 16,
        "101",  # an emergency number in India
        "112",
        "sip:100@192.0.2.1",
        "919910000101&PJSIP/102",
        "+91 99100 00101",
        "+8816",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        numbers.parse(text, "IN")


@given(st.text(max_size=30))
def test_no_text_becomes_anything_but_digits(text: str) -> None:
    try:
        number = numbers.parse(text, "IN")
    except InvalidRequest:
        return
    assert number.digits.isascii()
    assert number.digits.isdigit()


REGIONS = ("IN", "US", "GB", "DE", "AE", "SG", "BR", "NZ")
ZERO_IN_FRONT = ("IN", "GB", "DE", "AE", "NZ")  # how a national number is dialled there
KINDS = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE)


def written(region: str, kind: int, last: int) -> tuple[str, str, str]:
    """A number like the example of its numbering plan but for its end: its region, in E.164, within the country."""
    found = phonenumbers.example_number_for_type(region, kind)
    assert found is not None
    found.national_number = (found.national_number or 0) // 10_000 * 10_000 + last
    assume(phonenumbers.is_valid_number_for_region(found, region))
    national = phonenumbers.national_significant_number(found)
    return region, f"{found.country_code}{national}", national


WRITTEN = st.builds(written, st.sampled_from(REGIONS), st.sampled_from(KINDS), st.integers(0, 9999))


@given(WRITTEN, st.sampled_from(REGIONS), st.sampled_from(("", "+")))
def test_a_caller_in_e164_is_nobody_else(caller: tuple[str, str, str], region: str, plus: str) -> None:
    _, digits, _ = caller
    assert numbers.of_caller(plus + digits, region).digits == digits


@given(WRITTEN)
def test_a_caller_as_within_the_country_is_one_of_it_unless_that_is_somebodys_number_elsewhere(
    caller: tuple[str, str, str],
) -> None:
    region, digits, national = caller
    if region in ZERO_IN_FRONT:
        assert numbers.of_caller(f"0{national}", region).digits == digits
    try:
        elsewhere = phonenumbers.is_valid_number(phonenumbers.parse(f"+{national}"))
    except phonenumbers.NumberParseException:
        elsewhere = False
    assert numbers.of_caller(national, region).digits == (national if elsewhere else digits)
