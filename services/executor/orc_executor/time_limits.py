"""How long an order may take, and what is said of one that took longer: which field of the job's definition bounds it."""

from msgspec import Struct

from orc_domain.retry import Policy
from orc_executor.frames import Failed

LOOK_SECONDS_MAX = 300.0
"""How long reading a receipt may take, waiting for the file included."""


class TimeLimit(Struct, frozen=True):
    """The limit of one order."""

    kind: str
    seconds: float
    message: str
    """Of an order that exceeds it."""

    @property
    def is_final(self) -> bool:
        """Whether it bounds every attempt that could follow, too."""
        return self.kind == RUN_TIMEOUT

    def judge(self, answer: object) -> object:
        """Return a worker's answer; where it says that its time was over, by the name of whose time that was."""
        if isinstance(answer, Failed) and answer.kind == TASK_TIMEOUT:
            return Failed(self.kind, self.message, retryable=not self.is_final, fatal=answer.fatal)
        return answer


RUN_TIMEOUT, TASK_TIMEOUT = "run_timeout", "task_timeout"


def limit_of(policy: Policy, task_order: int, run_seconds_left: float) -> TimeLimit:
    """Return the limit of a task: its own, or what is left of the run's."""
    if run_seconds_left < policy.task_timeout_seconds:
        return run_limit(policy, run_seconds_left)
    seconds = policy.task_timeout_seconds
    message = f"task {task_order} took longer than {seconds:g} s (timeouts.task_seconds)"
    return TimeLimit(TASK_TIMEOUT, seconds, message)


def run_limit(policy: Policy, seconds_left: float = 0.0) -> TimeLimit:
    """Return what is left of the time that all attempts of a run have together."""
    message = f"the run took longer than {policy.run_timeout_seconds:g} s (timeouts.run_seconds)"
    return TimeLimit(RUN_TIMEOUT, seconds_left, message)


def look_limit(task_order: int) -> TimeLimit:
    """Return the limit of reading a receipt, which no definition changes."""
    message = f"reading the receipt of task {task_order} took longer than {LOOK_SECONDS_MAX:g} s"
    return TimeLimit(TASK_TIMEOUT, LOOK_SECONDS_MAX, message)
