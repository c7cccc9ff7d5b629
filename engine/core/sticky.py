"""Sticky pairs: a number that is connected to the agent it was connected to before."""

from dataclasses import dataclass, replace
from typing import Literal

from engine.core.request import CallRequest, Pair, Side

# What holds while the paired agent can not be reached: wait for the same one, pair with another, or take another
# for this call only.
Policy = Literal["same", "new", "once"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticky:
    """What is asked for: the number, how long a pair lasts (None: for ever), what if its agent is busy.

    `side` is the one of the agents. `queue_seconds` is how long the same agent is waited for.
    """

    number: str
    side: Side
    seconds: int | None
    policy: Policy
    queue_seconds: int


def paired(request: CallRequest, sticky: Sticky, agent_id: str | None) -> CallRequest:
    """The request with the number's agent (None: it has none yet) put first, or alone, and what is to be remembered.

    An agent who is not among the party's targets any more is no pair.
    """
    party = request.party(sticky.side)
    known = [target for target in party.targets if target.agent_id == agent_id]
    pair = Pair(number=sticky.number, seconds=sticky.seconds)
    if not known:
        return replace(request, pair=pair)
    if sticky.policy == "same":
        alone = replace(party, targets=tuple(known), strategy="one_by_one", queue_seconds=sticky.queue_seconds)
        return _with(request, sticky.side, alone, pair)
    others = tuple(target for target in party.targets if target.agent_id != agent_id)
    first = replace(party, targets=(*known, *others), strategy="one_by_one")
    return _with(request, sticky.side, first, pair if sticky.policy == "new" else None)


def _with(request: CallRequest, side: Side, party: object, pair: Pair | None) -> CallRequest:
    return replace(request, pair=pair, **{side: party})  # type: ignore[arg-type]
