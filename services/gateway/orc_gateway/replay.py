"""
Replay: fold the whole log anew, into a schema aside, and compare it with what REST reads.

    replay_<n> made   → the log up to the live checkpoint folded into it
    one snapshot      → the live checkpoint as it is now, the rest folded, every row of every table compared
    replay_<n> gone   → exit code 0 when all rows are equal, 1 when not, naming rows and columns

`python -m orc_gateway.replay [--json]`, as ORC_AUDITOR_DATABASE_URL (or ORC_DATABASE_URL): it changes nothing that is live.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import msgspec
import uvloop
from msgspec import Struct

from orc_events.errors import LogError
from orc_events.event import Position, Recorded
from orc_events.log import PostgresLog
from orc_events.statements import load
from orc_gateway.projections import CHECKPOINT, TABLES, Table, apply
from orc_runtime.database import UNREACHABLE, close_pool, connect_pool
from orc_runtime.settings import Secret, SettingsError, read_settings, setting

EQUAL, DIFFERENT, FAILED = 0, 1, 2
BATCH_MAX = 10_000
SHOWN_MAX = 20
"""Differing rows that are named for each table."""
STATEMENT_SECONDS_MAX = 600.0
SCHEMAS_MAX = 1_000

_COLUMNS = load("orc_gateway", "folded_columns", "queries")
_COMPARE = load("orc_gateway", "compare", "queries")
_LOCK = load("orc_gateway", "replay_lock", "queries")
_SCHEMAS = load("orc_gateway", "replay_schemas", "queries")


class ReplaySettings(Struct, frozen=True, kw_only=True):
    """What a replay reads from the environment."""

    database_url: Annotated[
        Secret, setting("Postgres, as the auditor.", env=("ORC_AUDITOR_DATABASE_URL", "ORC_DATABASE_URL"))
    ]


class Difference(Struct, frozen=True):
    """A row that is not the same in both."""

    key: dict[str, Any]
    columns: dict[str, tuple[Any, Any]]
    """What differs: live, replayed. All of them when one side has no such row."""


class Compared(Struct, frozen=True):
    """What a comparison of one table found."""

    table: str
    rows: int
    """As replayed."""
    differing: int
    differences: tuple[Difference, ...]
    """The first of them."""


class Report(Struct, frozen=True):
    """What a replay found."""

    equal: bool
    position: int
    """The live tables' checkpoint, at which both were compared."""
    head: int
    seconds: float
    """Of folding alone."""
    tables: tuple[Compared, ...]


async def replay(url: str) -> Report:
    """Fold the log anew and compare; raises what Postgres and the log raise."""
    async with _schema(url) as schema:
        pool = await connect_pool(
            url,
            schema=schema,
            size_max=3,
            application_name="orc-replay",
            statement_seconds_max=STATEMENT_SECONDS_MAX,
        )
        try:
            async with pool.acquire() as connection:
                return await _replay(connection, PostgresLog(pool))
        finally:
            await close_pool(pool)


async def _replay(connection: Any, log: PostgresLog) -> Report:
    for table in TABLES:
        await connection.execute(f"CREATE UNLOGGED TABLE {table.name} (LIKE read.{table.name})")
        await connection.execute(f"ALTER TABLE {table.name} ADD PRIMARY KEY ({table.key})")
    began = time.perf_counter()
    folded = await _fold(connection, log, Position(0), await _checkpoint(connection))
    async with connection.transaction(isolation="repeatable_read"):
        # From here on the live tables are those of one moment, and so is the checkpoint they stand at.
        position = await _checkpoint(connection)
        await _fold(connection, log, folded, position)
        seconds = time.perf_counter() - began
        tables = tuple([await _compare(connection, table) for table in TABLES])
    return Report(
        equal=not any(table.differing for table in tables),
        position=position,
        head=await log.head(),
        seconds=round(seconds, 3),
        tables=tables,
    )


async def _fold(connection: Any, log: PostgresLog, after: Position, until: Position) -> Position:
    """Fold the events up to a position, reading the next batch while one is applied."""
    ahead = asyncio.create_task(_read(log, after, until))
    try:
        while batch := await ahead:
            ahead = asyncio.create_task(_read(log, batch[-1].position, until))
            await apply(connection, batch)
    finally:
        ahead.cancel()
    return until


