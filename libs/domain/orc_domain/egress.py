"""
Which network addresses an extractor may connect to.

The rule is an explicit list rather than `ipaddress.is_global`, whose answers changed between patch releases of Python.
The gateway judges addresses written literally in a URL; the executor judges every address a name resolves to, and
connects to the judged address.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from unicodedata import normalize

from msgspec import Struct

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NEVER = [
    ip_network(text)
    for text in (
        # Link-local, and the addresses at which clouds hand out credentials (AWS, Alibaba, Azure, Oracle, Google).
        "169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32",
        "192.0.0.192/32", "fd20:ce::254/128",
        # Unspecified, multicast, broadcast.
        "0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "255.255.255.255/32",
        # Teredo and a network's own NAT64 lead to IPv4 addresses that cannot be told from here.
        "2001::/32", "64:ff9b:1::/48",
    )
]  # fmt: skip
_PRIVATE = [
    ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24",
                 "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
                 "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20")
]  # fmt: skip
_PUBLIC_IPV6 = ip_network("2000::/3")
"""All that IANA has given out for global unicast; the rest is reserved."""
_NAMED = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
}
_LAST_32_BITS = [ip_network(text) for text in ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "::/96")]
"""IPv4-mapped, SIIT, NAT64 and IPv4-compatible: an IPv4 address in the last four bytes."""
_LOWEST_IPV4_COMPATIBLE = 0x10000
"""Below it are `::`, `::1` and what no IPv4 host has."""
_NUMBER = re.compile(r"0[xX](?P<hex>[0-9a-fA-F]{0,16})|(?P<octal>0[0-7]{0,16})|(?P<decimal>[1-9][0-9]{0,16})")


class EgressPolicy(Struct, frozen=True):
    """The private ranges that may be reached; everything public may, link-local and metadata never."""

    allow: tuple[Network, ...] = ()

    def refusal(self, address: Address) -> str | None:
        """Say why `address` may not be connected to, or None when it may."""
        address = _unwrapped(address)
        if _within(address, _NEVER):
            return f"{address} is a link-local, metadata, multicast, tunnelled or unspecified address, which is never allowed"
        is_reserved = _within(address, _PRIVATE) or (address.version == 6 and address not in _PUBLIC_IPV6)  # noqa: PLR2004
        if is_reserved and not _within(address, self.allow):
            return f"{address} is a private or reserved address, which ORC_EGRESS_ALLOW does not list"
        return None


def parse_egress(items: tuple[str, ...]) -> EgressPolicy:
    """Read `ORC_EGRESS_ALLOW` items: CIDR ranges, `loopback`, `private`; raises ValueError naming a bad one."""
    ranges = [text for item in items for text in _NAMED.get(item.strip().lower(), (item.strip(),)) if text]
    return EgressPolicy(tuple(ip_network(text) for text in ranges))


def literal_address(host: str) -> Address | None:
    """Return the address a URL's host spells, also in the odd forms resolvers accept (`127.1`, `2130706433`, `0x7f.1`)."""
    # What a resolver does to a name first: compatibility forms of digits and dots become plain ones.
    host = normalize("NFKC", host).replace("\N{IDEOGRAPHIC FULL STOP}", ".").strip("[]").rstrip(".")
    try:
        return ip_address(host.split("%")[0])
    except ValueError:
        return _from_inet_aton(host)


def _from_inet_aton(host: str) -> Address | None:
    numbers = []
    for part in host.split("."):
        spelled = _NUMBER.fullmatch(part)
        if spelled is None:
            return None
        kinds = spelled.groupdict()
        if kinds["hex"] is not None:
            numbers.append(int(kinds["hex"] or "0", 16))
        else:
            numbers.append(int(kinds["decimal"]) if kinds["decimal"] else int(kinds["octal"], 8))
    *leading, last = numbers
    if len(leading) > 3 or any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):  # noqa: PLR2004
        return None
    value = sum(number << (24 - 8 * place) for place, number in enumerate(leading)) + last
    return IPv4Address(value)


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        if address.sixtofour is not None:
            return address.sixtofour
        if _within(address, _LAST_32_BITS) and int(address) >= _LOWEST_IPV4_COMPATIBLE:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _within(address: Address, networks: "list[Network] | tuple[Network, ...]") -> bool:
    return any(address.version == network.version and address in network for network in networks)
