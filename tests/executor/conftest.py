"""Fixtures of the executor's tests."""

from contextlib import AsyncExitStack, ExitStack

import pytest
from support.executor_process import start  # noqa: F401 - a fixture
from support.executor_world import Scheduler, executor_running, pool_of
from support.limited import JOB
from support.warehouse import warehouse  # noqa: F401 - a fixture
from support.web_server import web_server
from support.worker_process import worker_process

from orc_events.bus import Bus
from orc_events.topology import Topology, provision


@pytest.fixture
async def pool(database):
    """Connect as the executor's role."""
    async with pool_of(database, "orc_executor") as pool:
        yield pool


@pytest.fixture
async def scheduler(database):
    """Speak as the scheduler."""
    async with pool_of(database, "orc_scheduler") as pool:
        yield Scheduler(pool)


@pytest.fixture
async def bus(nats_url):
    """Speak on a bus whose streams and consumers stand."""
    bus = await Bus.connect(nats_url, name="test", wait_seconds=10)
    await provision(bus, Topology())
    yield bus
    await bus.close()


@pytest.fixture
async def executors(pool, bus, tmp_path):
    """Run executors with scripted workers; they drain at the end."""
    async with AsyncExitStack() as running:

        async def start(**more):
            return await running.enter_async_context(executor_running(pool, bus, tmp_path, **more))

        yield start


@pytest.fixture
def limited(scheduler):
    """Request a run of one job of which so many may be worked on at once."""

    async def request(most, *tasks, **more):
        return (await scheduler.request(*tasks, job_id=JOB, concurrency_max=most, **more)).run_id

    return request


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    """Start a worker that may reach servers on loopback, and knows the secret `token`."""
    environment = {"ORC_EGRESS_ALLOW": "loopback", "ORC_SECRET_TOKEN": "hush-hush"}
    with worker_process(tmp_path_factory.mktemp("worker"), **environment) as worker:
        yield worker


@pytest.fixture
def serve():
    """Serve what a function answers, until the test ends."""
    with ExitStack() as servers:
        yield lambda answer: servers.enter_context(web_server(answer))