async def _read(log: PostgresLog, after: Position, until: Position) -> list[Recorded]:
    wanted = min(BATCH_MAX, until - after)
    return await log.read(after, wanted) if wanted > 0 else []


async def _checkpoint(connection: Any) -> Position:
    position = await connection.fetchval("SELECT position FROM read.checkpoints WHERE name = $1", CHECKPOINT)
    return Position(position or 0)


async def _compare(connection: Any, table: Table) -> Compared:
    columns = await connection.fetchval(_COLUMNS, table.name)
    statement = _COMPARE.format(columns=columns, table=table.name, key=table.key, condition=table.condition)
    rows = await connection.fetch(statement, SHOWN_MAX)
    count = await connection.fetchval(f"SELECT count(*) FROM {table.name} WHERE {table.condition}")  # noqa: S608 - our own names
    return Compared(
        table=table.name,
        rows=count,
        differing=rows[0]["differing"] if rows else 0,
        differences=tuple(_difference(table, row) for row in rows),
    )


def _difference(table: Table, row: Any) -> Difference:
    live, replayed = (msgspec.json.decode(row[side] or "{}") for side in ("live", "replayed"))
    names = list(live | replayed)
    key = {name: live.get(name, replayed.get(name)) for name in table.key.split(", ")}
    changed = {
        name: (live.get(name), replayed.get(name)) for name in names if live.get(name) != replayed.get(name)
    }
    return Difference(key, changed)


@asynccontextmanager
async def _schema(url: str) -> AsyncIterator[str]:
    """Make a schema of our own and drop it in the end; such as are left over from a killed replay go too."""
    connection = await asyncpg.connect(url, server_settings={"application_name": "orc-replay"})
    try:
        for number in await connection.fetch(_SCHEMAS):
            if await connection.fetchval(_LOCK, number[0]):
                await connection.execute(f"DROP SCHEMA replay_{number[0]} CASCADE")
        for number in range(1, SCHEMAS_MAX):
            if await connection.fetchval(_LOCK, number):
                break
        schema = f"replay_{number}"
        await connection.execute(f"CREATE SCHEMA {schema}")
        try:
            yield schema
        finally:
            await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    finally:
        await connection.close()


def told(report: Report) -> str:
    """Say in words what a replay found."""
    events = report.position
    rate = f"{events / report.seconds:,.0f}/s" if report.seconds else "at once"
    rows = ", ".join(f"{table.table} {table.rows}" for table in report.tables)
    behind = (
        f"; the read tables are {report.head - events} events behind the log" if report.head > events else ""
    )
    verdict = "equal" if report.equal else "DIFFERENT"
    folded = f"{events} events folded in {report.seconds:.2f} s ({rate}){behind}"
    lines = [f"{verdict} at position {events}: {folded}", f"rows: {rows}"]
    for table in report.tables:
        for difference in table.differences:
            key = " ".join(str(value) for value in difference.key.values())
            lines += [
                f"{table.table} {key}: {name} is {live!r}, by the log {replayed!r}"
                for name, (live, replayed) in difference.columns.items()
            ]
        if table.differing > len(table.differences):
            lines.append(f"{table.table}: {table.differing} rows differ, {SHOWN_MAX} are shown")
    return "\n".join(lines)


def main() -> int:
    """Replay, print, and return the exit code."""
    arguments = argparse.ArgumentParser(
        prog="orc replay", description=(__doc__ or "").strip().splitlines()[0]
    )
    arguments.add_argument("--json", action="store_true", help="print the report as JSON")
    given = arguments.parse_args()
    try:
        settings = read_settings(ReplaySettings, os.environ)
        report = uvloop.run(replay(settings.database_url.reveal()))
    except SettingsError as error:
        sys.stderr.write(f"orc replay: {error}\n")
        return FAILED
    except (LogError, *UNREACHABLE) as error:
        sys.stderr.write(f"orc replay: the log cannot be read: {str(error) or type(error).__name__}\n")
        return FAILED
    text = msgspec.json.encode(report).decode() if given.json else told(report)
    sys.stdout.write(f"{text}\n")
    return EQUAL if report.equal else DIFFERENT


if __name__ == "__main__":
    sys.exit(main())
