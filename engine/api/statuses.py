"""The HTTP status of each refusal, by its error code, wherever a dialect's document does not say another."""

from engine.core.refusal import Refusal

BAD_REQUEST = 400
STATUSES = {
    "unauthorised": 401,
    "forbidden": 403,
    "wrong_method": 405,
    "nothing_to_record": 409,
    "not_found": 404,
    "in_flight": 409,
    "too_late": 409,
    "not_talking": 409,
    "of_the_file": 409,
    "too_many_announcements": 409,
    "name_taken": 409,
    "too_large": 413,
    "unknown_sound": 415,
    "mislabelled": 415,
    "key_reused": 422,
    "locked_out": 429,
    "over_capacity": 429,
    "unavailable": 503,
    "stopped": 503,
    "store_away": 503,
    "asterisk_away": 503,
    "not_owner": 503,
    "node_away": 503,
    "draining": 503,
    "voice_failed": 503,
    "converter_away": 503,
    "storage_away": 503,
    "import_failed": 503,
}


def status(refusal: Refusal, *, otherwise: int = BAD_REQUEST) -> int:
    """The status to refuse with; `otherwise` where the fault is in what was asked."""
    return STATUSES.get(refusal.code, otherwise)
