"""Whom a request comes from, when proxies stand in between."""

import pytest

from orc_gateway.client_address import client_address, is_https, limited_as, parse_proxies

PROXIES = parse_proxies(["10.0.0.0/8", "fd00::/8", "192.0.2.7"])


def scope(peer, *forwarded, proto=None, scheme="http"):
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    headers += [(b"x-forwarded-proto", proto.encode())] if proto is not None else []
    return {"client": None if peer is None else (peer, 1), "headers": headers, "scheme": scheme}


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4, 10.9.9.9, 192.0.2.7"], "1.2.3.4"),
        ("10.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("10.0.0.1", ["1.2.3.4, mallory"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4, "], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("10.0.0.1", ["[2001:db8::1]:5678"], "2001:db8::1"),
        ("10.0.0.1", ["1.2.3.4" + ", 10.1.1.1" * 40], "10.1.1.1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
        (None, ["1.2.3.4"], "unknown"),
    ],
)
def test_address(peer, forwarded, address):
    """The first hop from the right that is no trusted proxy; a stranger's header means nothing."""
    assert client_address(scope(peer, *forwarded), PROXIES) == address


def test_without_proxies_nobody_is_believed():
    """By default the address is the socket's."""
    assert client_address(scope("127.0.0.1", "1.2.3.4"), ()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "proto", "scheme", "is_so"),
    [
        ("203.0.113.9", None, "https", True),
        ("203.0.113.9", "https", "http", False),
        ("10.0.0.1", "https", "http", True),
        ("10.0.0.1", "http, https", "http", True),
        ("10.0.0.1", "https, http", "http", False),
        ("10.0.0.1", None, "http", False),
    ],
)
def test_https(peer, proto, scheme, is_so):
    """TLS is believed of our own socket, and of the nearest trusted proxy."""
    assert is_https(scope(peer, proto=proto, scheme=scheme), PROXIES) is is_so


def test_ipv6_counts_as_its_network():
    """Whoever has one IPv6 address has 2^64 of them."""
    assert limited_as("2001:db8:1:2:aaaa::1") == limited_as("2001:db8:1:2:bbbb::2") == "2001:db8:1:2::/64"
    assert limited_as("2001:db8:1:3::1") != limited_as("2001:db8:1:2::1")
    assert [limited_as("1.2.3.4"), limited_as("unknown")] == ["1.2.3.4", "unknown"]


def test_bad_proxy_is_named():
    """A setting that is no network says which, and what would be one."""
    with pytest.raises(
        ValueError, match=r"ORC_TRUSTED_PROXIES: 'proxy\.local' does not .*; valid: 10\.0\.0\.0/8"
    ):
        parse_proxies(["10.0.0.0/8", "proxy.local"])
