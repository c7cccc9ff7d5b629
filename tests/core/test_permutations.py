"""The same facts in any order, told any number of times, make the same CDR.

Any order that Asterisk can tell them in, that is. What stays in order does so by nature, and each has its reason here:
- what follows from our own order comes after it: nothing is told of a leg before it is created, nothing of the
  destination's before the agent answered, no end of the other leg before the one whose end made us hang it up;
- Asterisk keeps the order within one topic, so a channel's end is its last event, and keys come as they were pressed;
- an answer that comes after our hang-up was ordered is none: our own facts come first, whatever its timestamp says.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.call import Call
from engine.core.cdr import Cdr, cdr
from engine.core.commands import CreateLeg, Dial
from engine.core.events import Answered, Cancelled, Created, DeadlinePassed, Ended, Event, Pressed, Progressed, Rang
from tests.core.conftest import call_of, request_of

FAILURES = ((17, 486), (1, 404), (21, 603), (18, 408))
SIGNALS = ((), (Rang,), (Progressed,), (Progressed, Rang))


@dataclass(slots=True)
class Story:
    """What happened, in the order it did, and which facts each is told after."""

    events: list[Event] = field(default_factory=list)
    after: list[frozenset[int]] = field(default_factory=list)
    now: float = 100.0

    def add(self, event: Event, *after: int) -> int:
        """One fact more: its number."""
        self.events.append(event)
        self.after.append(frozenset(after))
        return len(self.events) - 1

    def tick(self) -> float:
        """A little later."""
        self.now += 1.375
        return self.now


def _rings(story: Story, leg: str, signals: tuple[type[Rang] | type[Progressed], ...], *after: int) -> list[int]:
    created = story.add(Created(leg=leg, at=story.tick()), *after)
    return [created, *(story.add(signal(leg=leg, at=story.tick()), created) for signal in signals)]


def _fails(draw: st.DrawFn, story: Story, leg: str, told: list[int]) -> int:
    cause, sip_code = draw(st.sampled_from((*FAILURES, (19, 480))))
    if cause == 19:
        told = [*told, story.add(DeadlinePassed(name=f"ring:{leg}", at=story.tick()), *told)]
    return story.add(Ended(leg=leg, at=story.tick(), cause=cause, sip_code=sip_code), *told)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A call's whole life."""
    story = Story()
    agent = _rings(story, "a1", draw(st.sampled_from(SIGNALS)))
    how = draw(st.sampled_from(("agent fails", "customer fails", "agent ends", "customer ends", "cancelled")))
    if how == "agent fails":
        _fails(draw, story, "a1", agent)
        return story
    answered = story.add(Answered(leg="a1", at=story.tick()), agent[0])
    agent.append(answered)
    customer = _rings(story, "b1", draw(st.sampled_from(SIGNALS)), answered)
    if how == "customer fails":
        failed = _fails(draw, story, "b1", customer)
        tone = story.add(DeadlinePassed(name="tone", at=story.tick() + 3), failed)
        story.add(Ended(leg="a1", at=story.tick() + 3, cause=16), *agent, tone)
        return story
    customer.append(story.add(Answered(leg="b1", at=story.tick()), customer[0]))
    for digit in draw(st.text("0123456789*#", max_size=3)):
        customer.append(story.add(Pressed(leg="b1", at=story.tick(), digit=digit), customer[-1]))
    if how == "cancelled":
        cancelled = story.add(Cancelled(at=story.tick()), *agent, *customer)
        story.add(Ended(leg="b1", at=story.tick(), cause=16), cancelled)
        story.add(Ended(leg="a1", at=story.tick(), cause=16), cancelled)
    elif how == "agent ends":
        first = story.add(Ended(leg="a1", at=story.tick(), cause=16), *agent, *customer)
        story.add(Ended(leg="b1", at=story.tick(), cause=16), first)
    else:
        first = story.add(Ended(leg="b1", at=story.tick(), cause=16), *customer)
        story.add(Ended(leg="a1", at=story.tick(), cause=16), *agent, first)
    return story


@st.composite
def tellings(draw: st.DrawFn, story: Story) -> list[Event]:
    """The story in some order it may be told in, with repetitions at any later time."""
    left, told, telling = set(range(len(story.events))), set[int](), list[Event]()
    while left:
        ready = sorted(number for number in left if story.after[number] <= told)
        chosen = draw(st.sampled_from(ready))
        left.discard(chosen)
        told.add(chosen)
        telling.append(story.events[chosen])
        again = draw(st.sets(st.sampled_from(sorted(told)), max_size=2))
        telling.extend(story.events[number] for number in sorted(again))
    return telling


def lived(events: list[Event]) -> tuple[Call, Cdr, list[str]]:
    """The call after those events, its CDR, and what was created and dialled."""
    call = call_of(request_of())
    orders = call.start(100.0)
    for event in events:
        orders += call.note(event)
    assert call.over
    dialled = [f"{type(order).__name__} {order.leg}" for order in orders if isinstance(order, CreateLeg | Dial)]
    return call, cdr(call, node="n1"), dialled


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_order_and_any_repetition_of_the_events_gives_the_same_cdr(data: st.DataObject) -> None:
    story = data.draw(stories())
    _, record, dialled = lived(story.events)
    call, again, dialled_again = lived(data.draw(tellings(story)))
    assert again == record
    assert dialled_again == dialled, "nobody is rung for a repetition"
    assert call.deadlines == {}


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_events_that_only_tell_of_ringing_may_be_lost(data: st.DataObject) -> None:
    story = data.draw(stories())
    _, record, dialled = lived(story.events)
    kept = [event for event in story.events if not isinstance(event, Rang | Progressed) or data.draw(st.booleans())]
    _, again, dialled_again = lived(kept)
    assert (again, dialled_again) == (record, dialled)
