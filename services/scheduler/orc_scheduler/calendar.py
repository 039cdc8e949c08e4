"""
The scheduler's own projector: the log folded into `jobs` (when each is due), `open_runs` and `backfills` (what has not
ended).

Each batch is sorted (`facts.py`), set-based folds write it, and whoever waits for such news is told once it is committed.
"""

from collections.abc import Callable, Sequence
from typing import Any, Never
from uuid import UUID

from msgspec import Struct

from orc_domain.run_messages import RunAttemptFailed, RunCancelRequested
from orc_events.errors import LogUnavailable
from orc_events.event import Position, Recorded
from orc_events.follower import Follower
from orc_events.log import EventLog
from orc_events.projection import Projector
from orc_events.statements import load
from orc_scheduler.backfill_rows import apply_backfills
from orc_scheduler.facts import sort
from orc_scheduler.failures import apply_failures
from orc_scheduler.job_rows import apply_jobs, apply_ticks
from orc_scheduler.open_runs import apply_runs, most_urgent

FOLLOWER = "calendar"
CURRENT_SECONDS_MAX = 1.0
"""How long a reader that needs the whole past waits for the fold to reach the head."""

_CLEAR_JOBS, _CLEAR_RUNS = load("orc_scheduler", "clear_jobs"), load("orc_scheduler", "clear_runs")
_CLEAR_BACKFILLS = load("orc_scheduler", "clear_backfills")
_COUNT, _COUNT_BACKFILLS = load("orc_scheduler", "runs_count"), load("orc_scheduler", "backfills_count")


def _nobody(*_: object) -> None:
    """Need not be told."""


class Listeners(Struct, frozen=True, kw_only=True):
    """Who is called after a batch that held news of a kind."""

    jobs: Callable[[], None] = _nobody
    """Schedules have changed."""
    runs: Callable[[], None] = _nobody
    """Runs want work sent."""
    failures: Callable[[], None] = _nobody
    """Runs have failed."""
    backfills: Callable[[], None] = _nobody
    """A backfill may ask for more, or has ended."""
    urgent: Callable[[str, int], None] = _nobody
    """Runs of this priority, above 0, wait in a pool."""
    pools: Callable[[set[str]], None] = _nobody
    """Jobs name these pools."""


class Calendar:
    """The projector, what it tells others after a batch, and the questions that its tables answer."""

    def __init__(self, pool: Any, log: EventLog, listeners: Listeners) -> None:
        self._pool, self._log, self._listeners = pool, log, listeners
        self._news: dict[str, Callable[[], None]] = {}
        """Who is to be told of what is folded, by kind."""
        self._pools: set[str] = set()
        self._urgent: dict[str, int] = {}
        self.follower = Follower(pool, log, FOLLOWER)
        self.projector = Projector(self.follower, self._apply, clear=_clear, on_applied=self._tell)

    async def run(self) -> Never:
        """Fold for ever."""
        await self.projector.run()

    async def is_current(self, timeout_seconds: float = CURRENT_SECONDS_MAX) -> bool:
        """Wait until all that the log holds now is folded; False when it was not in time."""
        return await self.current_at(timeout_seconds) is not None

    async def current_at(self, timeout_seconds: float = CURRENT_SECONDS_MAX) -> Position | None:
        """Wait until all that the log holds now is folded and return how far that is; None when it was not in time."""
        head = await self._log.head()
        if not await self.projector.passed(head, timeout_seconds):
            return None
        # What this process has seen folded may be folded anew by another.
        async with self._pool.acquire() as connection:
            return head if await self.has_folded(connection, head) else None

    async def has_folded(self, connection: Any, position: Position) -> bool:
        """Say whether the rows that the connection's transaction sees are folded up to a position."""
        return await self.follower.checkpoint.position(connection) >= position

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
        facts = sort(batch)
        applied = await apply_jobs(connection, facts.jobs)
        self._pools |= applied.pools
        await apply_ticks(connection, facts.accounted)
        folded = await apply_runs(connection, facts.runs)
        # Before the runs of backfills that have ended are forgotten: their failures pause no schedule.
        has_failures = await apply_failures(connection, folded.ends, applied.renewed)
        self._urgent = most_urgent([*self._urgent.items(), *folded.urgent.items()])
        has_backfills = await apply_backfills(connection, facts.backfills, facts.runs)
        waiting = any(isinstance(fact.event, RunAttemptFailed | RunCancelRequested) for fact in facts.runs)
        told, listeners = self._news, self._listeners
        if facts.jobs:
            told["jobs"] = listeners.jobs
        if folded.has_let_go or waiting:
            told["runs"] = listeners.runs
        if has_failures:
            told["failures"] = listeners.failures
        if has_backfills:
            told["backfills"] = listeners.backfills

    def _tell(self, _position: Position) -> None:
        if self._pools:
            self._listeners.pools(self._pools)
        for pool, priority in self._urgent.items():
            self._listeners.urgent(pool, priority)
        for tell in self._news.values():
            tell()
        self._news, self._pools, self._urgent = {}, set(), {}


async def _clear(connection: Any) -> None:
    await connection.execute(_CLEAR_JOBS)
    await connection.execute(_CLEAR_RUNS)
    await connection.execute(_CLEAR_BACKFILLS)
