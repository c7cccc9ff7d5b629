"""A call between two numbers, to be led through its life."""

from typing import Any

import pytest

from engine.core.call import Call
from engine.core.flows import FLOWS
from engine.core.inbound import Arrival
from engine.core.inbound import call as begun
from engine.core.request import CallRequest, CampaignAttempt, Party, Speech, Target

CALLER_ID = "15168148111"


def party_of(number: str, *trunks: str, ring_seconds: int = 30, **more: Any) -> Party:
    """A party of one number, reached over those trunks (`carrier`)."""
    endpoints = tuple(f"PJSIP/{number}@{trunk}" for trunk in trunks or ("carrier",))
    target = Target(number=number, endpoints=endpoints)
    return Party(targets=(target,), ring_seconds=ring_seconds, caller_id=CALLER_ID, **more)


AGENT = party_of("919910000101")
CUSTOMER = party_of("919910000202")


def request_of(agent: Party = AGENT, customer: Party = CUSTOMER) -> CallRequest:
    """A click2call request between the two."""
    return CallRequest(
        account_id="account_1",
        kind="click2call",
        agent=agent,
        customer=customer,
        max_talk_seconds=7200,
    )


def otp_of(customer: Party = CUSTOMER, *, seconds: float = 4.0, times: int = 1) -> CallRequest:
    """A request to speak to that party."""
    speech = Speech(media="sound:/run/legwork/speech", seconds=seconds, times=times)
    return CallRequest(account_id="account_1", kind="otp", customer=customer, speech=speech, max_talk_seconds=60)


def campaign_of(customer: Party = CUSTOMER, **more: Any) -> CallRequest:
    """A campaign's attempt to reach that party."""
    attempt = CampaignAttempt(
        campaign_id="CM57362de4f0",
        campaign_type=1,
        list_id="LS57362de4f0",
        position=7,
        attempt=1,
        max_retries=0,
        retry_seconds=60,
        retry_on=(),
    )
    return CallRequest(
        account_id="account_1", kind="campaign", customer=customer, max_talk_seconds=600, campaign=attempt, **more
    )


def inbound_of(agent: Party | None = AGENT, **more: Any) -> Call:
    """A call that came in for that party, not started."""
    asked = CallRequest(
        account_id="account_1",
        kind="inbound",
        customer=Party(targets=(Target(number="919910088888", endpoints=()),), ring_seconds=0, caller_id="15168148111"),
        agent=agent,
        max_talk_seconds=600,
        did="15168148111",
        **more,
    )
    arrival = Arrival(channel="1700000000.7", at=100.0, dialled="15168148111", caller="919910088888")
    return begun(asked, arrival, call_id="57362de4f0")


def call_of(request: CallRequest) -> Call:
    """A call, not started."""
    return Call(call_id="57362de4f0", request=request, flow=FLOWS[request.kind], requested_at=100.0, now=100.0)


@pytest.fixture
def call() -> Call:
    """A click2call between two numbers, not started."""
    return call_of(request_of())
