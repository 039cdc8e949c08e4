"""What the stories of a run have in common: one request of two tasks, and its events in short words."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import structs

from orc_domain.retry import Policy
from orc_domain.run_messages import (
    FailAttempt,
    RequestRun,
    RunAttemptFailed,
    RunRequested,
    RunStarted,
    RunTask,
    TaskFailed,
    TaskResult,
    TaskSucceeded,
)
from orc_events.scenario import Scenario
from orc_runtime.deciders import RUNS

RUN, JOB, FIRST, SECOND = (UUID(int=number) for number in (1, 2, 3, 4))
POLICY = Policy(attempts_max=3, losses_max=2, first_delay_seconds=2.0, delay_max_seconds=60.0)
REQUEST = RequestRun(
    run_id=RUN,
    job_id=JOB,
    job_name="flights",
    job_version=7,
    tasks=(
        RunTask(FIRST, 1, {"type": "inline", "rows": []}, {"type": "discard"}),
        RunTask(SECOND, 2, {"type": "inline", "rows": []}, {"type": "discard"}),
    ),
    pool="default",
    triggered_by="manual",
    policy=POLICY,
    root_id=RUN,
)
REQUESTED = RunRequested(**structs.asdict(REQUEST))
RESULT = TaskResult(rows=5, receipt="load-1")
FIRST_DONE = TaskSucceeded(attempt=1, task_id=FIRST, task_order=1, result=RESULT)
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=9)
LOST = "executor east did not renew its lease"


def started(attempt=1, *, settle=False):
    return RunStarted(attempt=attempt, executor="east", settle=settle)


def broken(attempt=1, *, kind="source_unavailable", retry_at=NOW, in_doubt=False, is_final=False):
    return RunAttemptFailed(
        attempt=attempt,
        kind=kind,
        message="it broke",
        retry_at=retry_at,
        in_doubt=in_doubt,
        is_final=is_final,
    )


def run(*events):
    return Scenario(RUNS).given(*events)


def fail(attempt=1, *, retryable=True, uncertain=False, receipt_read=False, task_order=1, jitter=0.0):
    return FailAttempt(
        attempt=attempt,
        kind="source_unavailable",
        message="it broke",
        retryable=retryable,
        at=NOW,
        jitter=jitter,
        task_order=task_order,
        uncertain=uncertain,
        receipt_read=receipt_read,
    )


def task_broke(attempt=1, *, retryable=True, task_id=FIRST, task_order=1):
    return TaskFailed(
        attempt=attempt,
        task_id=task_id,
        task_order=task_order,
        kind="source_unavailable",
        message="it broke",
        retryable=retryable,
    )
