"""
The executor, wired: the log, the bus, the workers, and its own health.

    kill what an executor that died left behind
    wait for Postgres, for its migrations, for NATS    →    take work until told to stop
    let what is under way end, end the workers, let their leases run out, close
"""

import os
import random
from contextlib import AsyncExitStack
from functools import partial
from uuid import UUID

import structlog

from orc_domain.job_spec import PRIORITY_MAX
from orc_domain.previews import preview_subject
from orc_events.bus import Bus
from orc_events.log import PostgresLog
from orc_events.topology import Topology, pool_consumer, verify
from orc_executor.attempt import Surroundings
from orc_executor.child import OFFLINE, WORKER, Child, spawn
from orc_executor.claim import Voice
from orc_executor.consumer import Consumer, Limits
from orc_executor.leases import Leases
from orc_executor.metrics import ExecutorMetrics
from orc_executor.orphans import Registry
from orc_executor.pool import Pool
from orc_executor.previews import QUEUE as PREVIEWERS
from orc_executor.previews import Previews
from orc_executor.sandbox import walls_of
from orc_executor.settings import ExecutorSettings
from orc_executor.slots import Slots
from orc_executor.store import Store
from orc_executor.urgent import Urgent
from orc_executor.worker_settings import WorkerSettings, worker_environment
from orc_runtime.clock import SystemClock
from orc_runtime.connections import open_bus, open_database
from orc_runtime.database import close_pool
from orc_runtime.health import NotReady, serve_side
from orc_runtime.lifecycle import Lifecycle
from orc_runtime.master_keys import load_master_keys, master_key_lines
from orc_runtime.metrics import create_registry
from orc_runtime.plugin_news import tell_plugins
from orc_runtime.settings import read_settings

_logger = structlog.get_logger()

MIGRATIONS = ("orc_events", "orc_executor")
CONNECTIONS_MAX = 6
"""Two lanes of appends, two of reads, one for leases, one for health."""
POKES, POOL_POKES = "orc.poke.run.", "orc.poke.pool."


async def serve(lifecycle: Lifecycle, settings: ExecutorSettings) -> None:
    """Live the service's life; returns when told to stop."""
    worker_settings = read_settings(WorkerSettings, os.environ)
    keys = await load_master_keys(settings)
    walls = walls_of(worker_settings)
    if walls.missing:
        _logger.warning(
            "workers are less confined than they could be",
            missing=walls.missing,
            sandbox=worker_settings.worker_sandbox,
        )
    tell_plugins()
    metrics = create_registry(settings.SERVICE)
    async with AsyncExitStack() as resources:
        await resources.enter_async_context(
            serve_side(lifecycle.health, metrics, settings.health_host, settings.health_port)
        )
        registry = Registry(worker_settings.scratch / "workers")
        registry.clear()
        resources.callback(registry.close)
        database = await open_database(
            lifecycle, settings, schema="executor", size_max=CONNECTIONS_MAX, packages=MIGRATIONS
        )
        resources.push_async_callback(close_pool, database)
        bus, nats_closed = await open_bus(lifecycle, settings)
        resources.push_async_callback(bus.close)

        log = PostgresLog(
            database, on_append=lambda position: bus.poke("orc.poke.log", str(position).encode())
        )
        leases = Leases(database, settings.name, settings.lease_seconds)
        resources.push_async_callback(leases.close)
        online, offline = (worker_environment(os.environ, offline=offline) for offline in (False, True))
        workers: Pool[Child] = Pool(
            partial(spawn, registry, online, master_keys=master_key_lines(keys) if keys else None),
            slots=settings.slots_max,
            tasks_max=settings.tasks_per_worker_max,
            spawn_offline=partial(spawn, registry, offline, (*WORKER, OFFLINE)) if walls.seccomp else None,
        )
        resources.push_async_callback(workers.close)
        figures, store = ExecutorMetrics(metrics), Store(database)
        consumer = Consumer(
            bus,
            Voice(log, SystemClock(), settings.name),
            leases,
            Slots(
                database,
                settings.name,
                settings.lease_seconds,
                pool_max=settings.pool_concurrency_max,
                end=leases.end_slots,
            ),
            Surroundings(
                pool=workers,
                clock=SystemClock(),
                stored=store.read,
                # It spreads retries and guards nothing.
                jitter=random.random,
                cancel_grace_seconds=settings.cancel_grace_seconds,
            ),
            urgent=Urgent(database, settings.pool),
            metrics=figures,
            limits=Limits(
                pool=settings.pool,
                slots=settings.slots_max,
                drain_seconds=settings.drain_seconds,
                silence_seconds_max=settings.lease_seconds,
            ),
        )
        figures.show_walls(walls)
        figures.show(active=lambda: consumer.active, workers=lambda: workers.size)
        await bus.listen(POKES + "*", lambda subject, _data: _poke(leases, subject))
        await bus.listen(POOL_POKES + settings.pool, lambda _subject, data: _hear(consumer, data))
        resources.callback(bus.on_reconnected(consumer.hear))
        previews = await bus.serve(
            preview_subject(settings.pool), PREVIEWERS, Previews(workers, store.read).answer
        )
        resources.push_async_callback(previews.close)
        _check_work(lifecycle, settings, bus, workers)
        lifecycle.health.started()
        async with lifecycle.duties() as start:
            start("work", consumer.run(lifecycle.stopping), drains=True)
            start("beat", consumer.beat())
            start("leases", leases.keep())
            start("lease expiry", leases.expire())
            start("workers", workers.tend())
            start("nats", nats_closed.wait())


def _check_work(lifecycle: Lifecycle, settings: ExecutorSettings, bus: Bus, workers: Pool[Child]) -> None:
    topology = Topology((settings.pool,), inflight_max=settings.pool_inflight_max)
    declared = [one for one in topology.declared if one.consumer == pool_consumer(settings.pool)]

    async def consumer_stands() -> None:
        if differences := await verify(bus, declared):
            raise NotReady("; ".join(differences))

    async def workers_start() -> None:
        if workers.trouble is not None:
            raise NotReady(workers.trouble)

    lifecycle.health.checks["consumer"] = consumer_stands
    lifecycle.health.checks["workers"] = workers_start


def _hear(consumer: Consumer, data: bytes) -> None:
    try:
        priority = int(data)
    except ValueError:
        return
    consumer.hear(min(priority, PRIORITY_MAX))


def _poke(leases: Leases, subject: str) -> None:
    try:
        run_id = UUID(subject.removeprefix(POKES))
    except ValueError:
        return
    leases.poke(run_id)
