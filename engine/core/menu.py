"""Leading a customer through an IVR: asked, waited for, asked again, and on by the key that was pressed.

Which of its deadlines is set says what is on: the word that a key was wrong, the question, or the wait for a key.
"""

from engine.core import commands as c
from engine.core import meeting
from engine.core.call import Call
from engine.core.commands import Command
from engine.core.ivr import IVR_SECONDS, Choice, Ivr, Prompt, Step, Visit
from engine.core.leg import Leg
from engine.core.speaking import LATE_SECONDS, QUIET_SECONDS, SLACK_SECONDS

WRONG = "wrong"
PROMPT = "prompt"
KEY = "key"
VISIT = "visit"  # the deadline of the whole visit
UNHEARD = "unheard"  # the deadline by which the end has to come of a leg that does not hear what is said
FINISHED = "finished"
MAX_IVR = "max_ivr"


def visiting(call: Call) -> bool:
    """Whether the customer is in the IVR."""
    return VISIT in call.deadlines


def begin(call: Call, leg: Leg) -> list[Command]:
    """Ask the first question."""
    call.deadlines[VISIT] = call.now + IVR_SECONDS
    return _enter(call, leg, _ivr(call).steps[0])


def played(call: Call, leg: Leg) -> list[Command]:
    """What was said is over: the question follows, or the wait for a key.

    Cut short, the leg's end is on its way, or it can not be played.
    """
    step = _step(call)
    name = WRONG if WRONG in call.deadlines else PROMPT
    told_by = call.deadlines.pop(name, None)
    if told_by is None:
        return []
    if call.now < told_by - LATE_SECONDS - SLACK_SECONDS:
        call.deadlines[UNHEARD] = call.now + QUIET_SECONDS
        return []
    if name == WRONG:
        return _say(call, leg, step.prompt, PROMPT)
    call.deadlines[KEY] = call.now + step.timeout_seconds
    return []


def pressed(call: Call, leg: Leg, digit: str) -> list[Command]:
    """A key cuts short what is said, and is the answer."""
    quiet = _interrupt(call, leg)
    choice = _step(call).keys.get(digit)
    return [*quiet, *(_in_vain(call, leg, wrong=True) if choice is None else _take(call, leg, choice))]


def deadline(call: Call, leg: Leg, name: str) -> list[Command]:
    """Nothing was pressed in time; or Asterisk did not tell that it has played something."""
    if name == VISIT:
        return call.release(MAX_IVR)
    if name == KEY:
        return _in_vain(call, leg, wrong=False)
    call.deadlines[name] = call.now
    return played(call, leg)


def again(call: Call, leg: Leg) -> list[Command]:
    """The question once more: a key may have been pressed, and what was said may be over, while nobody listened."""
    _interrupt(call, leg)
    return [c.StopPlay(leg=leg.name, playback=call.plays), *_say(call, leg, _step(call).prompt, PROMPT)]


def _interrupt(call: Call, leg: Leg) -> list[Command]:
    saying = PROMPT in call.deadlines or WRONG in call.deadlines
    for name in (WRONG, PROMPT, KEY, UNHEARD):
        call.deadlines.pop(name, None)
    return [c.StopPlay(leg=leg.name, playback=call.plays)] if saying else []


def _in_vain(call: Call, leg: Leg, *, wrong: bool) -> list[Command]:
    """Ask once more, unless that was done often enough."""
    step, visit = _step(call), _visit(call)
    if visit.asked >= step.times:
        if step.otherwise.then == "repeat":  # from its beginning; the visit has its own end
            return _enter(call, leg, step)
        return _take(call, leg, step.otherwise)
    visit.asked += 1
    if wrong and step.wrong:
        return _say(call, leg, step.wrong, WRONG)
    return _say(call, leg, step.prompt, PROMPT)


def _take(call: Call, leg: Leg, choice: Choice) -> list[Command]:
    visit = _visit(call)
    if choice.answer is not None:
        visit.answers[visit.step] = choice.answer
    match choice.then:
        case "repeat":
            return _in_vain(call, leg, wrong=False)
        case "transfer":
            del call.deadlines[VISIT]
            return meeting.connect(call, leg, choice.to)
        case "next":
            step = _after(_ivr(call), visit.step)
        case "go_to":
            step = _named(_ivr(call), choice.to)
        case "hang_up":
            step = None
    return _enter(call, leg, step) if step else call.release(FINISHED)


def _enter(call: Call, leg: Leg, step: Step) -> list[Command]:
    answers = call.visit.answers if call.visit else {}
    call.visit = Visit(step=step.name, asked=1, answers=answers)
    return _say(call, leg, step.prompt, PROMPT)


def _say(call: Call, leg: Leg, prompt: Prompt, name: str) -> list[Command]:
    call.plays += 1
    call.deadlines[name] = call.now + prompt.seconds + LATE_SECONDS
    # Whoever comes after us has to be able to stop it, and to use no playback's number twice.
    return [c.SaveIntent(legs=()), c.Play(leg=leg.name, media=prompt.media, playback=call.plays, times=1)]


def _after(ivr: Ivr, name: str) -> Step | None:
    names = [step.name for step in ivr.steps]
    return next(iter(ivr.steps[names.index(name) + 1 :]), None)


def _named(ivr: Ivr, name: str) -> Step | None:
    return next((step for step in ivr.steps if step.name == name), None)


def _step(call: Call) -> Step:
    step = _named(_ivr(call), _visit(call).step)
    assert step is not None  # it was entered
    return step


def _visit(call: Call) -> Visit:
    assert call.visit is not None  # nobody asks otherwise
    return call.visit


def _ivr(call: Call) -> Ivr:
    assert call.request.ivr is not None  # nobody asks otherwise
    return call.request.ivr
