"""Real servers for tests: one Postgres and one NATS per test session, a database and an empty NATS per test."""

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Protocol

import asyncpg
import nats
from msgspec import Struct
from nats.js.errors import NotFoundError

from orc.embedded.nats import USERS, Nats
from orc.embedded.ports import free_ports
from orc.embedded.postgres import FAST_AND_FORGETFUL, Postgres
from orc.embedded.program import Program, spawn, stop
from orc_runtime.migrate import migrate
from orc_runtime.roles import ensure_roles

LOGINS = ("orc_migrate", "orc_gateway", "orc_auth", "orc_scheduler", "orc_executor", "orc_auditor")
TEMPLATE = "orc_template"
READY_SECONDS_MAX = 60.0


class PostgresServer(Struct, frozen=True):
    """A running server, forgetful on purpose: a test never outlives it."""

    port: int
    superuser_url: str
    """Of the database `postgres`; a test's own database is `database`."""
    pid: int
    folder: Path
    passwords: dict[str, str]
    """Of each login role of `LOGINS`."""

    def url(self, role: str, name: str) -> str:
        """Where a role finds a database."""
        return f"postgresql://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{name}?sslmode=disable"

    def superuser(self, name: str) -> str:
        """Where the superuser finds a database."""
        return self.superuser_url.replace("/postgres?", f"/{name}?")


class TestDatabase(Struct, frozen=True):
    """A database with all migrations applied, of one test alone."""

    __test__: ClassVar[bool] = False

    name: str
    server: PostgresServer

    def url(self, role: str) -> str:
        """Where a login role (`orc_scheduler`, ...) finds it."""
        return self.server.url(role, self.name)

    @property
    def superuser_url(self) -> str:
        """Where whoever may do anything finds it."""
        return self.server.superuser(self.name)


class OpenNats(Nats):
    """The server of `orc up`, and beside its users `operator`, whom tests alone have and who may do anything."""

    def __init__(self, folder: Path, *, port: int) -> None:
        self._operator = secrets.token_hex(16)
        self.tls: dict[str, str | bool] = {}
        """The server's own settings of it, if it shall speak it."""
        passwords = {user: secrets.token_hex(16) for user in USERS}
        super().__init__(folder, port=port, passwords=passwords | {"operator": self._operator})

    def url(self, user: str = "operator") -> str:
        return super().url(user)

    def prepare(self) -> None:
        super().prepare()
        configuration = self.folder / "nats.conf"
        content = json.loads(configuration.read_text())
        users = content["authorization"]["users"]
        for user in users:
            # Tests ask services as the gateway does.
            if "_INBOX_gateway.>" in (allowed := user["permissions"]["publish"].get("allow", [])):
                allowed.append("_INBOX_operator.>")
        users.append({"user": "operator", "password": self._operator})
        configuration.write_text(json.dumps(content | ({"tls": self.tls} if self.tls else {})))


class NatsServer(Struct, frozen=True):
    """A running server with a user per service and `operator`, who may do anything."""

    port: int
    pid: int
    folder: Path
    urls: dict[str, str]
    """By user: operator, and those of `orc up`."""


class Server(Protocol):
    """What Postgres and NATS have in common to be run."""

    def prepare(self) -> None: ...
    def program(self) -> Program: ...
    def is_ready(self, pid: int) -> bool: ...


@contextmanager
def running(server: Server, log: Path) -> Iterator[int]:
    """Run a server, give its pid, stop it."""
    server.prepare()
    program = server.program()
    process = spawn(program, log)
    try:
        _wait_ready(server, process, log)
        yield process.pid
    finally:
        stop(process, program)


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """Run a Postgres that forgets everything in a crash, which makes it fast."""
    server = Postgres(
        folder / "data",
        port=free_ports(1)[0],
        password=secrets.token_hex(16),
        settings=FAST_AND_FORGETFUL,
        sync=False,
    )
    with running(server, folder / "postgres.log") as pid:
        passwords = {role: secrets.token_hex(16) for role in LOGINS}
        yield PostgresServer(server.port, server.url(), pid, server.folder, passwords)


@contextmanager
def nats_server_running(folder: Path) -> Iterator[NatsServer]:
    """Run a nats-server as `orc up` does, with the same users and rights."""
    server = OpenNats(folder / "nats", port=free_ports(1)[0])
    with running(server, folder / "nats.log") as pid:
        urls = {user: server.url(user) for user in ("operator", *USERS)}
        yield NatsServer(server.port, pid, server.folder, urls)


async def make_template(server: PostgresServer) -> None:
    """Make the database that every test's own is copied from, all migrations applied."""
    await execute(server.superuser_url, f"CREATE DATABASE {TEMPLATE}")
    await ensure_roles(server.superuser(TEMPLATE), server.passwords)
    await migrate(server.url("orc_migrate", TEMPLATE))


async def copy_database(server: PostgresServer, template: str, name: str) -> None:
    """Make a database like the template; what roles may do to a database itself is not copied, so it is granted."""
    await execute(server.superuser_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    await ensure_roles(server.superuser(name), {})


async def execute(url: str, statement: str) -> None:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def wipe_streams(url: str) -> None:
    """Delete every stream, and with it every consumer."""
    client = await nats.connect(url, allow_reconnect=False)
    try:
        jetstream = client.jetstream()
        for stream in await jetstream.streams_info():
            try:
                await jetstream.delete_stream(stream.config.name or "")
            except NotFoundError:
                continue
    finally:
        await client.close()


def _wait_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not server.is_ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{log.stem} did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.01)
