"""
What becomes of due instants: run, or let pass with a reason. The rules of `catch_up`, `start_deadline_seconds`, `overlap`.

    enumerate    the timetable's instants from the first that is not accounted for, up to now
    missed       of those asked for too late, catch_up says which are run after all
    deadline     what is later than it may be is let pass
    overlap      what is left is run, waits or is let pass, as the job's open runs allow

Pure: the ticker records what it says, a simulation shows it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, islice
from uuid import UUID

from msgspec import Struct

from orc_domain.policies import CatchUp, Overlap
from orc_domain.ticks import SkipReason
from orc_domain.timetable import Instant, Timetable

ON_TIME_SECONDS = 10.0
"""An instant asked for within so long of its time is on time, whatever catch_up says: a restart is no downtime."""
INSTANTS_MAX = 100_000
"""Instants looked at in one accounting, of one expression; the rest follow in the next."""
INSTANTS_MIN = 1_000
"""So many are looked at however many expressions there are, beside those that catch_up has to know."""
RUNS_MAX = 1_000
"""Runs asked for in one accounting."""

_ON_TIME = timedelta(seconds=ON_TIME_SECONDS)


class Plan(Struct, frozen=True, kw_only=True):
    """What a job's definition says of its instants."""

    job_id: UUID
    timetable: Timetable
    catch_up: CatchUp = CatchUp()
    start_deadline_seconds: float | None = None
    overlap: Overlap = Overlap()


class Outcome(Struct, frozen=True):
    """What becomes of some instants in a row; both ends included."""

    due_at: datetime
    last_due_at: datetime
    count: int
    reason: SkipReason | None = None
    """None: run. An outcome that is run has one instant."""


class Accounting(Struct, frozen=True):
    """What is to be recorded of one job's due instants."""

    outcomes: tuple[Outcome, ...]
    """In order of their instants."""
    next_due_at: datetime | None
    """The first instant not accounted for; it may be due as well when there were too many. None: none will come."""
    cancels_running: bool = False
    """Whether runs that are open now are to be cancelled, for the one asked for here."""

    @property
    def runs(self) -> tuple[datetime, ...]:
        """The instants to run."""
        return tuple(outcome.due_at for outcome in self.outcomes if outcome.reason is None)

    @property
    def skipped(self) -> tuple[Outcome, ...]:
        """What is let pass."""
        return tuple(outcome for outcome in self.outcomes if outcome.reason is not None)


def account(
    plan: Plan, due_at: datetime, now: datetime, open_runs: int = 0, *, runs_max: int = RUNS_MAX
) -> Accounting:
    """
    Decide on the due instants from `due_at` on, up to `now`.

    `open_runs` counts the job's runs that have not ended, backfills apart. At most `runs_max` are run; what follows
    the last of them is left for the next accounting.
    """
    most = max(looked_at_max(plan.timetable), plan.catch_up.max + INSTANTS_MIN)
    due, following, has_more = _due(plan, due_at, now, most)
    reasons = _missed(plan, due, now)
    if has_more:
        end = _settled(plan, due, most)
        following, due, reasons = (due[end] if end < len(due) else following), due[:end], reasons[:end]
    reasons = _overlapping(plan, due, reasons, open_runs)
    runs = [place for place, reason in enumerate(reasons) if reason is None]
    if len(runs) > runs_max:
        end = runs[runs_max]
        following, due, reasons = due[end], due[:end], reasons[:end]
    return Accounting(
        outcomes=_spans(due, reasons),
        next_due_at=following.due_at if following else None,
        cancels_running=plan.overlap.mode == "cancel_running" and open_runs > 0 and None in reasons,
    )


def pass_over(timetable: Timetable, due_at: datetime, until: datetime, reason: SkipReason) -> Accounting:
    """Let pass every instant from `due_at` to `until`, both included, for one reason; at most `looked_at_max`."""
    most = looked_at_max(timetable)
    instants = list(islice(timetable.from_on(due_at), 1))
    while instants and instants[-1].due_at <= until and len(instants) <= most:
        following = timetable.next_after(instants[-1].due_at)
        if following is None:
            return Accounting(_spans(instants, [reason] * len(instants)), None)
        instants.append(following)
    if not instants:
        return Accounting((), None)
    *passed, rest = instants
    return Accounting(_spans(passed, [reason] * len(passed)), rest.due_at)


