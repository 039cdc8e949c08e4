"""What ORC_EGRESS_ALLOW, ORC_EGRESS_PORTS and ORC_EGRESS_PUBLIC say, and which faults in them are told."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orc_domain.egress import POSTGRES_PORTS, EgressPolicy, parse_egress
from orc_domain.egress_items import EgressItem, read_item

PUBLIC, PRIVATE, METADATA = "8.8.8.8", "10.0.0.1", "169.254.169.254"


def may(policy, address, port=443, name="", **more):
    return policy.refusal(ip_address(address), port, name, **more) is None


@pytest.mark.parametrize(
    ("item", "reached", "refused"),
    [
        ("10.0.0.0/8", [("10.1.1.1", 22), ("10.1.1.1", 9000)], [("192.168.0.1", 443)]),
        ("10.0.0.0/8:9000", [("10.1.1.1", 9000)], [("10.1.1.1", 443), ("10.1.1.1", 9001)]),
        ("10.1.1.1", [("10.1.1.1", 1)], [("10.1.1.2", 1)]),
        ("10.1.1.1:5", [("10.1.1.1", 5)], [("10.1.1.1", 6), ("10.1.1.2", 5)]),
        ("[fd00::/8]:443", [("fd12::1", 443)], [("fd12::1", 80)]),
        ("[fd12::1]", [("fd12::1", 8)], [("fd12::2", 8)]),
        ("fd12::/16", [("fd12::1", 8)], [("fd13::1", 8)]),
        ("Loopback", [("127.0.0.1", 8), ("::1", 8)], [("10.0.0.1", 443)]),
        ("loopback:8080", [("::1", 8080)], [("::1", 80)]),
        ("private:5432", [("192.168.7.7", 5432), ("fd12::1", 5432)], [("192.168.7.7", 443), ("127.0.0.1", 5432)]),
        ("8.8.8.8:53", [("8.8.8.8", 53), ("8.8.8.8", 443)], [("8.8.4.4", 53)]),
    ],
)  # fmt: skip
def test_an_item_lets_its_network_through_at_its_port(item, reached, refused):
    """Without a port, at any port of a private address."""
    policy = parse_egress((item,))
    assert [may(policy, *one) for one in reached] == [True] * len(reached)
    assert [may(policy, *one) for one in refused] == [False] * len(refused)


@pytest.mark.parametrize(
    ("item", "names", "others"),
    [
        ("files.internal.example", ["files.internal.example", "FILES.internal.EXAMPLE."],
         ["x.files.internal.example", "internal.example", "xfiles.internal.example", "files.internal.example.evil.example", ""]),
        ("*.internal.example", ["a.internal.example", "a.b.internal.example."],
         ["internal.example", "xinternal.example", "a.internal.example.evil.example", ".", "*"]),
        ("Minio", ["minio"], ["minio.example"]),
        ("_srv.x-y.example.", ["_srv.x-y.example"], ["srv.x-y.example"]),
    ],
)  # fmt: skip
def test_a_host_that_is_listed_may_be_private(item, names, others):
    """By its own name and no other; its metadata address never."""
    policy = parse_egress((item,))
    assert [may(policy, PRIVATE, 9000, name) for name in names] == [True] * len(names)
    assert [may(policy, PRIVATE, 443, name) for name in others] == [False] * len(others)
    assert not may(policy, METADATA, 80, names[0])


def test_a_host_with_a_port_is_reached_there_alone():
    """The refusal says that it is the port."""
    policy = parse_egress(("db.internal.example:5432",))
    assert may(policy, PRIVATE, 5432, "db.internal.example")
    refusal = policy.refusal(ip_address(PRIVATE), 443, "db.internal.example")
    assert refusal == (
        "10.0.0.1 is a private or reserved address, which ORC_EGRESS_ALLOW lists without the port 443"
    )


def test_public_addresses_have_usual_ports():
    """80 and 443, for a database 5432 alone, and those of ORC_EGRESS_PORTS; a network that is listed adds none."""
    ports = (22, 80, 443, 5432, 8080)
    assert [may(EgressPolicy(), PUBLIC, port) for port in ports] == [False, True, True, False, False]
    database = [may(EgressPolicy(), PUBLIC, port, usual=POSTGRES_PORTS) for port in ports]
    assert database == [False, False, False, True, False]
    more = parse_egress(("0.0.0.0/0",), (8080,))
    assert [may(more, PUBLIC, port) for port in ports] == [False, True, True, False, True]
    assert EgressPolicy().refusal(ip_address(PUBLIC), 22) == (
        "a public address is reached at port 80 or 443, and ORC_EGRESS_PORTS does not list 22"
    )


def test_public_addresses_can_be_closed():
    """Then only what is listed is reached, at the same ports."""
    policy = parse_egress(("api.example:443", "8.8.4.0/24", "loopback"), public=False)
    assert policy.refusal(ip_address(PUBLIC), 443) == (
        "ORC_EGRESS_ALLOW does not list 8.8.8.8 with the port 443, and ORC_EGRESS_PUBLIC is false"
    )
    assert may(policy, PUBLIC, 443, "api.example")
    assert not may(policy, PUBLIC, 80, "api.example")
    assert (may(policy, "8.8.4.4", 443), may(policy, "8.8.4.4", 22)) == (True, False)
    assert may(policy, "127.0.0.1", 22)


@pytest.mark.parametrize(
    ("policy", "host", "port", "word"),
    [
        (EgressPolicy(), "example.org", 443, None),
        (EgressPolicy(), "example.org", 8080, "ORC_EGRESS_PORTS"),
        (parse_egress((), (8080,)), "example.org", 8080, None),
        (parse_egress(("loopback",)), "example.org", 8080, None),
        (parse_egress(("loopback:9",)), "example.org", 8080, "ORC_EGRESS_ALLOW"),
        (parse_egress(("example.org",)), "example.org", 8080, None),
        (parse_egress(("example.org",)), "example.com", 8080, "ORC_EGRESS_ALLOW"),
        (parse_egress((), public=False), "example.org", 443, "ORC_EGRESS_PUBLIC"),
        (parse_egress(("example.org",), public=False), "example.org", 443, None),
        (EgressPolicy(), "127.1", 80, "ORC_EGRESS_ALLOW"),
        (EgressPolicy(), "[::ffff:a9fe:a9fe]", 80, "never allowed"),
        (EgressPolicy(), "8.8.8.8", 22, "ORC_EGRESS_PORTS"),
    ],
)
def test_what_is_refused_whatever_it_resolves_to(policy, host, port, word):
    """Is said before anybody is asked for the name."""
    refusal = policy.early_refusal(host, port)
    assert (refusal is None) if word is None else (word in refusal)


@pytest.mark.parametrize(
    "item",
    [
        "10.0.0.1/8", "10.0.0.0/33", "10.0.0.300", "10.0.0.0/8,loopback", "127.1", "0x7f.1", "2130706433", "*", "*.", ".x", "a..b",
        "a.*.b", "*x.example", "http://files.example", "files.example/x", "user@files.example", "files.example:", ":80",
        "files.example:0", "files.example:65536", "files.example:http", "-x.example", "x-.example", "b\u00fccher.example", "a b",
        "[files.example]:80", "[fd00::/8", "fd00::/8:443", "fd00::/129", "x" * 64, ".".join(["x" * 60] * 5), "1.2.3.4:80:80",
    ],
)  # fmt: skip
def test_a_bad_item_is_named(item):
    """With what would be valid."""
    with pytest.raises(ValueError, match=r"valid is|say 10\.0\.0\.0/8") as fault:
        EgressItem(item)
    assert repr(item) in str(fault.value)


@given(st.text(max_size=40) | st.from_regex(r"[\[\]0-9a-fx.:/*-]{1,20}", fullmatch=True))
def test_any_text_is_an_item_or_a_fault(text):
    """Nothing else is raised, and what is read has networks or a host, not both."""
    try:
        item = read_item(text)
    except ValueError:
        return
    assert bool(item.networks) is not bool(item.host)
