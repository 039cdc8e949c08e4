"""
What would become of a schedule's instants if no scheduler ran for a while.

A clock goes from instant to instant, stands still while the scheduler is down, and asks `accounting.account` what the
product's own ticker would ask. It begins a little before the downtime with no run open, and ends a little after it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

from msgspec import Struct

from orc_domain.accounting import Accounting, Plan, account
from orc_domain.rejection import Invalid
from orc_domain.ticks import SkipReason
from orc_domain.upcoming import instants_max

BEFORE, AFTER = 2, 3
"""Instants shown before and after the downtime."""
INSTANTS_MAX = 10_000


class Simulated(Struct, frozen=True, kw_only=True):
    """What would become of some instants in a row; both ends included."""

    due_at: datetime
    last_due_at: datetime
    count: int
    outcome: Literal["run", "skipped"]
    reason: SkipReason | None
    requested_at: datetime | None
    """When the run would be asked for; None for what is let pass."""


def simulate(
    plan: Plan, down_from: datetime, down_to: datetime, *, run_seconds: float = 0.0
) -> tuple[Simulated, ...]:
    """
    Say what would be run and what let pass around a downtime, when a run lasts `run_seconds`.

    Raises Invalid naming `downtime` when more instants fall into it than are looked at.
    """
    due = _begin(plan, down_from, down_to)
    open_runs = _OpenRuns(plan, timedelta(seconds=run_seconds))
    shown, shown_after = list[Simulated](), 0
    now = due if due is not None else down_from
    while due is not None and shown_after < AFTER:
        now = max(now, plan.timetable.asked_at(plan.job_id, due))
        if down_from <= now < down_to:
            now = down_to
        accounting = account(plan, due, now, open_runs.count(now))
        open_runs.add(accounting, now)
        for outcome in accounting.outcomes:
            is_run = outcome.reason is None
            shown.append(
                Simulated(
                    due_at=outcome.due_at, last_due_at=outcome.last_due_at, count=outcome.count,
                    outcome="run" if is_run else "skipped", reason=outcome.reason, requested_at=now if is_run else None,
                )
            )  # fmt: skip
            shown_after += outcome.count if outcome.due_at > down_to else 0
        due = accounting.next_due_at
    return tuple(shown)


def _begin(plan: Plan, down_from: datetime, down_to: datetime) -> datetime | None:
    """Return the first instant to show; raises Invalid when too many follow up to the end of the downtime."""
    start = down_from
    for _ in range(BEFORE):
        if (last := plan.timetable.last_before(start)) is not None:
            start = last.due_at
    most = min(INSTANTS_MAX, instants_max(plan.timetable))
    instants: Sequence[datetime] = [due.due_at for due in islice(plan.timetable.from_on(start), most + 1)]
    if len(instants) > most and instants[-1] <= down_to:
        raise Invalid(
            "downtime",
            f"more than {most} instants fall into it",
            valid=f"a downtime that ends before {instants[-1].isoformat()}",
        )
    return instants[0] if instants else None


class _OpenRuns:
    """The runs asked for so far, each with the time it would end."""

    def __init__(self, plan: Plan, lasts: timedelta) -> None:
        self._plan, self._lasts = plan, lasts
        self._ends = list[datetime]()

    def count(self, now: datetime) -> int:
        """Return how many have not ended."""
        self._ends = [end for end in self._ends if end > now]
        return len(self._ends)

    def add(self, accounting: Accounting, now: datetime) -> None:
        """Begin the runs that are asked for now: at once, or one after another where they wait for each other."""
        is_single = self._plan.overlap.mode == "queue"
        for _ in accounting.runs:
            begin = max(now, self._ends[-1]) if is_single and self._ends else now
            self._ends.append(begin + self._lasts)
