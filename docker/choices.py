"""What a checkout's lab chooses once and keeps: where it lies, its ports, its secrets."""

import contextlib
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / ".lab"
NAME = "legwork-" + hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
CHOICES = LAB / "choices.json"

# Blocks of ports below the ephemeral range (32768): one block a lab.
BLOCKS = range(9900, 32700, 5700)
SIGNALLING_PORTS = 100
CARRIER_RTP_PORTS = 2000
PBX_RTP_PORTS = 1800  # 400 calls of two legs and their RTCP, and some room

SECRETS = (
    "ARI_PASSWORD",
    "CPAAS_AUTH",
    "CPAAS_AUTH_2",
    "SARV_TOKEN",
    "SARV_TOKEN_2",
    "SARV_VOICE_TOKEN",
    "SARV_VOICE_TOKEN_2",
    "MOR_SECRET",
    "MOR_SECRET_2",
    "WOLKVOX_TOKEN",
    "WOLKVOX_TOKEN_2",
    "LEGWORK_SECRET_KEY",
)


@dataclass(frozen=True, slots=True)
class Choices:
    """The first port of the lab's block, and a secret for each name."""

    first_port: int
    secrets: dict[str, str]

    @property
    def carrier_sip(self) -> int:
        return self.first_port

    def pbx_sip(self, node: int) -> int:
        return self.first_port + node

    def ari(self, node: int) -> int:
        return self.first_port + 10 + node

    def phone_sip(self, extension: int) -> int:
        """Where that extension's phone calls from, when a test plays it."""
        return self.first_port + extension - 51

    def http(self, node: int) -> int:
        return self.first_port + 20 + node

    def agi(self, node: int) -> int:
        return self.first_port + 30 + node

    @property
    def carrier_rtp(self) -> range:
        start = self.first_port + SIGNALLING_PORTS
        return range(start, start + CARRIER_RTP_PORTS)

    def pbx_rtp(self, node: int) -> range:
        start = self.carrier_rtp.stop + (node - 1) * PBX_RTP_PORTS
        return range(start, start + PBX_RTP_PORTS)


def read() -> Choices | None:
    """The choices made so far, None before the first `make up`; a secret they lack is chosen now."""
    if not CHOICES.exists():
        return None
    kept = Choices(**json.loads(CHOICES.read_text()))
    return kept if kept.secrets.keys() >= set(SECRETS) else _written(kept.first_port, kept.secrets)


def make(*, keep: Choices | None) -> Choices:
    """Choose a free block of ports, and secrets where none are kept; write both down."""
    return _written(free_block(), keep.secrets if keep else {})


def _written(first_port: int, known: dict[str, str]) -> Choices:
    choices = Choices(first_port, {name: known.get(name) or secrets.token_hex(16) for name in SECRETS})
    write(CHOICES, json.dumps(asdict(choices), indent=2))
    return choices


def free_block() -> int:
    """The first block, counted from one that depends on the checkout, with no port in use."""
    turn = int(NAME.rpartition("-")[2], 16) % len(BLOCKS)
    for step in range(len(BLOCKS)):
        first = BLOCKS[(turn + step) % len(BLOCKS)]
        if ports_free(first):
            return first
    raise SystemExit("lab: no free block of ports; stop another checkout's lab with `make down`")


def ports_free(first: int) -> bool:
    """Whether nobody listens on any port of this block."""
    ports = range(first, first + BLOCKS.step)
    return all(bindable(port, socket.SOCK_DGRAM) for port in ports) and not taken(first)


def taken(first: int) -> list[int]:
    """The signalling ports of this block that somebody listens on."""
    ports = range(first, first + SIGNALLING_PORTS)
    kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    return [port for port in ports if not all(bindable(port, kind) for kind in kinds)]


def bindable(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:  # a connection in TIME_WAIT is nobody listening
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.touch(mode=mode)
    draft.write_text(text)
    os.replace(draft, path)


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """One `make up` or `make down` of a checkout at a time."""
    import fcntl

    LAB.mkdir(exist_ok=True)
    with (LAB / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("lab: waiting for another `make` of this checkout", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
