"""Where a request comes from: its peer, or whom a trusted proxy names."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from engine.core.account import Address, Network

# Some proxies add the port: `192.0.2.7:50112`, `[2001:db8::7]:50112`.
PORT = re.compile(r"\[(?P<v6>[^\]]*)\](:[0-9]*)?|(?P<v4>[0-9.]+):[0-9]*", re.ASCII)


def client(peer: str | None, forwarded_for: Iterable[str], *, trusted: Sequence[Network]) -> Address | None:
    """The address behind a request, None where there is none.

    Each trusted proxy adds, on the right, whom it was asked by. So the right-most hop that is no trusted
    proxy is the client; what stands left of it is only what that client says.
    """
    address = parse(peer or "")
    hops = [hop for header in forwarded_for for hop in header.split(",")] if trusted else []
    while hops and address is not None and within(address, trusted):
        hop = parse(hops.pop())
        if hop is None:  # nobody says who that proxy was asked by
            break
        address = hop
    return address


def within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Whether the address lies in one of the networks."""
    return address is not None and any(address in network for network in networks)


@lru_cache(maxsize=512)  # the same few peers come again and again
def parse(text: str) -> Address | None:
    """The address in a text, an IPv4 one in IPv6 clothing as what it is; None where it is none."""
    text = text.strip()
    if found := PORT.fullmatch(text):
        text = found["v6"] or found["v4"] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
