"""Cause to disposition, as measured on Asterisk 22.10.1."""

import pytest

from engine.core.causes import outcome


@pytest.mark.parametrize(
    ("cause", "sip_code", "disposition"),
    [
        (17, 486, "BUSY"),
        (17, 600, "BUSY"),
        (19, 480, "NOANSWER"),
        (18, 408, "NOANSWER"),
        (1, 404, "CHANUNAVAIL"),
        (21, 403, "CHANUNAVAIL"),
        (21, 603, "CHANUNAVAIL"),
        (34, 503, "CONGESTION"),
        (38, 500, "CONGESTION"),
        (58, 488, "CHANUNAVAIL"),
        (23, 302, "CHANUNAVAIL"),
        (34, None, "CONGESTION"),
        (0, None, "CHANUNAVAIL"),
    ],
)
def test_the_network_says_why(cause: int, sip_code: int | None, disposition: str) -> None:
    assert outcome(answered=False, hangup_reason=None, sip_code=sip_code, cause=cause).disposition == disposition


def test_our_own_timer_comes_before_what_the_network_says() -> None:
    assert outcome(answered=False, hangup_reason="ring_time", sip_code=486, cause=17).disposition == "NOANSWER"


def test_our_own_giving_up_is_a_cancel() -> None:
    assert outcome(answered=False, hangup_reason="hung_up", sip_code=480, cause=19).disposition == "CANCEL"


def test_an_answered_leg_is_answered_whatever_its_end() -> None:
    assert outcome(answered=True, hangup_reason="max_talk", sip_code=486, cause=17).disposition == "ANSWER"
