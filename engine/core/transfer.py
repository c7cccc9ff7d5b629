"""Handing somebody who talks over to a third party: blind, or after asking there first.

There is one bridge, and never nobody in it: who waits is taken out of it, and hears ringing or music, but for who waits
for the third party to answer. Who transfers blind hears ringing, too, until it does; then he is hung up. Should it
not answer, the two talk again, if he is still there.
"""

from engine.core import commands as c
from engine.core import events as e
from engine.core.call import PAUSE, Call
from engine.core.causes import Disposition
from engine.core.leg import Leg
from engine.core.reach import found, reach, seek_again, stop_seeking, won
from engine.core.refused import ADD, ARRANGE
from engine.core.talk import ALERT
from engine.core.third import DIALLED, Transfer

TRANSFERRED = "transferred"  # why a leg is hung up that has handed the call over
WITHDRAWN = "withdrawn"  # why the third party's is
NOT_REACHED = "third_not_reached"  # why a call ends whose third party did not answer when nobody else was left
RING, MUSIC = "ring", "music"
# Names of deadlines: the tone is over; that leg, whose telephone was told, has had the time to hang up by itself.
TONE = "transfer_tone"
RELEASE = "released:"
TONE_SECONDS = 3.0
RELEASE_SECONDS = 1.0
TONES = {Disposition.BUSY: "busy"}
STOPS: dict[str, type[c.LegCommand]] = {RING: c.StopRing, MUSIC: c.StopMusic}
STARTS: dict[str, type[c.LegCommand]] = {RING: c.StartRing, MUSIC: c.StartMusic}


def on_the_line(call: Call) -> list[Leg]:
    """The legs of those who talk or wait: answered, and not being given up."""
    return [leg for leg in call.legs.values() if leg.answered_at is not None and leg.usable]


def under_way(call: Call) -> Transfer | None:
    """The transfer that is neither done nor given up."""
    return call.transfer if call.transfer is not None and call.transfer.phase != "over" else None


def objection(call: Call, event: e.Event) -> str:
    """Why the call can not do what is asked of it now, in words; "" if it can."""
    if isinstance(event, e.Cancelled):
        return ""
    if call.bridged_at is None or call.releasing:
        return "the call is not talking"
    if isinstance(event, e.RecordingAsked):
        return call.can_record(event.what)
    match event, under_way(call):
        case e.TransferAsked() | e.Referred(), Transfer():
            return "a transfer is under way"
        case e.TransferAsked(leg=name) | e.Referred(leg=name), None:
            names = [leg.name for leg in on_the_line(call)]
            return "" if name in names and len(names) == 2 else "there are no two parties that talk"
        case e.TransferSettled(), None | Transfer(phase="failed"):
            return "no transfer is under way"
        case e.TransferSettled(how="complete"), Transfer(attended=False):
            return "a blind transfer completes by itself"
        case e.TransferSettled(how="swap"), Transfer(phase="reaching"):
            return "the third party has not answered yet"
        case e.TransferSettled(how="cancel"), Transfer(by=by) if not call.legs[by].usable:
            return "who transfers has hung up"
        case _:
            return ""


def decide(call: Call, event: e.Event) -> list[c.Command] | None:
    """What the event means for a transfer; None where that is nothing, and the flow's to decide."""
    match event:
        case e.TransferAsked():
            return _begin(call, event)
        case e.TransferSettled():
            return [] if objection(call, event) else [c.SaveIntent(legs=()), *_settle(call, event)]
        case e.Referred():
            return _referred(call, event)
        case e.ThirdUnknown(leg=name):
            return [c.TransferProgress(leg=name, state="channel_declined")]
    if call.transfer is None:
        return None
    match event:
        case e.Created(leg=name) if call.legs[name].side == "third":
            return call.dial(call.legs[name])
        case e.Answered(leg=name) if call.legs[name].side == "third":
            return _answered(call, call.transfer, call.legs[name])
        case e.AgentsFree(side="third"):
            return _go_on(call, found(call, event))
        case e.Ended(leg=name) | e.Missed(leg=name) | e.NotPlaced(leg=name):
            return _ended(call, call.transfer, call.legs[name])
        case e.Played(leg=name, playback=number) if call.transfer.sounds.get(name) == str(number):
            del call.transfer.sounds[name]
            return _arrange(call)
        case e.DeadlinePassed(name=name):
            return _deadline(call, name)
        case e.TakenBack():
            return [*_arrange(call, afresh=True), *seek_again(call)]
        case _:
            return None


