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
