"""A telephone exchange that does what Asterisk may do, in any order, to lead a call through a random life."""

from collections import deque
from random import Random

import orjson

from engine.core import commands as c
from engine.core import events as e
from engine.core.call import Call
from engine.core.ids import snoop
from engine.core.permit import Verdict
from engine.core.reconcile import reconcile
from engine.core.rows import call_row, leg_rows, restore

STEPS = 2000
STOPPED = Verdict(False, "stopped", "dialling is stopped for every account")
VERDICTS = (
    *(("HUMAN", "HUMAN-720-700"), ("MACHINE", "LONGGREETING-2500-2500"), ("MACHINE", "INITIALSILENCE-3000-3000")),
    *(("NOTSURE", "TOOLONG-5000"), ("HANGUP", "")),
)
CAUSES = ((17, 486), (34, 503), (1, 404), (21, 603), (19, 480), (38, 500), (16, None), (0, None))


class Life:
    """One random life of a call: the exchange, the parties, the worker that carries commands out, crashes."""

    def __init__(self, call: Call, random: Random) -> None:
        self.call = call
        self.random = random
        self.now = 100.0
        self.channels: dict[str, str] = dict.fromkeys(call.legs, "Ring")  # who calls in is there already
        self.bridges: set[int] = set()
        self.orders: deque[c.Command] = deque(call.start(self.now))
        self.events: list[e.Event] = []
        self.created: list[str] = []
        self.times_over = 0
        self.muted: set[str] = set()
        self.together: list[tuple[str, ...]] = []  # who was put into the bridge with whom
        self.played: set[tuple[str, int]] = set()
        self.snoops: set[str] = set()  # whose party is listened to
        self.snooped: set[str] = set()
        self._save()

    def run(self) -> None:
        """Live until nothing is left to happen."""
        for _ in range(STEPS):
            self.now += self.random.expovariate(5)
            # Once the call is released nobody helps it: it has to end its legs by itself.
            waiting = self.call.releasing and not self.orders and not self.events
            acts = [self._party] * (bool(self.channels) and not waiting) + [self._order] * 2 * bool(self.orders)
            acts += [self._event] * 2 * bool(self.events) + [self._deadline] * (self.call.deadline is not None)
            acts += [self._restart] * (self.random.random() < 0.005)
            acts += [self._cancel] * (self.random.random() < 0.005)
            if not acts:
                break
            self.random.choice(acts)()
            if not self.orders and not self.events and self.call.bridged_at and not self.call.releasing:
                unheard = {
                    leg for leg in self.muted & self.channels.keys() if f"unmute:{leg}" not in self.call.deadlines
                }
                assert not unheard, "bridged, but one can not be heard"
        else:
            raise AssertionError("the call does not end")

    # -- what may happen -------------------------------------------------------------------

    def _party(self) -> None:
        """A party or its network does something."""
        leg = self.random.choice(list(self.channels))
        state = self.channels[leg]
        if state == "Down" or self.random.random() < 0.4:
            return
        if state == "Ring":
            act = "end" if self.random.random() < 0.1 else "wait"
        elif state == "Up":
            acts: tuple[str, ...] = (
                ("press", "end", "finish", "finish") if self.call.request.speech else ("press", "end")
            )
            long = self.call.request.campaign or self.call.request.ivr
            acts = ("press", "press", "end", *["finish"] * 7) if long else acts
            act = self.random.choice(acts)
            if leg in self.snoops and self.random.random() < 0.5:
                act = self.random.choice(("verdict", "verdict", "talk", "fall silent", "lose"))
        else:
            act = self.random.choice(("ring", "progress", "answer", "end"))
        if act == "ring":
            self.channels[leg] = "Ringing"
            self._tell(e.Rang(leg=leg, at=self.now))
        elif act == "progress":
            self._tell(e.Progressed(leg=leg, at=self.now))
        elif act == "answer":
            self.channels[leg] = "Up"
            self._tell(e.Answered(leg=leg, at=self.now))
        elif act == "finish":
            self._finish(leg)
        elif act == "press":
            digit = self.random.choice("1259") if self.call.request.ivr else "5"
            self._tell(e.Pressed(leg=leg, at=self.now, digit=digit))
        elif act == "verdict":
            status, cause = self.random.choice(VERDICTS)
            self._tell(e.AmdHeard(leg=leg, at=self.now, status=status, cause=cause))
        elif act in ("talk", "fall silent"):
            self._tell(e.Talked(leg=leg, at=self.now) if act == "talk" else e.FellSilent(leg=leg, at=self.now))
        elif act == "lose":
            self._end_snoop(leg)
        elif act == "end":
            self._end(leg, *self.random.choice(CAUSES))

    def _finish(self, leg: str) -> None:
        """What is played to it comes to its end, or is cut short."""
        playing = [playback for each, playback in self.played if each == leg]
        if playing:
            seconds = self.call.request.speech.seconds if self.call.request.speech else 2.0
            self.now += self.random.choice((seconds, seconds, 0.0))
            self._tell(e.Played(leg=leg, playback=max(playing), at=self.now))

    def _event(self) -> None:
        """The call hears of something: mostly in order, sometimes early, sometimes twice."""
        early = self.random.random() < 0.1
        event = self.events.pop(self.random.randrange(len(self.events)) if early else 0)
        if self.random.random() < 0.05:
            self.events.append(event)
        self._note(event)

    def _deadline(self) -> None:
        assert self.call.deadline is not None
        if self.random.random() < 0.2:
            self.now = max(self.now, self.call.deadline)
        for event in self.call.due(self.now):
            self._note(event)

    def _cancel(self) -> None:
        self._note(e.Cancelled(at=self.now))

    def _save(self) -> None:
        rows = call_row(self.call, node="n1"), leg_rows(self.call, node="n1")
        self.saved = orjson.loads(orjson.dumps(rows))

    def _restart(self) -> None:
        """The engine dies with what it had in hand, and the next one takes the call back from its rows.

        The rows may be a little behind: only an intent is waited for.
        """
        if self.call.over:
            return
        self.orders.clear()
        self.events.clear()
        row, legs = self.saved
        self.call = restore(row, legs, flow=self.call.flow, now=self.now)
        there = self.channels | {snoop(leg): "Up" for leg in self.snoops}
        for event in reconcile(self.call, there, at=self.now, seen_at=self.now):
            self._note(event)

    # -- what the call orders --------------------------------------------------------------

    def _order(self) -> None:
        """The switch's worker carries the next command out."""
        command = self.orders.popleft()
        if not self.call.still(command):
            if isinstance(command, c.CreateLeg):
                self._note(e.NotPlaced(leg=command.leg, at=self.now, reason="not_dialled"))
            return
        if isinstance(command, c.LegCommand):
            assert not self.call.legs[command.leg].over, "a command to a leg that is gone"
        if isinstance(command, c.SaveIntent):
            self._save()
            if self.random.random() < 0.02:
                for leg in command.legs:
                    self._note(e.NotPlaced(leg=leg, at=self.now, reason="store_away"))
        elif isinstance(command, c.CreateLeg):
            self._create(command)
        elif isinstance(command, c.SeekAgent):
            self._seek(command)
        elif self.random.random() < 0.01 and not isinstance(command, c.CloseBridge):
            self._note(e.Refused(at=self.now, command=command, status=0))
        else:
            self._carry_out(command)

    def _seek(self, command: c.SeekAgent) -> None:
        """Somebody is free at once, or later, or nobody is in time."""
        free = [target for target in command.targets if self.random.random() < 0.5]
        waited_for = self.call.request.party(command.side).queue_seconds
        if free or not waited_for:
            chosen = tuple(free if command.every else free[:1])
            answer = e.AgentsFree(at=self.now, side=command.side, targets=chosen)
            if waited_for and self.random.random() < 0.5:
                self._tell(answer)
            else:
                self._note(answer)

    def _create(self, command: c.CreateLeg) -> None:
        assert command.leg not in self.created, "one leg, one channel"
        self.created.append(command.leg)
        if self.random.random() < 0.03:
            self._note(e.NotPlaced(leg=command.leg, at=self.now, reason="unplaceable"))
        elif self.random.random() < 0.02:
            self._note(e.Forbidden(leg=command.leg, at=self.now, reason="stopped", verdict=STOPPED))
        else:
            self.channels[command.leg] = "Down"
            self._tell(e.Created(leg=command.leg, at=self.now))

    def _carry_out(self, command: c.Command) -> None:
        match command:
            case c.OpenBridge(bridge=bridge):
                self.bridges.add(bridge)
            case c.CloseBridge(bridge=bridge):
                self.bridges.discard(bridge)
            case c.AddToBridge(legs=legs) if not all(leg in self.channels for leg in legs):
                self._note(e.Refused(at=self.now, command=command, status=400))
            case c.LegCommand(leg=leg) if leg not in self.channels:
                self._note(e.Refused(at=self.now, command=command, status=404))
            case c.Play(leg=leg, playback=playback):
                assert (leg, playback) not in self.played, "no id is used twice"
                self.played.add((leg, playback))
                if self.random.random() < 0.1:
                    self._tell(e.Played(leg=leg, playback=playback, at=self.now))
            case c.Snoop(leg=leg):
                assert leg not in self.snooped, "no id is used twice"
                self.snooped.add(leg)
                if self.random.random() < 0.1:
                    self._note(e.Refused(at=self.now, command=command, status=500))
                else:
                    self.snoops.add(leg)
                    self._tell(e.Snooped(leg=leg, at=self.now))
            case c.TuneAmd(leg=leg) | c.Detect(leg=leg) | c.Listen(leg=leg) if leg not in self.snoops:
                self._note(e.Refused(at=self.now, command=command, status=404))
            case c.StopSnoop(leg=leg) if leg in self.snoops:
                self._end_snoop(leg)
            case c.Mute(leg=leg):
                self.muted.add(leg)
            case c.Unmute(leg=leg):
                self.muted.discard(leg)
            case c.Answer(leg=leg):
                if self.channels[leg] == "Ring":
                    self.channels[leg] = "Up"
                    self._tell(e.Answered(leg=leg, at=self.now))
            case c.Dial(leg=leg):
                assert self.channels[leg] == "Down", "dial is never repeated"
                self.channels[leg] = "Dialed"
            case c.AddToBridge(legs=legs):
                self.together.append(legs)
            case c.Hangup(leg=leg):
                self._end(leg, 16, None)

    # -- how it is told --------------------------------------------------------------------

    def _end_snoop(self, leg: str) -> None:
        self.snoops.discard(leg)
        self._tell(e.SnoopEnded(leg=leg, at=self.now))

    def _end(self, leg: str, cause: int, sip_code: int | None) -> None:
        del self.channels[leg]
        if leg in self.snoops:
            self._end_snoop(leg)
        self._tell(e.Ended(leg=leg, at=self.now, cause=cause, sip_code=sip_code))

    def _tell(self, event: e.Event) -> None:
        self.events.append(event)

    def _note(self, event: e.Event) -> None:
        was_over = self.call.over
        self.orders.extend(self.call.note(event))
        if self.random.random() < 0.5:
            self._save()
        if self.call.over and not was_over:
            self.times_over += 1
