"""A simulated Asterisk: what ours was measured to do, as a plain model that a seed makes repeatable.

Its facts are those of the brief on Asterisk 22 (implicit subscription, ids, dialling, what outlives a socket):
a leg is created Down and rings nobody until it is dialled; a second dial on a leg still Down cancels it; an id is
refused while its channel lives; channels, bridges and their application outlive a lost websocket, events do not;
an empty bridge stays; `TIMEOUT(absolute)` ends a channel whatever else happens; a restart empties everything.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.sim import ear
from tests.sim.channel import App, Channel, Listener
from tests.sim.loop import EPOCH
from tests.sim.parties import Party

Respond = Callable[[int, Any], None]
HANGUP_SECONDS = 0.002  # from a DELETE to the channel's end


class Asterisk:
    """The model. `parties` says what a number does when it is rung for the n-th time."""

    def __init__(self, random: Random, parties: Callable[[str, int], Party]) -> None:
        self._loop = asyncio.get_running_loop()
        self.context = Context()
        self.random = random
        self._parties = parties
        self._life = 0
        self._inbox: list[Callable[[], None]] = []
        self.up = True
        self.frozen = False
        self.started_at = self._loop.time()
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, list[str]] = {}
        self.apps: dict[str, App] = {}
        self.playbacks: dict[str, Channel] = {}
        self.played: set[str] = set()
        self.every_channel: list[Channel] = []
        self.invites: list[Channel] = []
        self.wrong: list[str] = []  # what no engine may ever ask for

    @property
    def now(self) -> float:
        """Its time."""
        return self._loop.time()

    # -- its life ----------------------------------------------------------------------------

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do that in so many seconds, unless it is restarted before; a frozen one does it when it thaws."""
        life = self._life

        def due() -> None:
            if life != self._life:
                return
            if self.frozen:
                self._inbox.append(due)
            else:
                act()

        self._loop.call_later(seconds, due, context=self.context)

    def freeze(self, seconds: float) -> None:
        """Stop, as on SIGSTOP, for so long."""
        if self.up and not self.frozen:
            self.frozen = True
            self._loop.call_later(seconds, self._thaw, context=self.context)

    def _thaw(self) -> None:
        self.frozen = False
        inbox, self._inbox = self._inbox, []
        for act in inbox:
            act()

    def stop(self, seconds: float) -> None:
        """Die with all calls; start again after so long."""
        if not self.up:
            return
        self._life += 1
        self.up = self.frozen = False
        self._inbox.clear()
        for channel in self.channels.values():
            channel.ended_at, channel.ended_by = self._loop.time(), "restart"
        self.channels.clear()
        self.playbacks.clear()
        self.bridges.clear()
        self.apps.clear()
        self._loop.call_later(seconds, self._start, context=self.context)

    def _start(self) -> None:
        self.up, self.started_at = True, self._loop.time()

    # -- websockets --------------------------------------------------------------------------

    def connect(self, name: str, socket: Listener) -> None:
        """An application's websocket opens."""
        app = self.apps.setdefault(name, App())
        if app.socket is not None:
            app.socket.event({"type": "ApplicationReplaced", "application": name, "timestamp": self._stamp()})
        app.socket = socket

    def disconnect(self, name: str, socket: Listener) -> None:
        """It is gone."""
        app = self.apps.get(name)
        if app is not None and app.socket is socket:
            app.socket = None
            self._drop_app(name)

    def _drop_app(self, name: str) -> None:
        app = self.apps.get(name)
        if app is not None and app.socket is None and all(each.app != name for each in self.channels.values()):
            del self.apps[name]

    def tell(self, channel: Channel, kind: str, *, subject: str = "channel", **more: Any) -> None:
        app = self.apps.get(channel.app)
        if app is None or (app.allowed is not None and kind not in app.allowed):
            return
        message = {"type": kind, "timestamp": self._stamp(), subject: self._described(channel), **more}
        if app.socket is None or not app.socket.event(message):
            channel.lost.append(kind)

    def _stamp(self, at: float | None = None) -> str:
        when = datetime.fromtimestamp(EPOCH + (self._loop.time() if at is None else at), UTC)
        return when.isoformat(timespec="milliseconds").replace("+00:00", "+0000")

    def _described(self, channel: Channel) -> dict[str, Any]:
        return {
            "id": channel.channel_id,
            "state": channel.state,
            "creationtime": self._stamp(channel.created_at),
            "dialplan": {"app_name": "Stasis", "app_data": f"{channel.app},"},
        }

    # -- requests ----------------------------------------------------------------------------

    def request(self, method: str, uri: str, body: dict[str, Any], respond: Respond) -> None:
        """Carry out one request of REST."""
        match (method, *uri.partition("?")[0].split("/")):
            case ("POST", "bridges", bridge, "addChannel"):
                # answered only once each channel's own thread has done it
                names = body["channel"]
                seconds = self.random.choice((0.0005, 0.002, 0.02, 0.3))
                self.later(seconds, lambda: respond(*self._add(bridge, names)))
            case ("POST", "channels", "create"):
                respond(*self._create(body))
            case ("POST", "channels", channel_id, "variables"):  # as above
                seconds = self.random.choice((0.0005, 0.002, 0.02))
                self.later(seconds, lambda: respond(*self._tune(channel_id, body["variables"])))
            case (_, "channels", channel_id, *rest) if channel_id:
                channel = self.channels.get(channel_id)
                respond(*((404, None) if channel is None else self._one(method, channel, rest, body)))
            case ("GET", "channels"):
                for channel in self.channels.values():
                    channel.listed_as = channel.state
                respond(200, [self._described(channel) for channel in self.channels.values()])
            case ("DELETE", "playbacks", playback):
                on = playback in self.playbacks
                self._finish(playback)
                respond(204 if on else 404, None)
            case ("POST" | "DELETE", "recordings", "live", name, "pause"):
                on = any(each.recording == name.replace("%2F", "/") for each in self.channels.values())
                respond(204 if on else 404, None)
            case ("GET", "bridges"):
                respond(200, [{"id": bridge, "channels": list(ids)} for bridge, ids in self.bridges.items()])
            case ("GET", "bridges", bridge):
                there = self.bridges.get(bridge)
                respond(404 if there is None else 200, {"id": bridge, "channels": list(there or ())})
            case ("POST", "bridges", bridge):
                fresh = bridge not in self.bridges
                self.bridges.setdefault(bridge, [])
                respond(200 if fresh else 409, {"id": bridge})
            case ("DELETE", "bridges", bridge):
                gone = self.bridges.pop(bridge, None)
                for channel_id in gone or ():
                    self.channels[channel_id].bridge = None
                respond(404 if gone is None else 204, None)
            case ("PUT", "applications", name, "eventFilter") if name in self.apps:
                self.apps[name].allowed = frozenset(each["type"] for each in body["allowed"])
                respond(200, {"name": name})
            case ("GET", "applications", name) if name in self.apps:
                ids = [each.channel_id for each in self.channels.values() if each.app == name]
                used = [bridge for bridge, members in self.bridges.items() if members]
                respond(200, {"name": name, "channel_ids": ids, "bridge_ids": used})
            case (_, "applications", *_):
                respond(404, {"message": "no application"})
            case ("GET", "asterisk", "info"):
                respond(200, {"status": {"startup_time": self._stamp(self.started_at)}})
            case ("GET", "asterisk", "ping"):
                respond(200, {"ping": "pong"})
            case _:
                self.wrong.append(f"the simulated Asterisk does not know {method} {uri}")
                respond(404, None)

    def _one(self, method: str, channel: Channel, rest: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        match (method, *rest):
            case ("GET",):
                channel.listed_as = channel.state
                return 200, self._described(channel)
            case ("GET", "variable"):  # CDR(answer,u)
                return 200, {"value": "" if channel.up_at is None else f"{EPOCH + channel.up_at:.6f}"}
            case ("DELETE",):
                if channel.deleted_at is None:
                    channel.deleted_at = self._loop.time()
                    seconds = self.random.uniform(0, HANGUP_SECONDS)
                    self.later(seconds, lambda: self.end(channel, "engine", cause=16))
                return 204, None
            case ("POST", "dial"):
                return self._dial(channel, body["timeout"])
            case ("POST", "play", playback) if channel.state == "Up":
                return self._play(channel, playback, body["media"])
            case ("POST" | "DELETE", "moh"):
                return 204, None
            case ("POST" | "DELETE", "mute"):
                channel.muted = method == "POST"
                return 204, None
            case ("POST", "play", _):
                return 412, {"message": "not Up"}
            case ("POST", "snoop", snoop_id) if channel.state == "Up":
                return ear.snoop(self, channel, snoop_id, body["app"])
            case ("POST", "record") if channel.copy_of is not None:
                return ear.record(self, channel, body["name"])
            case ("POST", "continue") if channel.copy_of is not None:
                return ear.proceed(self, channel)
            case ("POST", "ring"):
                return 201, {}
            case ("DELETE", "ring"):
                return 204, None
        self.wrong.append(f"the simulated Asterisk does not know {method} channels/…/{'/'.join(rest)}")
        return 404, None

    def _play(self, channel: Channel, playback: str, media: str | list[str]) -> tuple[int, Any]:
        """One after the other; a sound is called by its length, a tone has none."""
        if playback in self.playbacks:
            return 409, {"message": "exists"}
        if playback in self.played:
            self.wrong.append(f"{playback} was used before")
        self.played.add(playback)
        self.playbacks[playback] = channel
        sounds = media if isinstance(media, list) else [media]
        if all(sound.startswith("sound:") for sound in sounds):
            seconds = sum(float(sound.rpartition("/")[2]) for sound in sounds)
            self.later(seconds, lambda: self._finish(playback))
        return 201, {"id": playback}

    def _finish(self, playback: str) -> None:
        """It is over."""
        channel = self.playbacks.pop(playback, None)
        app = self.apps.get(channel.app) if channel else None
        if channel and app and (app.allowed is None or "PlaybackFinished" in app.allowed):
            message = {"type": "PlaybackFinished", "timestamp": self._stamp(), "playback": {"id": playback}}
            if app.socket is None or not app.socket.event(message):
                channel.lost.append("PlaybackFinished")

    def _tune(self, channel_id: str, values: dict[str, str]) -> tuple[int, Any]:
        channel = self.channels.get(channel_id)
        return (404, None) if channel is None else ear.tune(self, channel, values)

    def _create(self, body: dict[str, Any]) -> tuple[int, Any]:
        channel_id, endpoint, app = body["channelId"], body["endpoint"], body["app"]
        number, _, trunk = endpoint.removeprefix("PJSIP/").partition("@")
        life_seconds = body["variables"].get("TIMEOUT(absolute)")
        if life_seconds is None:
            self.wrong.append(f"{channel_id} has no dead-man")
        if channel_id in self.channels:
            return 409, {"message": "exists"}
        if app not in self.apps or body.get("originator", channel_id) not in {channel_id, *self.channels}:
            return 400, {"message": "no application, or no originator"}
        if trunk == "nowhere":
            return 500, {"message": "Allocation failed"}
        channel = Channel(channel_id=channel_id, number=number, endpoint=endpoint, app=app, created_at=self.now)
        self.appear(channel)
        self.later(float(life_seconds or 3600), lambda: self.end(channel, "dead-man", cause=0))
        return 200, self._described(channel)

    def appear(self, channel: Channel) -> None:
        """A new channel, which is its application's in a moment."""
        if any(each.channel_id == channel.channel_id for each in self.every_channel):
            self.wrong.append(f"{channel.channel_id} was used before")
        self.channels[channel.channel_id] = channel
        self.every_channel.append(channel)
        self.later(self.random.uniform(0, 0.003), lambda: self._enter_stasis(channel))

    def _enter_stasis(self, channel: Channel) -> None:
        if channel.ended_at is None:
            channel.in_stasis = True
            self.tell(channel, "StasisStart", args=[])

    def _add(self, bridge: str, channel_ids: list[str]) -> tuple[int, Any]:
        if bridge not in self.bridges:
            return 404, {"message": "no bridge"}
        channels = [self.channels.get(channel_id) for channel_id in channel_ids]
        if not all(channels):
            return 400, {"message": "no channel"}
        if not all(channel and channel.in_stasis for channel in channels):
            return 422, {"message": "not in Stasis"}
        for channel in filter(None, channels):
            self._leave(channel)
            channel.bridge = bridge
            self.bridges[bridge].append(channel.channel_id)
        return 204, None

    def _leave(self, channel: Channel) -> None:
        if channel.bridge is not None:
            self.bridges[channel.bridge].remove(channel.channel_id)
            channel.bridge = None

    # -- dialling ----------------------------------------------------------------------------

    def _dial(self, channel: Channel, timeout_seconds: float) -> tuple[int, Any]:
        if channel.state != "Down":
            return 409, {"message": "not Down"}
        if channel.dialed_at is not None:
            self.wrong.append(f"{channel.channel_id} was dialled a second time")
            self.end(channel, "second-dial", cause=16)
            return 204, None
        channel.dialed_at = self._loop.time()
        self.invites.append(channel)
        times = sum(each.number == channel.number for each in self.invites)
        channel.party = party = self._parties(channel.number, times)
        self.tell(channel, "Dial", subject="peer", dialstatus="")
        self.later(party.trying_seconds, lambda: self._signal(channel, party))
        self.later(timeout_seconds, lambda: self._give_up(channel))
        return 204, None

    def _give_up(self, channel: Channel) -> None:
        if channel.up_at is None:
            self.end(channel, "dial-timeout", cause=19, code=480)

    def _signal(self, channel: Channel, party: Party) -> None:
        if channel.ended_at is not None:
            return
        if party.early_media:
            channel.progress_at = self._loop.time()
            self.tell(channel, "Dial", subject="peer", dialstatus="PROGRESS")
        if party.rings:
            channel.state, channel.rang_at = "Ringing", self._loop.time()
            self.tell(channel, "ChannelStateChange")
            self.tell(channel, "Dial", subject="peer", dialstatus="RINGING")
        if party.failure is not None:
            cause, code = party.failure
            self.later(party.ringing_seconds, lambda: self.end(channel, "network", cause=cause, code=code))
        elif party.answers:
            self.later(party.ringing_seconds, lambda: self._answer(channel, party))

    def _answer(self, channel: Channel, party: Party) -> None:
        if channel.ended_at is not None or channel.deleted_at is not None:
            return
        channel.state, channel.up_at = "Up", self._loop.time()
        self.tell(channel, "ChannelStateChange")
        self.tell(channel, "Dial", subject="peer", dialstatus="ANSWER")
        for number in range(party.digits):
            self.later(0.5 + number / 5, lambda: self._press(channel))
        if party.talk_seconds is not None:
            self.later(party.talk_seconds, lambda: self.end(channel, "party", cause=16))

    def _press(self, channel: Channel) -> None:
        if channel.ended_at is None:
            self.tell(channel, "ChannelDtmfReceived", digit="5")

    def end(self, channel: Channel, ended_by: str, *, cause: int, code: int | None = None) -> None:
        if channel.ended_at is not None:
            return
        channel.ended_at, channel.ended_by = self._loop.time(), ended_by
        self._leave(channel)
        for playback in [each for each, whose in self.playbacks.items() if whose is channel]:
            self._finish(playback)
        del self.channels[channel.channel_id]
        for copy in [each for each in self.channels.values() if each.copy_of is channel]:
            self.end(copy, "its leg", cause=16)
        ear.ended(self, channel)
        more: dict[str, Any] = {} if code is None else {"tech_cause": code}
        self.tell(channel, "ChannelDestroyed", cause=cause, **more)
        self._drop_app(channel.app)
