"""The running engine, as its users see it: the HTTP API, the command line, what is left in Asterisk."""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.live.lab import settings

ROOT = Path(__file__).resolve().parents[2]
LEGWORK = ROOT / ".venv/bin/legwork"
CALLER_ID = "15168148111"
POLL_SECONDS = 0.1


@dataclass(slots=True)
class Api:
    """account_1's client."""

    http: aiohttp.ClientSession
    url: str

    @classmethod
    async def open(cls) -> Self:
        """A client with account_1's headers."""
        lab = settings()
        headers = {"account": lab["CPAAS_ACCOUNT"], "auth": lab["CPAAS_AUTH"]}
        return cls(aiohttp.ClientSession(headers=headers), lab["LEGWORK_URL"])

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """The status and the `response` of a request."""
        async with self.http.post(self.url + path, json=body) as reply:
            return reply.status, (await reply.json())["response"]

    async def get(self, path: str) -> Any:
        """The `response` of a request."""
        async with self.http.get(self.url + path) as reply:
            return (await reply.json())["response"]

    async def call(self, agent: str, destination: str, **more: str) -> str:
        """Start a call; its request id."""
        body = {"agent_number": agent, "destination_number": destination, "caller_id": CALLER_ID, **more}
        status, response = await self.post("/api/click2call", body)
        assert (status, response["success"]) == (200, "true"), response
        request_id: str = response["request_id"]
        return request_id

    async def cdr(self, request_id: str, *, seconds: float = 60) -> dict[str, Any]:
        """The call's CDR, once there is one."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            _, response = await self.post("/api/get_cdr_by_request_id", {"request_id": request_id})
            if response["result"]:
                found: dict[str, Any] = response["result"][0]
                return found
            await asyncio.sleep(POLL_SECONDS)
        raise AssertionError(f"no CDR of {request_id} within {seconds} s")


async def legwork(*arguments: str) -> tuple[int, str]:
    """Run the command line as an operator would; exit code and what it printed."""
    environment = ROOT / ".lab/lab.env"
    process = await asyncio.create_subprocess_exec(
        LEGWORK,
        "--env",
        str(environment),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def make_up() -> str:
    """What `make up` does once everything is installed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "docker.lab",
        "up",
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def ari(path: str) -> Any:
    """What Asterisk itself says."""
    lab = settings()
    headers = {"Authorization": aiohttp.encode_basic_auth(lab["ARI_USER"], lab["ARI_PASSWORD"])}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{lab['ARI_URL']}/ari/{path}") as reply:
        return await reply.json()


async def left_in_asterisk(call_ids: set[str]) -> list[str]:
    """The channels and bridges of these calls that Asterisk still has."""
    things = [*await ari("channels"), *await ari("bridges")]
    return [thing["id"] for thing in things if any(call_id in thing["id"] for call_id in call_ids)]


def log_lines(call_id: str) -> list[dict[str, Any]]:
    """The engine's log lines of one call."""
    lines = Path(settings()["ENGINE_LOG"]).read_text().splitlines()
    return [json.loads(line) for line in lines if f'"call":"{call_id}"' in line]
