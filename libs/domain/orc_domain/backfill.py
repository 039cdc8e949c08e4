"""
A backfill: runs of a job for instants of its schedule that are past.

    (none) ──requested──▶ running ──finished───────────────────────────────▶ finished
                             └──cancel_requested──▶ cancelling ──cancelled──▶ cancelled

The first event lists the instants, so that what a dry run showed is what is run, whatever the job becomes meanwhile.
How far it is follows from its runs, each of which names it; only its end is told here again.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from msgspec import Meta, Struct, structs

from orc_domain.cron import YEAR_MIN
from orc_domain.instants import microseconds
from orc_domain.rejection import Conflict, Invalid, NotFound

INSTANTS_MAX = 10_000
CONCURRENCY_MAX = 100

Reprocess = Literal["none", "failed", "all"]
"""Which instants are run that a run was requested for before: none, those whose newest run failed or was cancelled, all."""
Concurrency = Annotated[int, Meta(ge=1, le=CONCURRENCY_MAX)]
Status = Literal["running", "cancelling", "finished", "cancelled"]
ENDED: frozenset[Status] = frozenset({"finished", "cancelled"})


# commands ---------------------------------------------------------------------------------------------------------


class RequestBackfill(Struct, frozen=True, kw_only=True):
    """Run a job for past instants."""

    backfill_id: UUID
    job_id: UUID
    job_version: int
    start: datetime
    end: datetime
    instants: tuple[datetime, ...]
    """Those to run, the oldest first."""
    skipped: int
    """Instants of the range that are left out, since `reprocess` says so of the runs they have."""
    reprocess: Reprocess
    concurrency: int
    reverse: bool
    at: datetime


class CancelBackfill(Struct, frozen=True):
    """Wish for no more runs, and for those that are open to stop."""

    reason: str = ""


class EndBackfill(Struct, frozen=True, kw_only=True):
    """Say that no run of it is open any more, and how they ended."""

    succeeded: int
    failed: int
    cancelled: int


Command = RequestBackfill | CancelBackfill | EndBackfill


# events -----------------------------------------------------------------------------------------------------------


class _Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    pass


class BackfillRequested(_Event, frozen=True, kw_only=True, tag="backfill.requested"):
    """The instants listed here are to be run."""

    backfill_id: UUID
    job_id: UUID
    job_version: int
    """Whose timetable named the instants; each run takes the job as it stands when the run is requested."""
    start: datetime
    end: datetime
    instants: tuple[datetime, ...]
    """The oldest first, whatever `reverse` says."""
    skipped: int
    reprocess: Reprocess
    concurrency: int
    """Runs of it that are open at once, at most."""
    reverse: bool
    """Whether the newest instant is run first."""


class BackfillCancelRequested(_Event, frozen=True, kw_only=True, tag="backfill.cancel_requested"):
    """No more runs are requested for it, and open ones are cancelled."""

    reason: str = ""


class BackfillFinished(_Event, frozen=True, kw_only=True, tag="backfill.finished"):
    """Every instant was run, and every run has ended."""

    succeeded: int
    failed: int
    cancelled: int
    skipped: int
    """As at its request: of the range, but not run."""


class BackfillCancelled(_Event, frozen=True, kw_only=True, tag="backfill.cancelled"):
    """It stopped because somebody wished it, and no run of it is open."""

    succeeded: int
    failed: int
    cancelled: int
    skipped: int
    remaining: int
    """Instants that no run was requested for."""


Event = BackfillRequested | BackfillCancelRequested | BackfillFinished | BackfillCancelled


# state ------------------------------------------------------------------------------------------------------------


class Backfill(Struct, frozen=True, kw_only=True):
    """What is true of a backfill now, its runs apart."""

    requested: BackfillRequested | None = None
    """Its first event; None when there is no such backfill."""
    status: Status = "running"
    reason: str | None = None
    """Why it is cancelled."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    finished_at: datetime | None = None
    version: int = 0

    @property
    def is_ended(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.status in ENDED


NO_BACKFILL = Backfill()


class BackfillEnded(Conflict):
    """It ended in another way than the one wished for."""

    def __init__(self, status: Status) -> None:
        super().__init__("backfill-ended", f"the backfill has already ended: {status}")


class NothingToRun(Conflict):
    """Every instant of the range is left out."""

    def __init__(self, skipped: int, reprocess: Reprocess) -> None:
        if skipped:
            wider = "failed, all" if reprocess == "none" else "all"
            said = f"each of the {skipped} instants of the range is left out by reprocess: {reprocess}"
        else:
            wider, said = None, "the schedule has no instant in the range"
        super().__init__(
            "nothing-to-run", said, field="reprocess" if skipped else "start", valid=wider or "a wider range"
        )


def backfill_id_of_command(command_id: UUID) -> UUID:
    """Return the id of the backfill that a command asks for: the same command, the same backfill."""
    return uuid5(command_id, "backfill")


def run_id_of_instant(backfill_id: UUID, due_at: datetime) -> UUID:
    """Return the id of a backfill's run for an instant: requested twice, it is one."""
    return uuid5(backfill_id, str(microseconds(due_at)))


# decide -----------------------------------------------------------------------------------------------------------


def decide(command: Command, backfill: Backfill) -> list[Event]:
    """Return what follows from `command`; raises Rejected and changes nothing when it may not happen."""
    if isinstance(command, RequestBackfill):
        if backfill.requested is not None:
            return []
        _check(command)
        return [
            BackfillRequested(
                **{name: getattr(command, name) for name in BackfillRequested.__struct_fields__}
            )
        ]
    if backfill.requested is None:
        raise NotFound("backfill", "of this id")
    match command:
        case CancelBackfill(reason=reason):
            if backfill.status in {"cancelling", "cancelled"}:
                return []
            if backfill.is_ended:
                raise BackfillEnded(backfill.status)
            return [BackfillCancelRequested(reason=reason)]
        case EndBackfill():
            return [] if backfill.is_ended else [_end(command, backfill, backfill.requested)]


def _end(command: EndBackfill, backfill: Backfill, requested: BackfillRequested) -> Event:
    remaining = len(requested.instants) - command.succeeded - command.failed - command.cancelled
    counts = {**structs.asdict(command), "skipped": requested.skipped}
    if backfill.status == "cancelling":
        return BackfillCancelled(**counts, remaining=remaining)
    if remaining:
        raise Conflict("backfill-not-done", f"{remaining} instants have no run that ended")
    return BackfillFinished(**counts)


def check_range(start: datetime, end: datetime, now: datetime) -> None:
    """Refuse a range that is none, or not past; raises Invalid."""
    for field, at in (("start", start), ("end", end)):
        if at.tzinfo is None:
            raise Invalid(field, "the time has no offset", valid="RFC 3339, as 2026-05-13T09:00:00Z")
    if start.year < YEAR_MIN:
        reason = f"{start.isoformat()} is no time that a schedule names"
        raise Invalid("start", reason, valid=f"a time from {YEAR_MIN} on")
    if end < start:
        raise Invalid("end", "the range ends before it starts", valid="start or later")
    if end > now:
        raise Invalid("end", "a backfill is of the past", valid=f"at most {now.isoformat()}, which is now")


def _check(command: RequestBackfill) -> None:
    check_range(command.start, command.end, command.at)
    instants = command.instants
    if not instants:
        raise NothingToRun(command.skipped, command.reprocess)
    if len(instants) > INSTANTS_MAX:
        raise TooManyInstants(len(instants), instants[INSTANTS_MAX - 1])
    if any(after <= before for before, after in pairwise(instants)):
        raise Invalid("instants", "they are not in order", valid="each once, the oldest first")
    if instants[0] < command.start or instants[-1] > command.end:
        raise Invalid("instants", "one lies outside of the range", valid="from start to end")
    if not 1 <= command.concurrency <= CONCURRENCY_MAX:
        raise Invalid("concurrency", "is out of bounds", valid=f"1 to {CONCURRENCY_MAX}")


class TooManyInstants(Invalid):
    """The range holds more than one backfill takes."""

    def __init__(self, count: int, last: datetime, *, is_least: bool = False) -> None:
        """Take how many there are (or that there are more than so many), and the last one that would be taken."""
        super().__init__(
            "end",
            f"the range holds {'more than ' if is_least else ''}{count} instants",
            valid=f"at most {INSTANTS_MAX} of them: an end up to {last.isoformat()}",
            code="too-many-instants",
        )


# evolve -----------------------------------------------------------------------------------------------------------


def evolve(backfill: Backfill, event: Event, at: datetime) -> Backfill:
    """Return the backfill after `event`, which happened `at`; never refuses."""
    return structs.replace(backfill, version=backfill.version + 1, updated_at=at, **_changes(event, at))


def _changes(event: Event, at: datetime) -> dict[str, Any]:
    match event:
        case BackfillRequested():
            return {"requested": event, "created_at": at}
        case BackfillCancelRequested(reason=reason):
            return {"status": "cancelling", "reason": reason}
        case BackfillFinished():
            return {"status": "finished", "finished_at": at}
        case BackfillCancelled():
            return {"status": "cancelled", "finished_at": at}


def in_order(instants: Sequence[datetime], *, reverse: bool) -> list[datetime]:
    """Return the instants of a backfill in the order they are run."""
    return list(reversed(instants)) if reverse else list(instants)
