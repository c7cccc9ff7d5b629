"""What to do for a call: frozen orders, carried out one after the other for each call.

`leg` and `legs` are leg names within the call, `bridge` is the bridge's number within the call.
"""

from dataclasses import dataclass

from engine.core.amd import Amd
from engine.core.request import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegCommand(Command):
    """An order about one leg."""

    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveIntent(Command):
    """Commit the call and its new legs to the store, before Asterisk hears of what follows."""

    legs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeekAgent(Command):
    """Ask who of these targets of that side is free, of agents; whoever asked first, `since` then, is served first."""

    side: Side
    targets: tuple[int, ...]
    every: bool
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPair(Command):
    """Remember that this number is connected to this agent from now on, for so long (None: for ever)."""

    number: str
    agent_id: str
    seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLeg(LegCommand):
    """Create the leg's channel, which rings nobody yet.

    `originator` is the leg whose codecs it shares. `life_seconds` is the dead-man: Asterisk ends the
    channel by itself after that long, should we be gone.
    """

    endpoint: str
    caller_id: str
    account_id: str
    life_seconds: int
    originator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial(LegCommand):
    """Ring the party. `ring_seconds` is Asterisk's own limit, behind ours."""

    ring_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(LegCommand):
    """Answer who called in on this leg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeIn(LegCommand):
    """Say whose the leg of who called in is, and how long it may live: the dead-man, from now on."""

    account_id: str
    life_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAway(LegCommand):
    """Leave who called in to the dialplan, which says that nobody can take the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup(LegCommand):
    """End the leg, telling its network the Q.850 `cause`."""

    cause: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute(LegCommand):
    """Let nobody hear the leg; it goes on hearing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmute(LegCommand):
    """Let the leg be heard again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRing(LegCommand):
    """Let the leg hear our ring-back tone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRing(LegCommand):
    """Stop the ring-back tone the leg hears; Asterisk's own outlives the leg that rang."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMusic(LegCommand):
    """Let the leg hear music on hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMusic(LegCommand):
    """Stop the music; left on, it would be all the leg hears in a bridge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayTone(LegCommand):
    """Play a tone of Asterisk's indications (`busy`, `congestion`) to the leg."""

    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Play(LegCommand):
    """Play a sound to the leg, so many times without a gap; `playback` is its number within the call."""

    media: str
    playback: int
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlay(LegCommand):
    """Stop a playback of the leg at once."""

    playback: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snoop(LegCommand):
    """Make a copy of what the party says, to listen to; it ends with the leg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneAmd(LegCommand):
    """Tell the copy with which ears it is to be listened to."""

    amd: Amd


@dataclass(frozen=True, slots=True, kw_only=True)
class Detect(LegCommand):
    """Find out by the copy, which was told how, whether a person or a machine answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen(LegCommand):
    """Tell from now on when the party talks and falls silent, by the copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSnoop(LegCommand):
    """End the copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderCommand(LegCommand):
    """An order about a recording of the leg, by its number within the call."""

    recording: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap(RecorderCommand):
    """Make a copy of what the party says, and of what it hears if `both`, to be recorded; it ends with the leg."""

    both: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(RecorderCommand):
    """Write the copy into a file of that account's."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRecording(RecorderCommand):
    """Write nothing for a while: what is said meanwhile is not in the file."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRecording(RecorderCommand):
    """Write again."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTap(RecorderCommand):
    """End the copy, and with it the recording, whose file is whole then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayToBridge(Command):
    """Play a sound to everybody in the bridge, who go on hearing each other."""

    bridge: int
    media: str
    playback: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBridge(Command):
    """Make a bridge."""

    bridge: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToBridge(Command):
    """Put legs into a bridge."""

    bridge: int
    legs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFromBridge(LegCommand):
    """Take the leg out of a bridge, whose others stay."""

    bridge: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindThird(LegCommand):
    """Find out to whom the leg's telephone wants to transfer, which dialled that."""

    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProgress(LegCommand):
    """Tell the leg's telephone, which asked for a transfer, how it goes, in ARI's word (`channel_answered`)."""

    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseBridge(Command):
    """Destroy a bridge; Asterisk never destroys an empty one by itself."""

    bridge: int
