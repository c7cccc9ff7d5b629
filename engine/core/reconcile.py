"""What a call must have missed while nobody listened, as ordinary events."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from engine.core import events as e
from engine.core.call import Call
from engine.core.commands import Dial
from engine.core.ids import snoop
from engine.core.leg import Leg

UP = "Up"
RINGING = ("Ring", "Ringing")


def reconcile(
    call: Call,
    channel_states: Mapping[str, str],
    *,
    at: float,
    seen_at: float,
    answered_at: Mapping[str, float] = MappingProxyType({}),
    missed: str = "end_not_seen",
    members: frozenset[str] | None = None,
) -> list[e.Event]:
    """The events that bring a call up to what Asterisk has: `channel_states` maps leg name to ARI's state.

    A leg without a channel has ended, as far as we know when Asterisk was last seen; `missed` is why we did
    not see it. One found Up was answered when `answered_at` says, or else now. One that is still Down and sent
    no early media may or may not have been dialled: it is never dialled again but given up, for a new attempt.
    `members` are the legs in its bridge.
    """
    open_legs = [leg for leg in call.legs.values() if not leg.over]
    # The last placed first: a customer lost together with its agent was lost, not given up.
    ended = [leg for leg in reversed(open_legs) if leg.name not in channel_states]
    found = [leg for leg in open_legs if leg.name in channel_states]
    return [
        *(e.Missed(leg=leg.name, at=min(at, seen_at), reason=missed) for leg in ended),
        *(event for leg in found for event in _found(leg, channel_states[leg.name], at, answered_at.get(leg.name, at))),
        *(
            e.SnoopEnded(leg=leg.name, at=at)
            for leg in found
            if call.request.amd and snoop(leg.name) not in channel_states
        ),
        *(
            (e.Tapped if each.name in channel_states else e.TapMissing)(leg=each.leg, recording=each.number, at=at)
            for each in call.recordings
            if each.on and each.leg in channel_states
        ),
        e.TakenBack(at=at, members=members),
    ]


def _found(leg: Leg, state: str, at: float, answered_at: float) -> Iterator[e.Event]:
    yield e.Found(leg=leg.name, at=at)
    if state == UP:
        yield e.Answered(leg=leg.name, at=answered_at)
    elif state in RINGING or leg.rang_at is not None:
        yield e.Rang(leg=leg.name, at=at)
    else:
        yield e.Refused(at=at, command=Dial(leg=leg.name, ring_seconds=0), status=0)
