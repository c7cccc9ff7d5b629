"""What may be asked for: a request that passes can be dialled."""

import pytest

from engine.core.account import Account, Route
from engine.core.refusal import InvalidRequest
from engine.core.request import CallRequest, Limits, click2call

ACCOUNT = Account(
    account_id="account_1",
    name="Demo shop",
    region="IN",
    allowed_regions=("IN", "US"),
    caller_ids=("15168148111",),
    extensions=("101",),
)
ROUTES = (Route("91", ("PJSIP/{number}@carrier",)), Route("1", ("PJSIP/{number}@carrier",)))


def asked(
    agent: str = "919910000101", destination: str = "919910000202", caller_id: str = "15168148111"
) -> CallRequest:
    return click2call(
        ACCOUNT,
        agent_number=agent,
        customer_number=destination,
        caller_id=caller_id,
        routes=ROUTES,
        limits=Limits(ring_seconds=30, max_talk_seconds=7200),
    )


def test_both_parties_get_their_endpoints_and_ring_time() -> None:
    request = asked(destination="9910000202")
    assert request.party("agent").targets[0].endpoints == ("PJSIP/919910000101@carrier",)
    assert (request.customer.number, request.customer.ring_seconds) == ("919910000202", 30)


def test_an_extension_of_the_account_comes_before_the_number_rules() -> None:
    assert asked(agent="101").party("agent").targets[0].endpoints == ("PJSIP/101",)


@pytest.mark.parametrize(
    ("agent", "destination", "caller_id", "param"),
    [
        ("102", "919910000202", "15168148111", "agent_number"),  # nobody's extension
        ("919910000101", "91800068XXXX", "15168148111", "destination_number"),
        ("919910000101", "919910000202", "919910099999", "caller_id"),  # not owned
        ("919910000101", "919910000202", "x", "caller_id"),
        ("919910000101", "+18764567890", "15168148111", "destination_number"),  # Jamaica is not the US
        ("919910000101", "+881612345678", "15168148111", "destination_number"),  # a satellite
    ],
)
def test_what_may_not_be_dialled_is_refused_by_the_name_of_its_parameter(
    agent: str, destination: str, caller_id: str, param: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked(agent, destination, caller_id)
    assert refused.value.param == param
    assert refused.value.message.startswith(param)
