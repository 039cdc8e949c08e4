"""How a run comes from a job, or from a run that ended."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from msgspec import structs

from orc_domain.instants import tick_id
from orc_domain.job import NO_JOB, JobCreated, JobDeleted, evolve, task_id
from orc_domain.job_spec import JobSpec, TaskSpec
from orc_domain.rejection import NotFound
from orc_domain.requests import (
    job_id_of_command,
    request_run,
    retry_run,
    run_id_of_command,
)
from orc_domain.retry import Policy, retry_at
from orc_domain.run import NO_RUN, Run, RunNotEnded
from orc_domain.run_messages import RequestRun, RunRequested, RunTask

JOB, RUN, ROOT = UUID(int=1), UUID(int=2), UUID(int=3)
AT = datetime(2026, 5, 4, tzinfo=UTC)
TASKS = (TaskSpec({"type": "csv", "path": "b"}, {"type": "discard"}),) * 2
SPEC = JobSpec(job_name="flights", schedule="@manual", tasks=TASKS, pool="large")
CREATED = evolve(NO_JOB, JobCreated(JOB, SPEC), AT)
REQUEST = RequestRun(
    run_id=RUN,
    job_id=JOB,
    job_name="flights",
    job_version=1,
    tasks=tuple(
        RunTask(task_id(JOB, order), order, {"type": "csv", "path": "b"}, {"type": "discard"})
        for order in (1, 2)
    ),
    pool="large",
    triggered_by="manual",
    policy=Policy(),
    root_id=RUN,
)


def test_a_run_holds_all_it_needs():
    """A run's request is the job as it stands, and needs the job no more."""
    assert request_run(CREATED, RUN, "manual") == REQUEST


def test_a_run_of_no_job_is_refused():
    """Neither a job that never was nor one that is gone can be run."""
    for job in (NO_JOB, evolve(CREATED, JobDeleted(JOB), AT)):
        with pytest.raises(NotFound):
            request_run(job, RUN, "manual")


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_retry_is_a_new_run_in_the_same_root(status):
    """What the old run loaded is not loaded again, since receipts are keyed by the root; it is of the same instant."""
    requested = RunRequested(**structs.asdict(structs.replace(REQUEST, root_id=ROOT, due_at=AT)))
    again = retry_run(Run(requested=requested, status=status), UUID(int=9))
    assert again == structs.replace(
        REQUEST, run_id=UUID(int=9), root_id=ROOT, retry_of=RUN, triggered_by="retry", due_at=AT
    )


@pytest.mark.parametrize("status", ["queued", "running", "success"])
def test_only_what_failed_or_was_cancelled_is_retried(status):
    """An open run goes on by itself, and a success needs no retry."""
    with pytest.raises(RunNotEnded):
        retry_run(Run(requested=RunRequested(**structs.asdict(REQUEST)), status=status), RUN)
    with pytest.raises(NotFound):
        retry_run(NO_RUN, RUN)


def test_ids_follow_from_their_cause():
    """The same cause gives the same id, another one another; how an instant is written is no difference."""
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert tick_id(JOB, AT) == tick_id(JOB, elsewhere)
    ids = {
        tick_id(JOB, AT),
        tick_id(JOB, AT + timedelta(microseconds=1)),
        tick_id(RUN, AT),
        run_id_of_command(JOB),
        job_id_of_command(JOB),
        task_id(JOB, 1),
        task_id(JOB, 2),
    }
    assert len(ids) == 7


@pytest.mark.parametrize(
    ("failures", "jitter", "seconds"),
    [(1, 0.0, 1), (1, 0.5, 1.5), (2, 0.0, 2), (5, 0.0, 16), (6, 0.0, 30), (6, 0.5, 45), (10_000, 0.0, 30)],
)
def test_delays_double_up_to_a_cap(failures, jitter, seconds):
    """The delay doubles from 2 s to 60 s; chance takes off up to half."""
    assert retry_at(Policy(), failures, AT, jitter) == AT + timedelta(seconds=seconds)
