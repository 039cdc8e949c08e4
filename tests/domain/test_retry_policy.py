"""What a job's `retry` and `timeouts` say is what its runs do."""

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec import structs
from support.run_stories import NOW

from orc_domain.job_spec import JobSpec, TaskSpec, policy_of
from orc_domain.policies import Retry, Timeouts
from orc_domain.retry import Policy, retry_at
from orc_domain.run import NO_RUN
from orc_domain.run_messages import FailAttempt, RequestRun, RunFailed, RunTask, StartRun
from orc_runtime.deciders import RUNS

TASK = TaskSpec({"type": "inline", "rows": []}, {"type": "discard"})
SPEC = JobSpec(
    job_name="flights",
    schedule="@manual",
    tasks=(TASK,),
    retry=Retry(attempts_max=4, initial_seconds=10.0, max_seconds=25.0),
    timeouts=Timeouts(queue_seconds=1.0, run_seconds=2.0, task_seconds=3.0),
)


def test_the_definition_is_the_policy():
    """Every field of both reaches the run's first event."""
    assert policy_of(SPEC) == Policy(
        attempts_max=4, first_delay_seconds=10.0, delay_max_seconds=25.0, queue_timeout_seconds=1.0,
        run_timeout_seconds=2.0, task_timeout_seconds=3.0,
    )  # fmt: skip


@pytest.mark.parametrize(("jitter", "delays"), [(0.0, [5.0, 10.0, 12.5]), (1.0, [10.0, 20.0, 25.0])])
def test_delays_double_up_to_the_greatest(jitter, delays):
    """From `initial_seconds`, doubled, at most `max_seconds`; chance takes away up to a half."""
    policy = policy_of(SPEC)
    assert [(retry_at(policy, nth, NOW, jitter) - NOW).total_seconds() for nth in (1, 2, 3)] == delays


def test_attempts_end_at_the_greatest_number():
    """The fourth failure of four ends the run; each before it asks for another attempt, later each time."""
    run = NO_RUN
    at, waited = NOW, []

    def tell(command):
        nonlocal run
        for event in RUNS.decide(command, run):
            run = RUNS.evolve(run, event, at)
        return event

    run_id = UUID(int=1)
    tell(
        RequestRun(
            run_id=run_id, job_id=run_id, job_name="a", job_version=1, pool="default", triggered_by="manual",
            tasks=(RunTask(run_id, 1, TASK.extractor_config, TASK.loader_config),), root_id=run_id,
            policy=structs.replace(policy_of(SPEC)),
        )
    )  # fmt: skip
    for attempt in range(1, 5):
        tell(StartRun("e1", at))
        last = tell(
            FailAttempt(
                attempt=attempt, kind="source_unavailable", message="HTTP 503", retryable=True, at=at, jitter=1.0,
                task_order=1,
            )
        )  # fmt: skip
        if run.retry_at is not None:
            waited.append(run.retry_at - at)
            at = run.retry_at
    assert (last, run.status) == (
        RunFailed(attempt=4, kind="source_unavailable", message="HTTP 503"),
        "failed",
    )
    assert waited[:3] == [timedelta(seconds=seconds) for seconds in (10, 20, 25)]
