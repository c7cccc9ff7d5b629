"""A transfer as it stands: who hands whom over to whom, and how far that is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from engine.core import connect, dialstring, permit
from engine.core.account import Account, Route
from engine.core.refusal import InvalidRequest, NotPermitted
from engine.core.request import AGENT_CLI, CallRequest, Limits, Party, Target

# reaching: the third party is being rung. consulting: it talks to who transfers. back: it waits, the two talk.
# failed: it was not reached, and nobody is there to go back to. over: two talk, and nobody is being transferred.
Phase = Literal["reaching", "consulting", "back", "failed", "over"]
WRITTEN = re.compile(r"(agent|group|extension|endpoint):", re.ASCII)
DIALLED = re.compile(r"\+?[0-9]{1,20}", re.ASCII)  # what a telephone may ask to be transferred to


@dataclass(slots=True, kw_only=True)
class Transfer:
    """The latest transfer of a call. `by`, `other` and `third` are legs' names, `left` those that talk when it is over.

    `since` is how many legs of third parties there were before, `sounds` who hears `ring`, `music` or the playback of
    that number. With `referred` the telephone of `by` asked for it, and is told how it goes.
    """

    by: str
    other: str
    party: Party
    attended: bool
    referred: bool = False
    phase: Phase = "reaching"
    since: int = 0
    third: str = ""
    left: tuple[str, ...] = ()
    sounds: dict[str, str] = field(default_factory=dict)


def party(account: Account, to: str, *, request: CallRequest, routes: Sequence[Route], limits: Limits) -> Party:
    """Whom `to` means: an extension, a number, or one of ours as `connect` writes it. Raises `InvalidRequest`."""
    shown = request.customer.caller_id
    shown = request.party("agent").caller_id if shown == AGENT_CLI else shown
    written = to if WRITTEN.match(to) else f"extension:{to}" if to in account.extensions else ""
    if written:
        try:
            return connect.party(account, written, shown=shown, routes=routes, limits=limits)
        except InvalidRequest as exc:
            raise InvalidRequest(f"transfer_to: {exc.message}", param="transfer_to") from exc
    attempt = permit.Attempt(number=to, caller_id=shown, kind=request.kind)
    verdict = permit.verdict(attempt, permit.Moment(account=account, routes=routes))
    if not verdict.allowed and verdict.reason != "calling_hours":  # the clock is asked when it is dialled
        raise NotPermitted(f"transfer_to: {verdict.words}", param="transfer_to", reason=verdict.reason)
    number = permit.spelt(account, to)
    endpoints = dialstring.endpoints(number, extensions=account.extensions, routes=routes)
    targets = (Target(number=number, endpoints=endpoints),)
    return Party(targets=targets, ring_seconds=limits.ring_seconds, caller_id=shown)
