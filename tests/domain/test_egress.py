"""Which addresses may be reached, and in which disguises they are known."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orc_domain.address_forms import literal_address
from orc_domain.egress import EgressPolicy, parse_egress

EVERYTHING = parse_egress(("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1",
        "127.0.0.1.", "127.0.0.1..", "127.0.0.0x1", "0X7F.0.0.1", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1",
    ],
)  # fmt: skip
def test_an_address_is_known_in_every_spelling(host):
    """What a resolver takes for 127.0.0.1 is judged as 127.0.0.1."""
    assert literal_address(host) == IPv4Address("127.0.0.1")


@pytest.mark.parametrize("host", ["::1", "[::1]", "::1%lo", "0:0:0:0:0:0:0:1", "[::1%25lo]"])
def test_a_zone_does_not_hide_an_address(host):
    """Brackets and zone ids are no part of an address."""
    assert literal_address(host) == IPv6Address("::1")


@pytest.mark.parametrize(
    "host",
    [
        "", ".", "example.org", "localhost", "1.2.3.4.5", "256.1.1.1", "4294967296", "08.1.1.1", "-1", "+1", "1_0.0.0.1",
        " 127.0.0.1", "0o17", "0b1", "deadbeef", "0xg", "1" * 5000, "1..1", "a.1",
    ],
)  # fmt: skip
def test_a_name_is_not_an_address(host):
    """Whatever is no address is left to be resolved and judged then."""
    assert literal_address(host) is None


@given(st.text())
def test_no_host_breaks_the_reader(host):
    """Any text is an address or none."""
    literal_address(host)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.0.1", "fe80::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16",
        "192.0.0.192", "fd20:ce::254", "fd00:ec2::23", "fd00:c1::a9fe:a9fe", "fd00:42::42", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "255.255.255.255",
        "::ffff:169.254.169.254", "::ffff:0:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1",
    ],
)  # fmt: skip
def test_some_addresses_are_never_reached(address):
    """Metadata, link-local and the like are refused in every wrapping, whatever is allowed."""
    assert "never allowed" in (EVERYTHING.refusal(ip_address(address), 443) or "")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "192.0.2.1", "198.18.0.1",
        "198.51.100.1", "203.0.113.1", "192.88.99.1", "240.0.0.1", "::1", "fc00::1", "fd12::1", "fec0::1", "100::1",
        "2001:db8::1", "2001:20::1", "3fff::1", "5f00::1", "4000::1", "::ffff:10.0.0.1", "::10.0.0.1", "::ffff:0:10.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::1",
    ],
)  # fmt: skip
def test_private_addresses_need_to_be_allowed(address):
    """Private and reserved addresses are refused by default, naming the setting, and reached when allowed."""
    assert "ORC_EGRESS_ALLOW" in (EgressPolicy().refusal(ip_address(address), 443) or "")
    assert EVERYTHING.refusal(ip_address(address), 443) is None


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)  # fmt: skip
def test_public_addresses_are_reached(address):
    """What belongs to everybody needs no setting."""
    assert EgressPolicy().refusal(ip_address(address), 443) is None


def test_names_of_ranges():
    """`loopback` and `private` stand for ranges and do not contain each other."""
    loopback, private = parse_egress(("Loopback",)), parse_egress((" private ", ""))
    judged = [ip_address(text) for text in ("127.0.0.1", "::1", "10.0.0.1", "fd12::1", "203.0.113.1")]
    assert [loopback.refusal(address, 443) is None for address in judged] == [True, True, False, False, False]
    assert [private.refusal(address, 443) is None for address in judged] == [False, False, True, True, False]
