"""The CPaaS suite's one-time passwords: a call that speaks a template, and spells the password."""

from engine.api.dialect import Body, Operation, Surroundings
from engine.api.dialects.cpaas_params import required, text, whole
from engine.core.asks import Accepted, Ask, StartSpeech
from engine.core.refusal import InvalidRequest
from engine.core.request import otp
from engine.core.speech import LEAD_SECONDS, Pause, manner, spoken
from engine.errors import NotFound

MOST_REPEATS = 10
MANNER = ("voice", "volume", "rate", "pitch", "language_code", "tts_engine_type")


def parse_outbound_call(body: Body, around: Surroundings) -> Ask:
    """The password, spelt out within the template's text, for whoever answers at that number."""
    account = around.account
    request = otp(
        account,
        customer_number=required(body, "customer_number"),
        caller_id=required(body, "caller_id"),
        routes=around.routes,
        limits=around.limits,
    )
    password = required(body, "otp")
    template = account.templates.get(required(body, "announce_template_id"))
    if template is None:
        raise NotFound("there is no such announce_template_id")
    if not template.approved:
        raise InvalidRequest("announce_template_id: this template is not approved", param="announce_template_id")
    times = whole(body, "repeat", default=1)
    if not 1 <= times <= MOST_REPEATS:
        raise InvalidRequest(f"repeat must be from 1 to {MOST_REPEATS}", param="repeat")
    asked, warnings = manner(**{name: text(body, name) or None for name in MANNER})
    parts = (Pause(LEAD_SECONDS), *spoken(template.text, {}, otp=password))
    return StartSpeech(request=request, parts=parts, manner=asked, times=times, warnings=warnings)


def reply_outbound_call(accepted: Accepted) -> Body:
    """The call was accepted; `warnings`, where there are any, is an extra field of ours."""
    more = {"warnings": list(accepted.warnings)} if accepted.warnings else {}
    return {"response": {"request_id": accepted.request_id, "success": "true", **more}}


OPERATIONS = (Operation("POST", "/api/outbound_call", parse_outbound_call, reply_outbound_call, dials=True),)
