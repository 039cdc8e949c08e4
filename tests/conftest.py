"""
Fixtures of the whole suite: real servers, a fresh database and an empty NATS for each test.

All of them are plain functions, so that tests with and without `async` use them alike.
"""

import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from support.servers import (
    TEMPLATE,
    NatsServer,
    PostgresServer,
    TestDatabase,
    copy_database,
    execute,
    make_template,
    nats_server_running,
    postgres_server,
    wipe_streams,
)
from support.stack import Stack, stack_running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow whatever needs the whole stack."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def pytest_configure() -> None:
    """Take SIGINT as usual: a script that starts us in the background has it ignored, and what we start inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Only asyncio: the database and the bus speak nothing else."""
    return "asyncio"


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """Run a loop in a thread, so that fixtures never meddle with the loop of a test."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One Postgres for the session, with nothing in it yet."""
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def template_database(postgres: PostgresServer, portal: BlockingPortal) -> str:
    """Roles made and migrations applied, once; nobody connects to it afterwards."""
    portal.call(make_template, postgres)
    return TEMPLATE


@pytest.fixture
def database(
    postgres: PostgresServer, template_database: str, portal: BlockingPortal
) -> Iterator[TestDatabase]:
    """Make a migrated database of this test alone."""
    name = f"test_{secrets.token_hex(6)}"
    portal.call(copy_database, postgres, template_database, name)
    yield TestDatabase(name, postgres)
    portal.call(execute, postgres.superuser_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One nats-server for the session, with the users and rights of `orc up`."""
    with nats_server_running(Path(tmp_path_factory.mktemp("nats"))) as server:
        yield server


@pytest.fixture
def nats_url(nats_server: NatsServer, portal: BlockingPortal) -> str:
    """Give the url of a user who may do anything, on a server without streams."""
    portal.call(wipe_streams, nats_server.urls["operator"])
    return nats_server.urls["operator"]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run everything, as `orc up` does, once for the session."""
    with stack_running(tmp_path_factory.mktemp("stack") / "home") as running:
        yield running
