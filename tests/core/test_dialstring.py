"""The dial string is built in one place, from digits and our own table only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.account import Route
from engine.core.dialstring import endpoints

ROUTES = (
    Route("91", ("PJSIP/{number}@carrier",)),
    Route("9180", ("PJSIP/{number}@south", "PJSIP/{number}@carrier")),
)


def test_an_extension_is_a_phone_of_our_own() -> None:
    assert endpoints("101", extensions=("101",), routes=ROUTES) == ("PJSIP/101",)


def test_the_longest_prefix_wins_and_its_endpoints_keep_their_order() -> None:
    assert endpoints("919910000101", extensions=(), routes=ROUTES) == ("PJSIP/919910000101@carrier",)
    assert endpoints("918000000101", extensions=(), routes=ROUTES) == (
        "PJSIP/918000000101@south",
        "PJSIP/918000000101@carrier",
    )


def test_a_number_no_route_leads_to_has_no_endpoint() -> None:
    assert endpoints("442071234567", extensions=(), routes=ROUTES) == ()


@given(st.text())
def test_nothing_but_digits_reaches_a_dial_string(text: str) -> None:
    if text.isascii() and text.isdigit():
        return
    with pytest.raises(ValueError, match="digits only"):
        endpoints(text, extensions=(text,), routes=ROUTES)
