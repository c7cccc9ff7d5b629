"""What a call must have missed while nobody listened, as ordinary events."""

from collections.abc import Iterator, Mapping

from engine.core import events as e
from engine.core.call import Call
from engine.core.commands import Dial

UP = "Up"
RINGING = ("Ring", "Ringing")


def reconcile(call: Call, channel_states: Mapping[str, str], *, at: float) -> list[e.Event]:
    """The events that bring a call up to what Asterisk has: `channel_states` maps leg name to ARI's state.

    A leg without a channel has ended. One that is still Down may or may not have been dialled: it is
    never dialled again but given up.
    """
    open_legs = [leg.name for leg in call.legs.values() if not leg.over]
    missed = [event for name in open_legs for event in _missed(name, channel_states.get(name), at)]
    return [*missed, e.TakenBack(at=at)]


def _missed(leg: str, state: str | None, at: float) -> Iterator[e.Event]:
    if state is None:
        yield e.Ended(leg=leg, at=at, estimated=True)
        return
    yield e.Found(leg=leg, at=at)
    if state == UP:
        yield e.Answered(leg=leg, at=at)
    elif state in RINGING:
        yield e.Rang(leg=leg, at=at)
    else:
        yield e.Refused(at=at, command=Dial(leg=leg, ring_seconds=0), status=0)