# -- asked for -----------------------------------------------------------------------------------


def _begin(call: Call, event: e.TransferAsked) -> list[c.Command]:
    if objection(call, event):
        return [c.TransferProgress(leg=event.leg, state="channel_declined")] if event.referred else []
    (other,) = (leg.name for leg in on_the_line(call) if leg.name != event.leg)
    call.transfer = Transfer(
        by=event.leg,
        other=other,
        party=event.party,
        attended=event.attended,
        referred=event.referred,
        since=len(call.legs_of("third")),
    )
    call.sought_since.pop("third", None)
    for name in [name for name in call.deadlines if name.startswith(ADD)]:
        del call.deadlines[name]  # who is to be in the bridge is told anew
    told = [c.TransferProgress(leg=event.leg, state="channel_progress")] if event.referred else []
    waiting = _arrange(call, afresh=True)  # what was played before they talked may not have been stopped
    return [c.SaveIntent(legs=()), *told, *waiting, *_go_on(call, reach(call, "third"))]


def _referred(call: Call, event: e.Referred) -> list[c.Command]:
    """A telephone asks: find out whom it means. The event comes once more for what it has asked already."""
    known = under_way(call)
    if known is not None and known.referred and known.by == event.leg:
        return []
    if objection(call, event) or not DIALLED.fullmatch(event.to):
        return [c.TransferProgress(leg=event.leg, state="channel_declined")]
    return [c.FindThird(leg=event.leg, to=event.to)]


def _settle(call: Call, event: e.TransferSettled) -> list[c.Command]:
    known = call.transfer
    assert known is not None
    match event.how, known.phase:
        case "complete", "reaching":
            known.attended = False
            return [*call.hang_up(call.legs[known.by], TRANSFERRED), *_arrange(call)]
        case "complete", _:
            return _leave(call, known.other, known.third)
        case "swap", phase:
            known.phase = "consulting" if phase == "back" else "back"
            return _arrange(call)
        case _:
            return _leave(call, known.by, known.other)


# -- what happens --------------------------------------------------------------------------------


def _go_on(call: Call, orders: list[c.Command] | None) -> list[c.Command]:
    """Ring whom comes next; with nobody left the two talk again, or else who is left hears why not."""
    if orders is not None:
        return orders
    known = call.transfer
    assert known is not None
    if call.legs[known.by].usable:
        return _leave(call, known.by, known.other)
    known.phase = "failed"
    last = next(iter(reversed(call.hunted("third"))), None)
    tone = TONES.get(last.outcome.disposition, "congestion") if last and last.over else "busy"
    call.deadlines[TONE] = call.now + TONE_SECONDS
    return [*_arrange(call), c.PlayTone(leg=known.other, tone=tone)]


def _answered(call: Call, known: Transfer, leg: Leg) -> list[c.Command]:
    """The third party is there."""
    others = won(call, leg)
    if known.phase != "reaching":
        return [*others, *call.hang_up(leg, WITHDRAWN)]
    known.third, leg.bridged_at = leg.name, call.now
    if not known.attended:
        return [*others, *_leave(call, known.other, leg.name)]
    known.phase = "consulting"
    return [*others, *_arrange(call)]


def _ended(call: Call, known: Transfer, leg: Leg) -> list[c.Command]:
    """Somebody is gone: who is left decides what becomes of it."""
    match known.phase:
        case "over":
            return _release(call, leg) if leg.name in known.left else []
        case _ if leg.name == known.other:
            return _release(call, leg)
        case "reaching" if leg.name == known.by:
            known.attended = False
            return _arrange(call)
        case "reaching" if leg in call.hunted("third"):
            return _go_on(call, reach(call, "third"))
        case "consulting" | "back" if leg.name == known.by:
            return _leave(call, known.other, known.third)
        case "consulting" | "back" if leg.name == known.third:
            return _leave(call, known.by, known.other)
        case _:
            return []


def _release(call: Call, leg: Leg) -> list[c.Command]:
    ended_by = leg.side if leg.ended_by == "party" else leg.ended_by
    return call.release(leg.hangup_reason or "hung_up" if leg.estimated else "hung_up", ended_by=ended_by)


