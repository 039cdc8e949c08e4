"""
The auth service, wired: Postgres for the accounts, core NATS for the questions, and its own health.

    wait for Postgres, for its migrations, for NATS    →    load the signing key    →    answer until told to stop
"""

import asyncio
from contextlib import AsyncExitStack

import asyncpg

from orc_auth.accounts import Accounts
from orc_auth.answers import answers
from orc_auth.passwords import Passwords
from orc_auth.settings import AuthSettings
from orc_auth.tokens import signing_key, verifying_keys
from orc_events.bus import Bus
from orc_events.errors import BusUnavailable
from orc_runtime.auth_messages import QUEUE
from orc_runtime.clock import SystemClock
from orc_runtime.database import UNREACHABLE, close_pool, connect_pool
from orc_runtime.health import NotReady, serve_side
from orc_runtime.lifecycle import Lifecycle
from orc_runtime.metrics import create_registry
from orc_runtime.migrate import MigrationsPending, require_current

NAME = "orc-auth"
BUS_CONNECT_SECONDS_MAX = 3.0
STATEMENT_SECONDS_MAX = 2.0
"""Somebody waits at the other end: an answer later than this comes too late."""


async def serve(lifecycle: Lifecycle, settings: AuthSettings) -> None:
    """Live the service's life; returns when told to stop."""
    registry = create_registry(settings.SERVICE)
    async with AsyncExitStack() as resources:
        await resources.enter_async_context(
            serve_side(lifecycle.health, registry, settings.health_host, settings.health_port)
        )
        pool = await _open_pool(lifecycle, settings)
        resources.push_async_callback(close_pool, pool)
        nats_closed = asyncio.Event()
        bus = await _open_bus(lifecycle, settings, nats_closed)
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
            # The client gives up only on what no retry mends; a new process reads new credentials.
            start("nats", nats_closed.wait())


async def _open_pool(lifecycle: Lifecycle, settings: AuthSettings) -> asyncpg.Pool:
    pool = await lifecycle.wait_for(
        "postgres",
        lambda: connect_pool(
            settings.database_url.reveal(),
            schema="auth",
            size_max=settings.connections_max,
            application_name=NAME,
            statement_seconds_max=STATEMENT_SECONDS_MAX,
        ),
        UNREACHABLE,
    )
    await lifecycle.wait_for("migrations", lambda: require_current(pool), (*UNREACHABLE, MigrationsPending))

    async def answers_us() -> None:
        await pool.fetchval("SELECT 1")

    lifecycle.health.checks["postgres"] = answers_us
    return pool


async def _open_bus(lifecycle: Lifecycle, settings: AuthSettings, closed: asyncio.Event) -> Bus:
    bus = await lifecycle.wait_for(
        "nats",
        lambda: Bus.connect(
            settings.nats_url.reveal(),
            name=NAME,
            on_closed=closed.set,
            wait_seconds=BUS_CONNECT_SECONDS_MAX,
        ),
        (BusUnavailable,),
    )

    async def is_connected() -> None:
        if not bus.connected:
            raise NotReady("not connected")

    lifecycle.health.checks["nats"] = is_connected
    return bus
