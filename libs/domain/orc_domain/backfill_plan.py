"""
Which instants of a range a backfill runs: those of the job's timetable, less those that `reprocess` leaves out.

Pure: what is known of earlier runs comes in. A dry run shows what it says; a backfill records it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from orc_domain.accounting import ON_TIME_SECONDS
from orc_domain.backfill import INSTANTS_MAX, Reprocess, TooManyInstants
from orc_domain.rejection import Invalid
from orc_domain.run_messages import Status
from orc_domain.timetable import Timetable

LOOKED_AT_MAX = 50_000
"""Instants of a range that are counted; of a longer one it is only said that it has more."""

_MICROSECOND = timedelta(microseconds=1)
_ON_TIME = timedelta(seconds=ON_TIME_SECONDS)


class EarlierRun(Struct, frozen=True):
    """The newest run that was requested for an instant."""

    run_id: UUID
    status: Status


class SkippedInstant(Struct, frozen=True, kw_only=True):
    """An instant that is left out, and the run that is why."""

    due_at: datetime
    run_id: UUID
    status: Status


class InstantPlan(Struct, frozen=True):
    """What a backfill makes of a range."""

    instants: tuple[datetime, ...]
    """To be run, the oldest first."""
    skipped: tuple[SkippedInstant, ...]


def instants_within(
    timetable: Timetable, job_id: UUID, start: datetime, end: datetime, now: datetime
) -> list[datetime]:
    """
    Return the instants from `start` to `end`, both included, that the timetable does not let pass.

    Those that the schedule itself may still ask for, since their time or their jitter has just passed, are not past.
    Raises Invalid for a job without a schedule and for more instants than one backfill takes.
    """
    if timetable.is_manual:
        raise Invalid(
            "job_id",
            "the job runs by hand only, so there are no instants to run it for",
            valid="a job with a schedule",
        )
    instants, looked_at = list[datetime](), 0
    due = timetable.next_after(start - _MICROSECOND)
    while due is not None and due.due_at <= end:
        if looked_at == LOOKED_AT_MAX:
            last = instants[:INSTANTS_MAX][-1] if instants else due.due_at
            raise TooManyInstants(len(instants) or LOOKED_AT_MAX, last, is_least=True)
        looked_at += 1
        if due.reason is None and timetable.asked_at(job_id, due.due_at) + _ON_TIME <= now:
            instants.append(due.due_at)
        due = timetable.next_after(due.due_at)
    if len(instants) > INSTANTS_MAX:
        raise TooManyInstants(len(instants), instants[INSTANTS_MAX - 1])
    return instants


def plan_instants(
    instants: list[datetime], earlier: Mapping[datetime, EarlierRun], reprocess: Reprocess
) -> InstantPlan:
    """Leave out what `reprocess` says of the newest run of each instant."""
    chosen, skipped = list[datetime](), list[SkippedInstant]()
    for due_at in instants:
        run = earlier.get(due_at)
        if run is None or _is_run_again(run.status, reprocess):
            chosen.append(due_at)
        else:
            skipped.append(SkippedInstant(due_at=due_at, run_id=run.run_id, status=run.status))
    return InstantPlan(tuple(chosen), tuple(skipped))


def _is_run_again(status: Status, reprocess: Reprocess) -> bool:
    return reprocess == "all" or (reprocess == "failed" and status in {"failed", "cancelled"})
