"""A telephone exchange that does what Asterisk may do, in any order, to lead a call through a random life."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Literal

import orjson

from engine.core import commands as c
from engine.core import events as e
from engine.core.call import Call
from engine.core.ids import recorder, snoop
from engine.core.permit import Verdict
from engine.core.reconcile import reconcile
from engine.core.recording import What
from engine.core.refused import ADD, ARRANGE, OPEN, TAKE_IN
from engine.core.request import Party
from engine.core.rows import call_row, leg_rows, restore
from engine.core.transfer import RELEASE, on_the_line, under_way

STEPS = 2000
HOWS: tuple[Literal["complete", "cancel", "swap"], ...] = ("complete", "cancel", "swap", "swap")
ASKS: tuple[What, ...] = ("start", "stop", "pause", "resume")
STOPPED = Verdict(False, "stopped", "dialling is stopped for every account")
VERDICTS = (
    *(("HUMAN", "HUMAN-720-700"), ("MACHINE", "LONGGREETING-2500-2500"), ("MACHINE", "INITIALSILENCE-3000-3000")),
    *(("NOTSURE", "TOOLONG-5000"), ("HANGUP", "")),
)
CAUSES = ((17, 486), (34, 503), (1, 404), (21, 603), (19, 480), (38, 500), (16, None), (0, None))


class Life:
    """One random life of a call: the exchange, the parties, the worker that carries commands out, crashes."""

    def __init__(
        self,
        call: Call,
        random: Random,
        third: Callable[[Random], Party] | None = None,
        *,
        patient: bool = False,
    ) -> None:
        self.call = call
        self.third = third
        self.inside: set[str] = set()  # the bridge
        self.sounds: dict[str, set[str]] = {}
        self.phases: set[str] = set()  # of transfers
        self.talkative = random.random() < 0.3  # nobody is in a hurry to hang up
        self.random = random
        self.patient = patient  # parties answer, and talk for a while
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
        self.taps: set[tuple[str, int]] = set()  # copies that are recorded, or are to be
        self.tapped: set[tuple[str, int]] = set()
        self.recorded: set[tuple[str, int]] = set()  # they have a file of their name
        self.paused: set[tuple[str, int]] = set()
        self.taken_in = False  # who came in may stay
        self.steadily = True  # nobody has asked for anything about the recording
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
            if self.third and self.call.bridged_at and not self.call.releasing:
                acts += [self._transfer] * (self.random.random() < (0.5 if self.call.transfer is None else 0.2))
            acts += [self._record] * (self.random.random() < (0.1 if self.patient else 0.02))
            acts += [self._tell_of_tap] * (bool(self.taps) and self.random.random() < 0.05)
            if not acts:
                break
            self.random.choice(acts)()
            if not self.orders and not self.events and self.call.bridged_at and not self.call.releasing:
                unheard = {
                    leg for leg in self.muted & self.channels.keys() if f"unmute:{leg}" not in self.call.deadlines
                }
                assert not unheard, "bridged, but one can not be heard"
                self._nobody_is_recorded_unasked()
                self._nobody_is_forgotten()
            if self.call.request.did and not self.orders and not self.events and not self.call.releasing:
                may_stay = self.taken_in or TAKE_IN in self.call.deadlines or not self.call.legs["b1"].usable
                assert may_stay, "the dialplan's dead-man ends the call of who came in"
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
            act = self.random.choice(("ring", "progress", "answer", *["answer" if self.patient else "end"]))
        if act == "end" and self.patient and self.random.random() < 0.9:
            return
        if act == "end" and self._stays():
            act = "press" if state == "Up" else "answer"
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

    def _stays(self) -> bool:
        """Whether nobody goes now, and whoever rings is patient."""
        patient = self.talkative and self.now < 150 and not self.call.releasing
        return patient and self.random.random() < 0.95

    def _finish(self, leg: str) -> None:
        """What is played to it comes to its end, or is cut short."""
        playing = [playback for each, playback in self.played if each == leg]
        if playing:
            seconds = self.call.request.speech.seconds if self.call.request.speech else 2.0
            self.now += self.random.choice((seconds, seconds, 0.0))
            self._tell(e.Played(leg=leg, playback=max(playing), at=self.now))

    def _transfer(self) -> None:
        """Somebody asks for a transfer, by the API or his telephone, or says what is to become of it."""
        assert self.third is not None
        leg = self.random.choice([*self.channels, "a1"])
        if leg not in self.call.legs:
            return
        act = self.random.choice(("ask", "settle", "refer"))
        if act == "refer":
            self._note(e.Referred(leg=leg, at=self.now, to=self.random.choice(("103", "103", ""))))
        elif act == "settle":
            self._note(e.TransferSettled(at=self.now, how=self.random.choice(HOWS)))
        else:
            attended, party = self.random.random() < 0.7, self.third(self.random)
            self._note(e.TransferAsked(leg=leg, at=self.now, attended=attended, party=party))

    def _find_third(self, leg: str) -> None:
        assert self.third is not None
        party = self.third(self.random)
        asked = e.TransferAsked(leg=leg, at=self.now, attended=False, party=party, referred=True)
        self._note(asked if self.random.random() < 0.8 else e.ThirdUnknown(leg=leg, at=self.now))

    def _nobody_is_forgotten(self) -> None:
        """Everybody who is on the line talks, or hears what he waits for; and somebody sees to it."""
        call, known = self.call, self.call.transfer
        told_soon = (ADD, ARRANGE, OPEN, RELEASE, "transfer_tone")
        if known is None or any(name.startswith(told_soon) for name in call.deadlines):
            return
        self.phases.add(known.phase)
        names = {leg.name for leg in on_the_line(call)}
        talking = {name for name in names & self.inside if not self.sounds.get(name)}
        waiting = {name for name in names if len(self.sounds.get(name, ())) == 1}
        assert talking | waiting == names, f"{known.phase}: one hears nothing, or is heard nowhere"
        assert len(talking) != 1, f"{known.phase}: one talks to nobody"
        if known.phase == "over":
            assert talking == names == set(known.left), "two talk when it is over"
        if known.phase == "reaching":
            rings = any(not leg.over for leg in call.hunted("third"))
            assert rings or "pause:third" in call.deadlines or "third" in call.seeking, "nobody is rung"
        assert under_way(call) or not call.seeking, "nobody is waited for when it is over"

    def _nobody_is_recorded_unasked(self) -> None:
        """What is said to be paused is, or is about to be, and what is not, is not."""
        told_soon = ("recording_pause:", "recording_broke:")
        if any(name.startswith(told_soon) for name in self.call.deadlines):
            return
        for each in self.call.recordings:
            tap = (each.leg, each.number)
            if each.on and tap in self.recorded and tap in self.taps:
                assert each.paused == (tap in self.paused), f"{each.name}: paused, or not, and not told so"

    def _event(self) -> None:
        """The call hears of something: mostly in order, sometimes early, sometimes twice."""
        early = self.random.random() < 0.1
        event = self.events.pop(self.random.randrange(len(self.events)) if early else 0)
        if self.random.random() < 0.05:
            self.events.append(event)
        self._note(event)

    def _deadline(self) -> None:
        assert self.call.deadline is not None
        if self.random.random() < (0.01 if self.patient else 0.2) and not self._stays():
            self.now = max(self.now, self.call.deadline)
        for event in self.call.due(self.now):
            self._note(event)

    def _cancel(self) -> None:
        self._note(e.Cancelled(at=self.now))

    def _record(self) -> None:
        """Somebody asks for something about the recording; what can be done is done."""
        what = self.random.choice(ASKS)
        before, can = [replace(each) for each in self.call.recordings], not self.call.can_record(what)
        self.steadily = False
        self._note(e.RecordingAsked(at=self.now, what=what))
        assert (self.call.recordings != before) == can, "what was answered is what is done"

    def _tell_of_tap(self) -> None:
        """A recording fails, or its copy ends, by itself."""
        leg, number = tap = self.random.choice(sorted(self.taps))
        if self.random.random() < 0.5:
            self._tell(e.RecordingFailed(leg=leg, recording=number, at=self.now, cause="disk full"))
        else:
            self._end_tap(tap)

    def _end_tap(self, tap: tuple[str, int]) -> None:
        self.taps.discard(tap)
        for told in (e.RecordingEnded, e.TapEnded):
            self._tell(told(leg=tap[0], recording=tap[1], at=self.now))

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
        there = self.channels | {snoop(leg): "Up" for leg in self.snoops} | {recorder(*tap): "Up" for tap in self.taps}
        members = frozenset(self.inside)
        for event in reconcile(self.call, there, at=self.now, seen_at=self.now, members=members):
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
        elif isinstance(command, c.FindThird):
            self._find_third(command.leg)
        elif self.random.random() < 0.01 and not isinstance(command, c.CloseBridge):
            self._note(e.Refused(at=self.now, command=command, status=0))
        else:
            self._carry_out(command)

    def _seek(self, command: c.SeekAgent) -> None:
        """Somebody is free at once, or later, or nobody is in time."""
        free = [target for target in command.targets if self.random.random() < 0.5]
        waited_for = self.call.party(command.side).queue_seconds
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
                self.inside.clear()
            case c.AddToBridge(legs=legs) if not all(leg in self.channels for leg in legs):
                self._note(e.Refused(at=self.now, command=command, status=400))
            case c.LegCommand(leg=leg) if leg not in self.channels:
                self._note(e.Refused(at=self.now, command=command, status=404))
            case c.TakeIn():
                self.taken_in = True
            case c.Play(leg=leg, playback=playback):
                assert (leg, playback) not in self.played, "no id is used twice"
                self.played.add((leg, playback))
                if self.call.transfer is not None:
                    self.sounds.setdefault(leg, set()).add(f"playback {playback}")
                    self._tell(e.Played(leg=leg, playback=playback, at=self.now))
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
            case c.Tap(leg=leg, recording=number):
                assert (leg, number) not in self.tapped, "no id is used twice"
                self.tapped.add((leg, number))
                if self.random.random() < 0.1:
                    self._note(e.Refused(at=self.now, command=command, status=500))
                else:
                    self.taps.add((leg, number))
                    self._tell(e.Tapped(leg=leg, recording=number, at=self.now))
            case c.RecorderCommand(leg=leg, recording=number) if (leg, number) not in self.taps:
                self._note(e.Refused(at=self.now, command=command, status=404))
            case c.Record(leg=leg, recording=number):
                if (leg, number) in self.recorded:
                    self._note(e.Refused(at=self.now, command=command, status=409))
                else:
                    self.recorded.add((leg, number))
                    self._tell(e.RecordingBegan(leg=leg, recording=number, at=self.now))
            case c.PauseRecording() | c.ResumeRecording():
                self._pause(command)
            case c.StopTap(leg=leg, recording=number):
                self._end_tap((leg, number))
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
                self.inside.update(legs)
            case c.RemoveFromBridge(leg=leg):
                self.inside.discard(leg)
            case c.StartRing(leg=leg) | c.StartMusic(leg=leg):
                self.sounds.setdefault(leg, set()).add(type(command).__name__.removeprefix("Start"))
            case c.StopRing(leg=leg) | c.StopMusic(leg=leg):
                self.sounds.get(leg, set()).discard(type(command).__name__.removeprefix("Stop"))
            case c.StopPlay(leg=leg, playback=playback):
                self.sounds.get(leg, set()).discard(f"playback {playback}")
            case c.Hangup(leg=leg):
                self._end(leg, 16, None)

    def _pause(self, command: c.PauseRecording | c.ResumeRecording) -> None:
        tap = (command.leg, command.recording)
        if tap not in self.recorded:
            self._note(e.Refused(at=self.now, command=command, status=404))
        elif self.random.random() < 0.3:
            self._note(e.Refused(at=self.now, command=command, status=500))
        elif isinstance(command, c.PauseRecording):
            self.paused.add(tap)
        else:
            self.paused.discard(tap)

    # -- how it is told --------------------------------------------------------------------

    def _end_snoop(self, leg: str) -> None:
        self.snoops.discard(leg)
        self._tell(e.SnoopEnded(leg=leg, at=self.now))

    def _end(self, leg: str, cause: int, sip_code: int | None) -> None:
        del self.channels[leg]
        self.inside.discard(leg)
        self.sounds.pop(leg, None)
        if leg in self.snoops:
            self._end_snoop(leg)
        for tap in [each for each in self.taps if each[0] == leg]:
            self._end_tap(tap)
        self._tell(e.Ended(leg=leg, at=self.now, cause=cause, sip_code=sip_code))

    def _tell(self, event: e.Event) -> None:
        self.events.append(event)

    def _note(self, event: e.Event) -> None:
        was_over = self.call.over
        if isinstance(event, e.Played):
            self.sounds.get(event.leg, set()).discard(f"playback {event.playback}")
        self.orders.extend(self.call.note(event))
        if self.random.random() < 0.5:
            self._save()
        if self.call.over and not was_over:
            self.times_over += 1
