"""Accounts on a real database, with hashes that cost nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from argon2.profiles import CHEAPEST
from auth import wishes
from auth.wishes import BOOTSTRAP

from orc_auth.identity import Identity, Terms
from orc_auth.passwords import Passwords
from orc_auth.sessions import Sessions
from orc_auth.signing import CLEAR, SigningKeys
from orc_auth.throttle import Throttle
from orc_events.statements import load
from orc_runtime.clock import ManualClock
from orc_runtime.database import close_pool, connect_pool
from orc_runtime.principal import Principal
from orc_runtime.settings import Secret


@pytest.fixture
async def pool(database) -> AsyncIterator[object]:
    pool = await connect_pool(database.url("orc_auth"), schema="auth", size_max=4, application_name="test")
    yield pool
    await close_pool(pool)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
def passwords():
    passwords = Passwords(hashes_max=2, parameters=CHEAPEST)
    yield passwords
    passwords.close()


@pytest.fixture
async def keys(pool, clock) -> SigningKeys:
    """Make the first signing key."""
    keys = SigningKeys(pool, CLEAR, clock, token_seconds=900, days=90)
    await keys.prepare()
    return keys


@pytest.fixture
def told() -> list[None]:
    """Hold one entry for each time verifiers were told."""
    return []


@pytest.fixture
def sessions(pool, passwords, keys, clock, told) -> Sessions:
    """Make sessions of fifteen minutes' tokens."""

    async def tell() -> None:
        told.append(None)

    return Sessions(
        pool, passwords, keys, Throttle(pool), clock, tell=tell,
        token_seconds=900, refresh_seconds=3600, session_seconds=86_400,
    )  # fmt: skip


@pytest.fixture
def ann(pool, passwords) -> Callable[..., Awaitable[Principal]]:
    """Make an account named ann, whose password is `right`."""

    async def make(role: str = "operator") -> Principal:
        user_id = uuid4()
        password_hash = await passwords.hash("right")
        await pool.execute(load("orc_auth", "insert_account"), user_id, "ann", "ann", password_hash, role)
        return Principal(subject="user:ann", user_id=user_id, role=role)

    return make


@pytest.fixture
def make_identity(pool, passwords, clock, told) -> Callable[..., Awaitable[Identity]]:
    """Put identity together under terms of one's own; by default it is closed and has a bootstrap secret."""

    async def tell() -> None:
        told.append(None)

    async def make(*, hashing: Passwords = passwords, **terms: object) -> Identity:
        chosen = Terms(**{"is_open": False, "bootstrap_secret": BOOTSTRAP} | terms)
        identity = Identity(pool, hashing, CLEAR, clock, chosen, tell=tell)
        await identity.keys.prepare()
        return identity

    return make


@pytest.fixture
async def identity(make_identity) -> Identity:
    """Give a closed installation without any account."""
    return await make_identity()


@pytest.fixture
async def admin(identity) -> Secret:
    """Give the token of the first admin, called root."""
    await identity.accounts.bootstrap(wishes.bootstrap("root"))
    return await wishes.token(identity, "root")
