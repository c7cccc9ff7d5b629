"""One call's RTP with G.711 u-law: what arrived and when, and what is sent."""

import asyncio
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

Address = tuple[str, int]

PCMU = 0
TELEPHONE_EVENT = 101
RTCP = range(192, 224)  # RFC 5761: where RTP has its marker and payload type
FRAME = 160
FRAME_SECONDS = 0.020


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet received at a wall-clock time."""

    at: float
    payload_type: int
    timestamp: int
    payload: bytes


class Rtp(asyncio.DatagramProtocol):
    """A socket that keeps every packet it receives."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.sequence = 0

    @classmethod
    async def open(cls) -> Self:
        loop = asyncio.get_running_loop()
        _, rtp = await loop.create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        return rtp

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        _, kind, _, stamp, _ = struct.unpack_from("!BBHII", data)
        if kind in RTCP:  # meant for the port above another call's
            return
        self.packets.append(Packet(time.time(), kind & 0x7F, stamp, data[12:]))

    def send(self, payload: bytes, peer: Address) -> None:
        """Send one frame, stamped with the time it is sent at."""
        self.sequence += 1
        stamp = round(time.time() / FRAME_SECONDS) * FRAME % 2**32
        header = struct.pack("!BBHII", 0x80, PCMU, self.sequence % 2**16, stamp, self.port)
        self.transport.sendto(header + payload, peer)

    def send_event(self, key: int, frames: int, peer: Address, *, begun: int, last: bool) -> None:
        """Send one packet of a key that is held (RFC 4733), begun at that timestamp, for so many frames until now."""
        self.sequence += 1
        header = struct.pack("!BBHII", 0x80, TELEPHONE_EVENT, self.sequence % 2**16, begun, self.port)
        self.transport.sendto(header + struct.pack("!BBH", key, 0x80 * last | 10, frames * FRAME), peer)


def linear(byte: int) -> int:
    """One u-law byte as a sample (ITU-T G.711)."""
    byte = ~byte & 0xFF
    magnitude = (((byte & 0x0F) << 3) + 0x84 << ((byte & 0x70) >> 4)) - 0x84
    return -magnitude if byte & 0x80 else magnitude


LINEAR = [linear(byte) for byte in range(256)]


def ulaw(sample: int) -> int:
    """One sample as a u-law byte."""
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32635) + 0x84
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> exponent + 3 & 0x0F) & 0xFF


def encoded_frames(samples: Sequence[int]) -> Iterator[bytes]:
    for at in range(0, len(samples), FRAME):
        yield bytes(ulaw(sample) for sample in samples[at : at + FRAME])
