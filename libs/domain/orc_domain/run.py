"""
One execution of a job.

    (none) ──requested──▶ queued ──started──▶ running ──succeeded──▶ success
                            ▲                    │ ├──failed───────▶ failed
                            └──attempt_failed────┘ └──cancelled────▶ cancelled

An attempt owns the run from its `run.started` to the event that ends it; `decide` refuses what any other attempt says.
A run that may have reached COMMIT is closed only by whoever read its receipt: with a cancel pending, nothing left to
try or nothing worth trying, the next claim is a settle attempt, which reads receipts and loads nothing.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from orc_domain.rejection import Conflict, NotFound
from orc_domain.retry import retry_at
from orc_domain.run_messages import (
    ENDED,
    CancelRun,
    Command,
    Event,
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
    Status,
    StopRun,
    SucceedTask,
    TaskFailed,
    TaskResult,
    TaskSucceeded,
    TimeOutQueue,
)

# state ------------------------------------------------------------------------------------------------------------


class Run(Struct, frozen=True, kw_only=True):
    """What is true of a run now."""

    requested: RunRequested | None = None
    """Its first event; None when no such run exists."""
    status: Status = "queued"
    attempt: int = 0
    """The attempt that owns the run, or the last one that did; 0 before the first claim."""
    settle: bool = False
    executor: str = ""
    failures: int = 0
    losses: int = 0
    in_doubt: bool = False
    """Whether an attempt that is over may have loaded the next task, and none has read its receipt since."""
    is_final: bool = False
    """Whether no attempt may load anything any more."""
    retry_at: datetime | None = None
    cancel_requested: bool = False
    tasks_done: tuple[TaskResult, ...] = ()
    error_kind: str | None = None
    error_message: str | None = None
    """Both of the last failure while the run is open or failed; None once it succeeded."""
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime | None = None
    version: int = 0

    @property
    def is_ended(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.status in ENDED

    @property
    def next_task(self) -> RunTask | None:
        """The first task without a result; None when all have one."""
        assert self.requested is not None
        done = len(self.tasks_done)
        return self.requested.tasks[done] if done < len(self.requested.tasks) else None

    @property
    def must_settle(self) -> bool:
        """Whether the next claim may only read receipts."""
        assert self.requested is not None
        policy = self.requested.policy
        spent = self.losses >= policy.losses_max or self.failures >= policy.attempts_max
        return self.attempt > 0 and (self.cancel_requested or self.is_final or spent)


NO_RUN = Run()


class RunNotClaimable(Conflict):
    """The run is owned, ended or not due for its next attempt."""

    def __init__(self, why: str) -> None:
        super().__init__("run-not-claimable", f"the run is {why}")


class StaleAttempt(Conflict):
    """Another attempt owns the run, or none does."""

    def __init__(self, said: int, owner: int) -> None:
        super().__init__("stale-attempt", f"attempt {said} does not own the run (attempt {owner})")


class RunEnded(Conflict):
    """The run ended in another way than the one wished for."""

    def __init__(self, status: Status) -> None:
        super().__init__("run-ended", f"the run has already ended: {status}")


class RunNotEnded(Conflict):
    """Only a failed or cancelled run is retried."""

    def __init__(self, status: Status) -> None:
        super().__init__(
            "run-not-retryable",
            f"only a failed or cancelled run is retried; this one is {status}",
            valid="a run that is failed or cancelled",
        )


# decide -----------------------------------------------------------------------------------------------------------


def decide(command: Command, run: Run) -> list[Event]:
    """Return what follows from `command`; raises Rejected and changes nothing when it may not happen."""
    if isinstance(command, RequestRun):
        return [] if run.requested else _request(command)
    if run.requested is None:
        raise NotFound("run", "of this stream")
    match command:
        case StartRun(executor=executor, at=at):
            return _start(run, executor, at)
        case LoseAttempt(attempt=attempt, at=at):
            if run.status != "running" or attempt != run.attempt:
                return []
            message = f"executor {run.executor} did not renew its lease"
            return [RunAttemptFailed(attempt=attempt, kind="lost", message=message, retry_at=at)]
        case TimeOutQueue():
            if run.status != "queued" or run.attempt > 0:
                return []
            waited = f"within {run.requested.policy.queue_timeout_seconds:g} s of its request"
            message = (
                f"no executor of pool {run.requested.pool} claimed the run {waited} (timeouts.queue_seconds)"
            )
            return [RunFailed(attempt=0, kind="queue_timeout", message=message)]
        case CancelRun(reason=reason):
            return _cancel(run, reason)
    if run.status != "running" or command.attempt != run.attempt:
        raise StaleAttempt(command.attempt, run.attempt)
    match command:
        case SucceedTask(task_order=order, result=result):
            return _succeed(run, order, result)
        case FailAttempt():
            return _fail(run, command)
        case StopRun():
            if not run.cancel_requested:
                raise Conflict("no-cancel-requested", "nobody asked for the run to stop")
            return [RunCancelled(attempt=run.attempt)]
        case SettleRun():
            return _settle(run)


def _request(command: RequestRun) -> list[Event]:
    refused = command.refused
    failed = [RunFailed(attempt=0, kind="config_refused", message=refused)] if refused else []
    return [RunRequested(**structs.asdict(command)), *failed]


def _start(run: Run, executor: str, at: datetime) -> list[Event]:
    if run.status != "queued":
        raise RunNotClaimable(run.status)
    # What was lost is due at once, by whichever clock: the one who took it back may be ahead of ours.
    waits_for_nothing = run.error_kind == "lost" or run.must_settle
    if run.retry_at is not None and at < run.retry_at and not waits_for_nothing:
        raise RunNotClaimable(f"not due before {run.retry_at.isoformat()}")
    return [RunStarted(attempt=run.attempt + 1, executor=executor, settle=run.must_settle)]


def _cancel(run: Run, reason: str) -> list[Event]:
    if run.cancel_requested or run.status == "cancelled":
        return []
    if run.is_ended:
        raise RunEnded(run.status)
    requested = RunCancelRequested(reason=reason)
    # A run that was ever started may have loaded rows, so only an executor can tell how it ends.
    return [requested, RunCancelled(attempt=0)] if run.attempt == 0 else [requested]


def _succeed(run: Run, order: int, result: TaskResult) -> list[Event]:
    task = run.next_task
    if task is None or order < task.task_order:
        return []
    if order != task.task_order:
        raise Conflict("task-out-of-order", f"task {order} cannot succeed before task {task.task_order}")
    assert run.requested is not None
    done = TaskSucceeded(attempt=run.attempt, task_id=task.task_id, task_order=order, result=result)
    if order == run.requested.tasks[-1].task_order:
        return [done, RunSucceeded(attempt=run.attempt)]
    return [done, RunCancelled(attempt=run.attempt)] if run.cancel_requested and not run.settle else [done]


def _fail(run: Run, command: FailAttempt) -> list[Event]:
    assert run.requested is not None
    policy, events = run.requested.policy, list[Event]()
    task = run.next_task
    if task is not None and command.task_order == task.task_order:
        events.append(
            TaskFailed(
                attempt=run.attempt,
                task_id=task.task_id,
                task_order=task.task_order,
                kind=command.kind,
                message=command.message,
                retryable=command.retryable,
            )
        )
    failures = run.failures + 1
    has_next = command.retryable and failures < policy.attempts_max and not run.cancel_requested
    # A settle attempt is there to read; one that never will be able to must not be repeated for ever.
    must_look = command.retryable if run.settle else run.in_doubt and not command.receipt_read
    if command.uncertain or must_look or (has_next and not run.settle):
        # A cancel is settled at once; should its settle attempt fail as well, there is no hurry any more.
        is_hasty = run.cancel_requested and not run.settle
        again = RunAttemptFailed(
            attempt=run.attempt,
            kind=command.kind,
            message=command.message,
            retry_at=command.at if is_hasty else retry_at(policy, failures, command.at, command.jitter),
            in_doubt=command.uncertain or (run.in_doubt and not command.receipt_read),
            is_final=run.is_final or not command.retryable,
        )
        return [*events, again]
    if run.cancel_requested and not run.settle:
        return [*events, RunCancelled(attempt=run.attempt)]
    return [*events, RunFailed(attempt=run.attempt, kind=command.kind, message=command.message)]


def _settle(run: Run) -> list[Event]:
    if not run.settle:
        raise Conflict("not-settling", "only a settle attempt closes a run by its receipts")
    if run.cancel_requested:
        return [RunCancelled(attempt=run.attempt)]
    # Whatever led here was a failed attempt, so there is a last failure to name.
    return [
        RunFailed(attempt=run.attempt, kind=run.error_kind or "internal", message=run.error_message or "")
    ]


# evolve -----------------------------------------------------------------------------------------------------------


def evolve(run: Run, event: Event, at: datetime) -> Run:
    """Return the run after `event`, which happened `at`; never refuses."""
    return structs.replace(run, version=run.version + 1, updated_at=at, **_changes(run, event, at))


def _changes(run: Run, event: Event, at: datetime) -> dict[str, Any]:
    match event:
        case RunRequested():
            return {"requested": event, "created_at": at}
        case RunStarted():
            return {
                "status": "running", "attempt": event.attempt, "settle": event.settle, "executor": event.executor,
                "retry_at": None, "started_at": run.started_at or at,
            }  # fmt: skip
        case TaskSucceeded():
            return {"tasks_done": (*run.tasks_done, event.result), "in_doubt": False}
        case TaskFailed():
            return {"error_kind": event.kind, "error_message": event.message}
        case RunAttemptFailed():
            lost = event.kind == "lost"
            return {
                "status": "queued", "executor": "", "retry_at": event.retry_at,
                "error_kind": event.kind, "error_message": event.message,
                "losses": run.losses + lost, "failures": run.failures + (not lost),
                "in_doubt": lost or event.in_doubt, "is_final": run.is_final or event.is_final,
            }  # fmt: skip
        case RunSucceeded():
            return {"status": "success", "finished_at": at, "error_kind": None, "error_message": None}
        case RunFailed():
            return {
                "status": "failed", "finished_at": at, "error_kind": event.kind, "error_message": event.message,
            }  # fmt: skip
        case RunCancelRequested():
            return {"cancel_requested": True}
        case RunCancelled():
            return {"status": "cancelled", "finished_at": at}
