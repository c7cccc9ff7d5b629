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
CALLER_ID = "15168148111"
ENDED_SECONDS = 15
POLL_SECONDS = 0.05


@dataclass(slots=True)
class Call:
    """Two legs and their bridge."""

    destination_number: str
    agent: Any = None
    bridge: Any = None


class Calls:
    """The same call as Legwork's, with what each party hears.

    Agent first; when it answers, the destination, whose early media the agent hears, muted until the
    answer; the end of one ends the other. Nine requests: only the agent's create and dial are one here.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.live: dict[str, Call] = {}
        self.legs: dict[str, str] = {}  # channel -> call
        self.good = 0
        client.on_channel_event("StasisStart", self.started)
        client.on_channel_event("ChannelStateChange", self.changed)
        client.on_channel_event("ChannelDestroyed", self.ended)

    async def place(self, call_id: str, agent: str, destination: str) -> None:
        """Ring the agent."""
        self.live[call_id] = Call(destination)
        await self.client.channels.originate(
            endpoint=f"PJSIP/{agent}@carrier", app=APP, appArgs=f"agent,{call_id}", callerId=CALLER_ID, timeout=30
        )

    async def started(self, objects: dict[str, Any], event: dict[str, Any]) -> None:
        """The agent has answered, or the destination's leg is there to be dialled."""
        leg = objects["channel"]
        side, call_id = event["args"]
        call = self.live[call_id]
        self.legs[leg.id] = call_id
        if side == "agent":
            call.agent = leg
            call.bridge = await self.client.bridges.create(type="mixing,dtmf_events")
            await leg.mute(direction="in")
            await self.client.channels.create(
                endpoint=f"PJSIP/{call.destination_number}@carrier",
                app=APP,
                appArgs=f"destination,{call_id}",
                originator=leg.id,
            )
        else:
            await call.bridge.addChannel(channel=f"{call.agent.id},{leg.id}")
            await leg.dial(caller=call.agent.id, timeout=30)

    async def changed(self, leg: Any, event: dict[str, Any]) -> None:
        """The destination has answered: both talk."""
        call = self.live.get(self.legs.get(leg.id, ""))
        if call is not None and leg.id != call.agent.id and event["channel"]["state"] == "Up":
            await call.agent.unmute(direction="in")

    async def ended(self, leg: Any, event: dict[str, Any]) -> None:
        """End the call when its destination leaves."""
        call_id = self.legs.pop(leg.id, "")
        call = self.live.get(call_id)
        if call is None or call.agent is None or leg.id == call.agent.id:
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
