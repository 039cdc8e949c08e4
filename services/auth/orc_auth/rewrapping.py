"""Rewrapping: what older master keys seal is sealed by the newest, a batch in a transaction, each said in the log."""

import time
from uuid import UUID, uuid4

import asyncpg
from msgspec import Struct

from orc_auth.events import Said, say
from orc_auth.transactions import in_transaction
from orc_auth.vault_events import SecretRewrapped
from orc_events.statements import load
from orc_runtime.clock import Clock
from orc_runtime.principal import Principal
from orc_runtime.sealing import SECRET, CannotOpen, Label, Sealed, Sealing

BATCH_MAX = 50
SECONDS_MAX = 1.0
"""After which no further batch is begun: whoever asks is answered in time, and asks again."""


class _Batch(Struct, frozen=True):
    rewrapped: int
    unopened: tuple[str, ...]
    last: str | None
    """The name after which there may be more; None when there are not."""


async def rewrap_older(
    pool: asyncpg.Pool, sealing: Sealing, *, actor: Principal, request_id: UUID, clock: Clock
) -> tuple[int, tuple[str, ...]]:
    """Return how many were sealed anew, as far as time allows, and the names of those that no key here opens."""
    until = time.monotonic() + SECONDS_MAX
    done, unopened = 0, tuple[str, ...]()
    after: str | None = ""
    while after is not None and time.monotonic() < until:

        async def work(connection: asyncpg.Connection, after: str = after) -> _Batch:
            rows = await connection.fetch(load("orc_auth", "vault_older"), sealing.newest, after, BATCH_MAX)
            batch, said = await _rewrap(connection, sealing, rows)
            await say(connection, said, actor=actor, request_id=request_id, clock=clock)
            return batch

        batch = await in_transaction(pool, work)
        done, unopened, after = done + batch.rewrapped, unopened + batch.unopened, batch.last
    return done, unopened


def sealed_in(row: asyncpg.Record) -> Sealed:
    """Return a row's sealed value."""
    return Sealed(row["sealed"], row["wrapped_key"], row["master_key_id"])


async def _rewrap(
    connection: asyncpg.Connection, sealing: Sealing, rows: list[asyncpg.Record]
) -> tuple[_Batch, list[Said]]:
    said, unopened = list[Said](), list[str]()
    for row in rows:
        label, sealed = Label(SECRET, row["name"], row["version"]), sealed_in(row)
        try:
            # The value is opened for its fingerprint alone: the old one is worth nothing beside the new key.
            fingerprint = sealing.fingerprint(label, sealing.open(label, sealed))
            anew = sealing.rewrap(label, sealed)
        except CannotOpen:
            unopened.append(row["name"])
            continue
        await connection.execute(
            load("orc_auth", "vault_rewrap"), row["name"], anew.wrapped_key, anew.master_key_id, fingerprint
        )
        event = SecretRewrapped(row["name"], row["version"], anew.master_key_id, fingerprint)
        said.append(Said(row["stream_version"], (event,), uuid4()))
    last = rows[-1]["name"] if len(rows) == BATCH_MAX else None
    return _Batch(len(said), tuple(unopened), last), said
