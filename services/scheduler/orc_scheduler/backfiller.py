"""
Backfiller: asks for the runs of backfills, so many at once as each may have open.

    take one backfill that has something to do, and lock its row
        room for runs    in the same transaction: count them, and last append `run.requested` of the next instants
        told to stop     cancel the runs that are open
        nothing open     append how it ended
    again until none has, then wait to be poked: runs have ended

Every replica does. The lock lets one of them at a backfill, and the ids of a run and of its command follow from backfill
and instant, so that even after a rebuild of the calendar the log answers `repeated`. Being behind the log never makes it
too many: the n-th run may be asked for once n minus `concurrency` have ended, and what has ended stays ended.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Never
from uuid import UUID, uuid5

import structlog
from msgspec import Struct, json

from orc_domain.backfill import CancelBackfill, Command, EndBackfill, run_id_of_instant
from orc_domain.job import Job
from orc_domain.rejection import NotFound, Rejected
from orc_domain.requests import request_run
from orc_domain.run_messages import CancelRun
from orc_domain.streams import backfill_stream, run_stream
from orc_domain.zones import TZDATA
from orc_events.errors import LogError, NotStorable
from orc_events.event import Append, Appended, Position, StreamName
from orc_events.follower import TROUBLE
from orc_events.handle import Intent, handle
from orc_events.log import EventLog, append_within
from orc_events.statements import load
from orc_events.wakeup import Wakeup
from orc_runtime.clock import Clock
from orc_runtime.deciders import BACKFILLS, RUNS
from orc_scheduler.calendar import Calendar
from orc_scheduler.commands import beginning
from orc_scheduler.intents import own_intent
from orc_scheduler.jobs import Jobs
from orc_scheduler.metrics import SchedulerMetrics

ROUND_SECONDS = 1.0
"""Another replica may lead the fold, and then nobody pokes us."""
BEHIND_SECONDS = 0.05
"""Until backfills that are behind the log are looked at again, unless a poke comes first."""
TROUBLE_SECONDS = 0.2
BATCH_BYTES_MAX = 16 * 1024 * 1024
"""Of a job's definition, which each run repeats: a hundred large ones would never be appended in time."""

_TAKE, _REQUESTED = load("orc_scheduler", "backfill_take"), load("orc_scheduler", "backfill_requested")
_RUNS_INSERT, _RUNS_OPEN = (load("orc_scheduler", f"backfill_runs_{name}") for name in ("insert", "open"))
_SENT, _VERSIONS = load("orc_scheduler", "backfill_cancels_sent"), load("orc_scheduler", "stream_versions")

_logger = structlog.get_logger()


class Taken(Struct, frozen=True, kw_only=True):
    """A locked row of `backfills`."""

    backfill_id: UUID
    job_id: UUID
    version: int
    succeeded: int
    failed: int
    cancelled: int
    open_runs: int
    cancel_requested: bool
    now: datetime
    """By the database's clock."""
    wanted: Sequence[datetime]
    """The next instants, as many as there is room for."""


