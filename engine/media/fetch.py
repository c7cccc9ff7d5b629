"""A file fetched from a URL that a customer gave, without being led anywhere else.

The name is looked up once; all of its addresses have to be public, and what is asked is the address that was checked:
a name that leads elsewhere the next time (DNS rebinding) is not looked up again. No redirects, no proxies, no cookies.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import aiohttp
from yarl import URL

from engine.errors import FetchedTooLarge, HostAway, NotFetched, PrivateAddress, Redirected, TooSlow, WrongUrl
from engine.media.convert import MOST_BYTES

SECONDS = 15  # for all of it
LONGEST_URL = 2000
CHUNK_BYTES = 65536
HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "legwork"}

# IANA's special-purpose addresses, and multicast; of IPv6, only 2000::/3 is public, and of that not what is for
# protocols, examples, and 6to4, which has an IPv4 address inside.
PUBLIC_6 = ip_network("2000::/3")
NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        ),
    )
)

Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as this machine looks them up. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_public(text: str) -> bool:
    """Whether this is the address of a host on the Internet, and of no other kind."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    match address:
        case IPv4Address():
            pass
        case IPv6Address():
            if address.scope_id or address not in PUBLIC_6:
                return False
    return not any(address in network for network in NOT_PUBLIC)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file, and what its host says it is."""

    content: bytes = field(repr=False)
    name: str
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Fetches from public hosts by https; by `http`, too, where that is allowed.

    The hosts of `allowed_hosts` (`host:port`, as it stands in the URL) may have any address, and be asked by http.
    """

    allowed_hosts: Collection[str] = ()
    http: bool = False
    resolve: Resolve = resolve

    async def fetch(self, text: str) -> Fetched:
        """The file. Raises `NotFetched`: another one for each reason."""
        url = self._read(text)
        try:
            async with asyncio.timeout(SECONDS):
                return await _fetched(url, await self._address(url))
        except TimeoutError as exc:
            raise TooSlow from exc
        except aiohttp.ClientSSLError as exc:
            raise HostAway("the host of this URL does not prove who it is: its certificate is not valid") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise HostAway from exc

    def _read(self, text: str) -> URL:
        if len(text) > LONGEST_URL or not text.isprintable() or set(text) & set(" \\"):
            raise WrongUrl
        if set(_authority(text)) & set("@%"):
            raise WrongUrl
        try:
            url = URL(text)
        except ValueError as exc:
            raise WrongUrl from exc
        if not url.raw_host or not url.port:
            raise WrongUrl
        if url.scheme != "https" and not (url.scheme == "http" and (self.http or self._allowed(url))):
            raise WrongUrl
        return url

    def _allowed(self, url: URL) -> bool:
        return f"{url.host_subcomponent}:{url.port}" in self.allowed_hosts

    async def _address(self, url: URL) -> str:
        """The address to ask. Raises `PrivateAddress` if any of the host's is not public."""
        host, port = str(url.raw_host), url.port or 0
        try:
            found = await self.resolve(host, port)
        except (OSError, UnicodeError) as exc:
            raise HostAway("the host of this URL is not known") from exc
        if not found:
            raise HostAway("the host of this URL is not known")
        if not self._allowed(url) and not all(map(is_public, found)):
            raise PrivateAddress
        return found[0]


def _authority(text: str) -> str:
    """Between the slashes: no credentials may stand there, not even empty ones, and no interface of ours."""
    return re.split(r"[/?#]", text.partition("//")[2])[0]


async def _fetched(url: URL, address: str) -> Fetched:
    """What that address answers in the host's name, and with the host's certificate."""
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(use_dns_cache=False, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            auto_decompress=False,
            trust_env=False,
        ) as http,
        http.get(
            url.with_host(address),
            headers={"Host": url.authority},
            server_hostname=str(url.raw_host).rstrip("."),
            allow_redirects=False,
        ) as reply,
    ):
        return Fetched(await _content(reply), url.name, reply.headers.get("Content-Type", ""))


async def _content(reply: aiohttp.ClientResponse) -> bytes:
    if 300 <= reply.status < 400:
        raise Redirected
    if reply.status != 200:
        raise NotFetched(f"this URL was answered with {reply.status}")
    if reply.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NotFetched("this URL was answered with an encoding that was not asked for")
    if (reply.content_length or 0) > MOST_BYTES:
        raise FetchedTooLarge
    content = bytearray()
    async for chunk in reply.content.iter_chunked(CHUNK_BYTES):
        content += chunk
        if len(content) > MOST_BYTES:
            raise FetchedTooLarge
    return bytes(content)
