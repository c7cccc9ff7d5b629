"""Working through a party's targets: whom to ring next, given how the legs so far came out. No clock: it is told.

One by one: each target with all its retries before the next. To all: the whole fork again, but for those who can not
be meant. Agents are asked for first, as only a free one is rung; once rung, one is held through its retries.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.causes import NEXT_ENDPOINT_SIP_CODES
from engine.core.leg import Leg
from engine.core.refused import INTERRUPTED
from engine.core.request import Party


@dataclass(frozen=True, slots=True)
class Try:
    """One leg to place: the target's place in its party, the endpoint, and which attempt at the target it is of."""

    target: int
    endpoint: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Ring:
    """Ring these now."""

    tries: tuple[Try, ...]


@dataclass(frozen=True, slots=True)
class Seek:
    """Ring one of these targets, or `every` one, that is free: the first in order."""

    targets: tuple[int, ...]
    every: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """Ring these targets again, at that time."""

    targets: tuple[int, ...]
    until: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody rings, or is on the line."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nobody is left to try."""


Step = Ring | Seek | Pause | Wait | GiveUp


def next_step(party: Party, legs: Sequence[Leg], *, now: float, pause_seconds: float) -> Step:
    """What comes next for a party, whose legs these are, in the order they were placed; none of them was answered."""
    if not legs:
        return _begin(party, tuple(range(len(party.targets))))
    if party.strategy == "to_all":
        return _to_all(party, legs, now, pause_seconds)
    return _one_by_one(party, legs, now, pause_seconds)


def found(party: Party, targets: Sequence[int]) -> Ring:
    """Ring these targets, which were found free, for the first time."""
    return Ring(tuple(Try(target, party.targets[target].endpoints[0]) for target in targets))


def following(party: Party, leg: Leg, legs: Sequence[Leg]) -> str | None:
    """The endpoint to try after this leg within the same attempt; None after ringing, a refusal, or the last.

    Its own again, once for each side or each target of a fork, when it was cut off from Asterisk while dialling: nobody
    knows whether it was dialled, so it is given up for a new leg, never dialled twice. If its end was not seen, nobody
    knows whether it rang, and there is none. The next one when the trunk failed.
    """
    if leg.hangup_reason == INTERRUPTED and leg.rang_at is None and not leg.estimated:
        together = party.strategy == "to_all"
        same = [each for each in legs if each.target == leg.target or not together]
        cut_off = [each for each in same if each.hangup_reason == INTERRUPTED]
        return leg.endpoint if len(cut_off) == 1 else None
    endpoints = party.targets[leg.target].endpoints
    failed = leg.sip_code in NEXT_ENDPOINT_SIP_CODES or leg.hangup_reason == "unplaceable"
    rest = endpoints[endpoints.index(leg.endpoint) + 1 :]
    return rest[0] if failed and leg.rang_at is None and rest else None


def _one_by_one(party: Party, legs: Sequence[Leg], now: float, pause_seconds: float) -> Step:
    last = legs[-1]
    if not last.over:
        return Wait()
    if endpoint := following(party, last, legs):
        return Ring((Try(last.target, endpoint, last.attempt),))
    if last.attempt <= party.retries and last.worth_a_retry:
        return _again(party, (last,), now, pause_seconds)
    tried = {leg.target for leg in legs}
    return _begin(party, tuple(place for place in range(len(party.targets)) if place not in tried))


def _to_all(party: Party, legs: Sequence[Leg], now: float, pause_seconds: float) -> Step:
    attempt = max(leg.attempt for leg in legs)
    latest = {leg.target: leg for leg in legs if leg.attempt == attempt}
    ended = [leg for leg in latest.values() if leg.over]
    endpoints = [(leg, following(party, leg, legs)) for leg in ended]
    if tries := tuple(Try(leg.target, endpoint, attempt) for leg, endpoint in endpoints if endpoint):
        return Ring(tries)
    if len(ended) < len(latest):
        return Wait()
    again = [leg for leg in ended if leg.worth_a_retry]
    return _again(party, again, now, pause_seconds) if again and attempt <= party.retries else GiveUp()


def _begin(party: Party, targets: tuple[int, ...]) -> Step:
    every = party.strategy == "to_all"
    if not targets:
        return GiveUp()
    return Seek(targets, every) if party.staffed else found(party, targets if every else targets[:1])


def _again(party: Party, legs: Sequence[Leg], now: float, pause_seconds: float) -> Step:
    until = max(leg.ended_at or 0.0 for leg in legs) + pause_seconds
    if now < until:
        return Pause(tuple(leg.target for leg in legs), until)
    return Ring(tuple(Try(leg.target, party.targets[leg.target].endpoints[0], leg.attempt + 1) for leg in legs))
