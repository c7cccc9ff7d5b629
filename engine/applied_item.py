"""What the tables of the accounts file are made of: no unknown key, ids and numbers in their one shape."""

from ipaddress import IPv6Network, ip_network
from typing import Annotated
from zoneinfo import available_timezones

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _region(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("not an ISO 3166 region such as IN")
    return code


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("not an IANA zone such as Asia/Kolkata")
    return name


def _network(text: str) -> str:
    network = ip_network(text)  # a ValueError says what is wrong
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped:
        raise ValueError("write an IPv4 address as one")
    return str(network)


Region = Annotated[str, AfterValidator(_region)]
Zone = Annotated[str, AfterValidator(_zone)]
NetworkText = Annotated[str, AfterValidator(_network)]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$")]
Digits = Annotated[str, Field(pattern=r"^[0-9]{3,15}$")]
Extension = Annotated[str, Field(pattern=r"^[0-9]{2,8}$")]


class Item(BaseModel):
    """A table of the file; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
