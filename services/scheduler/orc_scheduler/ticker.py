"""
Ticker: each due instant of each schedule becomes exactly one event.

    sleep to the next due instant, by the database's clock
    in one transaction:   lock schedules that are due, leaving alone what another replica has
                          judge each by its job as the log has it now
                          move them on, and last append what became of each instant
    again at once while there is more

Every replica ticks. Two cannot account for one instant: the row lock lets one of them at it, and the run's id and its
command's id follow from job and instant, so even after the calendar was rebuilt the log answers `repeated`.

The calendar may be behind the log. A row whose version is not its job's in the log is left to the projector, so a
schedule that was paused, changed or deleted by a command that was answered before the instant never fires for it. A change
that is appended in the milliseconds between that look and our append is concurrent with the tick, and the run then comes
after it in the log: harmless, since a run holds all it needs. What is to be let pass is recorded only once the calendar
was seen to be at the log's head, since a rebuilt calendar believes that old instants are still due.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Never
from uuid import UUID, uuid5

import msgspec
import structlog
from msgspec import Struct

from orc_domain.job import Job
from orc_domain.requests import request_run, run_id_of_tick
from orc_domain.streams import run_stream, ticks_stream
from orc_domain.ticks import TickSkipped
from orc_events.errors import LogError, NotStorable
from orc_events.event import Append, Appended, Position, StreamName, Version
from orc_events.follower import TROUBLE
from orc_events.handle import Intent
from orc_events.log import append_within
from orc_events.statements import load
from orc_events.wakeup import Wakeup
from orc_runtime.deciders import RUNS
from orc_scheduler.calendar import TICK_EVENTS, Calendar
from orc_scheduler.commands import beginning
from orc_scheduler.due import Accounting, Span, account
from orc_scheduler.jobs import Jobs
from orc_scheduler.metrics import SchedulerMetrics
from orc_scheduler.schedules import recorded_schedule

ACTOR = "scheduler"
SLEEP_SECONDS_MAX = 1.0
"""Another replica may have learnt of an earlier instant."""
BEHIND_SECONDS = 0.01
"""Until rows that are behind the log are looked at again."""
LOCKED_SECONDS = 0.001
TROUBLE_SECONDS = 0.2
ROWS_MAX = 500
BATCH_RUNS_MAX = 1_000
"""Runs requested in one transaction: while it commits nobody else appends."""
BATCH_BYTES_MAX = 16 * 1024 * 1024
"""Of their jobs' definitions, which each run repeats: a thousand large ones would never be appended in time."""

