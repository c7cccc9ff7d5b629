"""Our own API's announcements: upload, list, play, delete."""

from datetime import UTC, datetime

from engine.api.dialect import Body, File, Operation, Surroundings
from engine.core.asks import (
    AnnouncementRow,
    Ask,
    DeleteAnnouncement,
    ListAnnouncements,
    PlayAnnouncement,
    UploadAnnouncement,
)

PATH = "/v1/announcements"
ONE = PATH + "/{name}"


def parse_upload(body: Body, _: Surroundings) -> Ask:
    """A file, and what it is to be called: the name it has, unless another is given."""
    return UploadAnnouncement(**body)


def reply_list(rows: list[AnnouncementRow]) -> Body:
    """Those of the accounts file first."""
    return {"announcements": [reply_one(row) for row in rows]}


def reply_one(row: AnnouncementRow) -> Body:
    """One announcement; `number` is null where it has none, `uploaded_at` (ISO 8601, UTC) where it stands in a file."""
    uploaded_at = row["uploaded_at"]
    return {
        "id": row["id"],
        "number": row["number"] or None,
        "name": row["name"],
        "seconds": round(row["seconds"], 3),
        "source": row["source"],
        "uploaded_at": uploaded_at and datetime.fromtimestamp(uploaded_at, UTC).isoformat(timespec="milliseconds"),
    }


OPERATIONS = (
    Operation("POST", PATH, parse_upload, reply_one, uploads=True, status=201),
    Operation("GET", PATH, lambda *_: ListAnnouncements(), reply_list),
    Operation("GET", ONE, lambda body, _: PlayAnnouncement(body["name"]), lambda wav: File(wav, "audio/wav")),
    Operation("DELETE", ONE, lambda body, _: DeleteAnnouncement(body["name"]), reply_one),
)
