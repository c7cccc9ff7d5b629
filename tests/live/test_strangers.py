"""Strangers at the running lab: whatever they send, nobody else is dialled, nothing is fetched, nothing leaks."""

import asyncio
import hashlib
import json
import os
import re
import secrets
import socket
import struct
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from engine.accounts import Accounts
from engine.api.door import Door
from engine.api.lockout import Lockout
from tests.api.conftest import SwitchDouble, application
from tests.api.test_door import routes_of
from tests.live.engine import ari
from tests.live.hostile import BUSY, FIELDS, MOR_ID, Hostile, each_text_in_each_field, requests
from tests.live.lab import settings
from tests.live.wire import ETH_P_IP, OUTGOING, SNAP_BYTES, _attach, udp_filter

EXAMPLES = int(os.environ.get("STRANGERS", "300"))
ROUTES = sorted(routes_of(application(None, SwitchDouble(), Door(accounts=Accounts(), lockout=Lockout(1)))))
LOCKED_OUT = 429
# 403: a link that is none; 409: a list of that name has just been made.
EXPECTED = {200, 400, 401, 403, 404, 405, 409, 413, 415, 417}
QUIET_SECONDS = 10.0
LOG_SECONDS = 0.5
LONG_NUMBER = re.compile(r"[0-9]{8,}")
NOT_NUMBERS = ("call", "reaction_us", "commit_us")  # our id, and microseconds


@dataclass(slots=True)
class Invites:
    """Where our PBX sends INVITEs, as the kernel sees it."""

    tap: socket.socket
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    @classmethod
    def open(cls) -> Self:
        """Start listening on the loopback interface."""
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        _attach(tap, udp_filter(port_of("PBX_SIP")))
        tap.bind(("lo", ETH_P_IP))
        tap.setblocking(False)
        return cls(tap)

    def elsewhere(self) -> list[tuple[str, bytes]]:
        """The INVITEs to anybody but the configured trunk, or for anybody but its numbers."""
        self.read()
        carrier = settings()["CARRIER_SIP"]
        line = re.compile(rb"INVITE sip:[0-9]+@%s SIP/2.0" % re.escape(carrier.encode()))
        return [(to, first) for to, first in self.sent if to != carrier or not line.fullmatch(first)]

    def read(self) -> None:
        """Take in what the kernel has kept."""
        while True:
            try:
                packet, address = self.tap.recvfrom(SNAP_BYTES)
            except BlockingIOError:
                return
            offset = (packet[0] & 0xF) * 4
            source, destination = struct.unpack_from("!HH", packet, offset)
            payload = packet[offset + 8 :]
            if address[2] != OUTGOING and source == port_of("PBX_SIP") and payload.startswith(b"INVITE"):
                host = socket.inet_ntoa(packet[16:20])
                self.sent.append((f"{host}:{destination}", payload.partition(b"\r\n")[0]))


@dataclass(slots=True)
class Watch:
    """All that must not happen: each list or number is to stay empty, or as it was."""

    invites: Invites
    listener: socket.socket
    secret: str = field(default_factory=lambda: f"planted{secrets.token_hex(8)}")
    canary: int = field(default_factory=lambda: size("PBX_CANARY"))
    log: int = field(default_factory=lambda: size("ENGINE_LOG"))

    @property
    def places(self) -> dict[str, str]:
        """What stands behind the names in the texts."""
        port = self.listener.getsockname()[1]
        return {
            "~HOST~": f"127.0.0.1:{port}",
            "~URL~": f"http://127.0.0.1:{port}",
            "~SECRET~": self.secret,
            "~USER~": settings()["SARV_USER_ID"],
            "~TOKEN~": settings()["SARV_TOKEN"],
            "~VOICE_USER~": settings()["SARV_VOICE_USERNAME"],
            "~VOICE_TOKEN~": settings()["SARV_VOICE_TOKEN"],
            "~MOR_USER~": settings()["MOR_USERNAME"],
            "~MOR_HASH~": hashlib.sha1((MOR_ID + settings()["MOR_SECRET"]).encode()).hexdigest(),
        }

    def fetched(self) -> bool:
        """Whether anybody connected to the address in the texts."""
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def sang(self) -> str:
        """What the canary wrote."""
        path = Path(settings()["PBX_CANARY"])
        return path.read_bytes()[self.canary :].decode() if path.exists() else ""

    def logged(self) -> list[str]:
        """What the engine logged meanwhile."""
        return Path(settings()["ENGINE_LOG"]).read_bytes()[self.log :].decode().split("\n")[:-1]


