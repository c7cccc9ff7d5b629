"""What a command means that Asterisk did not carry out, or did not say that it did."""

from typing import TYPE_CHECKING

from engine.core import commands as c
from engine.core import recording
from engine.core.amd import AMD, SNOOP
from engine.core.causes import CAUSE_NORMAL

if TYPE_CHECKING:
    from engine.core.call import Call

INTERRUPTED = "interrupted"  # why a leg is given up whose dial got no answer
UNPLAYABLE = "unplayable"  # why a call ends whose speech Asterisk does not play
# Names of deadlines: do this again, as Asterisk did not answer.
HANGUP = "hangup:"
UNMUTE = "unmute:"
ANSWER = "answer:"
TAKE_IN = "take_in"
OPEN = "open"
ADD = "add:"
ARRANGE = "arrange"  # who is in the bridge during a transfer, and who hears what instead
AGAIN_SECONDS = 1.0

NO_BRIDGE = 404
THERE = 409  # Asterisk's answer for a bridge it has already
GONE = (400, 404)  # Asterisk's answers for a channel it does not have
LEAVING = (409, 422)  # for one that leaves our application at this moment
# What a transfer does with the parties.
MOVED = (c.AddToBridge, c.RemoveFromBridge)
HEARD = (c.StartRing, c.StopRing, c.StartMusic, c.StopMusic, c.Play, c.StopPlay)
# A command Asterisk refused that nothing else would make up for: the call can not go on.
VITAL = (c.OpenBridge, c.AddToBridge, c.Unmute, c.Answer)


def refused(call: "Call", command: c.Command, status: int) -> list[c.Command]:
    """What the call does now; `status` is Asterisk's HTTP status, 0 when it did not answer."""
    if call.transfer is not None and isinstance(command, MOVED + HEARD):
        return _rearrange(call, command, status)
    match command:
        case c.Dial(leg=name) if call.legs[name].rang_at or call.legs[name].answered_at:
            return []  # it was dialled: only Asterisk's word for it is lost
        case c.Dial(leg=name) if not call.legs[name].over:
            # Ambiguous or refused, it is never repeated: the leg is given up.
            return call.hang_up(call.legs[name], "refused" if status else INTERRUPTED)
        case c.OpenBridge() if status == THERE:
            return []
        case c.OpenBridge() if status == 0 and call.still(command):
            call.deadlines[OPEN] = call.now + AGAIN_SECONDS
            return []
        case c.AddToBridge(legs=names) if status in (0, NO_BRIDGE) and not call.releasing:
            call.members.difference_update(names)
            call.deadlines[ADD + ",".join(names)] = call.now + AGAIN_SECONDS
            if status == NO_BRIDGE:
                call.deadlines[OPEN] = call.now
            return []
        case c.Hangup(leg=name) if status in GONE and call.now < (call.legs[name].hangup_at or 0) + AGAIN_SECONDS:
            call.legs[name].hangup_at = None  # the first we hear: it was gone before
            return []
        case c.Snoop(leg=name) | c.TuneAmd(leg=name) | c.Detect(leg=name) if status:
            call.legs[name].amd_reason = call.legs[name].amd_reason or "refused"
            call.deadlines |= {each: call.now for each in (SNOOP, AMD) if each in call.deadlines}  # without a verdict
            return []
        case c.AddToBridge(legs=names) if status in GONE:  # one is gone, and none was put there
            call.members.difference_update(names)
            return []
        case c.RecorderCommand():
            return recording.refused(call, command, status)
        case _ if status in GONE:  # the leg's end is on its way
            return []
        case c.Play() if status and _speaks(call) and call.still(command):
            return call.release(UNPLAYABLE)  # there is nothing else to be heard
        case c.Hangup(leg=name) if not call.legs[name].over:
            call.deadlines[HANGUP + name] = call.now + AGAIN_SECONDS
            return []
        case c.Unmute(leg=name) if status == 0 and call.still(command):
            call.deadlines[UNMUTE + name] = call.now + AGAIN_SECONDS
            return []
        case c.TakeIn() if status == 0 and call.still(command):  # without it Asterisk soon ends the call by itself
            call.deadlines[TAKE_IN] = call.now + AGAIN_SECONDS
            return []
        case c.Answer(leg=name) if status == 0 and call.still(command):
            if call.legs[name].answered_at is None:
                call.deadlines[ANSWER + name] = call.now + AGAIN_SECONDS
            return []
        case _ if isinstance(command, VITAL) and call.still(command):
            return call.release("refused")
        case _:
            return []


def _rearrange(call: "Call", command: c.Command, status: int) -> list[c.Command]:
    """During a transfer who is where is told anew, as a whole: what was right may be wrong when it is tried again."""
    match command:
        case c.AddToBridge(legs=names) if status in (0, *GONE, *LEAVING):
            call.members.difference_update(call.members if status == NO_BRIDGE else names)
            if status == NO_BRIDGE:
                call.deadlines[OPEN] = call.now
        case c.AddToBridge() if call.still(command):
            return call.release("refused")
        case c.RemoveFromBridge(leg=name) if not status:
            call.members.add(name)
        case c.Play(leg=name, playback=number) if call.transfer and call.transfer.sounds.get(name) == str(number):
            del call.transfer.sounds[name]  # it may never be told that it has come to its end
        case _ if status:  # the leg's end is on its way, or it hears nothing any more
            return []
    if not call.releasing:
        call.deadlines[ARRANGE] = call.now + AGAIN_SECONDS
    return []


def once_more(call: "Call", name: str) -> list[c.Command] | None:
    """What is done again at that deadline; None where it is none of these."""
    kind, _, leg = name.partition(":")
    match f"{kind}:" if leg else name:
        case "hangup:":
            return [c.Hangup(leg=leg, cause=CAUSE_NORMAL)]
        case "answer:":
            return [c.Answer(leg=leg)]
        case "unmute:":
            return [c.Unmute(leg=leg)]
        case "open":
            return [c.OpenBridge(bridge=call.bridge)]
        case "add:" if call.transfer is None:
            legs = [call.legs[each] for each in leg.split(",")]
            return call.add_to_bridge(*(each for each in legs if each.usable))
        case _:
            return None


def _speaks(call: "Call") -> bool:
    """Whether what is played is what the call is made for, not what somebody hears who waits."""
    return not call.hears and (call.request.speech is not None or call.visit is not None)
