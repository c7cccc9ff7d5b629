"""Sarv's voice API: `/api/voice/upload_announcement.php`, everything a parameter, answers with a code.

What is its own comes last: 007. The document has no code for a URL that can not be fetched, nor for a sound that is
damaged, silent, too long or one too many: these are 007, too, with a text of ours that says which.
"""

from engine.api.dialect import Body, Dialect, Operation, Surroundings
from engine.api.dialects import sarv_voice_codes as codes
from engine.api.dialects.gathered import gather
from engine.core.asks import AnnouncementRow, Ask, FetchAnnouncement
from engine.core.refusal import Refusal
from engine.errors import Mislabelled, NotFetched, TooManyAnnouncements, UnknownSound, WrongSound

PATH = "/api/voice/upload_announcement.php"
COMPULSORY = ("username", "token", "announcement_path")
UPLOADED = "Announcement Uploaded Successfully"


def parse(body: Body, _: Surroundings) -> Ask:
    """The URL of an MP3."""
    return FetchAnnouncement(url=body["announcement_path"], only="MP3")


def reply(row: AnnouncementRow) -> Body:
    """It was taken: the number by which every API of ours knows it, too, and the name of the file."""
    taken = {"announcement_id": row["number"], "announcement_name": row["name"]}
    return {"status": "success", "code": codes.SUCCESS, "desc": UPLOADED, "data": taken}


def refuse(refusal: Refusal) -> tuple[int, Body]:
    """As all of the voice API does, and 007 for what is wrong with the sound."""
    match refusal:
        case Mislabelled() | UnknownSound():
            return 200, codes.error(codes.TYPE, codes.TEXTS[codes.TYPE])
        case WrongSound() | NotFetched() | TooManyAnnouncements():
            return 200, codes.error(codes.TYPE, f"Invalid announcement: {refusal.message}")
    return codes.refuse(refusal)


DIALECT = Dialect(
    name=codes.NAME,
    prefix="/api/voice/",
    known_by=codes.KNOWN_BY,
    candid=True,
    gather=gather,
    identify=codes.identified(COMPULSORY),
    refuse=refuse,
    operations=tuple(Operation(method, PATH, parse, reply, uploads=True) for method in ("POST", "GET")),
)
