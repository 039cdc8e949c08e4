"""How a run ends when nobody is sure: settle attempts, lost executors, cancels and time limits."""

from datetime import timedelta

from msgspec import structs
from support.run_stories import (
    FIRST,
    FIRST_DONE,
    LATER,
    LOST,
    NOW,
    REQUESTED,
    RESULT,
    SECOND,
    broken,
    fail,
    run,
    started,
    task_broke,
)

from orc_domain.rejection import Conflict
from orc_domain.run import NO_RUN, RunEnded
from orc_domain.run_messages import (
    CancelRun,
    LoseAttempt,
    RunAttemptFailed,
    RunCancelled,
    RunCancelRequested,
    RunFailed,
    RunSucceeded,
    SettleRun,
    StartRun,
    StopRun,
    SucceedTask,
    TaskSucceeded,
    TimeOutQueue,
)
from orc_runtime.deciders import RUNS

# ending without knowing: settle attempts


def test_an_uncertain_end_is_never_the_last_word():
    """An attempt that may have committed is followed by another, even when none is left."""
    past = (REQUESTED, started(), broken(), started(2), broken(2), started(3))
    state = (
        run(*past)
        .when(fail(3, uncertain=True, retryable=False))
        .then(
            task_broke(3, retryable=False),
            broken(3, retry_at=NOW + timedelta(seconds=4), in_doubt=True, is_final=True),
        )
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


def test_a_failure_does_not_settle_a_doubt():
    """What an attempt that never read the receipt says is not the last word on a run that may be loaded."""
    lost = (REQUESTED, started(), broken(kind="lost"), started(2))
    again = broken(2, retry_at=NOW + timedelta(seconds=1), in_doubt=True, is_final=True)
    run(*lost).when(fail(2, retryable=False)).then(task_broke(2, retryable=False), again)
    run(*lost, again).when(StartRun("east", NOW)).then(started(3, settle=True))
    run(*lost, again, started(3, settle=True)).when(SettleRun(3)).then(
        RunFailed(attempt=3, kind="source_unavailable", message="it broke")
    )


def test_a_doubt_outlives_attempts_that_did_not_look():
    """The last attempt's failure does not close a run while nobody has looked."""
    past = (REQUESTED, started(), broken(in_doubt=True), started(2), broken(2, in_doubt=True), started(3))
    run(*past).when(fail(3)).then(
        task_broke(3), broken(3, retry_at=NOW + timedelta(seconds=4), in_doubt=True)
    )


def test_a_cancel_does_not_settle_a_doubt():
    """A cancelled run that may be loaded is settled first."""
    lost = (REQUESTED, started(), broken(kind="lost"), started(2), RunCancelRequested())
    again = broken(2, retry_at=NOW, in_doubt=True)
    run(*lost).when(fail(2)).then(task_broke(2), again)
    run(*lost, again).when(StartRun("east", NOW)).then(started(3, settle=True))


def test_whoever_read_the_receipt_may_close():
    """An attempt that saw that nothing was loaded fails as any other."""
    lost = (REQUESTED, started(), broken(kind="lost"), started(2))
    run(*lost).when(fail(2, retryable=False, receipt_read=True)).then(
        task_broke(2, retryable=False),
        RunFailed(attempt=2, kind="source_unavailable", message="it broke"),
    )
    run(*lost).when(fail(2, receipt_read=True)).then(
        task_broke(2), broken(2, retry_at=NOW + timedelta(seconds=1))
    )


def test_a_result_settles_a_doubt():
    """A task that succeeded leaves no doubt about the ones after it."""
    lost = (REQUESTED, started(), broken(kind="lost"), started(2))
    done = TaskSucceeded(attempt=2, task_id=FIRST, task_order=1, result=RESULT)
    assert [run(*lost).state.in_doubt, run(*lost, done).state.in_doubt] == [True, False]


def test_a_settle_attempt_may_fail_to_look_for_days():
    """The delay stays at its cap, however often the file cannot be read."""
    state = structs.replace(settling().state, failures=5_000)
    events = RUNS.decide(fail(4), state)
    assert events[-1] == broken(4, retry_at=NOW + timedelta(seconds=30))


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
    run(REQUESTED, started(), RunCancelRequested(), RunSucceeded(attempt=1)).when(CancelRun()).then()


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
    again = broken(retry_at=NOW, in_doubt=True)
    run(*killed).when(fail(uncertain=True)).then(task_broke(), again)
    run(*killed, again).when(StartRun("east", NOW)).then(started(2, settle=True))
    settling = (*killed, again, started(2, settle=True))
    run(*settling).when(SettleRun(2)).then(RunCancelled(attempt=2))
    run(*settling).when(fail(2)).then(
        task_broke(2), broken(2, retry_at=NOW + timedelta(seconds=2), in_doubt=True)
    )


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
            message="no executor of pool default claimed the run within 86400 s of its request"
            " (timeouts.queue_seconds)",
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
