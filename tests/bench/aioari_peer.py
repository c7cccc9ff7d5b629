"""The same call with aioari as it comes from PyPI: a program of its own, which `peer.py` runs.

Each line of its standard input, a rate and seconds, makes that many calls; each line of its standard
output says what became of them. It keeps no record of anything.
"""

import asyncio
import json
import os
import secrets
import sys
import time
from dataclasses import dataclass
from typing import Any

import aioari  # type: ignore[import-not-found]

APP = "bench-aioari"
ENDED_SECONDS = 15
POLL_SECONDS = 0.05


@dataclass(slots=True)
class Call:
    """Two legs and their bridge."""

    destination_number: str
    agent: Any = None
    destination: Any = None
    bridge: Any = None


class Calls:
    """Agent first; when it answers, the destination; both in a bridge; the end of one ends the other."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.live: dict[str, Call] = {}
        self.legs: dict[str, str] = {}  # channel -> call
        self.good = 0
        client.on_channel_event("StasisStart", self.answered)
        client.on_channel_event("StasisEnd", self.left)

    async def place(self, call_id: str, agent: str, destination: str) -> None:
        """Ring the agent."""
        self.live[call_id] = Call(destination)
        await self.dial(agent, f"agent,{call_id}")

    async def dial(self, number: str, arguments: str, **more: str) -> None:
        """Ring one party."""
        endpoint = f"PJSIP/{number}@carrier"
        await self.client.channels.originate(
            endpoint=endpoint, app=APP, appArgs=arguments, callerId="15168148111", timeout=30, **more
        )

    async def answered(self, objects: dict[str, Any], event: dict[str, Any]) -> None:
        """Bridge a leg; after the agent's, ring the destination."""
        leg = objects["channel"]
        side, call_id = event["args"]
        call = self.live[call_id]
        self.legs[leg.id] = call_id
        if side == "agent":
            call.agent = leg
            call.bridge = await self.client.bridges.create(type="mixing")
            await call.bridge.addChannel(channel=leg.id)
            await self.dial(call.destination_number, f"destination,{call_id}", originator=leg.id)
        else:
            call.destination = leg
            await call.bridge.addChannel(channel=leg.id)

    async def left(self, leg: Any, event: dict[str, Any]) -> None:
        """End the call when its destination leaves."""
        call_id = self.legs.pop(leg.id)
        call = self.live.get(call_id)
        if call is None or leg.id == call.agent.id:
            return
        del self.live[call_id]
        self.good += 1
        await call.agent.hangup()
        await call.bridge.destroy()

    async def batch(self, rate: float, seconds: float) -> dict[str, float]:
        """Make calls at a steady rate and see them end."""
        self.good, behind_ms, first = 0, 0.0, time.monotonic()
        calls = round(rate * seconds)
        async with asyncio.TaskGroup() as tasks:
            for turn in range(calls):
                due = first + turn / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                behind_ms = max(behind_ms, 1000 * (time.monotonic() - due))
                row = f"9199100{turn % 1000:03}"
                tasks.create_task(self.place(secrets.token_hex(5), row + "01", row + "60"))
        for _ in range(round(ENDED_SECONDS / POLL_SECONDS)):
            if not self.live and not self.legs:
                break
            await asyncio.sleep(POLL_SECONDS)
        return {"calls": calls, "good": self.good, "behind_ms": behind_ms}


async def main() -> None:
    """Serve the standard input."""
    client = await aioari.connect(os.environ["ARI_URL"], os.environ["ARI_USER"], os.environ["ARI_PASSWORD"])
    calls = Calls(client)
    events = asyncio.create_task(client.run(apps=APP), name="events")
    await asyncio.sleep(1)
    print(json.dumps({"ready": True}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        rate, seconds = map(float, line.split())
        print(json.dumps(await calls.batch(rate, seconds)), flush=True)
    events.cancel()
    await client.close()


if __name__ == "__main__":
    asyncio.run(main())
