"""When a task can still be stopped."""

import pytest
from support.worker_process import DISCARD, INLINE, order

from orc_executor.errors import TaskStopped, TimedOut
from orc_executor.underway import Underway


def underway(**more):
    return Underway(order(INLINE, DISCARD, **more), reach=None)


def test_a_stop_interrupts_again_and_again_until_the_wait_is_over():
    """One that comes between two statements would be lost."""
    task, interrupts = underway(), []
    with task.interruptible(lambda: interrupts.append(1)):
        task.stop()
        task.tick()
    task.tick()
    assert interrupts == [1, 1]
    with pytest.raises(TaskStopped):
        task.check_stop()


def test_nothing_begins_after_a_stop():
    """Neither a wait nor a commit."""
    task = underway()
    task.stop()
    with pytest.raises(TaskStopped), task.interruptible(lambda: None):
        pytest.fail("the block must not be entered")
    with pytest.raises(TaskStopped):
        task.commit_begins()


def test_a_stop_that_comes_in_the_commit_is_too_late():
    """A commit is not interrupted: it would leave its outcome open."""
    task, interrupts = underway(), []
    task.commit_begins()
    with task._lock:
        task._interrupt = lambda: interrupts.append(1)
    task.stop()
    assert (interrupts, task.is_committing) == ([], True)


def test_a_task_that_is_late_ends_as_timed_out_unless_it_was_stopped():
    """The two are told apart by what came first to be known."""
    late, stopped = underway(task_timeout_seconds=-1), underway(task_timeout_seconds=-1)
    for task in (late, stopped):
        task.tick()
    stopped.stop()
    with pytest.raises(TimedOut):
        late.check_stop()
    with pytest.raises(TaskStopped):
        stopped.check_stop()
