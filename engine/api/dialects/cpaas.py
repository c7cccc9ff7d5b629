"""The CPaaS suite's API: headers `account` and `auth`, JSON in, `{"response": …}` out."""

from collections.abc import Mapping

from engine.api.dialect import Body, Dialect, Identity, Operation, Surroundings
from engine.api.dialects import cpaas_callback, cpaas_campaign, cpaas_cdrs, cpaas_lists, cpaas_modify, cpaas_otp
from engine.api.dialects.cpaas_params import recording_option, required, switched_on
from engine.api.statuses import status
from engine.core.asks import Ask, LiveCallStatistics, StartCall
from engine.core.callback import KIND
from engine.core.refusal import InvalidRequest, Refusal
from engine.core.request import click2call
from engine.errors import Unauthorised

LIVE_STATISTICS = {
    "live_calls_c2c": ("click2call", KIND),
    "live_calls_campaign": ("campaign",),
    "live_calls_inbound": ("inbound",),
    "live_calls_otp": ("otp",),
}


def identify(headers: Mapping[str, str], _: Body) -> Identity:
    """The account and its auth, as the headers say."""
    return Identity(headers.get("account", ""), headers.get("auth", ""))


def refuse(refusal: Refusal) -> tuple[int, Body]:
    """The document shows no error body: a message and `"success": "false"`, with a true HTTP status."""
    # Who guesses is not told which part of it was right.
    message = Unauthorised().message if isinstance(refusal, Unauthorised) else refusal.message
    return status(refusal), {"response": {"message": message, "success": "false"}}


# -- click2call ------------------------------------------------------------------------------


def parse_click2call(body: Body, around: Surroundings) -> Ask:
    """Agent first, then the destination; both are shown `caller_id`."""
    agent_number = required(body, "agent_number")
    caller_id = required(body, "caller_id")
    destination_number = required(body, "destination_number")
    recording, transcript = recording_option(body), switched_on(body, "transcript")
    if transcript and recording == "":
        raise InvalidRequest("transcript: what is not recorded is not written down", param="transcript")
    return StartCall(
        click2call(
            around.account,
            agent_number=agent_number,
            customer_number=destination_number,
            caller_id=caller_id,
            routes=around.routes,
            limits=around.limits,
            recording=recording or "",
            transcript=transcript,
        )
    )


def reply_request_id(request_id: str) -> Body:
    """The call was accepted."""
    return {"response": {"request_id": request_id, "success": "true"}}


# -- live calls ------------------------------------------------------------------------------


def reply_live_statistics(counted: dict[str, int]) -> Body:
    """Plain numbers."""
    result = {name: sum(counted.get(kind, 0) for kind in kinds) for name, kinds in LIVE_STATISTICS.items()}
    return {"response": {"result": result, "success": "true"}}


DIALECT = Dialect(
    name="cpaas",
    prefix=("/api/", "/stop_campaign"),
    identify=identify,
    refuse=refuse,
    operations=(
        Operation("POST", "/api/click2call", parse_click2call, reply_request_id, dials=True),
        *cpaas_otp.OPERATIONS,
        *cpaas_callback.OPERATIONS,
        *cpaas_lists.OPERATIONS,
        *cpaas_campaign.OPERATIONS,
        *cpaas_cdrs.OPERATIONS,
        Operation("GET", "/api/get_live_call_statistics", lambda *_: LiveCallStatistics(), reply_live_statistics),
        *cpaas_modify.OPERATIONS,
    ),
)
