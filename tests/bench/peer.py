"""Calls through aioari, unpatched, in a virtual environment and a process of its own."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from docker.choices import LAB
from tests.bench.lab import SCRATCH, Lab, say
from tests.bench.pace import Batch

WANTED = "aioari==0.10.2"
HOME = LAB / "aioari"
PYTHON = HOME / "bin/python"
PROGRAM = Path(__file__).with_name("aioari_peer.py")
INSTALL_SECONDS = 300
STOP_SECONDS = 5


class Aioari:
    """Another asyncio library for the same work. It writes nothing: no intent, no CDR, no log."""

    name = "aioari"
    rates: tuple[float, ...] | None = (20.0,)

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self._process = process
        self._good = 0

    async def call(self, *, rate: float, seconds: float) -> Batch:
        """Have it place calls and see them end."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{rate} {seconds}\n".encode())
        told = await self.told()
        self._good = int(told["good"])
        return Batch(ids=[str(turn) for turn in range(int(told["calls"]))], behind_ms=told["behind_ms"])

    async def wrong(self, batch: Batch) -> list[str]:
        """Calls that it did not see through to the end."""
        return ["not seen through"] * (len(batch.ids) - self._good)

    def times_us(self, name: str) -> list[int]:
        """It does not say."""
        return []

    async def told(self) -> dict[str, float]:
        """Its next line."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: aioari's program has ended; see {SCRATCH / 'aioari.log'}")
        found: dict[str, float] = json.loads(line)
        return found


@contextlib.asynccontextmanager
async def aioari(lab: Lab) -> AsyncIterator[Aioari]:
    """The peer, connected, until the end of the block."""
    settings = {name: lab[name] for name in ("ARI_URL", "ARI_USER", "ARI_PASSWORD")}
    with (SCRATCH / "aioari.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PYTHON,
            PROGRAM,
            env=os.environ | settings,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        peer = Aioari(process)
        await peer.told()
        yield peer
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def installed() -> bool:
    """Whether it has its virtual environment, which is made on first use."""
    marker = HOME / "installed"
    if marker.exists() and marker.read_text() == WANTED:
        return True
    say(f"installing {WANTED} into {HOME.relative_to(LAB.parent)} (the peer; nothing else uses it)")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    pip = [HOME / "bin/pip", "install", "--quiet", "--disable-pip-version-check", WANTED]
    with (SCRATCH / "aioari-pip.log").open("wb") as log:
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(HOME)], check=True, stdout=log, stderr=log)
            subprocess.run([*map(str, pip)], check=True, stdout=log, stderr=log, timeout=INSTALL_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            say(f"cannot install it: no peer. See {log.name}")
            return False
    marker.write_text(WANTED)
    return True


def versions() -> str:
    """What the peer runs on."""
    freeze = subprocess.run(
        [PYTHON, "-m", "pip", "list", "--format=freeze"], check=True, capture_output=True, text=True
    )
    return ", ".join(line for line in freeze.stdout.split() if line.startswith(("aioari=", "aiohttp=")))
