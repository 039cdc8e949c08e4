"""
Forms of addresses: what a URL's host spells, and what an address that wraps another leads to.

A resolver takes `127.1`, `2130706433`, `0x7f.1` and `１２７.0.0.1` for 127.0.0.1, so they are judged as 127.0.0.1.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from unicodedata import normalize

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LAST_32_BITS = [ip_network(text) for text in ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "::/96")]
"""IPv4-mapped, SIIT, NAT64 and IPv4-compatible: an IPv4 address in the last four bytes."""
_LOWEST_IPV4_COMPATIBLE = 0x10000
"""Below it are `::`, `::1` and what no IPv4 host has."""
_NUMBER = re.compile(r"0[xX](?P<hex>[0-9a-fA-F]{0,16})|(?P<octal>0[0-7]{0,16})|(?P<decimal>[1-9][0-9]{0,16})")


def literal_address(host: str) -> Address | None:
    """Return the address a URL's host spells, also in the odd forms resolvers accept; None when it is a name."""
    # What a resolver does to a name first: compatibility forms of digits and dots become plain ones.
    host = normalize("NFKC", host).replace("\N{IDEOGRAPHIC FULL STOP}", ".").strip("[]").rstrip(".")
    try:
        return ip_address(host.split("%")[0])
    except ValueError:
        return _from_inet_aton(host)


def dns_name(host: str) -> str:
    """Return a host's name as DNS has it: in small letters, others as `xn--…`, without the last dot."""
    name = host.lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return name
    return name.removesuffix(".")


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one leads to, else the address itself."""
    if isinstance(address, IPv6Address):
        if address.sixtofour is not None:
            return address.sixtofour
        if within(address, _LAST_32_BITS) and int(address) >= _LOWEST_IPV4_COMPATIBLE:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def within(address: Address, networks: Iterable[Network]) -> bool:
    """Say whether an address is in any of the networks."""
    return any(address.version == network.version and address in network for network in networks)


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
