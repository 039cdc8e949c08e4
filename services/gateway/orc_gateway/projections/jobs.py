"""
Jobs: fold `job.*` into `jobs` and `tasks`.

A job's row and tasks say what `definitions.job_with_tasks` of the stream's fold says; a deleted job has neither.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from orc_domain.definitions import terms_of
from orc_domain.job import JobChanged, JobCreated, JobDeleted, JobPaused, JobResumed
from orc_domain.job_spec import JobSpec
from orc_domain.streams import JOB
from orc_events.event import Recorded
from orc_events.statements import load
from orc_runtime.deciders import JOBS

_logger = structlog.get_logger()

_LOAD = load("orc_gateway", "load_jobs", "queries")
_SAVE = load("orc_gateway", "save_jobs", "queries")
_SAVE_TASKS = load("orc_gateway", "save_tasks", "queries")
_REMOVE = load("orc_gateway", "remove_jobs", "queries")
_REMOVE_TASKS = load("orc_gateway", "remove_tasks", "queries")

_ID = len(JOB) + 1
"""Where the job's id begins in its stream's name."""


class JobRow(Struct):
    """A row of `jobs`, in the order of its columns."""

    job_id: UUID | str
    job_name: str
    description: str | None
    schedule: str
    timezone: str
    pool: str
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime
    terms: str
    pause_reason: str | None
    position: int


class _Fold:
    """What a batch makes of the jobs it is about."""

    def __init__(self) -> None:
        self.rows: dict[str, JobRow] = {}
        self.specs: dict[str, JobSpec] = {}
        """Definitions given in this batch, whose tasks replace the stored ones."""
        self.deleted: set[str] = set()


async def project(connection: Any, batch: Sequence[Recorded]) -> None:
    """Fold a batch's job events into the tables, within the caller's transaction."""
    facts = [recorded for recorded in batch if recorded.type in JOBS.codec.types]
    if not facts:
        return
    fold = _Fold()
    begun = {recorded.stream for recorded in facts if recorded.type == "job.created"}
    gone_on = {recorded.stream for recorded in facts} - begun
    for row in await connection.fetch(_LOAD, [stream[_ID:] for stream in gone_on]) if gone_on else ():
        fold.rows[f"{JOB}-{row[0]}"] = JobRow(*row)
    for recorded in facts:
        _apply(fold, recorded)
    if stale := [stream[_ID:] for stream in fold.specs.keys() | fold.deleted]:
        await connection.execute(_REMOVE_TASKS, stale)
    if fold.deleted:
        await connection.execute(_REMOVE, [stream[_ID:] for stream in fold.deleted])
    if fold.rows:
        rows = [msgspec.structs.astuple(row) for row in fold.rows.values()]
        await connection.execute(_SAVE, *zip(*rows, strict=True))
    if fold.specs:
        await connection.execute(_SAVE_TASKS, *zip(*_tasks(fold.specs), strict=True))


def _apply(fold: _Fold, recorded: Recorded) -> None:
    stream, at, event = recorded.stream, recorded.occurred_at, JOBS.codec.decode(recorded)
    if isinstance(event, JobCreated):
        spec = event.spec
        fold.rows[stream] = JobRow(
            stream[_ID:], spec.job_name, spec.description, spec.schedule, spec.timezone, spec.pool, spec.is_active,
            recorded.version, at, at, _terms(spec), None, recorded.position,
        )  # fmt: skip
        fold.specs[stream] = spec
        return
    row = fold.rows.get(stream)
    if row is None:
        _logger.error("event of a job without a row", stream=stream, position=recorded.position)
        return
    row.version, row.updated_at = recorded.version, at
    if isinstance(event, JobDeleted):
        fold.deleted.add(stream)
        fold.rows.pop(stream)
        fold.specs.pop(stream, None)
    elif isinstance(event, JobChanged):
        spec = fold.specs[stream] = event.spec
        row.job_name, row.description, row.schedule = spec.job_name, spec.description, spec.schedule
        row.timezone, row.pool, row.is_active = spec.timezone, spec.pool, spec.is_active
        row.terms = _terms(spec)
        row.pause_reason = None if spec.is_active else row.pause_reason
    elif isinstance(event, JobPaused | JobResumed):
        row.is_active = isinstance(event, JobResumed)
        row.pause_reason = event.reason if isinstance(event, JobPaused) else None


def _terms(spec: JobSpec) -> str:
    return msgspec.json.encode(terms_of(spec)).decode()


def _tasks(specs: dict[str, JobSpec]) -> list[tuple[str, int, str, str]]:
    encode = msgspec.json.encode
    return [
        (stream[_ID:], order, encode(task.extractor_config).decode(), encode(task.loader_config).decode())
        for stream, spec in specs.items()
        for order, task in enumerate(spec.tasks, start=1)
    ]
