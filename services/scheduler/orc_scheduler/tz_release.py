"""
Another release of the tz database may move instants that are still to come, also to before the one that a row waits for.

So a scheduler that knows another release than the calendar was worked out by works out what is to come anew. All up to now
is accounted for by the old rules; from now on the new ones hold.
"""

from typing import Any
from uuid import UUID

import structlog
from msgspec import structs

from orc_domain.zones import TZDATA
from orc_events.statements import load
from orc_scheduler.job_rows import JobRow, put_rows, row_of
from orc_scheduler.schedules import next_due_at

BATCH_MAX = 5_000

_LOCK, _PUT = load("orc_scheduler", "tz_release_lock"), load("orc_scheduler", "tz_release_put")
_TO_COME = load("orc_scheduler", "jobs_to_come")

_logger = structlog.get_logger()


async def follow_release(pool: Any, release: str = TZDATA) -> int:
    """Work out anew what is to come, if another release did; returns how many schedules were moved."""
    async with pool.acquire() as connection, connection.transaction():
        before = await connection.fetchval(_LOCK)
        if before == release:
            return 0
        moved, last = 0, UUID(int=0)
        while records := await connection.fetch(_TO_COME, last, BATCH_MAX):
            rows = [_anew(record) for record in records]
            changed = [
                row
                for row, record in zip(rows, records, strict=True)
                if row.next_due_at != record["next_due_at"]
            ]
            await put_rows(connection, changed)
            moved, last = moved + len(changed), records[-1]["job_id"]
        await connection.execute(_PUT, release)
    _logger.info("tz release", before=before, now=release, schedules_moved=moved)
    return moved


def _anew(record: Any) -> JobRow:
    values = dict(record)
    now = values.pop("now")
    row = row_of(values)
    return structs.replace(row, next_due_at=next_due_at(row.timing, now))
