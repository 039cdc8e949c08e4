"""A gateway on a real Postgres, with a bus in memory and the scheduler's own handlers behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from argon2.profiles import CHEAPEST
from gateway.backfills import RANGE
from msgspec import Struct
from prometheus_client import CollectorRegistry

from orc_auth.answers import answers
from orc_auth.identity import Identity, Terms
from orc_auth.keys_at_rest import KeysAtRest
from orc_auth.passwords import Passwords
from orc_auth.sealers import NoMasterKey
from orc_auth.signing import CLEAR
from orc_auth.vault import Vault
from orc_domain.run import Run
from orc_events.bus import Bus
from orc_events.event import StreamName
from orc_events.follower import Follower
from orc_events.handle import Intent, handle
from orc_events.log import PostgresLog
from orc_events.memory_bus import MemoryBroker
from orc_events.projection import Projector
from orc_events.services import Service
from orc_events.topology import Topology, provision
from orc_events.wakeup import Wakeup
from orc_gateway import projections
from orc_gateway.app import create_app, listen
from orc_gateway.auth_client import AuthClient
from orc_gateway.connection import Connection
from orc_gateway.front import Front
from orc_gateway.live import Tail
from orc_gateway.rates import Rates
from orc_gateway.reads import Reads
from orc_gateway.settings import GatewaySettings
from orc_gateway.shown import Shown
from orc_gateway.trusting import Trusting
from orc_runtime.auth_messages.trust import CHANGED
from orc_runtime.auth_messages.wire import QUEUE
from orc_runtime.clock import SystemClock
from orc_runtime.database import close_pool, connect_pool
from orc_runtime.deciders import RUNS
from orc_runtime.health import Health
from orc_runtime.sealing import Sealing
from orc_runtime.serving import serving
from orc_runtime.settings import Secret
from orc_scheduler.backfiller import Backfiller
from orc_scheduler.calendar import Calendar, Listeners
from orc_scheduler.commands import Commands
from orc_scheduler.handlers import Handlers
from orc_scheduler.jobs import Jobs
from orc_scheduler.metrics import SchedulerMetrics

BOOTSTRAP = "the one-time secret"


class Gateway(Struct, frozen=True):
    """A running gateway and what stands around it."""

    front: Front
    broker: MemoryBroker
    bus: Bus
    pool: Any
    log: PostgresLog
    executor_log: PostgresLog
    reads: Reads
    projector: Projector
    tail: Tail
    registry: CollectorRegistry
    health: Health

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
        """Call it without a socket in between."""
        transport = httpx.ASGITransport(self.front)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", **options) as client:
            yield client

    @asynccontextmanager
    async def served(self) -> AsyncIterator[httpx.AsyncClient]:
        """Call it over a socket: a stream comes as it is written."""
        async with (
            serving(self.front, "127.0.0.1", 0, http=Connection) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        ):
            yield client

    async def say(self, run_id: str, command: Any) -> Run:
        """Say what an executor says of a run, and wait until it is shown."""
        intent = Intent(
            command_id=uuid4(),
            body_hash=bytes(32),
            actor="executor:test",
            correlation_id=uuid4(),
            occurred_at=SystemClock().now(),
        )
        handled = await handle(self.executor_log, RUNS, StreamName(f"run-{run_id}"), command, intent)
        self.projector.follower.poke()
        self.tail.poke()
        assert await self.projector.passed(handled.position, 10)
        return handled.state


def job_body(**changes: Any) -> dict[str, Any]:
    task = {"extractor_config": {"type": "inline", "rows": [{"n": 1}]}, "loader_config": {"type": "discard"}}
    return {"job_name": "planes", "schedule": "@manual", "tasks": [task]} | changes


@pytest.fixture
def body() -> Callable[..., dict[str, Any]]:
    """Write a job's body."""
    return job_body


@pytest.fixture
def settings() -> Callable[..., GatewaySettings]:
    """Make settings; what connects is the fixture's."""

    def make(**changes: Any) -> GatewaySettings:
        nowhere = Secret("unused")
        return GatewaySettings(database_url=nowhere, nats_url=nowhere, **changes)

    return make


