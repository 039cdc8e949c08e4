"""A migrated Postgres for a benchmark, with its default, durable settings, in a folder that is thrown away."""

import asyncio
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import asyncpg

from orc.embedded.ports import free_ports
from orc.embedded.postgres import Postgres
from orc.embedded.program import spawn, stop
from orc_events.event import Append, NewEvent, StreamName, Version
from orc_runtime.migrate import migrate
from orc_runtime.roles import LOGINS, ensure_roles

DATA = '{"type":"run.requested","job_id":"0192f0c1-0000-7000-8000-000000000001","note":"' + "x" * 320 + '"}'
"""About 400 bytes, as the peers were measured with."""
START_SECONDS_MAX = 60


@contextmanager
def migrated_database() -> Iterator[Callable[[str], str]]:
    """Start Postgres, make roles and tables, give the url by role (`postgres` may do anything), stop it."""
    with tempfile.TemporaryDirectory(prefix="orc-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres may run as another user
        server = Postgres(folder / "data", port=free_ports(1)[0], password=secrets.token_hex(16))
        server.prepare()
        program = server.program()
        process = spawn(program, folder / "postgres.log")
        try:
            deadline = time.monotonic() + START_SECONDS_MAX
            while not server.is_ready(process.pid):
                if time.monotonic() > deadline:
                    raise SystemExit((folder / "postgres.log").read_text())
                time.sleep(0.05)
            passwords = {role: secrets.token_hex(16) for role in LOGINS}

            def url(role: str) -> str:
                if role == "postgres":
                    return server.url()
                return (
                    f"postgresql://{role}:{passwords[role]}@127.0.0.1:{server.port}/postgres?sslmode=disable"
                )

            asyncio.run(ensure_roles(url("postgres"), passwords))
            asyncio.run(migrate(url("orc_migrate")))
            yield url
        finally:
            stop(process, program)


def append_of(events: int = 1) -> Append:
    """Return an append to a new stream."""
    command_id: UUID = uuid4()
    now = datetime.now(UTC)
    return Append(
        command_id=command_id,
        body_hash=command_id.bytes * 2,
        stream=StreamName(f"run-{command_id}"),
        expected_version=Version(0),
        events=(NewEvent("run.requested", DATA),) * events,
        actor="user:alice",
        correlation_id=command_id,
        occurred_at=now,
        result='{"status":"queued"}',
    )


async def plain_table(url: str) -> asyncpg.Connection:
    """Connect to a database with a table of events that has no chain, no dedupe and no rights: the limit."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS public.plain (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " stream uuid NOT NULL, version int NOT NULL, type text NOT NULL,"
        " at timestamptz NOT NULL DEFAULT now(), data jsonb NOT NULL, UNIQUE (stream, version))"
    )
    return connection


def report(name: str, rates: list[float], limit: list[float] | None = None) -> None:
    """Print the median of the rates with its range, and its share of the limit that was measured in between."""
    share = f"  = {median(rates) / median(limit):.2f} of the limit" if limit else ""
    print(f"{name:<58} {median(rates):>9,.0f}/s  [{min(rates):,.0f}-{max(rates):,.0f}]{share}", flush=True)
