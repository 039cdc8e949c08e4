"""
Which network addresses an extractor or loader may connect to.

    never     link-local, metadata, multicast, tunnels: whatever is listed
    listed    in ORC_EGRESS_ALLOW, as a network or by the name that led there
    public    unless ORC_EGRESS_PUBLIC is false, at the usual ports and those of ORC_EGRESS_PORTS

The rule is an explicit list rather than `ipaddress.is_global`, whose answers changed between patch releases of Python.
The gateway judges addresses and ports written literally in a URL; the executor judges every address a name resolves to,
and connects to the judged address.
"""

from collections.abc import Sequence
from ipaddress import ip_network

from msgspec import Struct

from orc_domain.address_forms import Address, literal_address, unwrapped, within
from orc_domain.egress_items import Allowed, read_item

WEB_PORTS, POSTGRES_PORTS = (80, 443), (5432,)
"""Reached at public addresses without a setting."""

_NEVER = [
    ip_network(text)
    for text in (
        # Link-local, and the addresses at which clouds hand out credentials (AWS, Alibaba, Azure, Oracle, Google, Scaleway).
        "169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32",
        "192.0.0.192/32", "fd00:c1::a9fe:a9fe/128", "fd20:ce::254/128", "fd00:42::42/128",
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


class EgressPolicy(Struct, frozen=True):
    """What may be reached: all that is public at the usual ports, unless it says otherwise."""

    allow: tuple[Allowed, ...] = ()
    """ORC_EGRESS_ALLOW."""
    ports: tuple[int, ...] = ()
    """ORC_EGRESS_PORTS: more ports of public addresses."""
    is_public_open: bool = True
    """ORC_EGRESS_PUBLIC."""

    def refusal(
        self, address: Address, port: int, name: str = "", usual: Sequence[int] = WEB_PORTS
    ) -> str | None:
        """Say why `address`, to which `name` led, may not be connected to at `port`, or None when it may."""
        address = unwrapped(address)
        if within(address, _NEVER):
            return f"{address} is a link-local, metadata, multicast, tunnelled or unspecified address, which is never allowed"
        listed = [item for item in self.allow if item.lists(address, name)]
        if _is_reserved(address):
            if any(item.has_port(port) for item in listed):
                return None
            how = f"lists without the port {port}" if listed else "does not list"
            return f"{address} is a private or reserved address, which ORC_EGRESS_ALLOW {how}"
        if any(item.port == port for item in listed):
            return None
        if not (self.is_public_open or any(item.has_port(port) for item in listed)):
            return f"ORC_EGRESS_ALLOW does not list {address} with the port {port}, and ORC_EGRESS_PUBLIC is false"
        return None if port in {*usual, *self.ports} else _wrong_port(port, usual)

    def early_refusal(self, host: str, port: int, usual: Sequence[int] = WEB_PORTS) -> str | None:
        """Say why `host` may not be connected to at `port`, whatever it resolves to if it is a name; else None."""
        if (address := literal_address(host)) is not None:
            return self.refusal(address, port, usual=usual)
        if any(item.has_port(port) and (item.networks or item.names(host)) for item in self.allow):
            # What it resolves to will tell.
            return None
        if not self.is_public_open:
            return f"ORC_EGRESS_ALLOW does not list it with the port {port}, and ORC_EGRESS_PUBLIC is false"
        if port not in {*usual, *self.ports}:
            return f"{_wrong_port(port, usual)}, and ORC_EGRESS_ALLOW does not list the host"
        return None


def parse_egress(items: Sequence[str], ports: Sequence[int] = (), *, public: bool = True) -> EgressPolicy:
    """Return what the three settings say; raises ValueError naming a bad item."""
    return EgressPolicy(tuple(read_item(item) for item in items if item.strip()), tuple(ports), public)


def _is_reserved(address: Address) -> bool:
    return within(address, _PRIVATE) or (address.version == 6 and address not in _PUBLIC_IPV6)  # noqa: PLR2004


def _wrong_port(port: int, usual: Sequence[int]) -> str:
    known = " or ".join(str(one) for one in usual)
    return f"a public address is reached at port {known}, and ORC_EGRESS_PORTS does not list {port}"
