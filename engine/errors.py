"""Errors as one tree under `Refusal`: the docstring is the message, `code` is the contract."""

from engine.core.refusal import InvalidRequest, NotPermitted, Refusal

__all__ = [
    "AgentUnavailable",
    "AsteriskAway",
    "DndAway",
    "DndListed",
    "Draining",
    "IdTaken",
    "InFlight",
    "InvalidRequest",
    "KeyReused",
    "KeyTaken",
    "LockedOut",
    "NoSecret",
    "NotFound",
    "NotOwner",
    "NotPermitted",
    "OverCapacity",
    "Refusal",
    "Stopped",
    "StoreAway",
    "TooLate",
    "Unauthorised",
    "Unavailable",
    "UnknownAccount",
    "VoiceAway",
    "VoiceFailed",
    "WrongConfig",
]


class Unauthorised(Refusal):
    """account or auth is missing or wrong"""

    code = "unauthorised"


class UnknownAccount(Unauthorised):
    """there is no such account, or it may not be used from here"""


class NoSecret(Unauthorised):
    """the secret is missing"""


class OfSide(Refusal):
    """one of the parties can not be called"""

    code = "of_side"

    def __init__(self, side: str) -> None:
        super().__init__()
        self.side = side  # agent or customer


class DndListed(OfSide):
    """this number is on the do-not-disturb list"""

    code = "dnd_listed"


class AgentUnavailable(OfSide):
    """no agent of this party is free"""

    code = "agent_unavailable"


class DndAway(Refusal):
    """the do-not-disturb lists can not be looked up"""

    code = "dnd_away"


class LockedOut(Refusal):
    """too many wrong attempts from this address, please wait"""

    code = "locked_out"
    retry_after_seconds: int

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class NotFound(Refusal):
    """there is no such id"""

    code = "not_found"


class OverCapacity(Refusal):
    """the account has as many live calls as it may have"""

    code = "over_capacity"


class Unavailable(Refusal):
    """the service can not take new calls now, please try again"""

    code = "unavailable"


class Stopped(Unavailable):
    """dialling is stopped"""

    code = "stopped"


class StoreAway(Unavailable):
    """the database does not answer, please try again"""

    code = "store_away"


class AsteriskAway(Unavailable):
    """the telephone exchange does not answer, please try again"""

    code = "asterisk_away"


class NotOwner(Unavailable):
    """another engine owns this Asterisk"""

    code = "not_owner"


class Draining(Unavailable):
    """the service is being restarted, please try again"""

    code = "draining"


class VoiceFailed(Unavailable):
    """the text could not be spoken, please try again"""

    code = "voice_failed"


class VoiceAway(VoiceFailed):
    """the voice does not answer, please try again"""


class IdTaken(Refusal):
    """this call id has been used before"""

    code = "id_taken"


class InFlight(Refusal):
    """the request with this Idempotency-Key is still being carried out"""

    code = "in_flight"


class KeyReused(Refusal):
    """this Idempotency-Key was used for another request"""

    code = "key_reused"


class KeyTaken(Refusal):
    """another engine has just carried out a request with this Idempotency-Key"""

    code = "key_taken"


class TooLate(Refusal):
    """the callback is not scheduled any more"""

    code = "too_late"


class WrongConfig(Refusal):
    """the configuration is not valid"""

    code = "wrong_config"
