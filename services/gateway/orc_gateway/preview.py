"""A schedule before a job has it: in words, its next instants, what to know of it, and what a downtime would do to it."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from orc_domain.accounting import Plan
from orc_domain.rejection import Invalid
from orc_domain.schedule_warnings import schedule_warnings
from orc_domain.simulation import Simulated, simulate
from orc_domain.timetable import Timetable, Timing, parse_timetable
from orc_domain.upcoming import instants_max, upcoming
from orc_domain.zones import TZDATA
from orc_gateway.bodies import Downtime, PreviewBody, check_times

NO_JOB = UUID(int=0)
"""Whose share of the jitter a simulation shows: that of no job."""


class Preview(Struct, frozen=True, kw_only=True):
    """A schedule, said back."""

    schedule: str
    timezone: str
    description: str
    tzdata: str
    """The release of the tz database that says where the clocks change."""
    next: tuple[datetime, ...]
    """When it fires next, in its own zone; fewer than asked for when it ends, or nearly all is excluded."""
    warnings: tuple[str, ...]
    simulation: tuple[Simulated, ...] | None
    """What would become of the instants around the downtime, in order; null when none was given."""


def preview(body: PreviewBody, now: datetime) -> Preview:
    """Look at a schedule; raises Invalid naming the field."""
    check_times(body, "starts_at", "ends_at", "after")
    timetable = parse_timetable(
        Timing(
            schedules=(body.schedule, *body.schedules), timezone=body.timezone, dst=body.dst, exclude=body.exclude,
            starts_at=body.starts_at, ends_at=body.ends_at, jitter_seconds=body.jitter_seconds,
        )
    )  # fmt: skip
    if body.count > (most := instants_max(timetable)):
        raise Invalid(
            "count",
            f"listing {body.count} instants of so many expressions takes too long",
            valid=f"at most {most}",
        )
    after = body.after or now
    found = upcoming(timetable, after, body.count)
    return Preview(
        schedule=body.schedule,
        timezone=body.timezone,
        description=timetable.describe(),
        tzdata=TZDATA,
        next=tuple(at.astimezone(timetable.zone) for at in found.fires),
        warnings=schedule_warnings(timetable, after, found),
        simulation=None if body.downtime is None else _simulation(timetable, body, body.downtime),
    )


def _simulation(timetable: Timetable, body: PreviewBody, downtime: Downtime) -> tuple[Simulated, ...]:
    try:
        check_times(downtime, "start", "end")
    except Invalid as error:
        raise Invalid(f"downtime.{error.field}", error.detail, valid=error.valid) from error
    if downtime.end <= downtime.start:
        raise Invalid("downtime.to", "the downtime ends before it begins", valid="a time after downtime.from")
    plan = Plan(
        job_id=NO_JOB, timetable=timetable, catch_up=body.catch_up,
        start_deadline_seconds=body.start_deadline_seconds, overlap=body.overlap,
    )  # fmt: skip
    shown = simulate(plan, downtime.start, downtime.end, run_seconds=body.run_seconds)
    zone = timetable.zone

    def local(at: datetime | None) -> datetime | None:
        return None if at is None else at.astimezone(zone)

    return tuple(
        structs.replace(
            one,
            due_at=one.due_at.astimezone(zone),
            last_due_at=one.last_due_at.astimezone(zone),
            requested_at=local(one.requested_at),
        )
        for one in shown
    )
