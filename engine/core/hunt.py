"""Working through the ways to reach a party."""

from engine.core.call import Call
from engine.core.causes import NEXT_ENDPOINT_SIP_CODES
from engine.core.leg import Leg
from engine.core.refused import INTERRUPTED


def next_endpoint(call: Call, leg: Leg) -> str | None:
    """The endpoint to try after this leg; None after ringing, a refusal, or the last.

    Its own again, once for each side, when it was cut off from Asterisk while dialling: nobody knows whether
    it was dialled, so it is given up for a new attempt, never dialled twice. If its end was not seen, nobody knows
    whether it rang, and there is none. The next one when the trunk failed.
    """
    if leg.hangup_reason == INTERRUPTED and leg.rang_at is None and not leg.estimated:
        cut_off = [each for each in call.legs.values() if each.side == leg.side and each.hangup_reason == INTERRUPTED]
        return leg.endpoint if len(cut_off) == 1 else None
    endpoints = call.request.party(leg.side).endpoints
    failed = leg.sip_code in NEXT_ENDPOINT_SIP_CODES or leg.hangup_reason == "unplaceable"
    following = endpoints[endpoints.index(leg.endpoint) + 1 :]
    return following[0] if failed and leg.rang_at is None and following else None
