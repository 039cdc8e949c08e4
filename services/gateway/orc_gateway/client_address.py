"""
Client addresses: who is at the other end, when proxies of ours may stand in between.

    peer is no trusted proxy    the peer; what `X-Forwarded-For` says is a stranger's word
    peer is one                 `X-Forwarded-For` from the right: the first hop that is no trusted proxy

A client may write whatever it likes to the left of what the first trusted proxy added; nothing there is looked at.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Networks = tuple[IPv4Network | IPv6Network, ...]
Address = IPv4Address | IPv6Address

HOPS_MAX = 32
"""Of `X-Forwarded-For`, from the right."""
IPV6_PREFIX = 64
"""What one customer is given whole: within it an address costs nothing, so limits count it as one."""
NOWHERE = "unknown"


def parse_proxies(items: Iterable[str]) -> Networks:
    """Read `ORC_TRUSTED_PROXIES`, addresses and CIDR ranges; raises ValueError naming a bad one."""
    try:
        return tuple(ip_network(item.strip()) for item in items)
    except ValueError as error:
        raise ValueError(f"ORC_TRUSTED_PROXIES: {error}; valid: 10.0.0.0/8, 192.0.2.7, fd00::/8") from error


def client_address(scope: Mapping[str, Any], proxies: Networks) -> str:
    """Return the address a request comes from; `unknown` for a peer without one."""
    address = _peer(scope)
    if address is None:
        return NOWHERE
    if not _is_one_of(address, proxies):
        return str(address)
    for hop in reversed(_hops(scope)):
        said = _address(_host(hop))
        if said is None:
            break  # What is left of a word that is no address cannot be vouched for.
        address = said
        if not _is_one_of(address, proxies):
            break
    return str(address)


def is_https(scope: Mapping[str, Any], proxies: Networks) -> bool:
    """Whether the client spoke TLS: to us, or to a trusted proxy that says so."""
    if scope.get("scheme") == "https":
        return True
    if not comes_from(scope, proxies):
        return False
    said = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
    return bool(said) and bytes(said[-1]).rpartition(b",")[2].strip().lower() == b"https"


def comes_from(scope: Mapping[str, Any], proxies: Networks) -> bool:
    """Whether the peer, the other end of the socket, is one of these."""
    peer = _peer(scope)
    return peer is not None and _is_one_of(peer, proxies)


def limited_as(address: str) -> str:
    """Return what limits count an address as: an IPv6 one as its network."""
    parsed = _address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, IPV6_PREFIX), strict=False))
    return address


def _peer(scope: Mapping[str, Any]) -> Address | None:
    client = scope.get("client")
    return _address(client[0]) if client else None


def _is_one_of(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)


def _hops(scope: Mapping[str, Any]) -> list[str]:
    lines = [bytes(value) for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return b",".join(lines).decode("latin-1").split(",")[-HOPS_MAX:] if lines else []


def _host(hop: str) -> str:
    """Strip the port some proxies add."""
    hop = hop.strip()
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket that takes both kinds shows an IPv4 peer in IPv6's clothes.
    return getattr(address, "ipv4_mapped", None) or address