def _deadline(call: Call, name: str) -> list[c.Command] | None:
    match name:
        case "pause:third":
            return _go_on(call, reach(call, "third"))
        case "queue:third":
            stop_seeking(call, "third")
            return _go_on(call, None)
        case _ if name == ARRANGE:
            return _arrange(call, afresh=True)
        case _ if name.startswith(ALERT):
            return _alert(call, int(name.removeprefix(ALERT)))
        case _ if name == TONE:
            return call.release(NOT_REACHED)
        case _ if name.startswith(RELEASE):
            return call.hang_up(call.legs[name.removeprefix(RELEASE)], TRANSFERRED)
        case _:
            return None


def _alert(call: Call, place: int) -> list[c.Command]:
    """Everybody hears it, also who waits: in place of what it hears, which goes on afterwards."""
    known, media = call.transfer, call.request.alerts[place].media
    assert known is not None
    orders: list[c.Command] = [c.SaveIntent(legs=())]
    waiting = [leg for leg in on_the_line(call) if known.sounds.get(leg.name) in STOPS]
    for leg in waiting:
        call.plays += 1
        orders.append(STOPS[known.sounds[leg.name]](leg=leg.name))
        orders.append(c.Play(leg=leg.name, media=media, playback=call.plays, times=1))
        known.sounds[leg.name] = str(call.plays)
    if call.members - {leg.name for leg in waiting}:
        call.plays += 1
        orders.append(c.PlayToBridge(bridge=call.bridge, media=media, playback=call.plays))
    return orders


# -- who hears whom ------------------------------------------------------------------------------


def _leave(call: Call, *left: str) -> list[c.Command]:
    """The transfer is over: these two talk, the others are hung up."""
    known = call.transfer
    assert known is not None
    known.phase, known.left = "over", left
    stop_seeking(call, "third")
    call.deadlines.pop(f"{PAUSE}third", None)
    orders = _arrange(call)
    for leg in call.hunted("third"):
        orders += [] if leg.name in left else call.hang_up(leg, WITHDRAWN)
    by = call.legs[known.by]
    if not by.usable:
        return orders
    if known.referred:
        state = "channel_unavailable" if by.name in left else "channel_answered"
        orders.append(c.TransferProgress(leg=by.name, state=state))
    if by.name in left:
        return orders
    if known.referred:
        call.deadlines[RELEASE + by.name] = call.now + RELEASE_SECONDS
        return orders
    return orders + call.hang_up(by, TRANSFERRED)


def _wanted(known: Transfer) -> tuple[tuple[str, ...], dict[str, str]]:
    """Who is to be in the bridge, and who is to hear what instead."""
    match known.phase:
        case "reaching":
            return (known.other,), {known.other: MUSIC if known.attended else RING, known.by: RING}
        case "consulting":
            return (known.by, known.third), {known.other: MUSIC}
        case "back":
            return (known.by, known.other), {known.third: MUSIC}
        case "failed":
            return (known.other,), {}
        case "over":
            return known.left, {}


def _arrange(call: Call, *, afresh: bool = False) -> list[c.Command]:
    """Let everybody be where he is to be and hear what he is to hear; `afresh` where orders may have been lost.

    A sound goes before its leg enters the bridge, where it would be all that is heard; who leaves goes after who comes,
    so that the bridge, and with it a recording, never falls empty.
    """
    known = call.transfer
    assert known is not None
    afresh = call.deadlines.pop(ARRANGE, None) is not None or afresh
    inside, sounds = _wanted(known)
    stops: list[c.Command] = []
    moves: list[c.Command] = []
    leaves: list[c.Command] = []
    starts: list[c.Command] = []
    for leg in on_the_line(call):
        heard, sound = known.sounds.pop(leg.name, ""), sounds.get(leg.name, "")
        moved = (leg.name in call.members) != (leg.name in inside)
        if heard.isdecimal() and not moved and not afresh:
            known.sounds[leg.name] = heard  # an alert: what it is to hear comes when that has come to its end
            continue
        if moved and leg.name in inside:
            moves += call.add_to_bridge(leg)
        elif moved:
            call.members.discard(leg.name)
            leaves.append(c.RemoveFromBridge(leg=leg.name, bridge=call.bridge))
        if heard != sound or moved or afresh:
            stops += [c.StopPlay(leg=leg.name, playback=int(heard))] if heard.isdecimal() else []
            stops += [STOPS[each](leg=leg.name) for each in STOPS if each == heard or afresh]
            starts += [STARTS[sound](leg=leg.name)] if sound else []
        if sound:
            known.sounds[leg.name] = sound
    return [*stops, *moves, *leaves, *starts]
