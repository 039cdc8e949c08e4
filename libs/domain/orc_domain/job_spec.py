"""All that a user says of a job, and what the rest of the system asks of it: its timetable, its plan, its runs' policy."""

import re
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct, json

from orc_domain.accounting import Plan
from orc_domain.config import Config
from orc_domain.extract import Extractor, parse_extractor
from orc_domain.fields import is_visible
from orc_domain.load import parse_loader
from orc_domain.policies import CatchUp, DeadlineSeconds, Dst, Overlap, Retry, Timeouts
from orc_domain.rejection import Invalid
from orc_domain.retry import Policy
from orc_domain.task_rules import check_task
from orc_domain.templates import check_templates
from orc_domain.timetable import (
    EXCLUDE_MAX,
    JITTER_SECONDS_MAX,
    SCHEDULES_MAX,
    Aware,
    Timetable,
    Timing,
    parse_timetable,
)

TASKS_MAX = 100
POOL = r"^[a-z0-9-]{1,32}\Z"
SPEC_BYTES_MAX = 900_000
"""Of a definition's JSON, so that an event with a run's tasks and ids fits a message too."""
PRIORITY_MAX = 100
CONCURRENCY_MAX = 1000
FAILURES_MAX = 1000


class TaskSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """One extract → load, as the user wrote it."""

    extractor_config: Config
    loader_config: Config


class JobSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a user says of a job."""

    job_name: Annotated[str, Meta(min_length=1, max_length=200)]
    """Unique in a jobs file, which finds the job by it."""
    schedule: str
    """Cron of five fields, or six with seconds first; `@daily` and its like; `@manual` for runs by hand alone."""
    tasks: Annotated[tuple[TaskSpec, ...], Meta(min_length=1, max_length=TASKS_MAX)]
    """Done in order; a retry goes on at the one that failed."""
    description: Annotated[str, Meta(max_length=4000)] | None = None
    """For people."""
    is_active: bool = True
    """False stops the schedule; a run by hand stays possible."""
    timezone: str = "UTC"
    """IANA name; the schedule's fields are wall time there."""
    pool: str = "default"
    """The executors that run it."""
    schedules: Annotated[tuple[str, ...], Meta(max_length=SCHEDULES_MAX)] = ()
    """Further schedules beside `schedule`; an instant that several name is one."""
    dst: Dst = Dst()
    exclude: Annotated[tuple[str, ...], Meta(max_length=EXCLUDE_MAX)] = ()
    """Local dates, `from/to`, or cron: instants there are let pass."""
    starts_at: Aware | None = None
    """No instant before it; itself may be one."""
    ends_at: Aware | None = None
    """No instant after it."""
    jitter_seconds: Annotated[float, Meta(ge=0, le=JITTER_SECONDS_MAX)] = 0.0
    """Each run is asked for so much later at most, by a share that follows from its id."""
    catch_up: CatchUp = CatchUp()
    start_deadline_seconds: DeadlineSeconds | None = None
    """An instant that cannot be asked for within so long is let pass."""
    overlap: Overlap = Overlap()
    retry: Retry = Retry()
    timeouts: Timeouts = Timeouts()
    pause_after_failures: Annotated[int, Meta(ge=1, le=FAILURES_MAX)] | None = None
    """The schedule is paused when so many runs in a row have failed."""
    priority: Annotated[int, Meta(ge=-PRIORITY_MAX, le=PRIORITY_MAX)] = 0
    """Of its runs within their pool; higher ones are claimed first."""
    concurrency_max: Annotated[int, Meta(ge=1, le=CONCURRENCY_MAX)] | None = None
    """Runs of the job that may be worked on at once."""


def check_spec(spec: JobSpec) -> None:
    """Judge all that a definition's text tells; raises Invalid naming the field."""
    if not spec.job_name.strip() or not is_visible(spec.job_name):
        raise Invalid("job_name", "the name is blank or holds a control character", valid="visible text")
    if not re.match(POOL, spec.pool):
        raise Invalid("pool", "the pool's name is not valid", valid="1 to 32 of a-z, 0-9 and '-'")
    timetable = parse_timetable(timing_of(spec))
    if spec.retry.max_seconds < spec.retry.initial_seconds:
        raise Invalid("retry.max_seconds", "is less than initial_seconds", valid="initial_seconds or more")
    for place, task in enumerate(spec.tasks):
        extractor = _extractor(task, place, timetable)
        loader = parse_loader(task.loader_config, f"tasks[{place}].loader_config")
        check_task(extractor, loader, f"tasks[{place}]")
    if (size := len(json.encode(spec))) > SPEC_BYTES_MAX:
        raise Invalid("tasks", f"the definition has {size} bytes", valid=f"at most {SPEC_BYTES_MAX} bytes")


def extractor_of(spec: JobSpec, order: int) -> Extractor:
    """Return what a task extracts, its templates as they may be rendered; raises Invalid naming the field."""
    return _extractor(spec.tasks[order - 1], order - 1, parse_timetable(timing_of(spec)))


def _extractor(task: TaskSpec, place: int, timetable: Timetable) -> Extractor:
    field = f"tasks[{place}].extractor_config"
    return parse_extractor(check_templates(task.extractor_config, field, timetable), field)


def timing_of(spec: JobSpec) -> Timing:
    """Return what a definition says of when."""
    return Timing(
        schedules=(spec.schedule, *spec.schedules), timezone=spec.timezone, dst=spec.dst, exclude=spec.exclude,
        starts_at=spec.starts_at, ends_at=spec.ends_at, jitter_seconds=spec.jitter_seconds,
    )  # fmt: skip


def plan_of(job_id: UUID, spec: JobSpec, timetable: Timetable | None = None) -> Plan:
    """Return what a definition says of its instants; raises Invalid when its timing cannot be read."""
    return Plan(
        job_id=job_id, timetable=timetable or parse_timetable(timing_of(spec)), catch_up=spec.catch_up,
        start_deadline_seconds=spec.start_deadline_seconds, overlap=spec.overlap,
    )  # fmt: skip


def policy_of(spec: JobSpec) -> Policy:
    """Return the limits of a job's runs."""
    return Policy(
        attempts_max=spec.retry.attempts_max, first_delay_seconds=spec.retry.initial_seconds,
        delay_max_seconds=spec.retry.max_seconds, queue_timeout_seconds=spec.timeouts.queue_seconds,
        run_timeout_seconds=spec.timeouts.run_seconds, task_timeout_seconds=spec.timeouts.task_seconds,
    )  # fmt: skip


def concurrency_of(spec: JobSpec) -> int | None:
    """Return how many of a job's runs may be worked on at once; None for any number."""
    return 1 if spec.overlap.mode in {"queue", "cancel_running"} else spec.concurrency_max
