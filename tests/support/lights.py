"""A domain as small as can be, for tests of the log: a light is on or off."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from msgspec import Struct
from support.servers import TestDatabase

from orc_events.codec import EventCodec
from orc_events.event import Append, NewEvent, Position, StreamName, Version
from orc_events.handle import Decider, Intent
from orc_events.log import PostgresLog
from orc_runtime.database import close_pool, connect_pool

NOON = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
ON, OFF = "light.switched_on", "light.switched_off"
RIGHTS = {"orc_scheduler": frozenset({ON, OFF}), "orc_executor": frozenset({ON})}


class Switch(Struct, frozen=True):
    """Wish the light on or off."""

    on: bool
    by: str = "alice"


class SwitchedOn(Struct, frozen=True, tag_field="type", tag=ON):
    by: str


class SwitchedOff(Struct, frozen=True, tag_field="type", tag=OFF):
    pass


class Light(Struct, frozen=True):
    is_on: bool = False
    since: datetime | None = None


class Broken(Exception):
    """What this domain rejects with."""


def decide(command: Switch, light: Light) -> list[SwitchedOn | SwitchedOff]:
    if command.by == "nobody":
        raise Broken
    if command.on == light.is_on:
        return []
    return [SwitchedOn(command.by)] if command.on else [SwitchedOff()]


def evolve(_light: Light, event: SwitchedOn | SwitchedOff, at: datetime) -> Light:
    return Light(isinstance(event, SwitchedOn), at)


LIGHTS: Decider[Light, Switch, SwitchedOn | SwitchedOff] = Decider(
    initial=Light(), decide=decide, evolve=evolve, codec=EventCodec(SwitchedOn | SwitchedOff)
)


def switched(**changes: Any) -> Append:
    """Return an append of one event to a new stream, changed as asked."""
    command_id = changes.get("command_id", uuid4())
    fields: dict[str, Any] = {
        "command_id": command_id,
        "body_hash": sha256(b"on").digest(),
        "stream": StreamName(f"light-{command_id}"),
        "expected_version": Version(0),
        "events": (NewEvent(ON, '{"type":"light.switched_on","by":"alice"}'),),
        "actor": "user:alice",
        "correlation_id": UUID(int=7),
        "occurred_at": NOON,
        "result": '{"on":true}',
    }
    return Append(**{**fields, **changes})


def intent(**changes: Any) -> Intent:
    fields: dict[str, Any] = {
        "command_id": uuid4(),
        "body_hash": sha256(b"on").digest(),
        "actor": "user:alice",
        "correlation_id": UUID(int=7),
        "occurred_at": NOON,
    }
    return Intent(**{**fields, **changes})


@asynccontextmanager
async def superuser(database: TestDatabase) -> AsyncIterator[Any]:
    """Open a connection of whoever may do anything."""
    connection = await asyncpg.connect(database.superuser_url)
    try:
        yield connection
    finally:
        await connection.close()


async def grant_rights(database: TestDatabase) -> None:
    """Let the roles append this domain's events."""
    async with superuser(database) as connection:
        await connection.executemany(
            "INSERT INTO log.rights (role, type) VALUES ($1, $2)",
            [(role, type_) for role, types in RIGHTS.items() for type_ in types],
        )


@asynccontextmanager
async def open_log(
    database: TestDatabase,
    role: str = "orc_scheduler",
    *,
    on_append: Callable[[Position], None] | None = None,
    connections: int = 2,
) -> AsyncIterator[PostgresLog]:
    """Open the log as a service of that role sees it."""
    pool = await connect_pool(
        database.url(role), schema="log", size_max=connections, application_name=f"test-{role}"
    )
    try:
        yield PostgresLog(pool, on_append=on_append)
    finally:
        await close_pool(pool)
