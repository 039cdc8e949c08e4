"""Accounts on a real database, with hashes that cost nothing."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from argon2.profiles import CHEAPEST

from orc_auth.accounts import Accounts
from orc_auth.passwords import Passwords
from orc_auth.tokens import signing_key
from orc_runtime.clock import ManualClock
from orc_runtime.database import close_pool, connect_pool
from orc_runtime.settings import Secret

TOKEN_SECONDS = 900


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
async def make_accounts(pool, passwords, clock) -> Callable[..., Accounts]:
    key = await signing_key(pool)

    def make(**changes: object) -> Accounts:
        options = {
            "is_open": True,
            "bootstrap_secret": None,
            "token_seconds": TOKEN_SECONDS,
            "passwords": passwords,
        } | changes
        return Accounts(pool, options.pop("passwords"), key, clock, **options)

    return make


@pytest.fixture
def bootstrap() -> Secret:
    return Secret("the one-time secret")
