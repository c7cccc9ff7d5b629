"""The unit, and what an engine tells systemd: a real process, a notify socket of our own, a server as Asterisk."""

import asyncio
import contextlib
import ctypes
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.ari.fake import FakeAsterisk
from tests.store.conftest import database_url

__all__ = ["database_url"]

ROOT = Path(__file__).resolve().parents[1]
UNIT = ROOT / "systemd/legwork.service"
LEGWORK = ROOT / ".venv/bin/legwork"
READY_SECONDS = 20
AUTH = secrets.token_hex(16)
ACCOUNTS = """
[[route]]
prefix = "91"
endpoints = ["PJSIP/{number}@carrier"]
[[account]]
id = "account_1"
name = "Demo shop"
region = "IN"
allowed_regions = ["IN"]
caller_ids = ["15168148111"]
requests_per_destination = 0
credentials.cpaas = { auth = "env:CPAAS_AUTH" }
"""
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1  # MemoryDenyWriteExecute= in newer systemd; inherited


# -- the unit --------------------------------------------------------------------------------


def settings_of(unit: Path) -> list[tuple[str, str]]:
    lines = (line for line in unit.read_text().splitlines() if not line.startswith(("#", "[")))
    return [(name, value) for name, equals, value in (line.partition("=") for line in lines) if equals]


