"""A SIP phone for tests: UDP on loopback, and every message it sees with its time."""

import asyncio
import math
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Self

from tests.live.rtp import FRAME_SECONDS, LINEAR, PCMU, TELEPHONE_EVENT, Address, Packet, Rtp, encoded_frames

KEYS = "0123456789*#ABCD"


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message, received or sent at a wall-clock time."""

    at: float
    sent: bool
    first_line: str
    headers: dict[str, str]
    body: str

    @property
    def status(self) -> int:
        """The code of a response, 0 for a request."""
        return int(self.first_line.split()[1]) if self.first_line.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """What is asked for, or what a response is about."""
        return self.headers["cseq"].split()[1]

    def bytes(self) -> bytes:
        lines = [self.first_line, *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join([*lines, f"content-length: {len(self.body)}", "", self.body]).encode()


def parse(datagram: bytes) -> Message:
    head, _, body = datagram.decode(errors="replace").partition("\r\n\r\n")
    first_line, *lines = head.split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    headers.pop("content-length", None)
    return Message(time.time(), False, first_line, headers, body)


@dataclass(slots=True)
class Call:
    """One call of the phone: its SIP messages, its RTP, and what may be done with it."""

    phone: "Phone"
    number: str
    id: str
    rtp: Rtp
    peer: Address
    messages: list[Message] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    invite: Message | None = None
    remote_rtp: Address | None = None
    cseq: int = 1

    # What was seen

    @property
    def packets(self) -> list[Packet]:
        """The RTP that arrived."""
        return self.rtp.packets

    @property
    def statuses(self) -> list[int]:
        """The codes of the responses to INVITE, each once, in order."""
        codes = [m.status for m in self.received if m.status and m.method == "INVITE"]
        return list(dict.fromkeys(codes))

    @property
    def received(self) -> list[Message]:
        return [message for message in self.messages if not message.sent]

    def first(self, status: int) -> Message:
        """The first response of this code to INVITE."""
        return next(m for m in self.received if m.status == status and m.method == "INVITE")

    @property
    def answered_at(self) -> float:
        return self.first(200).at

    @property
    def bye_at(self) -> float | None:
        """When the other side hung up."""
        return next((m.at for m in self.received if m.first_line.startswith("BYE")), None)

    @property
    def digits(self) -> list[tuple[float, str]]:
        """The keys pressed by the other side (RFC 4733): when each began, and which."""
        begun: dict[int, tuple[float, str]] = {}
        for packet in self.packets:
            if packet.payload_type == TELEPHONE_EVENT:
                begun.setdefault(packet.timestamp, (packet.at, KEYS[packet.payload[0]]))
        return list(begun.values())

    def audio(self, start: float, end: float) -> list[int]:
        """The samples that arrived between two wall-clock times, in order of arrival."""
        samples: list[int] = []
        for packet in self.packets:
            if packet.payload_type == PCMU and start <= packet.at < end:
                samples.extend(LINEAR[byte] for byte in packet.payload)
        return samples

    async def until(self, *statuses: int, seconds: float = 10) -> Message:
        """Wait for a response to INVITE of one of these codes."""
        async with asyncio.timeout(seconds):
            while not set(statuses) & set(self.statuses):
                self.changed.clear()
                await self.changed.wait()
        return next(self.first(status) for status in statuses if status in self.statuses)

    # What is done

    async def send_tone(self, hz: int, seconds: float) -> None:
        """Send a steady tone, in real time."""
        samples = (round(8000 * math.sin(2 * math.pi * hz * n / 8000)) for n in range(round(seconds * 8000)))
        loop = asyncio.get_running_loop()
        start = loop.time()
        for index, payload in enumerate(encoded_frames(list(samples))):
            await asyncio.sleep(start + index * FRAME_SECONDS - loop.time())
            assert self.remote_rtp, "nowhere to send audio to yet"
            self.rtp.send(payload, self.remote_rtp)

    async def press(self, keys: str) -> None:
        """Press these keys, 100 ms each, 100 ms apart."""
        assert self.remote_rtp, "nowhere to send keys to yet"
        for key in keys:
            begun = round(time.time() * 8000) % 2**32
            for frames in range(1, 6):
                self.rtp.send_event(KEYS.index(key), frames, self.remote_rtp, begun=begun, last=False)
                await asyncio.sleep(FRAME_SECONDS)
            for _ in range(3):
                self.rtp.send_event(KEYS.index(key), 5, self.remote_rtp, begun=begun, last=True)
            await asyncio.sleep(0.1)

    async def end(self) -> None:
        """Hang up, or give up where nobody answered yet; wait until the other side says so."""
        if any(status >= 300 for status in self.statuses) or self.bye_at:
            return
        order = "BYE" if 200 in self.statuses else "CANCEL"
        self.phone.request(self, order)
        async with asyncio.timeout(5):
            while not any(m.status >= 200 and m.method == order for m in self.received):
                self.changed.clear()
                await self.changed.wait()

    # What comes in

    def take(self, message: Message) -> None:
        self.messages.append(message)
        if message.status:
            self._take_response(message)
        elif not message.first_line.startswith("ACK"):
            self.phone.reply(self, message)
        self.changed.set()

    def _take_response(self, message: Message) -> None:
        if message.method != "INVITE":
            return
        if found := re.search(r"^m=audio (\d+) ", message.body, re.MULTILINE):
            self.remote_rtp = (self.peer[0], int(found[1]))
        if message.status >= 200:
            self.phone.acknowledge(self, message)


class Phone(asyncio.DatagramProtocol):
    """One SIP socket and the calls on it."""

    def __init__(self, caller: str, name: str = "") -> None:
        self.caller = caller
        self.name = name  # shown before the number, as it is
        self.calls: dict[str, Call] = {}

    @classmethod
    async def open(cls, caller: str = "919910088888", *, name: str = "", port: int = 0) -> Self:
        """A phone that shows this number."""
        loop = asyncio.get_running_loop()
        _, phone = await loop.create_datagram_endpoint(lambda: cls(caller, name), local_addr=("127.0.0.1", port))
        return phone

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport
        self.address: Address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: Address) -> None:
        message = parse(data)
        if call := self.calls.get(message.headers.get("call-id", "")):
            call.take(message)

    async def dial(self, number: str, peer: Address) -> Call:
        """Send an INVITE for this number; the call, before anything came back."""
        call = Call(self, number, secrets.token_hex(8), await Rtp.open(), peer)
        self.calls[call.id] = call
        self.request(call, "INVITE", body=offer(self.address[0], call.rtp.port))
        call.invite = call.messages[-1]
        return call

    def request(self, call: Call, method: str, body: str = "") -> None:
        """Send a request within a call; CANCEL speaks of the INVITE itself."""
        if method == "BYE":
            call.cseq += 1
        headers = {
            "via": self._via(),
            "max-forwards": "70",
            "from": f"{self.name}<sip:{self.caller}@{self.address[0]}>;tag={call.id}",
            "to": f"<sip:{call.number}@{call.peer[0]}:{call.peer[1]}>",
            "call-id": call.id,
            "cseq": f"{call.cseq} {method}",
            "contact": f"<sip:{self.caller}@{self.address[0]}:{self.address[1]}>",
        }
        if method == "CANCEL":
            assert call.invite
            headers["via"] = call.invite.headers["via"]
        if method == "BYE":
            headers["to"] = call.first(200).headers["to"]
        if body:
            headers["content-type"] = "application/sdp"
        uri = f"sip:{call.number}@{call.peer[0]}:{call.peer[1]}"
        self._send(call, Message(time.time(), True, f"{method} {uri} SIP/2.0", headers, body))

    def acknowledge(self, call: Call, response: Message) -> None:
        """ACK a final response: within the INVITE's transaction unless it is a 200."""
        assert call.invite
        headers = {
            "via": self._via() if response.status == 200 else call.invite.headers["via"],
            "max-forwards": "70",
            "from": response.headers["from"],
            "to": response.headers["to"],
            "call-id": call.id,
            "cseq": response.headers["cseq"].replace("INVITE", "ACK"),
        }
        line = call.invite.first_line.replace("INVITE", "ACK", 1)
        self._send(call, Message(time.time(), True, line, headers, ""))

    def reply(self, call: Call, request: Message) -> None:
        """Agree to whatever the other side asks for."""
        copied = ("via", "from", "to", "call-id", "cseq")
        headers = {name: request.headers[name] for name in copied}
        self._send(call, Message(time.time(), True, "SIP/2.0 200 OK", headers, ""))

    def _via(self) -> str:
        host, port = self.address
        return f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport"

    def _send(self, call: Call, message: Message) -> None:
        call.messages.append(message)
        self.transport.sendto(message.bytes(), call.peer)

    async def close(self) -> None:
        """End every call and close the sockets."""
        await asyncio.gather(*(call.end() for call in self.calls.values()))
        for call in self.calls.values():
            call.rtp.transport.close()
        self.transport.close()
        await asyncio.sleep(0)


def offer(host: str, port: int) -> str:
    lines = [
        "v=0",
        f"o=phone 1 1 IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {PCMU} {TELEPHONE_EVENT}",
        f"a=rtpmap:{PCMU} PCMU/8000",
        f"a=rtpmap:{TELEPHONE_EVENT} telephone-event/8000",
        f"a=fmtp:{TELEPHONE_EVENT} 0-16",
        "a=ptime:20",
        "a=sendrecv",
    ]
    return "\r\n".join([*lines, ""])
