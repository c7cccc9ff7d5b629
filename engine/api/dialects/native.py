"""Our own API under `/v1`: headers `account` and `auth` as in the CPaaS suite's, JSON, errors with a code."""

from engine.api.dialect import Body, Dialect
from engine.api.dialects import (
    cpaas,
    native_announcements,
    native_callbacks,
    native_calls,
    native_campaigns,
    native_polls,
    native_recordings,
)
from engine.api.statuses import status
from engine.core.refusal import Refusal
from engine.errors import Unauthorised


def refuse(refusal: Refusal) -> tuple[int, Body]:
    """`{"error": {"code", "message", "param", "request_id"}}`; null where there is none."""
    message = Unauthorised().message if isinstance(refusal, Unauthorised) else refusal.message
    error = {"code": refusal.code, "message": message, "param": refusal.param, "request_id": None}
    return status(refusal), {"error": error}


DIALECT = Dialect(
    name="native",
    prefix="/v1/",
    credential="cpaas",
    identify=cpaas.identify,
    refuse=refuse,
    operations=(
        *native_announcements.OPERATIONS,
        *native_callbacks.OPERATIONS,
        *native_calls.OPERATIONS,
        *native_campaigns.OPERATIONS,
        *native_polls.OPERATIONS,
        *native_recordings.OPERATIONS,
    ),
)
