"""
Addresses: what a name resolves to, once, and every answer judged before any is connected to.

A name that is refused whatever it resolves to is not asked for at all: the question itself could carry data away.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any

from orc_domain.address_forms import Address
from orc_domain.egress import WEB_PORTS, EgressPolicy
from orc_executor.errors import AddressRefused, SourceUnavailable

ADDRESSES_TRIED_MAX = 4

Resolve = Callable[[str, int], Awaitable[list[Address]]]
ResolveNow = Callable[[str, int], list[Address]]
_FAILED = (OSError, UnicodeError, ValueError)


async def resolve(host: str, port: int) -> list[Address]:
    """Ask the system for the addresses of a name; raises OSError."""
    return _of(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))


def resolve_now(host: str, port: int) -> list[Address]:
    """Ask the system in a thread of its own; raises OSError."""
    return _of(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


async def judged_addresses(
    host: str, port: int, policy: EgressPolicy, resolve: Resolve = resolve, usual: Sequence[int] = WEB_PORTS
) -> list[Address]:
    """Return the addresses that may be connected to, a few; raises AddressRefused, SourceUnavailable."""
    _check_early(host, port, policy, usual)
    try:
        addresses = await resolve(host, port)
    except _FAILED as error:
        raise _unknown(host, error) from error
    return _judged(addresses, host, port, policy, usual)


def judged_addresses_now(
    host: str, port: int, policy: EgressPolicy, resolve: ResolveNow = resolve_now
) -> list[Address]:
    """Return the same to a thread of its own."""
    _check_early(host, port, policy, WEB_PORTS)
    try:
        addresses = resolve(host, port)
    except _FAILED as error:
        raise _unknown(host, error) from error
    return _judged(addresses, host, port, policy, WEB_PORTS)


def _check_early(host: str, port: int, policy: EgressPolicy, usual: Sequence[int]) -> None:
    if (refusal := policy.early_refusal(host, port, usual)) is not None:
        raise AddressRefused(host, refusal)


def _judged(
    addresses: list[Address], host: str, port: int, policy: EgressPolicy, usual: Sequence[int]
) -> list[Address]:
    for address in addresses:
        if (refusal := policy.refusal(address, port, host, usual)) is not None:
            raise AddressRefused(host, refusal)
    return addresses[:ADDRESSES_TRIED_MAX]


def _of(answers: list[tuple[Any, ...]]) -> list[Address]:
    return list(dict.fromkeys(ip_address(str(address[0]).partition("%")[0]) for *_, address in answers))


def _unknown(host: str, error: Exception) -> SourceUnavailable:
    return SourceUnavailable(f"the name {host} cannot be resolved: {error}")
