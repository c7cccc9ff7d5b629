"""The CPaaS suite's change of a live call: transferred, hung up, recorded."""

import re

from engine.api.dialect import Body, Operation, Surroundings
from engine.api.dialects.cpaas_params import REQUEST_ID, required, text
from engine.core.asks import Ask
from engine.core.live_asks import Change, ModifyCall
from engine.core.refusal import InvalidRequest

# "0=blind transfer, 1=attended transfer, 2=hangup, 3=start recording"; the others are ours.
TYPES: dict[str, Change] = {
    "0": "blind",
    "1": "attended",
    "2": "hang_up",
    "3": "start",
    "4": "stop",
    "5": "pause",
    "6": "resume",
}
CHANNEL = re.compile(r"[0-9A-Za-z._/@;-]{1,100}", re.ASCII)  # the document's, too: "PJSIP/101-0000023c"
DONE: dict[Change, str] = {
    "blind": "blind transferred successfully",
    "attended": "attended transfer started successfully",
    "hang_up": "call hungup successfully",
    "start": "recording started successfully",
    "stop": "recording stopped successfully",
    "pause": "recording paused successfully",
    "resume": "recording resumed successfully",
}


def parse_modify(body: Body, around: Surroundings) -> Ask:
    """By the channel, as the document has it (its sample begins with a space), or by the id of the request."""
    change = TYPES.get(required(body, "modify_type"))
    if change is None:
        raise InvalidRequest("modify_type must be one of 0, 1, 2, 3, 4, 5, 6", param="modify_type")
    channel, request_id = text(body, "channel"), text(body, "request_id")
    if bool(channel) == bool(request_id):
        raise InvalidRequest("either channel or request_id is required", param="channel")
    if channel and not CHANNEL.fullmatch(channel):
        raise InvalidRequest("channel is not valid", param="channel")
    if request_id and not REQUEST_ID.fullmatch(request_id):
        raise InvalidRequest("request_id is not valid", param="request_id")
    transfers = change in ("blind", "attended")
    to = required(body, "transfer_to") if transfers else ""
    return ModifyCall(change=change, channel=channel, request_id=request_id, to=to)


def reply_modified(change: Change) -> Body:
    """The document's reply."""
    return {"response": {"message": DONE[change], "success": "true"}}


OPERATIONS = (Operation("POST", "/api/modify_call", parse_modify, reply_modified),)
