"""Why a leg ended: from our own facts first, then the SIP code, then the Q.850 cause."""

from dataclasses import dataclass
from enum import StrEnum

CAUSE_NORMAL = 16
CAUSE_BUSY = 17
CAUSE_NO_ANSWER = 19
CAUSE_ELSEWHERE = 26  # on the wire: "Call completed elsewhere", so that no phone shows a missed call
CAUSE_CONGESTION = 34
ELSEWHERE = "elsewhere"  # why the others are given up when one of them has answered
# Why who called in is turned away.
NOBODY_FREE = "nobody_free"
NOBODY_ANSWERED = "nobody_answered"
NOBODY_REACHED = "nobody_reached"
# The Q.850 cause that a leg's network is told, by why the leg is given up.
HANGUP_CAUSES = {
    "ring_time": CAUSE_NO_ANSWER,
    ELSEWHERE: CAUSE_ELSEWHERE,
    NOBODY_FREE: CAUSE_BUSY,
    NOBODY_ANSWERED: CAUSE_NO_ANSWER,
    NOBODY_REACHED: CAUSE_CONGESTION,
}


class Disposition(StrEnum):
    """How an attempt to reach a party came out."""

    ANSWER = "ANSWER"
    NOANSWER = "NOANSWER"
    BUSY = "BUSY"
    CONGESTION = "CONGESTION"
    CHANUNAVAIL = "CHANUNAVAIL"
    CANCEL = "CANCEL"
    DND = "DND"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A disposition, whose doing it was (`party`, `network` or `us`), and the reason in words."""

    disposition: Disposition
    fault: str
    words: str


ANSWERED = Outcome(Disposition.ANSWER, "party", "answered")

ANSWERED_THEN = {
    "end_not_seen": Outcome(Disposition.ANSWER, "us", "answered; its end was not seen"),
    "asterisk_restart": Outcome(Disposition.ANSWER, "us", "answered; then Asterisk was restarted"),
    "unplayable": Outcome(Disposition.ANSWER, "us", "answered; the announcement could not be played"),
}

# Why a leg that did not answer ended, where that was not its network's doing.
BY_US = {
    "ring_time": Outcome(Disposition.NOANSWER, "party", "did not answer in time"),
    "elsewhere": Outcome(Disposition.CANCEL, "us", "answered elsewhere"),
    # The call's, where it has no leg that would tell.
    "queue_timeout": Outcome(Disposition.NOANSWER, "us", "queue_timeout"),
    "no_agent_free": Outcome(Disposition.BUSY, "party", "no agent was free"),
    # Why who called in was turned away.
    "nobody_free": Outcome(Disposition.BUSY, "us", "nobody was free"),
    "nobody_answered": Outcome(Disposition.NOANSWER, "us", "nobody answered in time"),
    "nobody_reached": Outcome(Disposition.CONGESTION, "us", "nobody could be reached"),
    "missed": Outcome(Disposition.CANCEL, "us", "missed"),
    "missing_field": Outcome(Disposition.CANCEL, "us", "missing_field"),
    "unspeakable": Outcome(Disposition.CANCEL, "us", "the text can not be spoken with these fields"),
    "not_dialled": Outcome(Disposition.CANCEL, "us", "never dialled"),
    "refused": Outcome(Disposition.CHANUNAVAIL, "us", "Asterisk did not carry out a command for it"),
    "interrupted": Outcome(Disposition.CONGESTION, "us", "cut off from Asterisk while dialling"),
    "unplaceable": Outcome(Disposition.CHANUNAVAIL, "us", "Asterisk knows no such endpoint"),
    "store_away": Outcome(Disposition.CONGESTION, "us", "the database was away"),
    "end_not_seen": Outcome(Disposition.CONGESTION, "us", "its end was not seen"),
    "asterisk_restart": Outcome(Disposition.CONGESTION, "us", "Asterisk was restarted"),
    "asterisk_away": Outcome(Disposition.CONGESTION, "us", "Asterisk did not answer"),
    # The permit refused it (`engine.core.permit`)
    "stopped": Outcome(Disposition.CANCEL, "us", "dialling was stopped"),
    "account": Outcome(Disposition.CANCEL, "us", "the account was disabled"),
    "number": Outcome(Disposition.CANCEL, "us", "not a valid telephone number"),
    "emergency": Outcome(Disposition.CANCEL, "us", "an emergency number"),
    "premium": Outcome(Disposition.CANCEL, "us", "a premium number"),
    "region": Outcome(Disposition.CANCEL, "us", "a region the account may not call"),
    "route": Outcome(Disposition.CANCEL, "us", "no route leads there any more"),
    "caller_id": Outcome(Disposition.CANCEL, "us", "a caller id that is not the account's any more"),
    "dnd": Outcome(Disposition.DND, "us", "on the do-not-disturb list"),
    "calling_hours": Outcome(Disposition.CANCEL, "us", "not within calling hours"),
}
ABANDONED = Outcome(Disposition.CANCEL, "party", "hung up before anybody answered")  # who called in
CANCELLED = Outcome(Disposition.CANCEL, "us", "given up before it answered")

BY_SIP_CODE = {
    302: Outcome(Disposition.CHANUNAVAIL, "party", "moved (302), not followed"),
    403: Outcome(Disposition.CHANUNAVAIL, "network", "rejected (403)"),
    404: Outcome(Disposition.CHANUNAVAIL, "network", "no such number (404)"),
    408: Outcome(Disposition.NOANSWER, "network", "did not answer (408)"),
    480: Outcome(Disposition.NOANSWER, "party", "not available (480)"),
    484: Outcome(Disposition.CHANUNAVAIL, "network", "incomplete number (484)"),
    486: Outcome(Disposition.BUSY, "party", "busy (486)"),
    488: Outcome(Disposition.CHANUNAVAIL, "network", "no common codec (488)"),
    500: Outcome(Disposition.CONGESTION, "network", "server error (500)"),
    503: Outcome(Disposition.CONGESTION, "network", "congestion (503)"),
    600: Outcome(Disposition.BUSY, "party", "busy everywhere (600)"),
    603: Outcome(Disposition.CHANUNAVAIL, "party", "rejected (603)"),
}

BY_CAUSE = {
    1: Outcome(Disposition.CHANUNAVAIL, "network", "no such number"),
    3: Outcome(Disposition.CHANUNAVAIL, "network", "no route to the number"),
    17: Outcome(Disposition.BUSY, "party", "busy"),
    18: Outcome(Disposition.NOANSWER, "network", "no response"),
    19: Outcome(Disposition.NOANSWER, "party", "did not answer"),
    20: Outcome(Disposition.CHANUNAVAIL, "party", "subscriber absent"),
    21: Outcome(Disposition.CHANUNAVAIL, "party", "rejected"),
    22: Outcome(Disposition.CHANUNAVAIL, "network", "number changed"),
    27: Outcome(Disposition.CHANUNAVAIL, "network", "out of order"),
    28: Outcome(Disposition.CHANUNAVAIL, "network", "invalid number format"),
    34: Outcome(Disposition.CONGESTION, "network", "congestion"),
    38: Outcome(Disposition.CONGESTION, "network", "network out of order"),
    41: Outcome(Disposition.CONGESTION, "network", "temporary failure"),
    42: Outcome(Disposition.CONGESTION, "network", "switching equipment congestion"),
    58: Outcome(Disposition.CHANUNAVAIL, "network", "no common codec"),
    127: Outcome(Disposition.CONGESTION, "network", "interworking failure"),
}
UNKNOWN = Outcome(Disposition.CHANUNAVAIL, "network", "failed without a cause")


def outcome(*, answered: bool, hangup_reason: str | None, sip_code: int | None, cause: int | None) -> Outcome:
    """How an ended leg came out; never read from the dial status, which lies (NOANSWER for 404)."""
    if answered:
        return ANSWERED_THEN.get(hangup_reason or "", ANSWERED)
    if hangup_reason is not None:
        return BY_US.get(hangup_reason, CANCELLED)
    return BY_SIP_CODE.get(sip_code or 0) or BY_CAUSE.get(cause or 0) or UNKNOWN


# Where the next endpoint of a route may be tried: the trunk failed, not the party.
NEXT_ENDPOINT_SIP_CODES = frozenset({500, 503, 488})

# No retry would help, or none is wanted: no such number, forbidden, declined.
FINAL_SIP_CODES = frozenset({403, 404, 603})
FINAL_CAUSES = frozenset({1, 21})
RETRIED = frozenset({Disposition.BUSY, Disposition.NOANSWER, Disposition.CONGESTION, Disposition.CHANUNAVAIL})
ENDED_IN_VAIN = (None, "ring_time", "unplaceable")  # the party or its network ended it, or it rang long enough
