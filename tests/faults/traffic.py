"""The customers: they ask for calls when the plan says so, and remember what they were told."""

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

import aiohttp

from tests.faults.plan import PlannedCall
from tests.live.engine import CALLER_ID

Told = Literal["accepted", "refused", "unsent", "unknown"]
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and its answer: accepted under an id, refused with a status, never sent, or nobody knows."""

    agent: str
    customer: str
    at: float
    told: Told
    status: int = 0
    request_id: str = ""


async def ask_all(http: aiohttp.ClientSession, url: str, calls: tuple[PlannedCall, ...]) -> list[Asked]:
    """Ask for each call at its time, from now."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(_ask_at(http, url, call, began), name=f"ask {call.agent}") for call in calls]
    return [task.result() for task in asking]


async def _ask_at(http: aiohttp.ClientSession, url: str, call: PlannedCall, began: float) -> Asked:
    await asyncio.sleep(max(0.0, began + call.at - time.monotonic()))
    return await ask(http, url, call.agent, call.customer)


async def ask(http: aiohttp.ClientSession, url: str, agent: str, customer: str) -> Asked:
    """Ask for one call."""
    body = {"agent_number": agent, "destination_number": customer, "caller_id": CALLER_ID}
    at = time.time()
    try:
        async with http.post(f"{url}/api/click2call", json=body) as reply:
            answer = await reply.json()
            if reply.status == 200:
                return Asked(agent, customer, at, "accepted", 200, answer["response"]["request_id"])
            return Asked(agent, customer, at, "refused", reply.status)
    except aiohttp.ClientConnectorError:
        return Asked(agent, customer, at, "unsent")
    except (aiohttp.ClientError, OSError, TimeoutError):
        return Asked(agent, customer, at, "unknown")
