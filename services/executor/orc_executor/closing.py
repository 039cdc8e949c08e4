"""Closing: the last thing an attempt says."""

from msgspec import Struct

from orc_domain.run_messages import FailAttempt, SettleRun, StopRun, SucceedTask


class Closing(Struct, frozen=True):
    """A command, and its name within the attempt: what is said twice under one name is said once."""

    command: SucceedTask | FailAttempt | SettleRun | StopRun
    what: str

    @property
    def is_success(self) -> bool:
        """Whether it says that a task is loaded, after which there may be another."""
        return isinstance(self.command, SucceedTask)
