"""What all of Sarv's voice API has in common: who asks, the codes and their texts, how one is refused.

The order is 001, 002, 003, 005, 006, 004, then what is the operation's own. What keeps its HTTP status (404, 405, 413,
429, 503) has that for a code.
"""

from collections.abc import Callable, Mapping

from engine.api.dialect import Body, Identity
from engine.api.statuses import status
from engine.core.refusal import InvalidRequest, Refusal
from engine.errors import DisabledAccount, OtherAddress, OtherDialect, Unauthorised

NAME, KNOWN_BY = "sarv_voice", "username"
SUCCESS, MISSING, BLANK, ADDRESS, USER_TYPE, CREDENTIALS, INACTIVE = (f"{n:03}" for n in range(7))
TYPE, TOO_MANY_IDS = "007", "019"
# The table's texts, without the stop behind some of them; of 007 the longer one of the sample.
TEXTS = {
    MISSING: "Parameter Missing",
    BLANK: "Parameter is blank",
    ADDRESS: "Request IP not added in whitelist",
    USER_TYPE: "Invalid user type",
    CREDENTIALS: "Invalid Credentials",
    INACTIVE: "User is InActive",
    TYPE: "Invalid announcement type (mp3 allowed only)",
    TOO_MANY_IDS: "Exceeded unique ids limit for single api call",
}


class Coded(InvalidRequest):
    """Refused with one of the codes."""

    def __init__(self, code: str) -> None:
        super().__init__(TEXTS[code])
        self.sarv_code = code


def identified(compulsory: tuple[str, ...]) -> Callable[[Mapping[str, str], Body], Identity]:
    """How to find the username and the token, once every parameter is there. It raises `Coded`."""

    def identify(_: Mapping[str, str], body: Body) -> Identity:
        if any(name not in body for name in compulsory):
            raise Coded(MISSING)
        if not all(body[name].strip(" ,") for name in compulsory):
            raise Coded(BLANK)
        return Identity(body["username"], body["token"])

    return identify


def refuse(refusal: Refusal) -> tuple[int, Body]:
    """A code and its text, with HTTP status 200 for whatever is the customer's doing."""
    code = _code(refusal)
    if code is not None:
        return 200, error(code, TEXTS[code])
    http_status = status(refusal)
    return http_status, error(str(http_status), refusal.message)


def error(code: str, text: str) -> Body:
    """The body of an error."""
    return {"status": "error", "code": code, "desc": text}


def _code(refusal: Refusal) -> str | None:
    match refusal:
        case Coded(sarv_code=code):
            return code
        case OtherAddress():
            return ADDRESS
        case DisabledAccount():
            return INACTIVE
        case OtherDialect():
            return USER_TYPE
        case Unauthorised():
            return CREDENTIALS
    return None