class Starter:
    """Starts gateways and what stands behind them; everything ends with the test."""

    bootstrap = BOOTSTRAP
    identity: Identity
    """What auth answers with, once it does."""
    sealing: Sealing | None = None
    """What secrets are sealed by, once a test says so."""
    is_mute = False
    """Whether auth keeps to itself that something was ended."""

    def __init__(
        self, database: Any, settings: Callable[..., GatewaySettings], resources: AsyncExitStack
    ) -> None:
        self._database, self._settings, self._resources = database, settings, resources
        self._auth_services: list[Service] = []

    async def __call__(
        self,
        *,
        handlers: bool = True,
        auth: bool = False,
        beside: Gateway | None = None,
        rates: Rates | None = None,
        **changes: Any,
    ) -> Gateway:
        """Start a gateway with settings of one's own, on a bus of its own or on another's."""
        broker = MemoryBroker() if beside is None else beside.broker
        registry, health = CollectorRegistry(), Health()
        bus, other = await broker.connect(), await broker.connect()
        await provision(other, Topology())
        for one in (bus, other):
            self._resources.push_async_callback(one.close)
        pool, chosen = await self.pool("orc_gateway", "read"), self._settings(**changes)
        log, reads = PostgresLog(pool), Reads(pool)
        follower = Follower(pool, log, projections.CHECKPOINT)
        projector = Projector(
            follower, projections.apply, clear=projections.clear, on_applied=Shown.tell(bus)
        )
        shown = Shown(follower, lambda: reads.checkpoint(projections.CHECKPOINT), registry)
        tail = Tail(log, reads, registry, watchers_max=chosen.streams_max)
        await listen(bus, projector, tail, shown)
        front, executor_log = (
            Front(health, registry, mode=chosen.mode),
            PostgresLog(await self.pool("orc_executor", "executor")),
        )
        gateway = Gateway(
            front, broker, bus, pool, log, executor_log, reads, projector, tail, registry, health
        )
        if handlers and beside is None:
            await self.handle_commands(other)
        if auth:
            await self._answer_for_auth(other, is_open=chosen.mode == "optional")
        trusting = Trusting(bus, AuthClient(bus))
        app = create_app(
            chosen, bus=bus, log=log, reads=reads, shown=shown, tail=tail, trusting=trusting, health=health,
            registry=registry, clock=SystemClock(), rates=rates,
        )  # fmt: skip
        front.open(app)
        health.started()
        if auth or beside is not None:
            self._duty(trusting.run())
        self._duty(projector.run())
        self._duty(tail.run())
        return gateway

    async def handle_commands(self, bus: Bus) -> None:
        """Let the scheduler's handlers take commands."""
        pool = await self.pool("orc_scheduler", "scheduler")
        log = PostgresLog(pool, on_append=lambda position: bus.poke("orc.poke.log", str(position).encode()))
        changed, jobs = Wakeup(), Jobs(log)
        calendar = Calendar(pool, log, Listeners(backfills=changed.poke))
        metrics = SchedulerMetrics(CollectorRegistry())
        commands = Commands(log, jobs, calendar)
        backfiller = Backfiller(
            pool, log, jobs, calendar, SystemClock(), metrics=metrics, wakeup=changed,
            on_append=lambda position: bus.poke("orc.poke.log", str(position).encode()),
            on_cancel=lambda _: None,
        )  # fmt: skip
        handlers = Handlers(bus, log, commands, SystemClock(), metrics, slots=16)
        self._duty(calendar.run())
        self._duty(backfiller.run())
        self._duty(handlers.run(asyncio.Event()))

    async def _answer_for_auth(self, bus: Bus, *, is_open: bool) -> None:
        """Let the auth service's own answers be given."""
        pool = await self.pool("orc_auth", "auth")
        passwords = Passwords(hashes_max=2, parameters=CHEAPEST)
        self._resources.callback(passwords.close)

        async def tell() -> None:
            if not self.is_mute:
                bus.poke(CHANGED)

        terms = Terms(is_open=is_open, bootstrap_secret=Secret(BOOTSTRAP))
        self.identity = Identity(pool, passwords, CLEAR, SystemClock(), terms, tell=tell)
        await self.identity.keys.prepare()
        keys_at_rest = KeysAtRest(pool, NoMasterKey())
        vault = Vault(pool, self.identity.authority, self.sealing, keys_at_rest, SystemClock())
        questions = {**self.identity.questions(), **vault.questions()}
        for subject, answer in answers(questions, CollectorRegistry()).items():
            self._auth_services.append(await bus.serve(subject, QUEUE, answer))

    async def silence_auth(self) -> None:
        """Have auth answer nothing any more."""
        for service in self._auth_services:
            await service.close()

    async def log(self, role: str, schema: str) -> PostgresLog:
        """Open the log as another service has it."""
        return PostgresLog(await self.pool(role, schema))

    async def pool(self, role: str, schema: str) -> Any:
        """Open connections as a service has them."""
        pool = await connect_pool(
            self._database.url(role), schema=schema, size_max=6, application_name="test"
        )
        self._resources.push_async_callback(close_pool, pool)
        # Connected now: a follower that is cancelled while it still connects leaves an error nobody waits for.
        async with pool.acquire(), pool.acquire(), pool.acquire():
            return pool

    def _duty(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._resources.push_async_callback(end)


@pytest.fixture
async def start_gateway(database, settings) -> AsyncIterator[Starter]:
    """Start gateways with settings of one's own."""
    async with AsyncExitStack() as resources:
        yield Starter(database, settings, resources)


@pytest.fixture
async def gateway(start_gateway) -> Gateway:
    """Give a gateway that is open to everybody."""
    return await start_gateway()


@pytest.fixture
async def client(gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Call the gateway."""
    async with gateway.client() as client:
        yield client


@pytest.fixture
async def job(client) -> dict[str, Any]:
    """Make a job that is due at nine each day."""
    return (await client.post("/jobs", json=job_body(schedule="0 9 * * *"))).json()


@pytest.fixture
def ask(client, job) -> Callable[..., Any]:
    """Ask for a backfill of four days of it."""

    async def post(key: str | None = None, **said: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return await client.post(f"/jobs/{job['job_id']}/backfills", json=RANGE | said, headers=headers)

    return post
