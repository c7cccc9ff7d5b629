"""Which text is a number: only what somebody would dial, never what a stranger would be rung by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