def test_the_unit_exposes_little(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    assert analyze, "docker/setup --with-clients installs systemd for this"
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SYSTEMD_COLORS": "0"},
    )
    exposure = re.search(r"Overall exposure level for legwork.service: ([0-9.]+)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert float(exposure[1]) < 3


def test_the_unit_has_what_the_engine_counts_on() -> None:
    settings = settings_of(UNIT)
    unit = dict(settings)
    assert unit["Type"] == "notify"
    assert unit["Restart"] == "always"
    assert unit["KillMode"] == "mixed"
    assert float(unit["WatchdogSec"]) >= 4  # it beats every 2 s
    assert "Requires" not in unit  # it outlives Asterisk's and Postgres's restarts
    assert {"asterisk.service", "postgresql.service"} <= set(unit["After"].split())
    filters = [value for name, value in settings if name == "SystemCallFilter"]
    assert filters[-1] == "setpriority"  # without it no voice speaks: it is among @resources
    loaded = {value.partition(":")[0] for name, value in settings if name == "LoadCredential"}
    assert loaded == {"LEGWORK_ARI_PASSWORD", "LEGWORK_SECRET_KEY", "DATABASE_URL"}
    assert unit["OOMPolicy"] == "continue"  # a program that is killed does not end the engine
    assert unit["ReadWritePaths"] == "-/var/spool/asterisk/recording"  # they are repaired, and deleted


def test_in_the_containers_recordings_are_repaired_and_deleted_too() -> None:
    compose = (ROOT / "docker/compose.yml").read_text()
    mounted = re.findall(r"- recordings:/var/spool/asterisk/recording(\S*)", compose)
    assert mounted == ["", ""]  # Asterisk's and the engine's


# -- the engine ------------------------------------------------------------------------------


@dataclass(slots=True)
class Notices:
    """What systemd would have been told, with when."""

    sock: socket.socket
    told: list[tuple[float, dict[str, str]]] = field(default_factory=list)

    async def until(self, name: str, value: str | None = None, *, seconds: float = READY_SECONDS) -> dict[str, str]:
        """The next notice that says this."""
        async with asyncio.timeout(seconds):
            while True:
                text = (await asyncio.get_running_loop().sock_recv(self.sock, 4096)).decode()
                notice = dict(line.split("=", 1) for line in text.splitlines())
                self.told.append((time.monotonic(), notice))
                if notice.get(name) == (value or notice.get(name, "")) and name in notice:
                    return notice

    def forget(self) -> None:
        """What was told and not read yet."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.sock.recv(4096)

    def says(self, name: str) -> bool:
        return any(name in notice for _, notice in self.told)


@asynccontextmanager
async def notices(folder: Path) -> AsyncIterator[Notices]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(folder / "notify"))
        sock.setblocking(False)
        yield Notices(sock)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def credentials(folder: Path, database_url: str) -> Path:
    """What systemd makes of LoadCredential=."""
    folder = folder / "credentials"
    folder.mkdir()
    for name, secret in {
        "LEGWORK_ARI_PASSWORD": secrets.token_hex(16) + "\n",
        "LEGWORK_SECRET_KEY": secrets.token_hex(32) + "\n",
        "DATABASE_URL": database_url + "\n",
    }.items():
        (folder / name).write_text(secret)
        (folder / name).chmod(0o400)
    return folder


def _as_the_unit() -> None:
    """MemoryDenyWriteExecute=, where the kernel has it."""
    ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)


@asynccontextmanager
async def engine(told: Mapping[str, str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """An engine that knows nothing but what it is told."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            LEGWORK, "run", env=dict(told), stdout=out, stderr=out, cwd=log.parent, preexec_fn=_as_the_unit
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def environment(folder: Path, ari_url: str, http: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "NOTIFY_SOCKET": str(folder / "notify"),
        "CREDENTIALS_DIRECTORY": str(folder / "credentials"),
        "LEGWORK_NODE": "n1",
        "LEGWORK_ARI_URL": ari_url,
        "LEGWORK_HTTP_PORT": str(http),
        "LEGWORK_AGI_PORT": "0",
        "LEGWORK_STATE_DIR": str(folder / "state"),
        "LEGWORK_VOICES": "espeak",
    }


async def apply(told: Mapping[str, str], folder: Path) -> None:
    (folder / "accounts.toml").write_text(ACCOUNTS)
    process = await asyncio.create_subprocess_exec(
        LEGWORK, "apply", str(folder / "accounts.toml"), env={**told, "CPAAS_AUTH": AUTH}, stdout=subprocess.DEVNULL
    )
    assert await process.wait() == 0


async def ring(url: str) -> str:
    """A call whose agent rings; its id."""
    headers = {"account": "account_1", "auth": AUTH}
    body = {"agent_number": "919910000101", "destination_number": "919910000202", "caller_id": "15168148111"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{url}/api/click2call", json=body) as reply,
    ):
        response = (await reply.json())["response"]
    assert response["success"] == "true", response
    return str(response["request_id"])


async def answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.get(url) as reply:
            return reply.status == 200
    except aiohttp.ClientError:
        return False


async def one_leg_over(asterisk: FakeAsterisk, call_id: str) -> None:
    """The agent is busy."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())
    channel = {"id": f"n1-{call_id}.a1", "state": "Down", "creationtime": stamp}
    await asterisk.send({"type": "ChannelDestroyed", "timestamp": stamp, "channel": channel, "cause": 17})


@pytest.mark.asyncio(loop_scope="function")
async def test_ready_watchdog_stopping_and_the_drain(database_url: str, tmp_path: Path) -> None:
    credentials(tmp_path, database_url)
    http = free_port()
    async with FakeAsterisk.run() as asterisk, notices(tmp_path) as systemd:
        asterisk.reply("GET channels", 200, [])
        asterisk.reply("GET bridges", 200, [])
        told = environment(tmp_path, asterisk.url, http)
        await apply(told, tmp_path)
        async with engine(told, tmp_path / "log") as process:
            await systemd.until("READY", "1")
            assert await answers(f"http://127.0.0.1:{http}/healthz")  # it serves when it says so
            await systemd.until("WATCHDOG", "1")
            await systemd.until("WATCHDOG", "1")
            first, second = [at for at, notice in systemd.told if "WATCHDOG" in notice][-2:]
            assert 1 < second - first < 5  # WatchdogSec is 10
            assert (await systemd.until("STATUS"))["STATUS"] == "ready: 0 calls, 0 legs"
            call_id = await ring(f"http://127.0.0.1:{http}")
            process.send_signal(signal.SIGTERM)
            stopping = await systemd.until("STOPPING", "1")
            assert int(stopping["EXTEND_TIMEOUT_USEC"]) >= 10e6
            beat = await systemd.until("WATCHDOG", "1")  # it drains, and asks for time
            assert int(beat["EXTEND_TIMEOUT_USEC"]) >= 10e6
            assert beat["STATUS"].startswith("draining: 1 calls")
            assert process.returncode is None
            await one_leg_over(asterisk, call_id)  # nothing rings any more
            assert await asyncio.wait_for(process.wait(), 10) == 0
    log = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert not [line for line in log if line["level"] in ("error", "critical")]


@pytest.mark.asyncio(loop_scope="function")
async def test_no_ready_before_postgres_answers(tmp_path: Path) -> None:
    credentials(tmp_path, f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    http = free_port()
    told = environment(tmp_path, "http://127.0.0.1:9", http)
    async with notices(tmp_path) as systemd, engine(told, tmp_path / "log") as process:
        waiting = await systemd.until("EXTEND_TIMEOUT_USEC")
        assert waiting["STATUS"] == "waiting for Postgres"
        await systemd.until("EXTEND_TIMEOUT_USEC")
        assert not systemd.says("READY")
        assert not await answers(f"http://127.0.0.1:{http}/healthz")
        assert process.returncode is None


@pytest.mark.asyncio(loop_scope="function")
async def test_a_loop_that_stands_still_does_not_beat(database_url: str, tmp_path: Path) -> None:
    credentials(tmp_path, database_url)
    async with FakeAsterisk.run() as asterisk, notices(tmp_path) as systemd:
        told = environment(tmp_path, asterisk.url, free_port())
        async with engine(told, tmp_path / "log") as process:
            await systemd.until("READY", "1")
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.1)
            systemd.forget()
            with pytest.raises(TimeoutError):
                await systemd.until("WATCHDOG", seconds=3)  # it takes 2
            process.send_signal(signal.SIGCONT)
            await systemd.until("WATCHDOG", "1", seconds=8)
