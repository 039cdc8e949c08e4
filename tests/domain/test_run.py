"""The life of a run, told as stories: what happened, what is wished, what follows."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import structs

from orc_domain.rejection import Conflict, NotFound
from orc_domain.retry import Policy
from orc_domain.run import NO_RUN, RunEnded, RunNotClaimable, StaleAttempt
from orc_domain.run_messages import (
    CancelRun,
    FailAttempt,
    LoseAttempt,
    RequestRun,
    RunAttemptFailed,
    RunCancelled,
    RunCancelRequested,
    RunFailed,
    RunRequested,
    RunStarted,
    RunSucceeded,
    RunTask,
    SettleRun,
    StartRun,
    StopRun,
    SucceedTask,
    TaskFailed,
    TaskResult,
    TaskSucceeded,
    TimeOutQueue,
)
from orc_events.scenario import LONG_AGO, Scenario
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


def broken(attempt=1, *, kind="source_unavailable", retry_at=NOW):
    return RunAttemptFailed(attempt=attempt, kind=kind, message="it broke", retry_at=retry_at)


def run(*events):
    return Scenario(RUNS).given(*events)


def fail(attempt=1, *, retryable=True, uncertain=False, task_order=1, jitter=0.0):
    return FailAttempt(
        attempt=attempt,
        kind="source_unavailable",
        message="it broke",
        retryable=retryable,
        at=NOW,
        jitter=jitter,
        task_order=task_order,
        uncertain=uncertain,
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


# ending without knowing: settle attempts


def test_an_uncertain_end_is_never_the_last_word():
    """An attempt that may have committed is followed by another, even when none is left."""
    past = (REQUESTED, started(), broken(), started(2), broken(2), started(3))
    state = (
        run(*past)
        .when(fail(3, uncertain=True, retryable=False))
        .then(task_broke(3, retryable=False), broken(3, retry_at=NOW + timedelta(seconds=4)))
    )
    assert (state.status, state.must_settle) == ("queued", True)


def test_after_the_last_attempt_the_next_claim_settles():
    """When attempts are spent, whoever claims may only read receipts; it need not wait."""
    past = [REQUESTED]
    for number in (1, 2, 3):
        past += [started(number), broken(number, kind="worker_died", retry_at=LATER)]
    run(*past).when(StartRun("east", NOW)).then(started(4, settle=True))


def settling(*more):
    past = [REQUESTED]
    for number in (1, 2, 3):
        past += [started(number), broken(number, kind="worker_died")]
    return run(*past, *more, started(4, settle=True))


def test_a_settle_attempt_closes_by_what_it_read():
    """No receipt means that the run failed, as its last failure said."""
    settling().when(SettleRun(4)).then(RunFailed(attempt=4, kind="worker_died", message="it broke"))


def test_a_settle_attempt_finds_everything_loaded():
    """Receipts of all tasks make it a success after all."""
    done = TaskSucceeded(attempt=4, task_id=FIRST, task_order=1, result=RESULT)
    last = TaskSucceeded(attempt=4, task_id=SECOND, task_order=2, result=RESULT)
    settling().when(SucceedTask(4, 1, RESULT)).then(done)
    settling(done).when(SucceedTask(4, 2, RESULT)).then(last, RunSucceeded(attempt=4))


def test_only_a_settle_attempt_settles():
    """An attempt that may load closes the run by loading."""
    assert run(REQUESTED, started()).when(SettleRun(1)).rejected(Conflict).code == "not-settling"


def test_a_settle_attempt_that_could_not_look_is_repeated():
    """A receipt that could not be read leaves the question open, however often."""
    settling().when(fail(4)).then(task_broke(4), broken(4, retry_at=NOW + timedelta(seconds=8)))


def test_a_settle_attempt_that_can_never_look_fails_the_run():
    """A file that will never be readable again proves nothing; the run failed."""
    settling().when(fail(4, retryable=False)).then(
        task_broke(4, retryable=False),
        RunFailed(attempt=4, kind="source_unavailable", message="it broke"),
    )


# losing executors


def test_a_lost_attempt_goes_back_to_the_queue():
    """A vanished executor's run is queued again at once, and counts as a loss, not as a failure."""
    state = (
        run(REQUESTED, started())
        .when(LoseAttempt(1, NOW))
        .then(RunAttemptFailed(attempt=1, kind="lost", message=LOST, retry_at=NOW))
    )
    assert (state.losses, state.failures, state.status) == (1, 0, "queued")


def test_an_attempt_is_lost_once():
    """Losing an attempt that is over, or was replaced, says nothing."""
    run(REQUESTED, started(), broken()).when(LoseAttempt(1, NOW)).then()
    run(REQUESTED, started(), broken(), started(2)).when(LoseAttempt(1, NOW)).then()


