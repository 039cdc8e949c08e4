"""What every service opens at its start: its pool of Postgres connections, and its connection to NATS."""

import asyncio
from collections.abc import Iterable

import asyncpg

from orc_events.bus import Bus
from orc_events.errors import BusUnavailable
from orc_runtime.database import STATEMENT_SECONDS_MAX, UNREACHABLE, connect_pool
from orc_runtime.health import NotReady
from orc_runtime.lifecycle import Lifecycle
from orc_runtime.migrate import MIGRATED, MigrationsPending, require_current
from orc_runtime.settings import ServiceSettings
from orc_runtime.tls import nats_context

BUS_CONNECT_SECONDS_MAX = 3.0


async def open_database(
    lifecycle: Lifecycle,
    settings: ServiceSettings,
    *,
    schema: str,
    size_max: int,
    packages: Iterable[str] = MIGRATED,
    statement_seconds_max: float = STATEMENT_SECONDS_MAX,
) -> asyncpg.Pool:
    """Wait for Postgres and for the migrations of these packages; from then on readiness asks for it."""
    pool = await lifecycle.wait_for(
        "postgres",
        lambda: connect_pool(
            settings.database_url.reveal(),
            schema=schema,
            size_max=size_max,
            application_name=f"orc-{settings.SERVICE}",
            statement_seconds_max=statement_seconds_max,
        ),
        UNREACHABLE,
    )
    await lifecycle.wait_for(
        "migrations", lambda: require_current(pool, packages), (*UNREACHABLE, MigrationsPending)
    )

    async def answers() -> None:
        await pool.fetchval("SELECT 1")

    lifecycle.health.checks["postgres"] = answers
    return pool


async def open_bus(lifecycle: Lifecycle, settings: ServiceSettings) -> tuple[Bus, asyncio.Event]:
    """
    Wait for NATS; from then on readiness asks for it.

    The event is set when the client has given up, which it does only on what no retry mends: the process has to end,
    since a new one reads new credentials.
    """
    closed, tls = asyncio.Event(), nats_context(settings)
    bus = await lifecycle.wait_for(
        "nats",
        lambda: Bus.connect(
            settings.nats_url.reveal(),
            name=f"orc-{settings.SERVICE}",
            tls=tls,
            on_closed=closed.set,
            wait_seconds=BUS_CONNECT_SECONDS_MAX,
        ),
        (BusUnavailable,),
    )

    async def is_connected() -> None:
        if not bus.connected:
            raise NotReady("not connected")

    lifecycle.health.checks["nats"] = is_connected
    return bus, closed
