"""
Ticker: each due instant of each schedule becomes exactly one event.

    sleep until a row is to be looked at, by the database's clock
    in one transaction:   lock rows that are due, leaving alone what another replica has
                          judge each by its job and its open runs as the log has them now
                          cancel what has to give way, move the rows on, and last append what became of each instant
    again at once while there is more

Every replica ticks. Two cannot account for one instant: the row lock lets one of them at it, and the command's id follows
from job and instant, so even after the calendar was rebuilt the log answers `repeated`.

The calendar may be behind the log. A row whose version is not its job's in the log is left to the projector, so a
schedule that was paused, changed or deleted by a command that was answered before the instant never fires for it. A change
that is appended in the milliseconds between that look and our append is concurrent with the tick, and the run then comes
after it in the log: harmless, since a run holds all it needs. What is to be let pass, and what is late, is recorded only
once the calendar was seen to be at the log's head, since a rebuilt calendar believes that old instants are still due.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Never
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from orc_domain.accounting import ON_TIME_SECONDS
from orc_domain.instants import tick_id
from orc_domain.job import Job
from orc_events.errors import LogError
from orc_events.event import Appended, Position
from orc_events.follower import TROUBLE
from orc_events.log import EventLog, append_within
from orc_events.statements import load
from orc_events.wakeup import Wakeup
from orc_scheduler.calendar import Calendar
from orc_scheduler.job_rows import DELETED, passing_text
from orc_scheduler.jobs import Jobs
from orc_scheduler.judging import Judged, judge
from orc_scheduler.metrics import SchedulerMetrics
from orc_scheduler.overlaps import cancel_for, open_runs_now
from orc_scheduler.tick_appends import appends_of

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
BATCH_LOOKS_MAX = 100_000
"""Instants judged in one transaction, times the expressions that each is asked of: half a second and some."""

_NEXT, _LOCK, _LOCK_NEWEST = (
    load("orc_scheduler", f"due_{name}") for name in ("next", "lock", "lock_newest")
)
_MOVE, _FORGET = load("orc_scheduler", "due_move"), load("orc_scheduler", "jobs_delete")

_logger = structlog.get_logger()


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
        log: EventLog,
        jobs: Jobs,
        calendar: Calendar,
        metrics: SchedulerMetrics,
        *,
        wakeup: Wakeup,
        on_append: Callable[[Position], None],
        rows_max: int = ROWS_MAX,
    ) -> None:
        """`wakeup` is poked when the calendar changed; `on_append` is told how far the log has grown."""
        self._pool, self._log, self._jobs, self._calendar = pool, log, jobs, calendar
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
        batch, has_old = await self._account(None)
        if has_old:
            batch, _ = await self._account(await self._calendar.current_at())
        if not batch.moved and batch.left >= self._rows_max:
            # None of the oldest can be judged yet: those that have just come due need not wait behind them.
            batch, _ = await self._account(None, lock=_LOCK_NEWEST)
        return batch

    async def _sleep(self) -> None:
        """Sleep to the next due instant, measured by the database's clock, or until the calendar changes."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        row = await self._pool.fetchrow(_NEXT)
        if row["wake_at"] is None:
            await self._wakeup.pause(SLEEP_SECONDS_MAX)
            return
        # The database looked at its clock about half way between question and answer.
        looked = (asked + loop.time()) / 2
        wait = (row["wake_at"] - row["now"]).total_seconds() - (loop.time() - looked)
        # What is due already was left to another replica a moment ago, or fell due since: look again soon.
        await self._wakeup.pause(min(max(wait, LOCKED_SECONDS), SLEEP_SECONDS_MAX))

    async def _account(self, folded: Position | None, *, lock: str = _LOCK) -> tuple[Batch, bool]:
        """
        Run one transaction; also says whether rows were left because the calendar is not known to be current.

        It is when the calendar has come to `folded`, which was the log's head a moment ago.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(lock, self._rows_max)
            if not rows:
                return Batch(0, 0), False
            now: datetime = rows[0]["now"]
            jobs = await self._jobs.current_of(row["job_id"] for row in rows)
            locked = len(rows)
            # Under the locks: a calendar that was emptied since has none of these rows.
            is_current = folded is not None and await self._calendar.has_folded(connection, folded)
            rows = [row for row in rows if _is_as_in_log(row, jobs[row["job_id"]])]
            sure = [row for row in rows if is_current or not _is_old(row, now)]
            has_old = len(sure) < len(rows)
            careful = {row["job_id"] for row in sure if _minds_overlap(jobs[row["job_id"]])}
            open_runs = await open_runs_now(connection, self._log, careful)
            if open_runs is None:
                # The calendar is far behind: those that need not know of open runs go on.
                sure, open_runs = [row for row in sure if row["job_id"] not in careful], {}
            judged = _judged(sure, jobs, open_runs, now)
            ready = [one for one in judged if is_current or not one.skipped]
            if ready:
                await self._record(connection, ready, open_runs, now)
        return Batch(len(ready), locked - len(ready)), has_old or len(ready) < len(judged)

    async def _record(
        self, connection: Any, judged: Sequence[Judged], open_runs: dict[UUID, set[UUID]], now: datetime
    ) -> None:
        for one in judged:
            if one.cancels_running:
                # Before the append: a crash between the two cancels again, the other order would forget to.
                await cancel_for(self._log, open_runs[one.job_id], tick_id(one.job_id, one.runs[-1]), now)
        items = await appends_of(connection, judged, now)
        moved = [one.row for one in judged]
        await connection.execute(
            _MOVE,
            [row.job_id for row in moved],
            [row.next_due_at for row in moved],
            [passing_text(row.passing) for row in moved],
            [one.wake_at for one in judged],
        )
        if over := [row.job_id for row in moved if row.is_over]:
            await connection.execute(_FORGET, over)
        self._tell(judged, _all_appended(await append_within(connection, items)), now)

    def _tell(self, judged: Sequence[Judged], appended: list[Appended], now: datetime) -> None:
        if new := [answer.position for answer in appended if not answer.repeated]:
            self._on_append(max(new))
        for one in judged:
            for outcome, reason in one.skipped:
                self._metrics.ticks_skipped.labels(reason).inc(outcome.count)
            for instant in one.runs:
                self._metrics.ticks.inc()
                self._metrics.tick_delay_seconds.observe((now - instant).total_seconds())


def _judged(
    rows: Sequence[Any], jobs: dict[UUID, Job], open_runs: dict[UUID, set[UUID]], now: datetime
) -> list[Judged]:
    """Judge as many rows as one transaction may append for."""
    judged = list[Judged]()
    room, room_bytes, room_looks = BATCH_RUNS_MAX, BATCH_BYTES_MAX, BATCH_LOOKS_MAX
    for row in rows:
        if room <= 0 or room_bytes <= 0 or room_looks <= 0:
            break
        job = jobs[row["job_id"]]
        size = len(msgspec.json.encode(job.spec))
        fitting = min(room, max(1, room_bytes // size))
        one = judge(row, job, now, len(open_runs.get(row["job_id"], ())), fitting)
        room -= len(one.runs)
        room_bytes -= len(one.runs) * size
        room_looks -= one.looks
        judged.append(one)
    return judged


def _is_as_in_log(row: Any, job: Job) -> bool:
    """Say whether the row knows all that happened to its job; if not, the projector will see to it."""
    is_deleted: bool = row["timing"] == DELETED
    return bool(job.version == row["version"]) and job.exists != is_deleted


def _is_old(row: Any, now: datetime) -> bool:
    """Say whether the row is about what a calendar that was just rebuilt may believe by mistake."""
    if row["passing"] is not None or row["next_due_at"] is None:
        return True
    due_at: datetime = row["next_due_at"]
    return (now - due_at).total_seconds() > ON_TIME_SECONDS


def _minds_overlap(job: Job) -> bool:
    return job.spec is not None and job.spec.overlap.mode != "allow"


def _all_appended(answers: list[Appended | LogError]) -> list[Appended]:
    """Return the answers; raises the first refusal, so that nothing is moved past an instant without an event."""
    for answer in answers:
        if isinstance(answer, LogError):
            raise answer
    return [answer for answer in answers if isinstance(answer, Appended)]
