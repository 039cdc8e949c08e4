"""How a run comes from a job: by hand, by a tick, or by retrying an ended run."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from orc_domain.config import Config
from orc_domain.extract import Extractor, parse_extractor
from orc_domain.job import Job, task_id
from orc_domain.job_spec import JobSpec, concurrency_of, policy_of, timing_of
from orc_domain.rejection import Conflict, Invalid, NotFound
from orc_domain.retry import Policy
from orc_domain.run import Run, RunNotEnded
from orc_domain.run_messages import Cause, CursorSet, RequestRun, RunTask, RunWindow
from orc_domain.task_rules import goes_on
from orc_domain.templates import has_templates, render, window_of
from orc_domain.timetable import parse_timetable

RETRY_DAYS_MAX = 300
"""From a root's request on. Target files forget receipts after a year; without them a retry would load twice."""


class RootTooOld(Conflict):
    """What the root's runs loaded can no longer be told."""

    def __init__(self) -> None:
        super().__init__(
            "run-too-old",
            f"the first run of this chain was requested more than {RETRY_DAYS_MAX} days ago",
            valid="a new run of the job",
        )


class RunRefused(Conflict):
    """The run never had configs that may be used."""

    def __init__(self) -> None:
        super().__init__(
            "run-not-retryable", "the run's configs were refused as they were rendered", valid="a changed job"
        )


def run_id_of_command(command_id: UUID) -> UUID:
    """Return the id of the run that a command asks for: the same command, the same run."""
    return uuid5(command_id, "run")


def job_id_of_command(command_id: UUID) -> UUID:
    """Return the id of the job that a command creates: the same command, the same job."""
    return uuid5(command_id, "job")


def request_run(
    job: Job,
    run_id: UUID,
    triggered_by: Cause,
    *,
    due_at: datetime | None = None,
    policy: Policy | None = None,
    backfill_id: UUID | None = None,
    at: datetime | None = None,
    tzdata: str | None = None,
) -> RequestRun:
    """
    Ask for a run of a job as it stands; raises NotFound when there is no such job.

    Templates are rendered for `due_at`, of a run by hand for `at`. Where a rule forbids what comes out, a person is
    told (Invalid); a run that nobody waits for is requested all the same, and failed with the reason, so that neither
    its instant nor any other schedule is lost.
    """
    if not job.exists or job.job_id is None or job.spec is None:
        raise NotFound("job", job.job_id or "of this id")
    configs, refused = [task.extractor_config for task in job.spec.tasks], None
    begins = dict[int, _Begin]()
    try:
        configs = _rendered(job.spec, due_at or at)
        begins = _windows(job.spec, configs, due_at) if backfill_id else _cursors(job, configs)
    except Invalid as error:
        if triggered_by == "manual":
            raise
        refused = f"{error.field}: {error.detail}"
    tasks = tuple(
        RunTask(task_id(job.job_id, order), order, config, task.loader_config, *begins.get(order, _Begin()))
        for order, (config, task) in enumerate(zip(configs, job.spec.tasks, strict=True), start=1)
    )
    return RequestRun(
        run_id=run_id, job_id=job.job_id, job_name=job.spec.job_name, job_version=job.version, tasks=tasks,
        pool=job.spec.pool, triggered_by=triggered_by, policy=policy or policy_of(job.spec), root_id=run_id,
        due_at=due_at, priority=job.spec.priority, concurrency_max=concurrency_of(job.spec), tzdata=tzdata,
        backfill_id=backfill_id, refused=refused,
    )  # fmt: skip


class _Begin(NamedTuple):
    """Where a task begins, if not where its target says."""

    cursor_set: CursorSet | None = None
    window: RunWindow | None = None


def _cursors(job: Job, configs: Sequence[Config]) -> dict[int, _Begin]:
    """Return the cursors that were set, of tasks that still keep one."""
    return {
        order: _Begin(cursor_set=cursor)
        for order, cursor in job.cursors.items()
        if order <= len(configs) and goes_on(_parsed(configs, order))
    }


def _windows(spec: JobSpec, configs: Sequence[Config], instant: datetime | None) -> dict[int, _Begin]:
    """Return the span that a backfill's run is for, for each incremental task."""
    assert instant is not None, "a backfill's run is of some instant"
    orders = [
        order
        for order in range(1, len(configs) + 1)
        if getattr(_parsed(configs, order), "incremental", None) is not None
    ]
    if not orders:
        return {}
    window = window_of(parse_timetable(timing_of(spec)), instant)
    return dict.fromkeys(orders, _Begin(window=RunWindow(window.start, window.end)))


def _parsed(configs: Sequence[Config], order: int) -> Extractor:
    return parse_extractor(configs[order - 1], f"tasks[{order - 1}].extractor_config")


def _rendered(spec: JobSpec, instant: datetime | None) -> list[Config]:
    """Return the extractor configs for an instant, judged as they are; raises Invalid naming the field."""
    configs = [task.extractor_config for task in spec.tasks]
    templated = [place for place, config in enumerate(configs) if has_templates(config)]
    if templated:
        assert instant is not None, "a run is of some instant, or of the time it was asked for"
        window = window_of(parse_timetable(timing_of(spec)), instant)
        for place in templated:
            field = f"tasks[{place}].extractor_config"
            configs[place] = render(configs[place], window, field)
            parse_extractor(configs[place], field)
    return configs


def retry_run(ended: Run, run_id: UUID) -> RequestRun:
    """Ask for the same work again, in the same root, so that loaded tasks are not loaded twice; raises Rejected."""
    if ended.requested is None:
        raise NotFound("run", "of this id")
    if ended.status not in {"failed", "cancelled"}:
        raise RunNotEnded(ended.status)
    if ended.requested.refused:
        raise RunRefused
    was = ended.requested
    return RequestRun(
        run_id=run_id, job_id=was.job_id, job_name=was.job_name, job_version=was.job_version, tasks=was.tasks,
        pool=was.pool, triggered_by="retry", policy=was.policy, root_id=was.root_id, retry_of=was.run_id,
        priority=was.priority, concurrency_max=was.concurrency_max, due_at=was.due_at,
    )  # fmt: skip


def check_age(root: Run, at: datetime) -> None:
    """Raise RootTooOld when the receipts of a root's runs may be forgotten before a retry asked for now has ended."""
    if root.created_at is not None and at - root.created_at > timedelta(days=RETRY_DAYS_MAX):
        raise RootTooOld
