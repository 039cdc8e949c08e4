"""Accounts on a real database, with hashes that cost nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from argon2.profiles import CHEAPEST

from orc_auth.passwords import Passwords
from orc_runtime.clock import ManualClock
from orc_runtime.database import close_pool, connect_pool


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
