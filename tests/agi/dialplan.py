"""A dialplan that asks by FastAGI, over a real socket and in Asterisk's words."""

import asyncio
import re
import time
from dataclasses import dataclass, field

from tests.agi.test_asked import lines

SET = re.compile(rb'SET VARIABLE ([A-Z_]+) "([A-Za-z0-9_.+-]*)"\n')


@dataclass(slots=True)
class Channel:
    """What the engine has set on the channel, and how long it took from the question on."""

    variables: dict[str, str] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def status(self) -> str:
        return self.variables.get("LEGWORK_STATUS", "")


async def ask(port: int, script: str, *, reply: bytes = b"200 result=1\n", **environment: str) -> Channel:
    """What AGI(agi://127.0.0.1:PORT/SCRIPT) comes to."""
    channel = Channel()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    try:
        writer.write((lines(script, **environment) + "\n\n").encode())
        while command := await reader.readline():
            found = SET.fullmatch(command)
            assert found, command
            channel.variables[found[1].decode()] = found[2].decode()
            channel.order.append(found[1].decode())
            channel.seconds = time.perf_counter() - began
            writer.write(reply)
    finally:
        writer.close()
    return channel
