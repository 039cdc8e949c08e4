"""What REST answers of a job and a run, from a fold of their events."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from orc_domain.definitions import JobRun, JobWithTasks, TaskDefinition, job_run, job_with_tasks
from orc_domain.job import NO_JOB, JobChanged, JobCreated, JobPaused, task_id
from orc_domain.job import evolve as evolve_job
from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.policies import CatchUp, Dst, Overlap, Retry, Timeouts
from orc_domain.retry import Policy
from orc_domain.run import NO_RUN
from orc_domain.run import evolve as evolve_run
from orc_domain.run_messages import RunFailed, RunRequested, RunStarted

JOB, RUN = UUID(int=1), UUID(int=2)
AT = datetime(2026, 5, 4, tzinfo=UTC)
LATER, LAST = AT + timedelta(seconds=1), AT + timedelta(seconds=2)


def test_a_job_is_shown_with_its_tasks():
    """A job shows what was last said of it, its tasks numbered from 1, and both times."""
    task = TaskSpec({"type": "csv", "path": "a"}, {"type": "discard"})
    spec = JobSpec(job_name="flights", schedule="@manual", tasks=(task,))
    job = evolve_job(evolve_job(NO_JOB, JobCreated(JOB, spec), AT), JobChanged(JOB, spec), LATER)
    assert job_with_tasks(job) == JobWithTasks(
        job_id=JOB,
        job_name="flights",
        description=None,
        schedule="@manual",
        timezone="UTC",
        pool="default",
        is_active=True,
        version=2,
        created_at=AT,
        updated_at=LATER,
        schedules=(),
        dst=Dst(),
        exclude=(),
        starts_at=None,
        ends_at=None,
        jitter_seconds=0.0,
        catch_up=CatchUp(),
        start_deadline_seconds=None,
        overlap=Overlap(),
        retry=Retry(),
        timeouts=Timeouts(),
        pause_after_failures=None,
        priority=0,
        concurrency_max=None,
        pause_reason=None,
        next_due_at=(),
        tasks=(
            TaskDefinition(
                task_id=task_id(JOB, 1),
                job_id=JOB,
                task_order=1,
                extractor_config={"type": "csv", "path": "a"},
                loader_config={"type": "discard"},
                created_at=AT,
                updated_at=LATER,
            ),
        ),
    )


def test_next_instants_follow_from_the_last_change():
    """A job's next instants are those after its last change, in its zone, past what is excluded; none while paused."""
    task = TaskSpec({"type": "csv", "path": "a"}, {"type": "discard"})
    spec = JobSpec(
        job_name="flights",
        schedule="30 2 * * *",
        timezone="Europe/Paris",
        tasks=(task,),
        exclude=("2026-10-24",),
    )
    at = datetime(2026, 10, 23, 12, tzinfo=UTC)
    job = evolve_job(NO_JOB, JobCreated(JOB, spec), at)
    assert [due.isoformat() for due in job_with_tasks(job).next_due_at] == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
        "2026-10-27T02:30:00+01:00",
        "2026-10-28T02:30:00+01:00",
        "2026-10-29T02:30:00+01:00",
    ]
    paused = job_with_tasks(evolve_job(job, JobPaused(JOB, "moving"), at))
    assert (paused.next_due_at, paused.pause_reason) == ((), "moving")


def test_a_run_is_shown():
    """A run shows when it was requested, started and ended, and why it failed."""
    requested = RunRequested(
        run_id=RUN, job_id=JOB, job_name="flights", job_version=1, tasks=(), pool="default",
        triggered_by="scheduler", policy=Policy(), root_id=RUN, due_at=AT, backfill_id=JOB, priority=7,
    )  # fmt: skip
    run = evolve_run(NO_RUN, requested, AT)
    run = evolve_run(run, RunStarted(attempt=1, executor="east"), LATER)
    run = evolve_run(run, RunFailed(attempt=1, kind="internal", message="it broke"), LAST)
    assert job_run(run) == JobRun(
        run_id=RUN,
        job_id=JOB,
        status="failed",
        triggered_by="scheduler",
        started_at=LATER,
        finished_at=LAST,
        error_message="it broke",
        attempt=1,
        cancel_requested=False,
        due_at=AT,
        retry_of=None,
        retry_at=None,
        pool="default",
        created_at=AT,
        updated_at=LAST,
        backfill_id=JOB,
        priority=7,
    )
