"""An agent's PIN: what is kept of it proves it, slowly."""

import time

from engine import pin

PIN = pin.hashed("2010", account_id="account_1", agent_id="201")


def test_a_pin_takes_its_time_and_is_its_agents_own() -> None:
    begun = time.perf_counter()
    assert pin.proves(PIN, "2010", account_id="account_1", agent_id="201")
    assert time.perf_counter() - begun > 0.005
    assert not pin.proves(PIN, "2010", account_id="account_1", agent_id="202")
    assert not pin.proves("", "", account_id="account_1", agent_id="201")


def wrong(pins: pin.WrongPins, telephone: str, agent: str, times: int, *, now: float = 0.0) -> set[str]:
    return {pins.refusal(telephone, ("account_1", agent), right=False, now=now) for _ in range(times)}


def test_who_guesses_at_one_telephone_locks_that_one_and_no_agent() -> None:
    pins, agent = pin.WrongPins(), ("account_1", "201")
    assert wrong(pins, "104", "201", pin.FROM_ONE_TELEPHONE) == {"wrong PIN or agent"}
    assert pins.refusal("104", agent, right=True, now=1.0) == "too many wrong PINs from this telephone"
    assert pins.refusal("104", ("account_1", "202"), right=True, now=1.0)
    assert pins.refusal("103", agent, right=True, now=1.0) == ""
    assert pins.refusal("104", agent, right=True, now=pin.WRONG_SECONDS + 1) == ""


def test_who_guesses_at_many_telephones_gets_no_further_with_one_agent() -> None:
    pins = pin.WrongPins()
    for telephone in range(pin.FOR_ONE_AGENT // 5):
        assert wrong(pins, str(telephone), "201", 5) == {"wrong PIN or agent"}
    assert pins.refusal("103", ("account_1", "201"), right=True, now=1.0) == "too many wrong PINs for this agent"
    assert pins.refusal("103", ("account_1", "202"), right=True, now=1.0) == ""


def test_a_right_pin_takes_back_the_own_wrong_ones_only() -> None:
    pins = pin.WrongPins()
    most = pin.FROM_ONE_TELEPHONE - 1
    for _ in range(3):
        assert wrong(pins, "103", "202", most) == {"wrong PIN or agent"}
        assert pins.refusal("103", ("account_1", "202"), right=True, now=1.0) == ""
    assert wrong(pins, "103", "201", most) == {"wrong PIN or agent"}
    assert pins.refusal("103", ("account_1", "202"), right=True, now=1.0) == ""
    assert wrong(pins, "103", "201", 2) == {"wrong PIN or agent", "too many wrong PINs from this telephone"}
