"""Why a report is not given."""

from engine.core.refusal import InvalidRequest, Refusal


class CampaignUnknown(Refusal):
    """there is no such campaign"""

    code = "not_found"


class NoNumbers(Refusal):
    """the campaign has nobody to call"""

    code = "no_numbers"


class TooManyRecords(InvalidRequest):
    """these are too many records: ask for a shorter time"""


class TokenBusy(Refusal):
    """this token is in use: wait for the answer to the last request"""

    code = "over_capacity"
