"""Named points at which the fault tests kill an engine; without LEGWORK_CRASH_AT they do nothing.

`LEGWORK_CRASH_AT=place.created:3` ends the process as `kill -9` would when it comes to that point for the third time.
"""

import os
import signal

POINTS = (
    # Place a leg (`engine.line`)
    "place.asked",  # before its intent is saved
    "place.saved",  # the intent is committed, Asterisk knows nothing
    "place.create_sent",
    "place.created",  # its channel is there, nobody is dialled
    "place.dial_sent",
    # a call's life (`engine.line`, `engine.store.writer`)
    "call.answered",  # noted; nothing follows from it yet
    "call.bridged",  # both talk; not written yet
    "call.ended",  # all legs are gone; the CDR is not written
    "write.committed",  # Postgres has it; nobody was told
    # Postgres is away (`engine.store.writer`)
    "spool.written",  # fsynced; nobody was told
    "spool.drained",  # Postgres has it, and it is still in the spool
    # Adopt (`engine.switch`)
    "adopt.connected",  # events are held
    "adopt.listed",  # Asterisk's channels and bridges are known
    "adopt.restored",  # the rows are read
    "adopt.reconciled",  # each call knows what it missed; dialling is not open yet
)


class Crash:
    """The point that was asked for, and how often it is still to be passed."""

    def __init__(self, asked: str) -> None:
        self._point, _, times = asked.partition(":")
        if self._point and self._point not in POINTS:
            raise ValueError(f"LEGWORK_CRASH_AT: no point {self._point}; there are {', '.join(POINTS)}")
        self._times = int(times or 1)

    def reached(self, point: str) -> None:
        """Die here, if this is where."""
        if point != self._point:
            return
        self._times -= 1
        if self._times == 0:
            os.kill(os.getpid(), signal.SIGKILL)


reached = Crash(os.environ.get("LEGWORK_CRASH_AT", "")).reached
