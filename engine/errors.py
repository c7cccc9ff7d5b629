"""Errors as one tree under `Refusal`: the docstring is the message, `code` is the contract."""

from engine.core.refusal import InvalidRequest as InvalidRequest
from engine.core.refusal import NotPermitted as NotPermitted
from engine.core.refusal import Refusal as Refusal


class Unauthorised(Refusal):
    """account or auth is missing or wrong"""

    code = "unauthorised"


class UnknownAccount(Unauthorised):
    """there is no such account, or it may not be used from here"""


class NoSecret(Unauthorised):
    """the secret is missing"""


class DisabledAccount(UnknownAccount):
    """this account is disabled"""


class OtherAddress(UnknownAccount):
    """this account may not be used from here"""


class OtherDialect(Unauthorised):
    """these are the account's credentials for another API"""


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


class DestinationCapped(OverCapacity):
    """the account has asked for this number as often as it may for now"""


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
    may_pass = False  # a voice that is away now may be able to speak it


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


class NameTaken(Refusal):
    """this name is taken"""

    code = "name_taken"


class TooLate(Refusal):
    """the callback is not scheduled any more"""

    code = "too_late"


class NotTalking(Refusal):
    """the call is not talking"""

    code = "not_talking"


class NodeAway(Unavailable):
    """the node that leads this call does not answer, please try again"""

    code = "node_away"


class StorageAway(Unavailable):
    """the storage of files does not answer, please try again"""

    code = "storage_away"


class ImportFailed(Unavailable):
    """the import was cut short, please try again: what is in the list already is not taken twice"""

    code = "import_failed"


class Forbidden(Refusal):
    """this link is not valid, or not any more"""

    code = "forbidden"


class NothingToRecord(Refusal):
    """the recording of this call can not be changed so now"""

    code = "nothing_to_record"


class TranscriptFailed(Refusal):
    """what was said could not be written down"""

    code = "transcript_failed"


class WrongConfig(Refusal):
    """the configuration is not valid"""

    code = "wrong_config"


class WrongSound(InvalidRequest):
    """this is no sound that is taken"""

    code = "wrong_sound"


class UnknownSound(WrongSound):
    """this is neither a WAV, an MP3 nor an Ogg Vorbis file"""

    code = "unknown_sound"


class Mislabelled(WrongSound):
    """this is a file of another kind than it says"""

    code = "mislabelled"


class BrokenSound(WrongSound):
    """this file is damaged"""

    code = "broken_sound"


class SilentSound(WrongSound):
    """there is nothing to be heard in it"""

    code = "silent_sound"


class SoundTooLong(WrongSound):
    """it lasts longer than 10 minutes"""

    code = "sound_too_long"


class SoundTooShort(WrongSound):
    """it lasts less than 0.2 seconds"""

    code = "sound_too_short"


class ConverterAway(Unavailable):
    """sounds can not be converted now, please try again"""

    code = "converter_away"


class OfTheFile(Refusal):
    """this announcement stands in the accounts file: take it out there, then legwork apply"""

    code = "of_the_file"


class TooManyAnnouncements(Refusal):
    """the account has as many announcements as it may have: delete some"""

    code = "too_many_announcements"


class NotFetched(InvalidRequest):
    """this URL could not be fetched"""

    code = "not_fetched"


class WrongUrl(NotFetched):
    """this is no URL that is fetched: https, without credentials"""

    code = "wrong_url"


class PrivateAddress(NotFetched):
    """this URL leads to an address that is not public"""

    code = "private_address"


class HostAway(NotFetched):
    """the host of this URL does not answer"""

    code = "host_away"


class Redirected(NotFetched):
    """this URL leads to another one, and no redirect is followed"""

    code = "redirected"


class TooSlow(NotFetched):
    """this URL did not arrive within 15 seconds"""

    code = "too_slow"


class FetchedTooLarge(NotFetched):
    """what this URL leads to is larger than 10 MB"""

    code = "too_large"
