"""What is fetched from a URL, and what is refused: other addresses, redirects, slow hosts, too much."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from engine.errors import (
    FetchedTooLarge,
    HostAway,
    NotFetched,
    PrivateAddress,
    Redirected,
    TooSlow,
    WrongUrl,
)
from engine.media import fetch as fetching
from engine.media.convert import MOST_BYTES
from engine.media.fetch import Fetcher, is_public

pytestmark = pytest.mark.asyncio(loop_scope="function")

PUBLIC = "93.184.216.34"


@dataclass
class Host:
    """A host on loopback: who asked it, and how many bytes it got rid of."""

    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.name}/{path}"

    async def sound(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.host, request.path_qs))
        return web.Response(body=b"ID3", headers={"Content-Type": "audio/mpeg"})

    async def elsewhere(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(self.url("sound.mp3"))

    async def missing(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound

    async def large(self, request: web.Request) -> web.StreamResponse:
        """11 MB; it says so, or it does not."""
        reply = web.StreamResponse()
        size = int(request.query.get("size", 11_000_000))
        if "said" in request.query:
            reply.content_length = size
        await reply.prepare(request)
        try:
            for begin in range(0, size, 100_000):
                await reply.write(bytes(min(100_000, size - begin)))
                self.sent = begin
        except ConnectionResetError:
            pass
        return reply

    async def slow(self, request: web.Request) -> web.StreamResponse:
        """A byte each 50 ms, so that no pause is long."""
        reply = web.StreamResponse()
        await reply.prepare(request)
        try:
            while True:
                await reply.write(b"x")
                await asyncio.sleep(0.05)
        except ConnectionResetError:
            return reply

    async def zipped(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})


@pytest_asyncio.fixture(loop_scope="function")
async def host() -> AsyncIterator[Host]:
    host = Host()
    app = web.Application()
    for name in ("sound", "elsewhere", "missing", "large", "slow", "zipped"):
        app.router.add_get(f"/{name}{{rest:.*}}", getattr(host, name))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host.port = runner.addresses[0][1]
    yield host
    await runner.cleanup()


def allowing(host: Host, **more: Any) -> Fetcher:
    return Fetcher(allowed_hosts=[host.name], **more)


async def test_a_file_is_fetched_with_its_name_and_what_its_host_calls_it(host: Host) -> None:
    found = await allowing(host).fetch(host.url("sound/well%20come.mp3?id=5#part"))
    assert (found.content, found.name, found.content_type) == (b"ID3", "well come.mp3", "audio/mpeg")
    assert host.asked == [(host.name, "/sound/well%20come.mp3?id=5")]


async def test_only_the_host_and_port_that_were_allowed(host: Host) -> None:
    for allowed in ([], ["127.0.0.1:1"], ["localhost:" + str(host.port)], ["127.0.0.1"]):
        with pytest.raises(PrivateAddress):
            await Fetcher(allowed_hosts=allowed, http=True).fetch(host.url("sound.mp3"))
    assert host.asked == []


async def test_a_host_by_name_is_asked_by_that_name(host: Host) -> None:
    asked: list[tuple[str, int]] = []

    async def resolve(name: str, port: int) -> list[str]:
        asked.append((name, port))
        return ["127.0.0.1"]

    fetcher = Fetcher(allowed_hosts=[f"sounds.internal:{host.port}"], resolve=resolve)
    await fetcher.fetch(f"http://Sounds.internal:{host.port}/sound.mp3")
    assert asked == [("sounds.internal", host.port)]
    assert host.asked == [(f"sounds.internal:{host.port}", "/sound.mp3")]


async def test_a_redirect_is_refused_even_to_where_it_may_go(host: Host) -> None:
    with pytest.raises(Redirected):
        await allowing(host).fetch(host.url("elsewhere"))
    assert host.asked == []


@pytest.mark.parametrize(("path", "words"), [("missing", "answered with 404"), ("zipped", "an encoding")])
async def test_what_is_no_file_is_refused(host: Host, path: str, words: str) -> None:
    with pytest.raises(NotFetched, match=words):
        await allowing(host).fetch(host.url(path))


@pytest.mark.parametrize("query", ["?size=30000000", "?said"])
async def test_eleven_megabytes_are_refused_as_soon_as_it_is_known(host: Host, query: str) -> None:
    with pytest.raises(FetchedTooLarge):
        await allowing(host).fetch(host.url(f"large{query}"))
    if query == "?said":
        assert host.sent < 6_000_000, "of what says that it is too large nothing is read"
    assert host.sent < 20_000_000


@pytest.mark.parametrize("query", ["?size=10000000", "?size=10000000&said"])
async def test_ten_megabytes_are_taken(host: Host, query: str) -> None:
    assert len((await allowing(host).fetch(host.url(f"large{query}"))).content) == MOST_BYTES


async def test_a_host_that_takes_its_time_is_given_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fetching.SECONDS == 15
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    began = asyncio.get_running_loop().time()
    with pytest.raises(TooSlow):
        await allowing(host).fetch(host.url("slow"))
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_slow_look_up_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(name: str, port: int) -> list[str]:
        await asyncio.sleep(10)
        return [PUBLIC]

    monkeypatch.setattr(fetching, "SECONDS", 0.1)
    with pytest.raises(TooSlow):
        await Fetcher(resolve=resolve).fetch("https://slow.example/x.mp3")


async def test_nobody_there_is_said(host: Host) -> None:
    with pytest.raises(HostAway):
        await Fetcher(allowed_hosts=["127.0.0.1:1"]).fetch("http://127.0.0.1:1/x.mp3")

    async def unknown(name: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(HostAway, match="not known"):
        await Fetcher(resolve=unknown).fetch("https://nobody.example/x.mp3")


# -- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",  # decimal
        "0177.0.0.1",  # octal
        "0x7f.0.0.1",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "localhost",
        "LocalHost",
        "0.0.0.0",
        "0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",  # a cloud's metadata
        "100.64.0.1",  # CGNAT
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:93.184.216.34]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",  # NAT64
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]",  # 6to4
        "[2001:0:7f00:1::1]",  # Teredo
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[2001:db8::1]",
    ],
)
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_an_address_that_is_not_public_is_refused(host: str, scheme: str, connections: list[str]) -> None:
    with pytest.raises(PrivateAddress):
        await Fetcher(http=True).fetch(f"{scheme}://{host}/x.mp3")
    assert connections == []


@pytest.mark.parametrize(
    "addresses",
    [[PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "::ffff:10.0.0.1"], ["fe80::1%lo"], ["no address"]],
)
async def test_one_address_that_is_not_public_is_enough(addresses: list[str], connections: list[str]) -> None:
    async def resolve(name: str, port: int) -> list[str]:
        return addresses

    with pytest.raises(PrivateAddress):
        await Fetcher(resolve=resolve).fetch("https://two.example/x.mp3")
    assert connections == []


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where somebody wants to connect to; nobody gets there."""
    wanted: list[str] = []

    async def connect(addr_infos: Any, **_: Any) -> None:
        wanted.extend(address[0] for *_, address in addr_infos)
        raise ConnectionRefusedError

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", connect)
    return wanted