@contextmanager
def watching() -> Iterator[Watch]:
    """From now on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        invites = Invites.open()
        try:
            yield Watch(invites, listener)
        finally:
            invites.tap.close()


def port_of(name: str) -> int:
    return int(settings()[name].rpartition(":")[2])


def size(name: str) -> int:
    path = Path(settings()[name])
    return path.stat().st_size if path.exists() else 0


def leaks(lines: list[str], secret: str) -> list[str]:
    """The log lines that are not JSON, or tell what no line may tell."""
    return [line for line in lines if secret in line or not discreet(line)]


def discreet(line: str) -> bool:
    """Whether a line is JSON, holds no whole number, and could move no terminal's cursor."""
    try:
        facts = json.loads(line)
    except json.JSONDecodeError:
        return False
    shown = [line, *(fact for name, fact in facts.items() if isinstance(fact, str) and name != "exception")]
    if any(unicodedata.category(character) == "Cc" for text in shown for character in text):
        return False
    return not any(LONG_NUMBER.search(str(fact)) for name, fact in facts.items() if name not in NOT_NUMBERS)


def answered(request: bytes) -> int:
    """The status of a request as it goes over the wire."""
    with socket.create_connection(("127.0.0.1", port_of("LEGWORK_URL")), timeout=10) as connection:
        connection.sendall(request)
        return int(connection.makefile("rb").readline().split()[1])


def own_headers() -> dict[str, str]:
    lab = settings()
    return {"account": lab["CPAAS_ACCOUNT"], "auth": lab["CPAAS_AUTH"], "wolkvox-token": lab["WOLKVOX_TOKEN"]}


def quiet() -> None:
    """Wait until none of our calls is left in Asterisk."""
    last = time.monotonic() + QUIET_SECONDS
    while [channel for channel in asyncio.run(ari("channels")) if BUSY in channel["name"]] and time.monotonic() < last:
        time.sleep(0.1)
    time.sleep(LOG_SECONDS)


def test_every_route_of_the_router_is_in_the_table() -> None:
    assert set(ROUTES) == FIELDS.keys(), "say in tests/live/hostile.py what its document lets one send"


@pytest.mark.timeout(60 + EXAMPLES / 10)
def test_whatever_is_sent_nobody_else_is_dialled_nothing_is_fetched_and_nothing_leaks() -> None:
    statuses: dict[int, int] = {}
    with watching() as watch:

        def send(request: Hostile) -> None:
            raw = request.over_http(own=own_headers(), places=watch.places)
            while (status := answered(raw)) == LOCKED_OUT:  # only where many more examples are asked for
                time.sleep(1)
            statuses[status] = statuses.get(status, 0) + 1
            assert status in EXPECTED, request
            assert watch.invites.elsewhere() == [], request

        for request in each_text_in_each_field():
            send(request)
        hypothesis_settings(max_examples=EXAMPLES, deadline=None, database=None)(given(requests(ROUTES))(send))()
        quiet()
        assert watch.invites.elsewhere() == []
        assert watch.sang() == ""
        assert not watch.fetched()
        lines = watch.logged()
        assert leaks(lines, watch.secret) == []
        assert not [
            name
            for name in ("CPAAS_AUTH", "SARV_TOKEN", "SARV_VOICE_TOKEN", "MOR_SECRET", "WOLKVOX_TOKEN")
            if settings()[name] in "\n".join(lines)
        ]
        assert not [line for line in lines if '"level":"error"' in line]
        assert watch.invites.sent, "no call was placed: the fields were not what they are thought to be"
    assert {200, 400, 401, 404} <= statuses.keys(), statuses
    print(f"strangers: {sum(statuses.values())} requests, by status {statuses}; {len(watch.invites.sent)} INVITEs")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /api/get_cdr_statistics HTTP/1.1\r\naccount: account_1\r\nauth: SECRET\x01\r\n\r\n",
        b"GET /api/get_cdr_statistics HTTP/1.1\r\nauth SECRET\r\n\r\n",
        b"GET /api/get_cdr_statistics?auth=SECRET\x7f HTTP/1.1\r\n\r\n",
        b"GET /api/get_cdr_statistics?auth=SECRET HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/get_cdr_statistics HTTP/9.9\r\nauth: SECRET\r\n\r\n",
        b"GET /api/get_cdr_statistics HTTP/1.1\r\nHost: x\r\nauth: SECRET\r\naccount: SECRET\r\n\r\n",
        b"SECRET\r\n\r\n",
        b"POST /api/click2call HTTP/1.1\r\nHost: x\r\nauth: SECRET\r\nTransfer-Encoding: chunked\r\n\r\nSECRET\r\n",
    ],
)
def test_a_request_that_is_no_http_leaves_no_secret_in_the_log(head: bytes) -> None:
    with watching() as watch:
        assert answered(head.replace(b"SECRET", watch.secret.encode())) in (400, 401)
        time.sleep(LOG_SECONDS)
        assert leaks(watch.logged(), watch.secret) == []


