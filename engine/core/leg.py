"""One attempt to reach one party: what is known of it, in the order it is learnt."""

from dataclasses import dataclass

from engine.core.causes import ABANDONED, ENDED_IN_VAIN, FINAL_CAUSES, FINAL_SIP_CODES, RETRIED, Outcome, outcome
from engine.core.request import Side


@dataclass(slots=True, kw_only=True)
class Leg:
    """A leg's facts. Times are seconds since the epoch; None is "not (yet)"."""

    name: str
    side: Side
    number: str
    endpoint: str
    caller_id: str = ""  # what it is shown
    target: int = 0  # its place in its party; -1: of a party that was given up for another
    attempt: int = 1  # at that target; a leg over the next trunk belongs to the same
    agent_id: str = ""  # whose telephone it is, if one of ours
    created_at: float | None = None
    dialed_at: float | None = None
    rang_at: float | None = None  # ringing (180) or early media (183)
    answered_at: float | None = None
    bridged_at: float | None = None
    ended_at: float | None = None
    cause: int | None = None
    sip_code: int | None = None
    estimated: bool = False
    hangup_at: float | None = None  # when we told Asterisk to end it
    hangup_reason: str | None = None  # why we ended it, or lost it; None while we did not
    amd_status: str = ""  # who answered, where that was asked: human, machine, silence, unsure
    amd_reason: str = ""  # Asterisk's word for why
    amd_at: float | None = None  # when that was known
    channel: str = ""  # of who called in: Asterisk's id of the channel, which is not ours then
    channel_name: str = ""  # Asterisk's name for it, "PJSIP/carrier-0000001c"

    @property
    def over(self) -> bool:
        """Nothing is left of it in Asterisk."""
        return self.ended_at is not None

    @property
    def usable(self) -> bool:
        """It has a channel that we are not giving up."""
        return self.created_at is not None and not self.over and self.hangup_reason is None

    @property
    def times(self) -> list[float]:
        """When all that is known of it happened."""
        known = (self.created_at, self.dialed_at, self.rang_at, self.answered_at, self.bridged_at, self.ended_at)
        return [at for at in known if at is not None]

    @property
    def state(self) -> str:
        """One word for a person: placing, created, dialing, ringing, up or ended."""
        if self.over:
            return "ended"
        if self.answered_at is not None:
            return "up"
        if self.rang_at is not None:
            return "ringing"
        if self.dialed_at is not None:
            return "dialing"
        return "placing" if self.created_at is None else "created"

    @property
    def outcome(self) -> Outcome:
        """How it came out, once over."""
        if self.channel and self.answered_at is None and self.hangup_reason is None:
            return ABANDONED
        return outcome(
            answered=self.answered_at is not None,
            hangup_reason=self.hangup_reason,
            sip_code=self.sip_code,
            cause=self.cause,
        )

    @property
    def worth_a_retry(self) -> bool:
        """Over without an answer, in a way that may come out differently the next time."""
        final = self.sip_code in FINAL_SIP_CODES or (self.sip_code is None and self.cause in FINAL_CAUSES)
        in_vain = self.hangup_reason in ENDED_IN_VAIN and self.answered_at is None
        return in_vain and not final and self.outcome.disposition in RETRIED

    @property
    def ended_by(self) -> str:
        """Who ended it: its own `party`, the `network`, or `us`."""
        if self.hangup_reason is not None:
            return "us"
        return "party" if self.answered_at is not None else self.outcome.fault