def looked_at_max(timetable: Timetable) -> int:
    """Return how many instants of a timetable are looked at in one accounting: each is asked of all its expressions."""
    return max(INSTANTS_MIN, INSTANTS_MAX // expressions_of(timetable))


def expressions_of(timetable: Timetable) -> int:
    """Return how many expressions an instant is asked of, so how long it takes."""
    return max(1, len(timetable.schedules) + len(timetable.exclusions))


def _due(
    plan: Plan, due_at: datetime, now: datetime, most: int
) -> tuple[list[Instant], Instant | None, bool]:
    """Return the instants whose time has come, at most so many, the one that follows, and whether it is due too."""
    due = list[Instant]()
    for instant in plan.timetable.from_on(due_at):
        if plan.timetable.asked_at(plan.job_id, instant.due_at) > now:
            return due, instant, False
        if len(due) == most:
            return due, instant, True
        due.append(instant)
    return due, None, False


def _settled(plan: Plan, due: Sequence[Instant], most: int) -> int:
    """Return how many from the front are judged for good, whatever follows those that were looked at: at least one."""
    kept = [place for place, instant in enumerate(due) if instant.reason is None]
    newest = plan.catch_up.max
    if len(kept) > newest:
        # The newest of all are not known before all are looked at: the newest here are judged again with what follows.
        return kept[-newest]
    return (kept[0] if kept else most) or most - newest


def _missed(plan: Plan, due: Sequence[Instant], now: datetime) -> list[SkipReason | None]:
    """Return why each instant is let pass, overlap apart; None where it is to be run."""
    reasons: list[SkipReason | None] = [instant.reason for instant in due]
    asked = (plan.timetable.asked_at(plan.job_id, instant.due_at) for instant in due)
    # None is asked for before those that precede it: one whose turn is late by their jitter alone is not late.
    lateness = [now - since for since in accumulate(asked, max)]
    window = timedelta(seconds=plan.catch_up.window_seconds)
    caught_up, is_newest = 0, True
    # From the newest on: it is they that `last` and `max` prefer.
    for place in reversed(range(len(due))):
        if reasons[place] is not None:
            continue
        late = lateness[place]
        if late > _ON_TIME:
            mode = plan.catch_up.mode
            if mode == "none" or late > window or (mode == "last" and not is_newest):
                reasons[place] = "missed"
        if reasons[place] is None and plan.start_deadline_seconds is not None:
            reasons[place] = "deadline" if late > timedelta(seconds=plan.start_deadline_seconds) else None
        if reasons[place] is None and late > _ON_TIME:
            caught_up += 1
            reasons[place] = "over-cap" if caught_up > plan.catch_up.max else None
        is_newest = False
    return reasons


def _overlapping(
    plan: Plan, due: Sequence[Instant], reasons: list[SkipReason | None], open_runs: int
) -> list[SkipReason | None]:
    """Return the reasons with those that overlap adds."""
    mode = plan.overlap.mode
    if mode == "allow":
        return reasons
    runs = [place for place in range(len(due)) if reasons[place] is None]
    if mode == "cancel_running":
        # Whatever would be cancelled at once is not begun.
        passed: Iterable[int] = runs[:-1]
    elif mode == "skip":
        passed = runs[0 if open_runs else 1 :]
    else:
        passed = runs[max(0, plan.overlap.max + 1 - open_runs) :]
    reason: SkipReason = "over-cap" if mode == "queue" else "overlap"
    for place in passed:
        reasons[place] = reason
    return reasons


def _spans(due: Sequence[Instant], reasons: Sequence[SkipReason | None]) -> tuple[Outcome, ...]:
    """Join neighbours that are let pass for the same reason."""
    spans = list[Outcome]()
    for instant, reason in zip(due, reasons, strict=True):
        last = spans[-1] if spans else None
        if last is not None and reason is not None and last.reason == reason:
            spans[-1] = Outcome(last.due_at, instant.due_at, last.count + 1, reason)
        else:
            spans.append(Outcome(instant.due_at, instant.due_at, 1, reason))
    return tuple(spans)
