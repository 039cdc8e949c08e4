"""P36: the time of a login does not tell whether there is such an account."""

import statistics
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from orc_auth.denial import BadCredentials
from orc_auth.identity import Identity, Terms
from orc_auth.passwords import Passwords
from orc_auth.signing import CLEAR
from orc_auth.throttle import ACCOUNT
from orc_runtime.auth_messages.accounts import RegisterUser
from orc_runtime.auth_messages.sessions import LogIn
from orc_runtime.clock import SystemClock
from orc_runtime.database import close_pool, connect_pool
from orc_runtime.settings import Secret

NAMES = 30
"""Of each kind; each is tried as often as it is before it is blocked."""
MEDIANS_MS_MAX = 5.0
Z_MAX = 3.0
"""Of the rank test: by chance alone, past it in one run of four hundred."""


@pytest.fixture
async def identity(database) -> AsyncIterator[Identity]:
    """Give an installation with real costs."""
    pool = await connect_pool(database.url("orc_auth"), schema="auth", size_max=4, application_name="test")
    passwords = Passwords(hashes_max=2)

    async def tell() -> None:
        pass

    try:
        yield Identity(pool, passwords, CLEAR, SystemClock(), Terms(is_open=True), tell=tell)
    finally:
        passwords.close()
        await close_pool(pool)


async def seconds(identity: Identity, name: str, number: int) -> float:
    wish = LogIn(
        request_id=uuid4(), username=name, password=Secret("wrong"), address=f"2001:db8:{number:x}::1"
    )
    began = time.perf_counter()
    with pytest.raises(BadCredentials):
        await identity.sessions.log_in(wish)
    return time.perf_counter() - began


def rank_z(one: list[float], other: list[float]) -> float:
    """Return how far the ranks are from what they would be by chance (Mann and Whitney), in standard deviations."""
    order = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(rank for rank, (_, which) in enumerate(order, start=1) if which == 0)
    n, m = len(one), len(other)
    mean = n * (n + m + 1) / 2
    return float((ranks - mean) / (n * m * (n + m + 1) / 12) ** 0.5)


async def test_known_and_unknown_take_the_same_time(identity):
    """300 logins each, in turns: the medians are close, and their ranks say nothing."""
    for number in range(NAMES):
        await identity.accounts.register(
            RegisterUser(request_id=uuid4(), username=f"known{number}", password=Secret("right"))
        )
    known, unknown = list[float](), list[float]()
    for attempt in range(ACCOUNT.free):
        for number in range(NAMES):
            # Whoever comes first changes, so that neither kind always follows the other.
            turns = [(known, f"known{number}"), (unknown, f"other{number}")]
            for found, name in turns if (attempt + number) % 2 else reversed(turns):
                found.append(await seconds(identity, name, number))
    apart = abs(statistics.median(known) - statistics.median(unknown)) * 1000
    z = rank_z(known, unknown)
    assert len(known) == len(unknown) == NAMES * ACCOUNT.free
    assert (apart < MEDIANS_MS_MAX, abs(z) < Z_MAX) == (True, True), f"{apart:.2f} ms apart, z {z:.2f}"