def multipart(part: bytes) -> bytes:
    """A request of Sarv's with this head of a part in its body."""
    body = b"--B\r\n" + part + b"\r\n\r\n919910073920\r\n--B--\r\n"
    head = b"POST /v2/clickToCall/para?user_id=planted0123 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % len(body)
    return head + b"Content-Type: multipart/form-data; boundary=B\r\n\r\n" + body


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /v2/clickToCall/para?user_id=101&token=planted0123 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /clickToCall/v1/para?token=planted0123&user_id=planted0123 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v2/clickToCall/para?user_id=101&token=planted0123%ff%00&to=planted0123 HTTP/1.1\r\nHost: x\r\n\r\n",
        multipart(b'Content-Disposition: form-data; name="planted0123'),
        multipart(b"Content-Disposition: form-data; planted0123"),
        multipart(b'Content-Disposition: form-data; name="to"\r\nContent-Transfer-Encoding: planted0123'),
        multipart(b'Content-Disposition: form-data; name="to"\r\nContent-Type: text/plain; charset=planted0123'),
        multipart(b"planted0123"),
    ],
)
def test_what_is_wrong_with_a_request_of_sarv_leaves_no_secret_in_the_log(request_: bytes) -> None:
    with watching() as watch:
        assert answered(request_) == 200
        time.sleep(LOG_SECONDS)
        lines = watch.logged()
        assert leaks(lines, "planted0123") == []
        assert not [line for line in lines if '"level":"info"' not in line]


async def originate(endpoint: str) -> None:
    """Dial as only somebody with ARI's password can."""
    lab = settings()
    headers = {"Authorization": aiohttp.encode_basic_auth(lab["ARI_USER"], lab["ARI_PASSWORD"])}
    asked = {"endpoint": endpoint, "context": "legwork-inbound", "extension": "1", "timeout": "1"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{lab['ARI_URL']}/ari/channels", params=asked) as reply,
    ):
        assert reply.status == 200, await reply.text()


def turn_away(phone: socket.socket) -> None:
    """Answer one INVITE with 486, so that it is not repeated for half a minute."""
    raw, caller = phone.recvfrom(SNAP_BYTES)
    wanted = ("Via:", "From:", "Call-ID:", "CSeq:", "To:")
    lines = [line for line in raw.decode().split("\r\n") if line.startswith(wanted)]
    tagged = [line + ";tag=busy" if line.startswith("To:") else line for line in lines]
    phone.sendto("\r\n".join(["SIP/2.0 486 Busy Here", *tagged, "Content-Length: 0", "", ""]).encode(), caller)


def test_the_canary_sings_and_a_strange_invite_is_seen_when_there_is_one() -> None:
    with watching() as watch, socket.socket(type=socket.SOCK_DGRAM) as phone:
        phone.bind(watch.listener.getsockname())
        phone.settimeout(5)
        asyncio.run(originate("Local/s@canary/n"))
        asyncio.run(originate(f"PJSIP/carrier/sip:100@{watch.places['~HOST~']}"))
        turn_away(phone)
        last = time.monotonic() + 5
        while not (watch.sang() and watch.invites.elsewhere()) and time.monotonic() < last:
            time.sleep(0.05)
        assert ";2 s\n" in watch.sang()
        assert {to for to, _ in watch.invites.elsewhere()} == {watch.places["~HOST~"]}
        assert not watch.fetched()
        socket.create_connection(watch.listener.getsockname()).close()
        assert watch.fetched()


@pytest.mark.parametrize(
    "line",
    ['{"event":"SECRET"}', '{"event":"to 919910000101"}', "Traceback (most", '{"event":"\x9b"}', '{"event":"\\u001b"}'],
)
def test_a_line_that_tells_too_much_is_noticed(line: str) -> None:
    assert leaks([line], "SECRET") == [line]
    assert leaks(['{"event":"request refused","call":"1234567890","number":"********0101"}'], "SECRET") == []
