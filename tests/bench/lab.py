"""The running lab, as the benchmark sees it: its addresses, its processes, its carrier."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from docker import containers
from docker.choices import LAB, NAME, ROOT
from docker.lab import ENV_FILE


@dataclass(frozen=True, slots=True)
class Lab:
    """What `make up` wrote down."""

    env: dict[str, str]

    @classmethod
    def read(cls) -> "Lab":
        """The lab of this checkout."""
        if not ENV_FILE.exists():
            raise SystemExit("bench: there is no lab; run `make up` first")
        return cls(dict(line.split("=", 1) for line in ENV_FILE.read_text().splitlines()))

    def __getitem__(self, name: str) -> str:
        return self.env[name]

    @property
    def engine(self) -> int:
        """The engine's process id."""
        return int(Path(self["ENGINE_PID_FILE"]).read_text())

    @property
    def asterisk(self) -> int:
        """The PBX's process id, as the host sees it."""
        return int(containers.call("inspect", "--format={{.State.Pid}}", f"{NAME}-n1"))

    def ari(self) -> aiohttp.ClientSession:
        """HTTP to the PBX's ARI."""
        headers = {"Authorization": aiohttp.encode_basic_auth(self["ARI_USER"], self["ARI_PASSWORD"])}
        return http(self["ARI_URL"], headers)

    def api(self) -> aiohttp.ClientSession:
        """HTTP to the engine, as `account_1`."""
        return http(self["LEGWORK_URL"], {"account": self["CPAAS_ACCOUNT"], "auth": self["CPAAS_AUTH"]})


def http(url: str, headers: dict[str, str]) -> aiohttp.ClientSession:
    """A client that keeps as many connections as it needs, none idle for long."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=10)
    return aiohttp.ClientSession(url, headers=headers, connector=connector, timeout=aiohttp.ClientTimeout(total=15))


@contextlib.contextmanager
def carried_by(address: str) -> Iterator[None]:
    """The lab with its trunk at `address`; with the lab's own carrier again afterwards."""
    up(CARRIER=address)
    try:
        yield
    finally:
        up()


def up(**told: str) -> None:
    """`make up`, told this on top."""
    environment = {name: value for name, value in os.environ.items() if name != "CARRIER"}
    subprocess.run([sys.executable, "-m", "docker.lab", "up"], cwd=ROOT, env=environment | told, check=True)


def say(line: str) -> None:
    """Progress, one line a fact."""
    print(f"bench: {line}", flush=True)


SCRATCH = LAB / "bench"
