"""
Any life of a run: random commands from executors that die, lag and lie about nothing but their luck.

A target file is simulated beside the decider: an attempt may commit a task at any time it owns the run, whether or not
it lives to say so. Whatever then happens, the log may not contradict the file.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orc_domain.rejection import Rejected
from orc_domain.retry import Policy
from orc_domain.run import NO_RUN, decide, evolve
from orc_domain.run_messages import (
    CancelRun,
    FailAttempt,
    LoseAttempt,
    RequestRun,
    RunCancelled,
    RunCancelRequested,
    RunFailed,
    RunStarted,
    RunSucceeded,
    RunTask,
    SettleRun,
    StartRun,
    StopRun,
    SucceedTask,
    TaskResult,
    TaskSucceeded,
    TimeOutQueue,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
TASKS = tuple(RunTask(UUID(int=order), order, {}, {}) for order in (1, 2))
REQUEST = RequestRun(
    run_id=UUID(int=9), job_id=UUID(int=8), job_name="j", job_version=1, tasks=TASKS, pool="default",
    triggered_by="manual", policy=Policy(attempts_max=2, losses_max=2), root_id=UUID(int=9),
)  # fmt: skip
ENDS = (RunSucceeded, RunFailed, RunCancelled)
RESULT = TaskResult(rows=1)


class LifeOfARun(RuleBasedStateMachine):
    """What executors, the rescuer and users may do, in any order."""

    def __init__(self):
        super().__init__()
        self.begin()

    def begin(self):
        self.run, self.events, self.now, self.committed = NO_RUN, [], START, set()
        self.say(REQUEST)

    def say(self, command):
        # Give a command, twice: saying it again has no second effect. Returns what it led to.
        try:
            events = decide(command, self.run)
        except Rejected:
            return None
        was = self.run
        for event in events:
            self.run = evolve(self.run, event, self.now)
        self.events += events
        if was.is_ended:
            assert events == [], "an ended run never changes"
        if not isinstance(command, StartRun) or events == []:
            self.is_told_once(command)
        return events

    def is_told_once(self, command):
        try:
            again = decide(command, self.run)
        except Rejected:
            again = []
        assert again == []

    @rule(seconds=st.integers(0, 120))
    @precondition(lambda self: self.run.status == "queued")
    def somebody_claims(self, seconds):
        self.now += timedelta(seconds=seconds)
        if self.say(StartRun("east", self.now)):
            assert self.run.settle or not self.run.cancel_requested, "nothing is loaded after a cancel"

    @rule(end=st.sampled_from(["says so", "dies", "vanishes"]))
    @precondition(lambda self: self.run.status == "running" and not self.run.settle)
    def the_owner_loads(self, end):
        # It commits the next task, unless its receipt is there; and says so, if it lives.
        order, attempt = self.run.next_task.task_order, self.run.attempt
        self.committed.add(order)
        if end == "says so":
            assert self.say(SucceedTask(attempt, order, RESULT))
        elif end == "dies":
            assert self.say(self.failure(0, retryable=True, uncertain=True))
        else:
            assert self.say(LoseAttempt(attempt, self.now))

    @rule()
    @precondition(lambda self: self.run.status == "running")
    def the_owner_reads_the_receipt(self):
        # A settle attempt says what it read; another one that was cancelled looks before it stops.
        order, attempt = self.run.next_task.task_order, self.run.attempt
        if order in self.committed:
            assert self.say(SucceedTask(attempt, order, RESULT))
        elif self.run.settle:
            assert self.say(SettleRun(attempt))
        else:
            self.say(StopRun(attempt))

    @rule(retryable=st.booleans(), jitter=st.floats(0, 0.99))
    @precondition(lambda self: self.run.status == "running")
    def the_owner_fails(self, retryable, jitter):
        # It did not commit; whether an earlier attempt did, it does not know.
        if self.run.settle and not retryable:
            return
        self.say(self.failure(jitter, retryable=retryable))

    @rule(jitter=st.floats(0, 0.99))
    @precondition(lambda self: self.run.status == "running")
    def the_owner_fails_and_has_looked(self, jitter):
        if self.run.next_task.task_order not in self.committed and not self.run.settle:
            self.say(self.failure(jitter, retryable=False, receipt_read=True))

    @rule(jitter=st.floats(0, 0.99))
    @precondition(lambda self: self.run.status == "running")
    def the_owners_worker_dies(self, jitter):
        # Nobody knows whether it committed.
        self.say(self.failure(jitter, retryable=True, uncertain=True))

    @rule()
    @precondition(lambda self: self.run.status == "running")
    def the_owner_vanishes(self):
        self.say(LoseAttempt(self.run.attempt, self.now))

    @rule()
    @precondition(lambda self: self.run.status == "running")
    def somebody_else_claims(self):
        assert self.say(StartRun("west", self.now)) is None

    @rule()
    @precondition(lambda self: self.run.is_ended)
    def it_is_over(self):
        # Nobody can add anything, and the next run begins.
        attempt, over = self.run.attempt, len(self.events)
        for command in (
            REQUEST, StartRun("west", self.now), SucceedTask(attempt, 1, RESULT), SucceedTask(attempt, 2, RESULT),
            LoseAttempt(attempt, self.now), SettleRun(attempt), StopRun(attempt), CancelRun(), TimeOutQueue(),
        ):  # fmt: skip
            self.say(command)
        assert len(self.events) == over
        self.begin()

    @rule(back=st.integers(1, 3), what=st.sampled_from([SettleRun, StopRun]))
    @precondition(lambda self: not self.run.is_ended)
    def a_stale_attempt_speaks(self, back, what):
        # What an attempt says that is over, or never was, is refused or changes nothing.
        stale = self.run.attempt - back if self.run.status == "running" else self.run.attempt
        commands = [what(stale), SucceedTask(stale, 1, RESULT), LoseAttempt(stale, self.now)]
        assert not any(self.say(command) for command in commands)

    @rule()
    @precondition(lambda self: not self.run.is_ended and not self.run.cancel_requested)
    def somebody_cancels(self):
        self.say(CancelRun())

    @rule()
    @precondition(lambda self: self.run.status == "queued")
    def the_queue_times_out(self):
        if self.say(TimeOutQueue()):
            assert self.run.attempt == 0

    def failure(self, jitter, **more):
        return FailAttempt(
            attempt=self.run.attempt, kind="source_unavailable", message="it broke", at=self.now, jitter=jitter,
            task_order=self.run.next_task.task_order, **more,
        )  # fmt: skip

    @invariant()
    def attempts_go_up_one_by_one(self):
        # Each claim has the next number, and only the last one owns the run.
        claims = [event.attempt for event in self.events if isinstance(event, RunStarted)]
        assert claims == list(range(1, self.run.attempt + 1))

    @invariant()
    def the_end_is_the_end(self):
        # One event ends a run, and it is the last.
        ends = [event for event in self.events if isinstance(event, ENDS)]
        assert ends in ([], self.events[-1:])
        assert bool(ends) == self.run.is_ended == (self.run.finished_at is not None)

    @invariant()
    def the_log_does_not_contradict_the_file(self):
        # A task is told to be loaded only if it is; what is loaded is told before the run is closed.
        told = {event.task_order for event in self.events if isinstance(event, TaskSucceeded)}
        assert told <= self.committed
        assert len(told) == len(self.run.tasks_done)
        if self.run.is_ended:
            assert told == self.committed
        assert (self.run.status == "success") == (told == {1, 2})

    @invariant()
    def nobody_stops_unasked(self):
        # A cancelled run was asked to stop.
        asked = [event for event in self.events if isinstance(event, RunCancelRequested)]
        assert len(asked) == self.run.cancel_requested
        assert self.run.status != "cancelled" or asked

    @invariant()
    def the_state_is_the_fold(self):
        # Nothing is known of a run but what its events say.
        assert self.run.version == len(self.events)
        assert self.run.requested == self.events[0]


LifeOfARun.TestCase.settings = settings(
    max_examples=100, stateful_step_count=60, deadline=None, database=None
)
TestLifeOfARun = LifeOfARun.TestCase
