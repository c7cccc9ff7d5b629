"""What the party that was reached first hears while the other one is being reached.

Its network's own sound, where the agent waits and one telephone is rung after the other without a ring tone: then both
legs are in the bridge before the answer. A ring tone, our ring-back or music otherwise: then the legs meet when one
has answered.
"""

from engine.core import commands as c
from engine.core.call import Call
from engine.core.leg import Leg
from engine.core.request import CallRequest, Side

RING = "ring"
MUSIC = "music"
RING_TONE = "ring_tone"
LOOPS = 100  # of the ring tone, before it has to be asked for again
QUEUED = "queued"  # the deadline after which who called in hears that it has to wait
QUEUED_SECONDS = 0.3  # so long it hears ringing: mostly somebody is free at once
SHORTEST_SECONDS = 1.0  # a playback that was over sooner can not be played: no use in trying for ever


def second(request: CallRequest) -> Side:
    """Whose party is reached while the first one's waits."""
    return "customer" if request.first == "agent" else "agent"


def early(request: CallRequest) -> bool:
    """Whether the customer's network is heard before the answer."""
    return request.first == "agent" and request.customer.strategy == "one_by_one" and not request.ring_tone


def wait(call: Call, leg: Leg) -> list[c.Command]:
    """Let the leg hear what it is to hear now, if it is something else than before."""
    if call.request.ring_tone and call.hears != RING:
        return _hear(call, leg, RING_TONE)
    if second(call.request) in call.seeking and call.request.did and call.hears != MUSIC:
        call.deadlines[QUEUED] = call.now + QUEUED_SECONDS
        return _hear(call, leg, RING)
    if second(call.request) in call.seeking:
        return _hear(call, leg, MUSIC)
    return _hear(call, leg, "" if early(call.request) else RING)


def queued(call: Call, leg: Leg) -> list[c.Command]:
    """Nobody was free at once: music, until somebody is."""
    return _hear(call, leg, MUSIC) if second(call.request) in call.seeking else []


def stop(call: Call, leg: Leg) -> list[c.Command]:
    """Play nothing to it any more, in the same instant."""
    return _hear(call, leg, "")


def played(call: Call, leg: Leg) -> list[c.Command]:
    """The ring tone has come to its end, or could not be played: again, or else our ring-back."""
    call.hears = ""
    return _hear(call, leg, RING if call.now < call.played_at + SHORTEST_SECONDS else RING_TONE)


def again(call: Call, leg: Leg) -> list[c.Command]:
    """What it hears, from the start: it may have ended while nobody listened."""
    sound = call.hears
    return [*_hear(call, leg, ""), *_hear(call, leg, sound)]


def _hear(call: Call, leg: Leg, sound: str) -> list[c.Command]:
    if call.hears == sound:
        return []
    before, call.hears = call.hears, sound
    orders: list[c.Command] = []
    match before:
        case "ring":
            orders.append(c.StopRing(leg=leg.name))
        case "music":
            orders.append(c.StopMusic(leg=leg.name))
        case "ring_tone":
            orders.append(c.StopPlay(leg=leg.name, playback=call.plays))
    match sound:
        case "ring":
            orders.append(c.StartRing(leg=leg.name))
        case "music":
            orders.append(c.StartMusic(leg=leg.name))
        case "ring_tone":
            call.plays += 1
            call.played_at = call.now
            orders.append(c.SaveIntent(legs=()))  # whoever comes after us has to be able to stop it
            orders.append(c.Play(leg=leg.name, media=call.request.ring_tone, playback=call.plays, times=LOOPS))
    return orders
