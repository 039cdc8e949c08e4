"""A job's past, event by event: which definition was in force at a time, who paused it, when it came and went."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from msgspec import Struct

from orc_domain.job import NO_JOB, Job, JobPaused, evolve
from orc_domain.job_spec import JobSpec, timing_of
from orc_domain.rejection import Invalid
from orc_domain.timetable import Timetable, Timing, parse_timetable
from orc_events.event import Position, Recorded
from orc_runtime.deciders import JOBS


class Past(Struct, frozen=True):
    """An event of a job, and the job after it."""

    position: Position
    type: str
    actor: str
    at: datetime
    job: Job
    reason: str
    """What a pause gave for it; empty for every other event, and for a pause without one."""


class JobVersion(Struct, frozen=True, kw_only=True):
    """A version of a job: its instants are judged by it from `effective_from` on, until the next one."""

    version: int
    effective_from: datetime
    event: str
    """What made it: `job.created`, `job.changed`, `job.paused`, `job.resumed`, `job.cursor_set` or `job.deleted`."""
    actor: str
    reason: str
    """What a pause gave for it."""
    position: Position
    definition: JobSpec


class Period(Struct, frozen=True):
    """A time in which the same timing was in force."""

    start: datetime
    end: datetime | None
    """Excluded; None when it is in force still."""
    timetable: Timetable | None
    """None when it cannot be read any more."""


class JobHistory:
    """All that happened to a job that was created once."""

    def __init__(self, past: Sequence[Past]) -> None:
        self.past = past

    @classmethod
    def of(cls, stream: Sequence[Recorded]) -> Self:
        """Fold a job's stream, which begins with its creation."""
        past, job = list[Past](), NO_JOB
        for recorded in stream:
            event = JOBS.codec.decode(recorded)
            job = evolve(job, event, recorded.occurred_at)
            reason = event.reason if isinstance(event, JobPaused) else ""
            past.append(
                Past(recorded.position, recorded.type, recorded.actor, recorded.occurred_at, job, reason)
            )
        return cls(past)

    @property
    def created(self) -> Past:
        """The first event."""
        return self.past[0]

    @property
    def deleted(self) -> Past | None:
        """The event that ended the job."""
        return self.past[-1] if self.past[-1].job.is_deleted else None

    def spec_at(self, at: datetime) -> JobSpec:
        """Return the definition in force at a time; before the job was created, the first one."""
        known = [past.job.spec for past in self.past if past.at <= at and past.job.spec is not None]
        spec = known[-1] if known else self.created.job.spec
        assert spec is not None, "a job's stream begins with its definition"
        return spec

    def timetable_at(self, at: datetime) -> Timetable | None:
        """Return the timetable in force at a time; None when it cannot be read any more."""
        return _timetable(self.spec_at(at))

    def timetable_of(self, version: int, at: datetime) -> Timetable | None:
        """Return the timetable of a version of the job; where there is no such version, the one in force at `at`."""
        if 1 <= version <= len(self.past):
            spec = self.past[version - 1].job.spec
            return None if spec is None else _timetable(spec)
        return self.timetable_at(at)

    def versions(self) -> list[JobVersion]:
        """Return every version, from the first on."""
        return [
            JobVersion(
                version=version, effective_from=past.at, event=past.type, actor=past.actor, reason=past.reason,
                position=past.position, definition=past.job.spec,
            )
            for version, past in enumerate(self.past, start=1)
            if past.job.spec is not None
        ]  # fmt: skip

    def periods(self) -> list[Period]:
        """Return the timings one after another, from the job's creation to its end."""
        starts = list[tuple[datetime, Timing]]()
        for past in self.past:
            timing = timing_of(past.job.spec) if past.job.spec else None
            if timing is not None and (not starts or starts[-1][1] != timing):
                starts.append((past.at, timing))
        ends = [*(at for at, _ in starts[1:]), self.deleted.at if self.deleted else None]
        return [Period(at, end, _read(timing)) for (at, timing), end in zip(starts, ends, strict=True)]

    def paused_at(self, at: datetime) -> Past | None:
        """Return the event that paused the schedule that was paused at a time; None when it was active then."""
        since: Past | None = None
        for past in self.past:
            if past.at > at:
                break
            is_active = past.job.spec is None or past.job.spec.is_active
            since = None if is_active else since or past
        return since


def _timetable(spec: JobSpec) -> Timetable | None:
    return _read(timing_of(spec))


def _read(timing: Timing) -> Timetable | None:
    try:
        return parse_timetable(timing)
    except Invalid:
        return None
