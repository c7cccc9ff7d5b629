"""Which key a request has: its own, one made of it, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.idempotency import Key, key_of
from engine.core.refusal import InvalidRequest


def key(*headers: str, same_request_seconds: int = 0, request: bytes = b"POST /api/click2call\n{}") -> Key | None:
    return key_of(headers, account_id="one", same_request_seconds=same_request_seconds, request=request)


def test_a_key_is_kept_for_a_day_and_its_client_is_told_at_once() -> None:
    found = key("8e03978e-40d5-43dd-bc93-6894a57f9324", same_request_seconds=5)
    assert found is not None
    assert (found.text, found.keep_seconds, found.patient) == ("8e03978e-40d5-43dd-bc93-6894a57f9324", 86400, False)


def test_without_a_key_there_is_one_only_where_the_account_wants_it() -> None:
    assert key() is None
    found = key(same_request_seconds=5)
    assert found is not None
    assert (found.keep_seconds, found.patient) == (5, True)
    assert found == key(same_request_seconds=5)
    assert found != key(same_request_seconds=5, request=b"POST /api/click2call\n{1}")


@given(st.text())
def test_a_key_is_taken_only_as_printable_ascii(text: str) -> None:
    good = 1 <= len(text) <= 255 and text.isascii() and text.isprintable()
    if good:
        found = key(text)
        assert found is not None
        assert found.text == text
    else:
        with pytest.raises(InvalidRequest, match="Idempotency-Key: "):
            key(text)


def test_no_header_can_be_the_key_of_another_clients_same_request() -> None:
    made = key(same_request_seconds=5)
    assert made is not None
    with pytest.raises(InvalidRequest):
        key(made.text)
