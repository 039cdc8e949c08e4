"""
Which network addresses an extractor may connect to.

The rule is an explicit list rather than `ipaddress.is_global`, whose answers changed between patch releases of Python.
The gateway judges addresses written literally in a URL; the executor judges every address a name resolves to, and
connects to the judged address.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NEVER = [
    ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "0.0.0.0/8", "::/128",
                 "224.0.0.0/4", "ff00::/8", "255.255.255.255/32")
]  # fmt: skip
_PRIVATE = [
    ip_network(text)
    for text in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                 "fc00::/7", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
                 "240.0.0.0/4", "2001:db8::/32")
]  # fmt: skip
_NAMED = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
}
_NAT64 = ip_network("64:ff9b::/96")


class EgressPolicy(Struct, frozen=True):
    """The private ranges that may be reached; everything public may, link-local and metadata never."""

    allow: tuple[Network, ...] = ()

    def refusal(self, address: Address) -> str | None:
        """Say why `address` may not be connected to, or None when it may."""
        address = _unwrapped(address)
        if _within(address, _NEVER):
            return f"{address} is a link-local, metadata, multicast or unspecified address, which is never allowed"
        if _within(address, _PRIVATE) and not _within(address, self.allow):
            return f"{address} is a private or reserved address, which ORC_EGRESS_ALLOW does not list"
        return None


def parse_egress(items: tuple[str, ...]) -> EgressPolicy:
    """Read `ORC_EGRESS_ALLOW` items: CIDR ranges, `loopback`, `private`; raises ValueError naming a bad one."""
    ranges = [text for item in items for text in _NAMED.get(item.strip(), (item.strip(),)) if text]
    return EgressPolicy(tuple(ip_network(text) for text in ranges))


def literal_address(host: str) -> Address | None:
    """Return the address a URL's host spells, also in the odd forms resolvers accept (`127.1`, `2130706433`, `0x7f.1`)."""
    try:
        return ip_address(host.strip("[]").split("%")[0])
    except ValueError:
        return _from_inet_aton(host)


def _from_inet_aton(host: str) -> Address | None:
    parts = host.rstrip(".").split(".")
    try:
        numbers = [
            int(
                part,
                16 if part.lower().startswith("0x") else 8 if part.startswith("0") and part != "0" else 10,
            )
            for part in parts
        ]
    except ValueError:
        return None
    *leading, last = numbers
    if len(leading) > 3 or any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):  # noqa: PLR2004
        return None
    value = sum(number << (24 - 8 * place) for place, number in enumerate(leading)) + last
    return IPv4Address(value)


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _within(address: Address, networks: "list[Network] | tuple[Network, ...]") -> bool:
    return any(address.version == network.version and address in network for network in networks)
