"""Who else could reach Asterisk, or the engine, from outside."""

import ipaddress
import sys
from pathlib import Path
from urllib.parse import urlsplit

from engine.config import Settings
from engine.core.account import Address
from engine.doctor.findings import Failed
from engine.secret import weakness

AMI_PORT = 5038
# Of /proc/net/tcp: the state of a socket that listens.
LISTENS = "0A"


async def address(settings: Settings) -> str:
    """Whether ARI is asked on this host's loopback."""
    host = urlsplit(settings.ari_url).hostname or ""
    if not _stays_here(host):
        raise Failed(
            f"{host} is not this host's loopback", "set bindaddr=127.0.0.1 in http.conf; an ARI login is root there"
        )
    return host


async def password(settings: Settings) -> str:
    """Whether ARI's password is one."""
    secret = settings.ari_password.get_secret_value()
    wrong = "is the user's name" if secret == settings.ari_user else weakness(secret)
    if wrong:
        raise Failed(wrong, "put one of openssl rand -hex 32 into ari.conf and LEGWORK_ARI_PASSWORD")
    return f"{len(secret)} characters"


async def ports(settings: Settings) -> str:
    """Whether what is root of telephony, and what asks nobody for a password, listens on loopback alone."""
    files = {urlsplit(settings.ari_url).port or 80: "http.conf", AMI_PORT: "manager.conf"}
    if settings.agi_port and not _stays_here(settings.agi_host):
        raise Failed(
            f"FastAGI listens on {settings.agi_host}", "set LEGWORK_AGI_HOST=127.0.0.1: it asks nobody for a password"
        )
    for at, port in listening(Path("/proc/net")):
        if port in files and not at.is_loopback:
            raise Failed(
                f"port {port} listens on {at}",
                f"set bindaddr=127.0.0.1 in {files[port]}" + (", or enabled=no" if port == AMI_PORT else ""),
            )
    return f"{' and '.join(map(str, files))} on loopback at most"


def _stays_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def listening(folder: Path) -> list[tuple[Address, int]]:
    """Every address and port that somebody on this host listens on (TCP), as /proc/net lists them."""
    found: list[tuple[Address, int]] = []
    for table in (folder / "tcp", folder / "tcp6"):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for _, local, _, state, *_ in (line.split() for line in lines):
            if state == LISTENS:
                address, _, port = local.partition(":")
                found.append((_address_of(address), int(port, 16)))
    return found


def _address_of(text: str) -> Address:
    """`0100007F` is 127.0.0.1: words of 32 bits, each in this host's order of bytes."""
    words = (int(text[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8))
    address = ipaddress.ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address
