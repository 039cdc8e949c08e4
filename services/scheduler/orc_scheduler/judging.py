"""What is to be recorded of one due row: what an earlier state left to be let pass, then what the job's plan says."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from orc_domain.accounting import Accounting, Outcome, account, expressions_of, pass_over
from orc_domain.job import Job
from orc_domain.job_spec import JobSpec, plan_of
from orc_domain.ticks import SkipReason
from orc_scheduler.job_rows import DELETED, JobRow, Passing, read_passing
from orc_scheduler.schedules import recorded_timetable

UNREADABLE_SECONDS = 3600.0
"""Until a schedule that cannot be read is tried again."""


class Judged(Struct, frozen=True, kw_only=True):
    """A due row with its job, and what becomes of its instants."""

    job: Job
    row: JobRow
    """As it stands once all this is recorded."""
    outcomes: tuple[Outcome, ...]
    """In order of their instants."""
    cancels_running: bool = False
    look_again_at: datetime | None = None
    """When the row is to be looked at again, should that not follow from it."""

    @property
    def wake_at(self) -> datetime | None:
        """When the row is to be looked at next."""
        return self.look_again_at or self.row.wake_at

    @property
    def job_id(self) -> UUID:
        """Whose."""
        return self.row.job_id

    @property
    def looks(self) -> int:
        """How much work it was: its instants, times the expressions that each was asked of."""
        timetable = None if self.row.timing == DELETED else recorded_timetable(self.row.timing)
        return sum(outcome.count for outcome in self.outcomes) * (
            expressions_of(timetable) if timetable else 1
        )

    @property
    def runs(self) -> list[datetime]:
        """The instants to run."""
        return [outcome.due_at for outcome in self.outcomes if outcome.reason is None]

    @property
    def skipped(self) -> list[tuple[Outcome, SkipReason]]:
        """What is let pass, and why."""
        return [(outcome, outcome.reason) for outcome in self.outcomes if outcome.reason is not None]


def judge(record: Any, job: Job, now: datetime, open_runs: int, runs_max: int) -> Judged:
    """Judge a row that `due_lock` returned; its job is as the log has it, at the row's version."""
    assert job.spec is not None
    outcomes, passing = _let_pass(read_passing(record["passing"]))
    next_due_at: datetime | None = record["next_due_at"]
    cancels_running = False
    look_again_at = None
    if not passing and next_due_at is not None and recorded_timetable(record["timing"]) is None:
        # It keeps its place: another release of the software or of the tz database may read it again.
        look_again_at = now + timedelta(seconds=UNREADABLE_SECONDS)
    elif not passing and next_due_at is not None:
        due = _due(record, job.spec, now, open_runs=open_runs, runs_max=runs_max)
        outcomes += due.outcomes
        next_due_at, cancels_running = due.next_due_at, due.cancels_running
    row = JobRow(
        job_id=record["job_id"], version=record["version"], pool=job.spec.pool, timing=record["timing"],
        is_active=record["is_active"], next_due_at=next_due_at, passing=passing,
    )  # fmt: skip
    return Judged(
        job=job, row=row, outcomes=tuple(outcomes), cancels_running=cancels_running,
        look_again_at=look_again_at,
    )  # fmt: skip


def _let_pass(passing: tuple[Passing, ...]) -> tuple[list[Outcome], tuple[Passing, ...]]:
    """Return what is recorded of earlier states, and what is left for the next time."""
    outcomes = list[Outcome]()
    for place, left in enumerate(passing):
        timetable = recorded_timetable(left.timing)
        if timetable is None:
            continue
        accounting = pass_over(timetable, left.due_at, left.until, left.reason)
        outcomes += accounting.outcomes
        following = accounting.next_due_at
        if following is not None and following <= left.until:
            return outcomes, (Passing(left.timing, following, left.until, left.reason), *passing[place + 1 :])
    return outcomes, ()


def _due(record: Any, spec: JobSpec, now: datetime, *, open_runs: int, runs_max: int) -> Accounting:
    timetable = recorded_timetable(record["timing"])
    assert timetable is not None, "only what can be read is judged"
    if not record["is_active"]:
        return pass_over(timetable, record["next_due_at"], now, "paused")
    plan = plan_of(record["job_id"], spec, timetable)
    return account(plan, record["next_due_at"], now, open_runs, runs_max=runs_max)
