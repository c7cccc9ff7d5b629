"""SIPp's phones: they answer at once and send no RTP; destinations hang up after half a second."""

import contextlib
import csv
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.lab import SCRATCH, say

SCENARIO = Path(__file__).with_name("phones.xml")
BILLSEC = (0.4, 1.5)  # half a second of talk; more where a busy machine keeps SIPp waiting
LONGEST_SECONDS = 7200  # should nobody be left to stop it
START_SECONDS = 0.3
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Sipp:
    """A running SIPp."""

    pid: int
    address: str
    statistics: Path

    def legs(self) -> tuple[int, int]:
        """How many legs went as the scenario says, and how many did not, up to a second ago."""
        *_, last = csv.DictReader(self.statistics.read_text().splitlines(), delimiter=";")
        return int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])


@contextlib.contextmanager
def phones() -> Iterator[Sipp]:
    """Phones at an address of their own, until the end of the block."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    port, control_port, media_port = free_ports(3)
    statistics = SCRATCH / "phones.csv"
    statistics.unlink(missing_ok=True)
    command = ["sipp", "-sf", SCENARIO, "-nostdin", "-timeout", f"{LONGEST_SECONDS}s"]
    command += ["-i", "127.0.0.1", "-p", port, "-mi", "127.0.0.1", "-mp", media_port]
    command += ["-ci", "127.0.0.1", "-cp", control_port]
    command += ["-trace_stat", "-stf", statistics, "-fd", "1"]
    command += ["-trace_err", "-error_file", SCRATCH / "phones-errors.log"]
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=SCRATCH,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(SCRATCH / "phones.log").open("wb"),
        )
    except FileNotFoundError as exc:
        raise SystemExit("bench: SIPp is missing; run `make bench`, which installs it") from exc
    time.sleep(START_SECONDS)
    if process.poll() is not None:
        raise SystemExit(f"bench: SIPp does not start; see {SCRATCH / 'phones.log'}")
    say(f"SIPp's phones are at 127.0.0.1:{port}")
    try:
        yield Sipp(process.pid, f"127.0.0.1:{port}", statistics)
    finally:
        process.send_signal(signal.SIGUSR1)  # finish the calls that are on, then leave
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """UDP ports of loopback that nobody has now; the last one with two more above it."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
        return ports


def numbers(turn: int) -> tuple[str, str]:
    """An agent's and a destination's number; a thousand pairs, then the same again."""
    row = turn % 1000
    return f"9199100{row:03}{random.randrange(10):02}", f"9199100{row:03}60"
