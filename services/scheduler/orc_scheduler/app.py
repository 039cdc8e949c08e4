"""
The scheduler, wired: Postgres for the log and the calendar, NATS for commands and work.

    wait for Postgres, for its migrations, for NATS    →    provision    →    until told to stop:
        handlers    commands from the bus into the log
        calendar    the log into the scheduler's tables
        ticker      due schedules into the log
        backfiller  backfills into the log, so many runs at once as each may have
        relay       the log onto the bus
        rescuer     open runs driven on
        breaker     schedules paused whose runs keep failing
        topology, pools, partitions    what all of these stand on, kept up

The handlers finish what they began when told to stop; all others are safe to end anywhere.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Never

import structlog

from orc_events.errors import BusUnavailable
from orc_events.event import Position
from orc_events.log import PostgresLog
from orc_events.relay import Relay
from orc_events.statements import load
from orc_events.topology import Topology, maintain, provision
from orc_events.wakeup import Wakeup
from orc_runtime.clock import SystemClock
from orc_runtime.connections import open_bus, open_database
from orc_runtime.database import UNREACHABLE, close_pool
from orc_runtime.health import serve_side
from orc_runtime.lifecycle import Lifecycle
from orc_runtime.metrics import create_registry
from orc_runtime.plugin_news import tell_plugins
from orc_scheduler.backfiller import Backfiller
from orc_scheduler.breaker import Breaker
from orc_scheduler.calendar import Calendar, Listeners
from orc_scheduler.commands import Commands
from orc_scheduler.handlers import Handlers
from orc_scheduler.jobs import Jobs
from orc_scheduler.metrics import SchedulerMetrics
from orc_scheduler.pools import Pools
from orc_scheduler.readiness import checks
from orc_scheduler.rescuer import Rescuer
from orc_scheduler.settings import SchedulerSettings
from orc_scheduler.ticker import Ticker
from orc_scheduler.tz_release import follow_release
from orc_scheduler.wakeups import Wakeups
from orc_scheduler.work import work_of

PARTITIONS_SECONDS = 60.0

_ENSURE_PARTITIONS = load("orc_scheduler", "ensure_partitions")
_OLDEST_NEEDED = load("orc_scheduler", "oldest_needed")

_logger = structlog.get_logger()


async def serve(lifecycle: Lifecycle, settings: SchedulerSettings) -> None:
    """Live the service's life; returns when told to stop."""
    tell_plugins()
    registry = create_registry(settings.SERVICE)
    metrics, clock = SchedulerMetrics(registry), SystemClock()
    async with AsyncExitStack() as resources:
        await resources.enter_async_context(
            serve_side(lifecycle.health, registry, settings.health_host, settings.health_port)
        )
        pool = await open_database(lifecycle, settings, schema="scheduler", size_max=settings.connections_max)
        resources.push_async_callback(close_pool, pool)
        bus, nats_closed = await open_bus(lifecycle, settings)
        resources.push_async_callback(bus.close)

        topology = Topology(inflight_max=settings.pool_inflight_max, replicas=settings.nats_replicas)
        pools, wakeups = Pools(pool, bus, topology), Wakeups(bus)
        log = PostgresLog(pool, on_append=wakeups.tell)
        jobs = Jobs(log)

        def tell_urgent(executors: str, priority: int) -> None:
            bus.poke(f"orc.poke.pool.{executors}", str(priority).encode())

        rescuer = Rescuer(
            pool, log, bus, clock, metrics, lease_seconds=settings.lease_seconds, on_urgent=tell_urgent
        )
        calendar_changed, backfills_changed = Wakeup(), Wakeup()
        breaker = Breaker(pool, log, clock)
        listeners = Listeners(
            jobs=calendar_changed.poke, runs=rescuer.poke, failures=breaker.poke, backfills=backfills_changed.poke,
            urgent=tell_urgent, pools=pools.declare,
        )  # fmt: skip
        calendar = Calendar(pool, log, listeners)
        ticker = Ticker(pool, log, jobs, calendar, metrics, wakeup=calendar_changed, on_append=wakeups.tell)
        backfiller = Backfiller(
            pool, log, jobs, calendar, clock, metrics=metrics, wakeup=backfills_changed, on_append=wakeups.tell,
            on_cancel=lambda run_id: bus.poke(f"orc.poke.run.{run_id}"),
        )  # fmt: skip
        relay = Relay(pool, log, bus, work_subject=work_of, oldest_needed=lambda: _oldest_needed(pool))
        commands = Commands(log, jobs, calendar)
        handlers = Handlers(bus, log, commands, clock, metrics, slots=settings.commands_max)
        wakeups.add(relay.poke)
        wakeups.add(calendar.follower.poke)

        await lifecycle.wait_for("partitions", lambda: pool.fetchval(_ENSURE_PARTITIONS), UNREACHABLE)
        await lifecycle.wait_for("tz release", lambda: follow_release(pool), UNREACHABLE)
        await lifecycle.wait_for("pools", pools.read, UNREACHABLE)
        await lifecycle.wait_for("topology", lambda: provision(bus, topology), (BusUnavailable,))
        interest = await wakeups.listen()
        resources.push_async_callback(interest.unsubscribe)
        lifecycle.health.checks.update(checks(pool, bus, topology, calendar, relay))
        metrics.projector_position.set_function(lambda: calendar.follower.position)
        metrics.relay_position.set_function(lambda: relay.position if relay.is_leading else 0)
        lifecycle.health.started()
        async with lifecycle.duties() as start:
            start("nats", nats_closed.wait())
            start("topology", maintain(bus, topology))
            start("pools", pools.run())
            start("partitions", _keep_partitions(pool))
            start("relay", relay.run())
            start("calendar", calendar.run())
            start("ticker", ticker.run())
            start("backfiller", backfiller.run())
            start("rescuer", rescuer.run())
            start("breaker", breaker.run())
            start("handlers", handlers.run(lifecycle.stopping), drains=True)


async def _oldest_needed(pool: Any) -> Position | None:
    position: int | None = await pool.fetchval(_OLDEST_NEEDED)
    return None if position is None else Position(position)


async def _keep_partitions(pool: Any) -> Never:
    """Keep empty partitions ahead of the head, for ever."""
    while True:
        await asyncio.sleep(PARTITIONS_SECONDS)
        try:
            if made := await pool.fetchval(_ENSURE_PARTITIONS):
                _logger.info("partitions made", count=made)
        except UNREACHABLE as error:
            _logger.warning("partitions are made later", reason=repr(error))
