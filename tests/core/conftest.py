"""A call between two numbers, to be led through its life."""

import pytest

from engine.core.call import Call
from engine.core.flows import click2call
from engine.core.request import CallRequest, Party

AGENT = Party(number="919910000101", endpoints=("PJSIP/919910000101@carrier",), ring_seconds=30)
CUSTOMER = Party(number="919910000202", endpoints=("PJSIP/919910000202@carrier",), ring_seconds=30)


def request_of(agent: Party = AGENT, customer: Party = CUSTOMER) -> CallRequest:
    """A click2call request between the two."""
    return CallRequest(
        account_id="account_1",
        kind="click2call",
        caller_id="15168148111",
        agent=agent,
        customer=customer,
        max_talk_seconds=7200,
    )


def call_of(request: CallRequest) -> Call:
    """A call, not started."""
    return Call(call_id="57362de4f0", request=request, flow=click2call, requested_at=100.0, now=100.0)


@pytest.fixture
def call() -> Call:
    """A click2call between two numbers, not started."""
    return call_of(request_of())
