"""
Throttle: whoever fails often waits, per account (whether there is one or not) and per address.

    await throttle.check(name_key, address)         before a password is hashed; raises Throttled (429, Retry-After)
    await throttle.failed(name_key, address)        the password was wrong, or there is no such account
    await throttle.succeeded(name_key)              it was right: the account's failures are forgotten

`name_key` is `read_username(...).key`, or None where only the address counts (the bootstrap secret). A name that can be
no account's needs no throttle: nothing is hashed for it. A check that is followed by neither word (Busy, a broken
connection) costs nobody anything. A right password is refused too while its account is blocked: else the block would
tell which guess was right.

The counts are rows that all auth processes share and that outlive them, in database time. Below FREE failures many
may try at once; from there on one try is let through at a time, so that a block cannot be outrun by asking in parallel.
Successes do not count for an address, nor do they clear it: an attacker has an account of their own too.
"""

import hashlib
import math
from ipaddress import IPv6Address, ip_address, ip_network

import asyncpg
from msgspec import Struct

from orc_auth.denial import Throttled
from orc_events.statements import load

BLOCK_SECONDS_MIN = 15
BLOCK_SECONDS_MAX = 900
"""A block doubles from the first to this."""
DOUBLINGS_MAX = 6
TRY_SECONDS_MAX = 5
"""How long the one try that is let through may take before the next is."""
PURGE_EVERY = 200
"""Failures counted by this process between two looks for rows that say nothing any more."""
ROWS_MAX = 100_000
"""Past it the rows with the fewest failures go first."""
IPV6_PREFIX = 64
"""Whoever has one IPv6 address has all of such a network."""


class Limit(Struct, frozen=True):
    """How much is borne."""

    free: int
    """Failures before the first block."""
    forgiven_seconds: int
    """One failure is forgiven each time so long has passed without another."""


ACCOUNT = Limit(free=10, forgiven_seconds=900)
ADDRESS = Limit(free=100, forgiven_seconds=36)
"""Many people may share one address."""


class Throttle:
    """The failures of one installation."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._counted = 0

    async def check(self, name_key: str | None, address: str) -> None:
        """Return if a password may be tried now; raises Throttled."""
        account = None if name_key is None else account_hash(name_key)
        wait = await self._pool.fetchval(load("orc_auth", "throttle_wait"), [account, address_hash(address)])
        if wait is None and account is not None:
            wait = await self._pool.fetchval(
                load("orc_auth", "throttle_claim"),
                account,
                ACCOUNT.free,
                ACCOUNT.forgiven_seconds,
                float(TRY_SECONDS_MAX),
            )
        if wait is not None:
            raise Throttled(max(1, math.ceil(wait)))

    async def failed(self, name_key: str | None, address: str) -> None:
        """Count a failure, and block where there were too many."""
        counted = [(address_hash(address), ADDRESS)]
        if name_key is not None:
            counted.insert(0, (account_hash(name_key), ACCOUNT))
        for of_what, limit in counted:
            await self._pool.execute(
                load("orc_auth", "throttle_failed"),
                of_what,
                limit.free,
                limit.forgiven_seconds,
                BLOCK_SECONDS_MIN,
                BLOCK_SECONDS_MAX,
                DOUBLINGS_MAX,
            )
        self._counted += 1
        if self._counted % PURGE_EVERY == 0:
            await self.purge()

    async def succeeded(self, name_key: str) -> None:
        """Forget an account's failures."""
        await self._pool.execute(load("orc_auth", "throttle_succeeded"), account_hash(name_key))

    async def purge(self) -> None:
        """Drop what is forgiven, and what is too much; `failed` does it now and then."""
        longest = max(ACCOUNT.forgiven_seconds, ADDRESS.forgiven_seconds)
        await self._pool.execute(load("orc_auth", "throttle_purge"), longest)
        await self._pool.execute(load("orc_auth", "throttle_shrink"), ROWS_MAX)


def account_hash(name_key: str) -> bytes:
    """Return the name of an account's row: no mistyped name, which may be a password, rests in clear."""
    return hashlib.sha256(b"account\0" + name_key.encode()).digest()


def address_hash(address: str) -> bytes:
    """Return the name of an address's row."""
    return hashlib.sha256(b"address\0" + _network(address).encode()).digest()


def _network(address: str) -> str:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        # Not over IP: a socket of this machine, or a test.
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, IPV6_PREFIX), strict=False))
    return str(found)
