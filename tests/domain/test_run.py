"""The life of a run, told as stories: what happened, what is wished, what follows."""

from datetime import timedelta

from support.run_stories import (
    FIRST_DONE,
    LATER,
    NOW,
    REQUEST,
    REQUESTED,
    RESULT,
    SECOND,
    broken,
    fail,
    run,
    started,
    task_broke,
)

from orc_domain.rejection import Conflict, NotFound
from orc_domain.run import RunNotClaimable, StaleAttempt
from orc_domain.run_messages import (
    RunCancelled,
    RunFailed,
    RunSucceeded,
    SettleRun,
    StartRun,
    StopRun,
    SucceedTask,
    TaskSucceeded,
)
from orc_events.scenario import LONG_AGO

# requesting and claiming


def test_a_request_queues_a_run():
    """A run begins by being requested, with all that an executor needs."""
    state = run().when(REQUEST).then(REQUESTED)
    assert (state.status, state.attempt, state.version, state.created_at) == ("queued", 0, 1, LONG_AGO)


def test_the_same_request_twice_is_one_run():
    """Requesting a run again says nothing new."""
    run(REQUESTED).when(REQUEST).then()


def test_nothing_is_claimed_that_does_not_exist():
    """Only a requested run can be claimed."""
    run().when(StartRun("east", NOW)).rejected(NotFound)


def test_a_claim_begins_the_first_attempt():
    """Claiming a queued run makes it running, in attempt 1."""
    state = run(REQUESTED).when(StartRun("east", NOW)).then(started())
    assert (state.status, state.attempt, state.executor, state.settle) == ("running", 1, "east", False)


def test_a_running_run_is_not_claimed_again():
    """A run has one owner at a time."""
    run(REQUESTED, started()).when(StartRun("west", NOW)).rejected(RunNotClaimable)


def test_an_ended_run_is_not_claimed():
    """An ended run stays ended."""
    run(REQUESTED, RunCancelled(attempt=0)).when(StartRun("west", NOW)).rejected(RunNotClaimable)


def test_a_retry_is_not_claimed_before_its_time():
    """A failed attempt's delay is kept."""
    run(REQUESTED, started(), broken(retry_at=LATER)).when(StartRun("east", NOW)).rejected(RunNotClaimable)


def test_a_lost_run_waits_for_no_clock():
    """Whoever took it back may be ahead of the clock of whoever claims it next."""
    run(REQUESTED, started(), broken(kind="lost", retry_at=LATER)).when(StartRun("east", NOW)).then(
        started(2)
    )


def test_a_retry_is_claimed_when_due():
    """At its time the next attempt begins, with the next number."""
    run(REQUESTED, started(), broken(retry_at=NOW)).when(StartRun("east", NOW)).then(started(2))


# succeeding


def test_a_task_that_is_not_the_last_leaves_the_run_running():
    """Tasks succeed one after another."""
    state = run(REQUESTED, started()).when(SucceedTask(1, 1, RESULT)).then(FIRST_DONE)
    assert (state.status, state.tasks_done, state.next_task) == ("running", (RESULT,), REQUEST.tasks[1])


def test_the_last_task_ends_the_run():
    """The last task's success and the run's are one fact."""
    state = (
        run(REQUESTED, started(), FIRST_DONE)
        .when(SucceedTask(1, 2, RESULT))
        .then(
            TaskSucceeded(attempt=1, task_id=SECOND, task_order=2, result=RESULT),
            RunSucceeded(attempt=1),
        )
    )
    assert (state.status, state.finished_at, state.next_task) == ("success", LONG_AGO, None)


def test_a_result_told_twice_is_told_once():
    """Repeating a task's result adds nothing."""
    run(REQUESTED, started(), FIRST_DONE).when(SucceedTask(1, 1, RESULT)).then()


def test_a_task_cannot_overtake():
    """The second task does not succeed before the first."""
    rejection = run(REQUESTED, started()).when(SucceedTask(1, 2, RESULT)).rejected(Conflict)
    assert rejection.code == "task-out-of-order"


def test_a_stale_attempt_says_nothing():
    """What an attempt says that no longer owns the run is refused, whatever it is."""
    past = (REQUESTED, started(), broken(), started(2))
    for command in (SucceedTask(1, 1, RESULT), fail(1), StopRun(1), SettleRun(1)):
        run(*past).when(command).rejected(StaleAttempt)


def test_an_attempt_says_nothing_once_it_is_over():
    """Between two attempts nobody owns the run."""
    run(REQUESTED, started(), broken()).when(SucceedTask(1, 1, RESULT)).rejected(StaleAttempt)


# failing


def test_a_passing_failure_is_tried_again():
    """A failure that may pass puts the run back in the queue, after a delay."""
    again = broken(retry_at=NOW + timedelta(seconds=1))
    state = run(REQUESTED, started()).when(fail()).then(task_broke(), again)
    assert (state.status, state.failures, state.retry_at, state.error_message) == (
        "queued",
        1,
        again.retry_at,
        "it broke",
    )


def test_delays_grow_and_are_spread():
    """The delay doubles with each failure; chance spreads it over its upper half."""
    second = (REQUESTED, started(), broken(), started(2))
    run(*second).when(fail(2, jitter=0.5)).then(
        task_broke(2), broken(2, retry_at=NOW + timedelta(seconds=4 * 0.75))
    )


def test_a_lasting_failure_ends_the_run():
    """What will not pass is not tried again."""
    state = (
        run(REQUESTED, started())
        .when(fail(retryable=False))
        .then(
            task_broke(retryable=False),
            RunFailed(attempt=1, kind="source_unavailable", message="it broke"),
        )
    )
    assert (state.status, state.error_message) == ("failed", "it broke")


def test_attempts_are_limited():
    """The last allowed attempt's failure ends the run."""
    past = (REQUESTED, started(), broken(), started(2), broken(2), started(3))
    run(*past).when(fail(3)).then(
        task_broke(3), RunFailed(attempt=3, kind="source_unavailable", message="it broke")
    )


def test_an_attempt_can_fail_without_a_task():
    """What fails outside any task names none."""
    run(REQUESTED, started()).when(fail(task_order=None)).then(broken(retry_at=NOW + timedelta(seconds=1)))


def test_success_forgets_the_failures_message():
    """A run that succeeded in the end shows no error."""
    state = run(REQUESTED, started(), broken(), started(2), FIRST_DONE, RunSucceeded(attempt=2)).state
    assert (state.status, state.error_message) == ("success", None)


def test_loaded_tasks_stay_loaded_over_attempts():
    """The next attempt begins at the first task without a result."""
    state = run(REQUESTED, started(), FIRST_DONE, broken(), started(2)).state
    assert state.next_task == REQUEST.tasks[1]
