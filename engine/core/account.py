"""A customer of this installation: what it may show, where it may dial, which phones are its own."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account. Numbers are E.164 digits without `+`; no `allowed_ips` means from anywhere."""

    account_id: str
    name: str
    region: str
    allowed_ips: tuple[Network, ...] = ()
    allowed_regions: tuple[str, ...] = ()
    caller_ids: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    max_live_calls: int = 10
    same_request_seconds: int = 0  # so long the same request is the same call; 0: each is one of its own


@dataclass(frozen=True, slots=True)
class Route:
    """Where numbers with this prefix are sent: endpoint patterns holding `{number}`, in order."""

    prefix: str
    endpoints: tuple[str, ...]
