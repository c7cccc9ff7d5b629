"""What goes over the wire between our PBX and the carrier: SIP, and RTP where asked for. Needs root."""

import asyncio
import ctypes
import socket
import struct
from dataclasses import dataclass, field
from typing import Self

from tests.live.lab import settings
from tests.live.phone import Message, parse

ETH_P_IP = 0x0800
SO_ATTACH_FILTER = 26
SO_TIMESTAMPNS = 35
SNAP_BYTES = 65535
OUTGOING = 4
BUFFER_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Datagram:
    """One UDP datagram with the kernel's time."""

    at: float
    source: int
    destination: int
    payload: bytes


@dataclass(slots=True)
class Wire:
    """Every SIP message between PBX and carrier since `open`, in order; `rtp` holds the rest where asked for."""

    tap: socket.socket
    port: int
    messages: list[Message] = field(default_factory=list)
    rtp: list[Datagram] = field(default_factory=list)

    @classmethod
    def open(cls, *, rtp: bool = False) -> Self:
        """Start listening on the loopback interface, within a running loop."""
        port = int(settings()["CARRIER_SIP"].rpartition(":")[2])
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        _attach(tap, udp_filter(None if rtp else port))
        tap.bind(("lo", ETH_P_IP))
        tap.setblocking(False)
        wire = cls(tap, port)
        asyncio.get_running_loop().add_reader(tap, wire._read)
        return wire

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self.tap)
        self.tap.close()

    def dialog(self, number: str) -> list[Message]:
        """The messages of the first call to that number, either way, in order."""
        invite = next(m for m in self.messages if m.first_line.startswith(f"INVITE sip:{number}@"))
        return [m for m in self.messages if m.headers["call-id"] == invite.headers["call-id"]]

    def dialled(self, number: str) -> int:
        """How many calls the number was rung for."""
        line = f"INVITE sip:{number}@"
        return len({m.headers["call-id"] for m in self.messages if m.first_line.startswith(line)})

    def _read(self) -> None:
        while True:
            try:
                packet, ancillary, _, address = self.tap.recvmsg(SNAP_BYTES, 64)
            except BlockingIOError:
                return
            if address[2] == OUTGOING:  # loopback shows each packet twice
                continue
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
            offset = (packet[0] & 0xF) * 4
            source, destination = struct.unpack_from("!HH", packet, offset)
            self._take(Datagram(seconds + nanoseconds / 1e9, source, destination, packet[offset + 8 :]))

    def _take(self, datagram: Datagram) -> None:
        if self.port not in (datagram.source, datagram.destination):
            self.rtp.append(datagram)
            return
        message = parse(datagram.payload)
        if "cseq" in message.headers:
            sent = datagram.destination == self.port
            self.messages.append(Message(datagram.at, sent, message.first_line, message.headers, message.body))


def first(messages: list[Message], line: str) -> Message:
    """The first of these messages whose first line starts like this (`BYE`, `SIP/2.0 200`)."""
    return next(m for m in messages if m.first_line.startswith(line))


def answer(messages: list[Message]) -> Message:
    """The 200 OK to the INVITE."""
    return next(m for m in messages if m.status == 200 and m.method == "INVITE")


def udp_filter(port: int | None) -> list[tuple[int, int, int, int]]:
    """A classic BPF program: UDP only, from or to that port where one is given."""
    if port is None:
        return [(0x30, 0, 0, 9), (0x15, 0, 1, 17), (0x06, 0, 0, SNAP_BYTES), (0x06, 0, 0, 0)]
    return [
        (0x30, 0, 0, 9),  # the protocol
        (0x15, 0, 6, 17),  # is UDP
        (0xB1, 0, 0, 0),  # X = the header's length
        (0x48, 0, 0, 0),  # the source port
        (0x15, 2, 0, port),
        (0x48, 0, 0, 2),  # the destination port
        (0x15, 0, 1, port),
        (0x06, 0, 0, SNAP_BYTES),
        (0x06, 0, 0, 0),
    ]


def _attach(tap: socket.socket, program: list[tuple[int, int, int, int]]) -> None:
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(program), ctypes.addressof(buffer)))