def test_losses_are_limited():
    """After too many losses the run is only settled."""
    lost = [event for number in (1, 2) for event in (started(number), broken(number, kind="lost"))]
    run(REQUESTED, *lost).when(StartRun("east", NOW)).then(started(3, settle=True))
    run(REQUESTED, *lost, started(3, settle=True)).when(SettleRun(3)).then(
        RunFailed(attempt=3, kind="lost", message="it broke")
    )


# cancelling


def test_a_run_that_never_started_is_cancelled_at_once():
    """Nobody can have loaded anything for it."""
    state = (
        run(REQUESTED)
        .when(CancelRun("typo"))
        .then(RunCancelRequested(reason="typo"), RunCancelled(attempt=0))
    )
    assert (state.status, state.is_ended) == ("cancelled", True)


def test_a_running_run_is_asked_to_stop():
    """A cancel of a running run is a wish; its executor says how it ends."""
    state = run(REQUESTED, started()).when(CancelRun()).then(RunCancelRequested())
    assert (state.status, state.cancel_requested) == ("running", True)
    run(REQUESTED, started(), RunCancelRequested()).when(StopRun(1)).then(RunCancelled(attempt=1))


def test_a_cancel_twice_is_one():
    """Repeating a cancel says nothing, while it runs and after."""
    run(REQUESTED, started(), RunCancelRequested()).when(CancelRun()).then()
    run(REQUESTED, RunCancelRequested(), RunCancelled(attempt=0)).when(CancelRun()).then()


def test_an_ended_run_is_not_cancelled():
    """What succeeded or failed cannot be taken back."""
    for end in (RunSucceeded(attempt=1), RunFailed(attempt=1, kind="internal", message="no")):
        run(REQUESTED, started(), end).when(CancelRun()).rejected(RunEnded)


def test_nobody_stops_unasked():
    """An attempt stops by a cancel only if there is one."""
    assert run(REQUESTED, started()).when(StopRun(1)).rejected(Conflict).code == "no-cancel-requested"


def test_a_commit_of_the_last_task_beats_a_cancel():
    """Once everything is loaded, the run is a success."""
    run(REQUESTED, started(), FIRST_DONE, RunCancelRequested()).when(SucceedTask(1, 2, RESULT)).then(
        TaskSucceeded(attempt=1, task_id=SECOND, task_order=2, result=RESULT), RunSucceeded(attempt=1)
    )


def test_a_cancel_ends_the_run_between_two_tasks():
    """What was loaded is told, the rest is left."""
    run(REQUESTED, started(), RunCancelRequested()).when(SucceedTask(1, 1, RESULT)).then(
        FIRST_DONE, RunCancelled(attempt=1)
    )


def test_a_failure_after_a_cancel_ends_as_cancelled():
    """A run that somebody wished away is not tried again."""
    run(REQUESTED, started(), RunCancelRequested()).when(fail()).then(task_broke(), RunCancelled(attempt=1))


def test_a_killed_worker_leaves_a_cancel_to_be_settled():
    """When the worker may have committed, a settle attempt reads the receipt before the run is cancelled."""
    killed = (REQUESTED, started(), RunCancelRequested())
    again = broken(retry_at=NOW + timedelta(seconds=1))
    run(*killed).when(fail(uncertain=True)).then(task_broke(), again)
    run(*killed, again).when(StartRun("east", NOW)).then(started(2, settle=True))
    run(*killed, again, started(2, settle=True)).when(SettleRun(2)).then(RunCancelled(attempt=2))


def test_a_cancel_between_attempts_is_settled_by_the_next():
    """A run that was ever started may have loaded, so an executor tells how it ends."""
    past = (REQUESTED, started(), broken(retry_at=LATER))
    run(*past).when(CancelRun()).then(RunCancelRequested())
    run(*past, RunCancelRequested()).when(StartRun("east", NOW)).then(started(2, settle=True))


# the queue


def test_a_run_that_nobody_claims_fails_in_time():
    """Past its queue timeout a run that never started fails."""
    run(REQUESTED).when(TimeOutQueue()).then(
        RunFailed(
            attempt=0,
            kind="queue_timeout",
            message="no executor of pool default claimed the run within its queue timeout",
        )
    )


def test_the_queue_timeout_is_for_the_first_claim_only():
    """A started run, and one that waits for its next attempt, are not timed out of the queue."""
    run(REQUESTED, started()).when(TimeOutQueue()).then()
    run(REQUESTED, started(), broken()).when(TimeOutQueue()).then()


def test_versions_count_events():
    """The state's version is that of its stream."""
    assert [run(*past).state.version for past in ((), (REQUESTED,), (REQUESTED, started()))] == [0, 1, 2]
    assert run().state == NO_RUN
