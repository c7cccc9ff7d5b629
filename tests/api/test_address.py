"""Where a request comes from: what a proxy says counts from a trusted one only."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.address import client, parse, within

PROXIES = (ip_network("10.0.0.0/28"), ip_network("2001:db8:f::/64"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "found"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),  # not a proxy of ours: it says what it likes
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["127.0.0.1, 10.0.0.9, 198.51.100.1"], "198.51.100.1"),  # spoofed from the left
        ("10.0.0.1", ["127.0.0.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),  # two proxies
        ("10.0.0.1", ["127.0.0.1", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),  # a header each
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:50112"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::7]:50112"], "2001:db8::7"),
        ("2001:db8:f::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("fe80::1%eth0", [], "fe80::1"),
        (None, ["198.51.100.1"], None),
        ("", ["198.51.100.1"], None),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_no_proxy_of_ours(
    peer: str | None, forwarded_for: list[str], found: str | None
) -> None:
    assert client(peer, forwarded_for, trusted=PROXIES) == (ip_address(found) if found else None)


HOPS = st.ip_addresses().map(str) | st.text(max_size=20) | st.sampled_from(["127.0.0.1", "10.0.0.1", "::1", "unknown"])


@given(st.ip_addresses(), st.lists(st.lists(HOPS).map(",".join), max_size=4))
def test_whoever_is_no_proxy_of_ours_can_not_be_somebody_else(peer: object, forwarded_for: list[str]) -> None:
    address = parse(str(peer))
    assert client(str(peer), forwarded_for, trusted=()) == address
    if not within(address, PROXIES):
        assert client(str(peer), forwarded_for, trusted=PROXIES) == address


@given(st.lists(HOPS).map(",".join))
def test_behind_a_proxy_what_the_client_says_itself_does_not_count(said: str) -> None:
    found = client("10.0.0.1", [f"{said}, 198.51.100.1, 10.0.0.2"], trusted=PROXIES)
    assert found == ip_address("198.51.100.1")


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "1.2.3.4.5", "010.0.0.1", "١.٢.٣.٤", "127.1", "0x7f000001", "[]:1"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse(text) is None


def test_a_network_holds_an_ipv4_address_in_ipv6_clothing() -> None:
    assert within(parse("::ffff:192.0.2.7"), (ip_network("192.0.2.0/24"),))
    assert not within(parse("::ffff:192.0.2.7"), (ip_network("::/0"),))
    assert not within(None, (ip_network("0.0.0.0/0"), ip_network("::/0")))