async def test_a_name_that_leads_elsewhere_the_second_time_is_asked_once(connections: list[str]) -> None:
    """DNS rebinding: what was checked is what is connected to."""
    answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])

    async def resolve(name: str, port: int) -> list[str]:
        return next(answers)

    with pytest.raises(HostAway):
        await Fetcher(resolve=resolve).fetch("https://rebinding.example/x.mp3")
    assert connections == [PUBLIC]
    assert len(list(answers)) == 2


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, connections: list[str]) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")

    with pytest.raises(HostAway):
        await Fetcher(resolve=public).fetch("https://sounds.example/x.mp3")
    assert connections == [PUBLIC]


async def public(name: str, port: int) -> list[str]:
    return [PUBLIC]


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "2a00:1450:4001::1"])
async def test_what_is_public(address: str) -> None:
    assert is_public(address)


# -- URLs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x.mp3",
        "/etc/passwd",
        "//sounds.example/x.mp3",
        "file:///etc/passwd",
        "ftp://sounds.example/x.mp3",
        "gopher://sounds.example/x.mp3",
        "data:audio/mpeg;base64,SUQz",
        "sound:/etc/passwd",
        "https:///x.mp3",
        "https://user:secret@sounds.example/x.mp3",
        "https://user@sounds.example/x.mp3",
        "https://@sounds.example/x.mp3",
        "https://sounds.example\\@127.0.0.1/x.mp3",
        "https://sounds.example:99999/x.mp3",
        "https://sounds.example:0/x.mp3",
        "https://sounds.example:port/x.mp3",
        "https://sounds.example/x.mp3\r\nHost: 127.0.0.1",
        "https://sounds.example/x y.mp3",
        "https://sounds.example/\0",
        "https://[::1/x.mp3",
        "https://[fe80::1%25lo]/x.mp3",
        "https://127%2e0.0.1/x.mp3",
        "https://sounds.example/" + "x" * 2000,
        "http://sounds.example/x.mp3",
    ],
)
async def test_what_is_no_url_to_fetch_is_refused(url: str, connections: list[str]) -> None:
    with pytest.raises(WrongUrl):
        await Fetcher(resolve=public).fetch(url)
    assert connections == []


async def test_plain_http_is_for_where_it_is_allowed(connections: list[str]) -> None:
    with pytest.raises(HostAway):
        await Fetcher(resolve=public, http=True).fetch("http://sounds.example/x.mp3")
    with pytest.raises(WrongUrl):
        await Fetcher(resolve=public, allowed_hosts=["sounds.example:443"]).fetch("http://sounds.example/x.mp3")
    assert connections == [PUBLIC]


async def test_an_at_sign_in_a_path_is_no_credential(connections: list[str]) -> None:
    with pytest.raises(HostAway):
        await Fetcher(resolve=public).fetch("https://sounds.example/@me/x@2.mp3?to=a@b#@")
    assert connections == [PUBLIC]


# -- TLS -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "trusted", "refused"),
    [("sounds.internal", True, None), ("other.internal", True, HostAway), ("sounds.internal", False, HostAway)],
)
async def test_the_certificate_has_to_be_the_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, trusted: bool, refused: type[NotFetched] | None
) -> None:
    key, certificate = certified(tmp_path, named)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    if trusted:
        ours = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ours)
    runner = web.AppRunner(web_app(Host().sound))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    port = runner.addresses[0][1]

    async def resolve(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    fetching = Fetcher(allowed_hosts=[f"sounds.internal:{port}"], resolve=resolve).fetch(
        f"https://sounds.internal:{port}/sound.mp3"
    )
    try:
        if refused:
            with pytest.raises(refused, match="certificate"):
                await fetching
        else:
            assert (await fetching).content == b"ID3"
    finally:
        await runner.cleanup()


def certified(folder: Path, name: str) -> tuple[Path, Path]:
    """A key, and a certificate of its own making for that name."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    names = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "2")
    subprocess.run([*make, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return key, certificate


def web_app(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    return app
