"""Addresses: what a name resolves to, once, and every answer judged before any is connected to."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from orc_domain.egress import Address, EgressPolicy
from orc_executor.errors import AddressRefused, SourceUnavailable

ADDRESSES_TRIED_MAX = 4

Resolve = Callable[[str, int], Awaitable[list[Address]]]


async def resolve(host: str, port: int) -> list[Address]:
    """Ask the system for the addresses of a name; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(address[0]).partition("%")[0]) for *_, address in found))


async def judged_addresses(
    host: str, port: int, policy: EgressPolicy, resolve: Resolve = resolve
) -> list[Address]:
    """Return the addresses that may be connected to, a few; raises AddressRefused, SourceUnavailable."""
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError, ValueError) as error:
        raise SourceUnavailable(f"the name {host} cannot be resolved: {error}") from error
    for address in addresses:
        if (refusal := policy.refusal(address)) is not None:
            raise AddressRefused(host, refusal)
    return addresses[:ADDRESSES_TRIED_MAX]
