"""
The items of ORC_EGRESS_ALLOW: networks and hosts that may be reached besides what is public, each with a port or all.

    10.0.0.0/8    192.168.1.7    fd00::/8    loopback    private    files.internal.example    *.internal.example
    10.0.0.0/8:9000    [fd00::/8]:443    loopback:8080    files.internal.example:443
"""

import re
from ipaddress import ip_network
from typing import Annotated, Self

from msgspec import Meta, Struct

from orc_domain.address_forms import Address, Network, dns_name, within

PORT_MAX = 65_535
Port = Annotated[int, Meta(ge=1, le=PORT_MAX)]
NAME_CHARACTERS_MAX = 253
"""As DNS has it."""
_VALID = "10.0.0.0/8, 10.1.2.3, loopback, private, files.example or *.example, each with :port or without; [fd00::/8]:443"
_NAMED = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
}
_BRACKETED = re.compile(r"\[(?P<place>[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?)\](?::(?P<port>[0-9]{1,5}))?")
_WITH_PORT = re.compile(r"(?P<place>[^:]+):(?P<port>[0-9]{1,5})")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# Whose last label is a number would be read as an address: 0x7f, 127.1, 10.0.0.300.
_NAME = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*(?!(?:[0-9]+|0x[0-9a-f]*)\Z){_LABEL}")


class EgressItem(str):
    """An item as it is written; raises ValueError, saying what would be valid, when it cannot be read."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Read it once, so that a fault is told when the settings are read."""
        read_item(text)
        return super().__new__(cls, text)


class Allowed(Struct, frozen=True):
    """What one item lets through."""

    networks: tuple[Network, ...] = ()
    host: str = ""
    """Lower case, without the last dot; `*.` in front stands for any name under it. Empty where there are networks."""
    port: int | None = None
    """None is any."""

    def lists(self, address: Address, name: str) -> bool:
        """Say whether it speaks of this address, or of the name that led there."""
        return within(address, self.networks) or self.names(name)

    def names(self, name: str) -> bool:
        """Say whether it speaks of this name."""
        if not self.host:
            return False
        name = dns_name(name)
        return name.endswith(self.host[1:]) if self.host.startswith("*.") else name == self.host

    def has_port(self, port: int) -> bool:
        """Say whether it lets this port through."""
        return self.port in {None, port}


def read_item(text: str) -> Allowed:
    """Return what an item says; raises ValueError."""
    text = text.strip().lower()
    place, port = text, None
    if (found := _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text)) is not None:
        place = found["place"]
        port = None if found["port"] is None else int(found["port"])
    if port is not None and not 1 <= port <= PORT_MAX:
        raise ValueError(f"{text!r} has a port that is not from 1 to {PORT_MAX}; valid is {_VALID}")
    if place in _NAMED:
        return Allowed(tuple(ip_network(one) for one in _NAMED[place]), port=port)
    try:
        return Allowed((ip_network(place),), port=port)
    except ValueError as error:
        if "host bits" in str(error):
            whole = ip_network(place, strict=False)
            raise ValueError(f"{text!r} is an address with the size of a network; say {whole}") from error
    if len(place) <= NAME_CHARACTERS_MAX and _NAME.fullmatch(place.removesuffix(".")):
        return Allowed(host=place.removesuffix("."), port=port)
    spelled = "" if place.isascii() else "; a name in other letters as DNS has it, xn--…"
    raise ValueError(f"{text!r} is no network, address or host name; valid is {_VALID}{spelled}")