_NEXT, _LOCK, _MOVE = (load("orc_scheduler", name) for name in ("due_next", "due_lock", "due_move"))
_VERSIONS = load("orc_scheduler", "stream_versions")
_NEVER = Accounting((), None, None)
"""For a schedule that cannot be read any more."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_logger = structlog.get_logger()


class Due(Struct, frozen=True):
    """A locked row, its job, and what is to be recorded."""

    job: Job
    accounting: Accounting


class Batch(Struct, frozen=True):
    """What one transaction did."""

    moved: int
    """Schedules moved on."""
    left: int
    """Schedules that are due and were left alone."""


class Ticker:
    """Requests runs as they fall due; one per replica."""

    def __init__(
        self,
        pool: Any,
        jobs: Jobs,
        calendar: Calendar,
        metrics: SchedulerMetrics,
        *,
        wakeup: Wakeup,
        on_append: Callable[[Position], None],
        rows_max: int = ROWS_MAX,
    ) -> None:
        """`wakeup` is poked when the calendar changed; `on_append` is told how far the log has grown."""
        self._pool, self._jobs, self._calendar = pool, jobs, calendar
        self._metrics, self._on_append, self._rows_max = metrics, on_append, rows_max
        self._wakeup = wakeup

    async def run(self) -> Never:
        """Tick for ever."""
        while True:
            try:
                while (batch := await self.tick()).moved:
                    pass
                if batch.left:
                    await asyncio.sleep(BEHIND_SECONDS)
                else:
                    await self._sleep()
            except TROUBLE as error:
                _logger.warning("ticker starts over", reason=repr(error))
                await asyncio.sleep(TROUBLE_SECONDS)

    async def tick(self) -> Batch:
        """Account for what is due now, at most a batch of it."""
        batch, has_old = await self._account(is_current=False)
        if has_old:
            current = await self._calendar.is_current()
            batch, _ = await self._account(is_current=current)
        return batch

    async def _sleep(self) -> None:
        """Sleep to the next due instant, measured by the database's clock, or until the calendar changes."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        row = await self._pool.fetchrow(_NEXT)
        if row["next_due_at"] is None:
            await self._wakeup.pause(SLEEP_SECONDS_MAX)
            return
        # The database looked at its clock about half way between question and answer.
        looked = (asked + loop.time()) / 2
        wait = (row["next_due_at"] - row["now"]).total_seconds() - (loop.time() - looked)
        # What is due already was left to another replica a moment ago, or fell due since: look again soon.
        await self._wakeup.pause(min(max(wait, LOCKED_SECONDS), SLEEP_SECONDS_MAX))

    async def _account(self, *, is_current: bool) -> tuple[Batch, bool]:
        """Run one transaction; also says whether rows were left because the calendar is not known to be current."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_LOCK, self._rows_max)
            if not rows:
                return Batch(0, 0), False
            now: datetime = rows[0]["now"]
            jobs = await self._jobs.current_of(row["job_id"] for row in rows)
            dues, has_old = list[Due](), False
            room, room_bytes = BATCH_RUNS_MAX, BATCH_BYTES_MAX
            for row in rows:
                if room <= 0 or room_bytes <= 0 or not _is_as_in_log(row, jobs[row["job_id"]]):
                    continue
                schedule = recorded_schedule(row["schedule"], row["timezone"])
                size = len(msgspec.json.encode(jobs[row["job_id"]].spec))
                fitting = min(room, max(1, room_bytes // size))
                accounting = account(schedule, row["next_due_at"], now, fitting) if schedule else _NEVER
                if accounting.skipped and not is_current:
                    has_old = True
                    continue
                room -= len(accounting.runs)
                room_bytes -= len(accounting.runs) * size
                dues.append(Due(jobs[row["job_id"]], accounting))
            if not dues:
                return Batch(0, len(rows)), has_old
            items = await self._items(connection, dues, now)
            await connection.execute(
                _MOVE, [due.job.job_id for due in dues], [due.accounting.next_due_at for due in dues]
            )
            appended = _all_appended(await append_within(connection, items))
        self._tell(dues, appended, now)
        return Batch(len(dues), len(rows) - len(dues)), has_old

    async def _items(self, connection: Any, dues: list[Due], now: datetime) -> list[Append]:
        """Return the appends of these schedules, a skipped span before the runs that follow it."""
        requests = [(due, *_requests(due, now)) for due in dues]
        streams = [_ticks(due.job) for due, _, spans in requests if spans]
        versions = dict(await connection.fetch(_VERSIONS, streams)) if streams else {}
        items = list[Append]()
        for due, runs, spans in requests:
            version = versions.get(_ticks(due.job), 0)
            for nth, (span, reason) in enumerate(spans):
                items.append(_skip(due.job, span, reason, Version(version + nth), now))
            items += runs
        return items

    def _tell(self, dues: list[Due], appended: list[Appended], now: datetime) -> None:
        if new := [answer.position for answer in appended if not answer.repeated]:
            self._on_append(max(new))
        for due in dues:
            if due.accounting.skipped:
                self._metrics.ticks_skipped.inc(due.accounting.skipped.count)
            for instant in due.accounting.runs:
                self._metrics.ticks.inc()
                self._metrics.tick_delay_seconds.observe((now - instant).total_seconds())


def _is_as_in_log(row: Any, job: Job) -> bool:
    """Say whether the row knows all that happened to its job; if not, the projector will see to it."""
    return job.exists and job.version == row["version"]


def _requests(due: Due, now: datetime) -> tuple[list[Append], list[tuple[Span, str]]]:
    """Return the appends of the due runs, and the spans to be let pass."""
    skipped = due.accounting.skipped
    spans = [(skipped, "missed")] if skipped else []
    try:
        return [_request(due.job, instant, now) for instant in due.accounting.runs], spans
    except NotStorable as error:
        # The job is just small enough for the log and its run is not: its schedule must not stop the others.
        _logger.warning("a run cannot be recorded", job_id=str(due.job.job_id), reason=str(error))
        instants = due.accounting.runs
        return [], [*spans, (Span(instants[0], instants[-1], len(instants)), "not_storable")]


def _request(job: Job, due_at: datetime, now: datetime) -> Append:
    assert job.job_id is not None
    run_id = run_id_of_tick(job.job_id, due_at)
    command = request_run(job, run_id, "scheduler", due_at=due_at)
    return beginning(RUNS, run_stream(run_id), command, _intent(run_id, now))


def _skip(job: Job, span: Span, reason: str, version: Version, now: datetime) -> Append:
    assert job.job_id is not None
    skipped = TickSkipped(
        job_id=job.job_id, due_at=span.due_at, last_due_at=span.last_due_at, count=span.count, reason=reason
    )
    intent = _intent(uuid5(job.job_id, f"skip/{_microseconds(span.due_at)}"), now)
    return Append(
        command_id=intent.command_id,
        body_hash=intent.body_hash,
        stream=_ticks(job),
        expected_version=version,
        events=(TICK_EVENTS.encode(skipped),),
        actor=intent.actor,
        correlation_id=intent.correlation_id,
        occurred_at=intent.occurred_at,
    )


def _intent(command_id: UUID, now: datetime) -> Intent:
    # The id follows from the job and the instant, and what is wished of an instant is always the same.
    return Intent(
        command_id=command_id,
        body_hash=sha256(command_id.bytes).digest(),
        actor=ACTOR,
        correlation_id=command_id,
        occurred_at=now,
    )


def _all_appended(answers: list[Appended | LogError]) -> list[Appended]:
    """Return the answers; raises the first refusal, so that nothing is moved past an instant without an event."""
    for answer in answers:
        if isinstance(answer, LogError):
            raise answer
    return [answer for answer in answers if isinstance(answer, Appended)]


def _ticks(job: Job) -> StreamName:
    assert job.job_id is not None
    return StreamName(ticks_stream(job.job_id))


def _microseconds(at: datetime) -> int:
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