class Backfiller:
    """Drives backfills on; one per replica."""

    def __init__(
        self,
        pool: Any,
        log: EventLog,
        jobs: Jobs,
        calendar: Calendar,
        clock: Clock,
        *,
        metrics: SchedulerMetrics,
        wakeup: Wakeup,
        on_append: Callable[[Position], None],
        on_cancel: Callable[[UUID], None],
    ) -> None:
        """`wakeup` is poked when the calendar learnt of a backfill; `on_cancel` is told which runs are to stop."""
        self._pool, self._log, self._jobs, self._calendar = pool, log, jobs, calendar
        self._clock, self._metrics = clock, metrics
        self._wakeup, self._on_append, self._on_cancel = wakeup, on_append, on_cancel

    async def run(self) -> Never:
        """Drive backfills on for ever."""
        while True:
            try:
                is_left = await self.drive()
                await self._wakeup.pause(BEHIND_SECONDS if is_left else ROUND_SECONDS)
            except TROUBLE as error:
                _logger.warning("backfiller starts over", reason=repr(error))
                await asyncio.sleep(TROUBLE_SECONDS)

    async def drive(self) -> bool:
        """Do all there is to do now; returns whether something waits for the calendar to follow the log."""
        left = list[UUID]()
        while await self._step(left):
            pass
        return bool(left)

    async def _step(self, left: list[UUID]) -> bool:
        """Do what one backfill wants that is not among those `left` for later; False when there is none."""
        taken: Taken | None = None
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                row = await connection.fetchrow(_TAKE, left)
                if row is None:
                    return False
                taken = Taken(**row)
                is_behind = not await self._is_as_in_log(connection, taken)
                if taken.wanted and not is_behind:
                    appended = await self._request(connection, taken)
        except (NotFound, NotStorable) as error:
            assert taken is not None, "only a run of it can be refused so"
            await self._give_up(taken, error)
            left.append(taken.backfill_id)
            return True
        if is_behind:
            left.append(taken.backfill_id)
        elif taken.wanted:
            self._tell(appended)
        elif not await self._wind_up(taken):
            left.append(taken.backfill_id)
        return True

    async def _wind_up(self, taken: Taken) -> bool:
        """Cancel open runs, or say how it ended; False when the calendar is to follow first."""
        if taken.cancel_requested and not await self._calendar.is_current():
            # A run asked for in the moment before the cancel must be known, to be cancelled and waited for as well.
            return False
        if taken.open_runs:
            await self._cancel_runs(taken)
            return True
        counts = EndBackfill(succeeded=taken.succeeded, failed=taken.failed, cancelled=taken.cancelled)
        await self._decide(taken, counts, "end")
        return False

    async def _is_as_in_log(self, connection: Any, taken: Taken) -> bool:
        """Say whether the row knows all that happened to its backfill; if not, the projector will see to it."""
        stream = backfill_stream(taken.backfill_id)
        return dict(await connection.fetch(_VERSIONS, [stream])) == {stream: taken.version}

    async def _request(self, connection: Any, taken: Taken) -> list[Appended]:
        """Ask for the next runs; raises NotFound when the job is gone, and NotStorable."""
        job = await self._jobs.current(taken.job_id)
        fitting = max(1, BATCH_BYTES_MAX // len(json.encode(job.spec)))
        wanted = taken.wanted[:fitting]
        run_ids = [run_id_of_instant(taken.backfill_id, due_at) for due_at in wanted]
        items = [
            _requested(taken, job, due_at, run_id) for due_at, run_id in zip(wanted, run_ids, strict=True)
        ]
        await connection.execute(_REQUESTED, taken.backfill_id, len(wanted))
        await connection.execute(_RUNS_INSERT, run_ids, [taken.backfill_id] * len(run_ids))
        return _all_appended(await append_within(connection, items))

    async def _cancel_runs(self, taken: Taken) -> None:
        """Tell the open runs to stop, each once whoever tells it."""
        rows = await self._pool.fetch(_RUNS_OPEN, taken.backfill_id)
        await asyncio.gather(*(self._cancel_run(taken, row["run_id"]) for row in rows))
        await self._pool.execute(_SENT, taken.backfill_id)

    async def _cancel_run(self, taken: Taken, run_id: UUID) -> None:
        intent = self._intent(taken, uuid5(run_id, "backfill-cancel"))
        command = CancelRun(f"backfill {taken.backfill_id} was cancelled")
        try:
            await handle(self._log, RUNS, StreamName(run_stream(run_id)), command, intent)
        except Rejected as rejection:
            # It has ended meanwhile, which is all that is wanted.
            _logger.info("run of a backfill not cancelled", run_id=str(run_id), reason=str(rejection))
        self._on_cancel(run_id)

    async def _give_up(self, taken: Taken, error: NotFound | NotStorable) -> None:
        """Cancel a backfill that cannot go on."""
        reason = "the job was deleted" if isinstance(error, NotFound) else f"no run can be recorded: {error}"
        _logger.warning("backfill given up", backfill_id=str(taken.backfill_id), reason=reason)
        await self._decide(taken, CancelBackfill(reason), "give-up")

    async def _decide(self, taken: Taken, command: Command, cause: str) -> None:
        stream = StreamName(backfill_stream(taken.backfill_id))
        intent = self._intent(taken, uuid5(taken.backfill_id, cause))
        try:
            await handle(self._log, BACKFILLS, stream, command, intent)
        except Rejected as rejection:
            _logger.info("backfill is otherwise by now", stream=stream, reason=str(rejection))

    def _intent(self, taken: Taken, command_id: UUID) -> Intent:
        return _intent(taken, command_id, self._clock.now())

    def _tell(self, appended: list[Appended]) -> None:
        if new := [answer.position for answer in appended if not answer.repeated]:
            self._metrics.backfill_runs.inc(len(new))
            self._on_append(max(new))


def _requested(taken: Taken, job: Job, due_at: datetime, run_id: UUID) -> Append:
    command = request_run(
        job, run_id, "backfill", due_at=due_at, backfill_id=taken.backfill_id, tzdata=TZDATA
    )
    return beginning(RUNS, run_stream(run_id), command, _intent(taken, run_id, taken.now))


def _intent(taken: Taken, command_id: UUID, at: datetime) -> Intent:
    return own_intent(command_id, at, because_of=taken.backfill_id)


def _all_appended(answers: list[Appended | LogError]) -> list[Appended]:
    """Return the answers; raises the first refusal, so that nothing is counted that was not appended."""
    for answer in answers:
        if isinstance(answer, LogError):
            raise answer
    return [answer for answer in answers if isinstance(answer, Appended)]
