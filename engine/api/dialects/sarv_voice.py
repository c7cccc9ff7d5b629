"""Sarv's voice API: `/api/voice/upload_announcement.php`, everything a parameter, answers with a code.

The order is 001, 002, 003, 005, 006, 004, 007. The document has no code for a URL that can not be fetched, nor for a
sound that is damaged, silent, too long or one too many: these are 007, too, with a text of ours that says which.
What keeps its HTTP status (404, 405, 413, 429, 503) has that for a code.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.api.dialect import Body, Dialect, Identity, Operation, Surroundings
from engine.api.statuses import status
from engine.core.asks import AnnouncementRow, Ask, FetchAnnouncement
from engine.core.refusal import InvalidRequest, Refusal
from engine.errors import (
    DisabledAccount,
    Mislabelled,
    NotFetched,
    OtherAddress,
    OtherDialect,
    TooManyAnnouncements,
    Unauthorised,
    UnknownSound,
    WrongSound,
)

PATH = "/api/voice/upload_announcement.php"
COMPULSORY = ("username", "token", "announcement_path")

UPLOADED, MISSING, BLANK, ADDRESS, USER_TYPE, CREDENTIALS, INACTIVE, TYPE = (f"{n:03}" for n in range(8))
# The table's texts, without the stop behind some of them; of 007 the longer one of the sample.
TEXTS = {
    UPLOADED: "Announcement Uploaded Successfully",
    MISSING: "Parameter Missing",
    BLANK: "Parameter is blank",
    ADDRESS: "Request IP not added in whitelist",
    USER_TYPE: "Invalid user type",
    CREDENTIALS: "Invalid Credentials",
    INACTIVE: "User is InActive",
    TYPE: "Invalid announcement type (mp3 allowed only)",
}


class Coded(InvalidRequest):
    """Refused with one of the codes."""

    def __init__(self, code: str) -> None:
        super().__init__(TEXTS[code])
        self.sarv_code = code


def gather(pairs: Sequence[tuple[str, Any]], _: bool) -> Body:
    """The parameters' trimmed texts; of one that is said twice the first, of what can not be read nothing."""
    found: Body = {}
    for name, value in pairs:
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        found.setdefault(name, text.strip())
    return found


def identify(_: Mapping[str, str], body: Body) -> Identity:
    """The username and the token, once every parameter is there. Raises `Coded`."""
    if any(name not in body for name in COMPULSORY):
        raise Coded(MISSING)
    if not all(body[name] for name in COMPULSORY):
        raise Coded(BLANK)
    return Identity(body["username"], body["token"])


def parse(body: Body, _: Surroundings) -> Ask:
    """The URL of an MP3."""
    return FetchAnnouncement(url=body["announcement_path"], only="MP3")


def reply(row: AnnouncementRow) -> Body:
    """It was taken: the number by which every API of ours knows it, too, and the name of the file."""
    taken = {"announcement_id": row["number"], "announcement_name": row["name"]}
    return {"status": "success", "code": UPLOADED, "desc": TEXTS[UPLOADED], "data": taken}


def refuse(refusal: Refusal) -> tuple[int, Body]:
    """A code and its text, with HTTP status 200 for whatever is the customer's doing."""
    http_status, code, text = _worded(refusal)
    return http_status, {"status": "error", "code": code, "desc": text}


def _worded(refusal: Refusal) -> tuple[int, str, str]:
    code = _code(refusal)
    if code is not None:
        return 200, code, TEXTS[code]
    if isinstance(refusal, WrongSound | NotFetched | TooManyAnnouncements):
        return 200, TYPE, f"Invalid announcement: {refusal.message}"
    http_status = status(refusal)
    return http_status, str(http_status), refusal.message


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
        case Mislabelled() | UnknownSound():
            return TYPE
    return None


DIALECT = Dialect(
    name="sarv_voice",
    prefix="/api/voice/",
    known_by="username",
    candid=True,
    gather=gather,
    identify=identify,
    refuse=refuse,
    operations=tuple(Operation(method, PATH, parse, reply, uploads=True) for method in ("POST", "GET")),
)
