"""The engine under test: started by us, restarted as systemd would, and asked whether it is ready."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time

import aiohttp

from docker import engines

RESTART_SECONDS = 0.5  # systemd's RestartSec
POLL_SECONDS = 0.02
READY_SECONDS = 40.0
STOP_SECONDS = 40.0  # a drain waits for what rings
PROBE_SECONDS = 1.0


class Engine:
    """Node 1's engine. `first` is told to its first start only, `second` to the one after its first death."""

    def __init__(self, told: dict[str, str], *, first: dict[str, str], second: dict[str, str]) -> None:
        self._told = told
        self._extras = [first, second]
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = True
        self.started_at = 0.0
        self.deaths: list[float] = []
        self.url = f"http://127.0.0.1:{told['LEGWORK_HTTP_PORT']}"

    @property
    def pid(self) -> int:
        """Its process id now."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; nobody waits until it is ready."""
        extra = self._extras.pop(0) if self._extras else {}
        self.started_at = time.time()
        self._process = engines.start(1, self._told | extra)

    async def keep(self) -> None:
        """Start it again, half a second after each death, for ever."""
        while True:
            assert self._process is not None
            alive_at = time.time()
            while self._process.poll() is None:
                alive_at = time.time()
                await asyncio.sleep(POLL_SECONDS)
            self.deaths.append(alive_at)  # at the earliest: on a busy machine we may hear of it late
            if not self._wanted:
                return
            await asyncio.sleep(RESTART_SECONDS)
            self.start()

    async def died(self, times: int, *, seconds: float) -> bool:
        """Wait for its so-manieth death; whether it came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self.deaths) < times:
                    await asyncio.sleep(POLL_SECONDS)
        return len(self.deaths) >= times

    async def ready(self) -> float:
        """When /readyz says yes, from now on; raises `TimeoutError` after 40 s."""
        async with asyncio.timeout(READY_SECONDS):
            while not await self.says_ready():
                await asyncio.sleep(POLL_SECONDS)
        return time.time()

    async def says_ready(self) -> bool:
        """What /readyz says now; one that does not answer within a second is not."""
        timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{self.url}/readyz") as reply:
                return reply.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    async def stop(self) -> None:
        """End it for good."""
        self._wanted = False
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        assert self._process is not None
        await asyncio.to_thread(self._process.wait)
        engines.pid_file(1).unlink(missing_ok=True)
