"""
The scheduler's own projector: the log folded into `jobs` (when each is due), `open_runs` and `backfills` (what has not ended).

Each batch is sorted into events of jobs, of runs, of backfills, and instants that ended in an event; four set-based folds write them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Never
from uuid import UUID

from orc_domain.run_messages import RunRequested
from orc_domain.streams import BACKFILL, JOB, RUN, TICKS
from orc_events.errors import LogUnavailable
from orc_events.event import Position, Recorded
from orc_events.follower import Follower
from orc_events.log import EventLog
from orc_events.projection import Projector
from orc_events.statements import load
from orc_runtime.deciders import BACKFILLS, JOBS, RUNS
from orc_scheduler.backfill_rows import BackfillFact, apply_backfills
from orc_scheduler.failures import apply_failures
from orc_scheduler.job_rows import JobFact, apply_jobs, apply_ticks
from orc_scheduler.open_runs import RunFact, apply_runs
from orc_scheduler.tick_events import TICK_EVENTS

FOLLOWER = "calendar"
CURRENT_SECONDS_MAX = 1.0
"""How long a reader that needs the whole past waits for the fold to reach the head."""

_FOLDED_RUN_EVENTS = RUNS.codec.types - {"task.succeeded", "task.failed"}
_CLEAR_JOBS, _CLEAR_RUNS = load("orc_scheduler", "clear_jobs"), load("orc_scheduler", "clear_runs")
_CLEAR_BACKFILLS = load("orc_scheduler", "clear_backfills")
_COUNT, _COUNT_BACKFILLS = load("orc_scheduler", "runs_count"), load("orc_scheduler", "backfills_count")
_UUID_CHARACTERS = 36


class Calendar:
    """The projector, what it tells others after a batch, and the questions that its tables answer."""

    def __init__(
        self,
        pool: Any,
        log: EventLog,
        *,
        on_jobs: Callable[[], None],
        on_runs: Callable[[], None],
        on_failures: Callable[[], None],
        on_pools: Callable[[set[str]], None],
        on_backfills: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_jobs` and `on_runs` are called after schedules, or runs that want work sent, have changed."""
        self._pool, self._log = pool, log
        self._on_jobs, self._on_runs, self._on_pools = on_jobs, on_runs, on_pools
        self._on_backfills, self._has_backfills = on_backfills, False
        self._on_failures = on_failures
        self._has_jobs = self._has_runs = self._has_failures = False
        self._pools: set[str] = set()
        self.follower = Follower(pool, log, FOLLOWER)
        self.projector = Projector(self.follower, self._apply, clear=_clear, on_applied=self._tell)

    async def run(self) -> Never:
        """Fold for ever."""
        await self.projector.run()

    async def is_current(self, timeout_seconds: float = CURRENT_SECONDS_MAX) -> bool:
        """Wait until all that the log holds now is folded; False when it was not in time."""
        return await self.projector.passed(await self._log.head(), timeout_seconds)

    async def open_runs_of(self, job_id: UUID) -> int:
        """Count a job's open runs, all events up to now folded; raises LogUnavailable when the fold is late."""
        if not await self.is_current():
            raise LogUnavailable("the open runs are not folded up to the head yet")
        count: int = await self._pool.fetchval(_COUNT, job_id)
        return count

    async def open_backfills_of(self, job_id: UUID) -> int:
        """Count a job's backfills that have not ended, as far as is folded."""
        count: int = await self._pool.fetchval(_COUNT_BACKFILLS, job_id)
        return count

    async def _apply(self, connection: Any, batch: Sequence[Recorded]) -> None:
        jobs, runs, backfills = list[JobFact](), list[RunFact](), list[BackfillFact]()
        accounted: dict[UUID, datetime] = {}
        for recorded in batch:
            kind = recorded.stream[: -_UUID_CHARACTERS - 1]
            if kind == RUN and recorded.type in _FOLDED_RUN_EVENTS:
                event = RUNS.codec.decode(recorded)
                run_id = UUID(recorded.stream[-_UUID_CHARACTERS:])
                runs.append(RunFact(run_id, event, recorded.position, recorded.recorded_at))
                if isinstance(event, RunRequested) and event.triggered_by == "scheduler" and event.due_at:
                    _account(accounted, event.job_id, event.due_at)
                self._has_runs |= recorded.type in {"run.attempt_failed", "run.cancel_requested"}
            elif kind == JOB:
                jobs.append(JobFact(JOBS.codec.decode(recorded), recorded.version, recorded.recorded_at))
            elif kind == TICKS:
                skipped = TICK_EVENTS.decode(recorded)
                _account(accounted, skipped.job_id, skipped.last_due_at)
            elif kind == BACKFILL:
                backfill_id, told = (
                    UUID(recorded.stream[-_UUID_CHARACTERS:]),
                    BACKFILLS.codec.decode(recorded),
                )
                backfills.append(BackfillFact(backfill_id, told, recorded.version, recorded.position))
        self._pools |= await apply_jobs(connection, jobs)
        await apply_ticks(connection, accounted)
        folded = await apply_runs(connection, runs)
        self._has_backfills |= await apply_backfills(connection, backfills, runs)
        self._has_runs |= folded.has_let_go
        self._has_failures |= await apply_failures(connection, folded.ends)
        self._has_jobs |= bool(jobs)

    def _tell(self, _position: Position) -> None:
        if self._pools:
            self._on_pools(self._pools)
        if self._has_jobs:
            self._on_jobs()
        if self._has_runs:
            self._on_runs()
        if self._has_backfills:
            self._on_backfills()
        if self._has_failures:
            self._on_failures()
        self._has_jobs = self._has_runs = self._has_backfills = self._has_failures = False
        self._pools = set()


def _account(accounted: dict[UUID, datetime], job_id: UUID, due_at: datetime) -> None:
    accounted[job_id] = max(due_at, accounted.get(job_id, due_at))


async def _clear(connection: Any) -> None:
    await connection.execute(_CLEAR_JOBS)
    await connection.execute(_CLEAR_RUNS)
    await connection.execute(_CLEAR_BACKFILLS)
