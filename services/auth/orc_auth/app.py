"""
The auth service, wired: Postgres for the accounts, core NATS for the questions, and its own health.

    wait for Postgres, for its migrations, for NATS    →    load the signing key    →    answer until told to stop
"""

from contextlib import AsyncExitStack

from orc_auth.accounts import Accounts
from orc_auth.answers import answers
from orc_auth.passwords import Passwords
from orc_auth.settings import AuthSettings
from orc_auth.tokens import signing_key, verifying_keys
from orc_runtime.auth_messages import QUEUE
from orc_runtime.clock import SystemClock
from orc_runtime.connections import open_bus, open_database
from orc_runtime.database import UNREACHABLE, close_pool
from orc_runtime.health import serve_side
from orc_runtime.lifecycle import Lifecycle
from orc_runtime.metrics import create_registry

STATEMENT_SECONDS_MAX = 2.0
"""Somebody waits at the other end: an answer later than this comes too late."""


async def serve(lifecycle: Lifecycle, settings: AuthSettings) -> None:
    """Live the service's life; returns when told to stop."""
    registry = create_registry(settings.SERVICE)
    async with AsyncExitStack() as resources:
        await resources.enter_async_context(
            serve_side(lifecycle.health, registry, settings.health_host, settings.health_port)
        )
        pool = await open_database(
            lifecycle,
            settings,
            schema="auth",
            size_max=settings.connections_max,
            statement_seconds_max=STATEMENT_SECONDS_MAX,
        )
        resources.push_async_callback(close_pool, pool)
        bus, nats_closed = await open_bus(lifecycle, settings)
        resources.push_async_callback(bus.close)
        passwords = Passwords(hashes_max=settings.hashes_max)
        resources.callback(passwords.close)
        accounts = Accounts(
            pool,
            passwords,
            await lifecycle.wait_for("signing key", lambda: signing_key(pool), UNREACHABLE),
            SystemClock(),
            is_open=settings.mode == "optional",
            bootstrap_secret=settings.bootstrap_secret,
            token_seconds=settings.token_seconds,
        )
        table = answers(accounts, lambda: verifying_keys(pool, settings.token_seconds), registry)
        for subject, answer in table.items():
            service = await bus.serve(subject, QUEUE, answer)
            resources.push_async_callback(service.close)
        lifecycle.health.started()
        async with lifecycle.duties() as start:
            start("nats", nats_closed.wait())
