"""
What can go wrong with a task, as the log will tell it.

    TaskError                  never raised itself; carries kind, message, retryable
    ├── SourceMissing          no such file
    ├── SourceMalformed        the file is not what it should be: file, line, reason
    ├── SourceUnavailable      the network or the server failed: worth another attempt
    ├── SourceRefused          the server answered that it will not
    ├── WrongShape             what came does not fit: not JSON, other columns than the table's
    ├── PathRefused            the real path lies outside the allowed folders, or is no plain file
    ├── AddressRefused         a name resolves to an address that may not be reached
    ├── SecretMissing          a secret is named but not there
    ├── SecretUnusable         it is there, but cannot be opened, or stand where it is named
    ├── SecretUnreachable      the store it may be in cannot be read: worth another attempt
    ├── TargetLocked           another process holds the file: worth another attempt
    ├── TargetUnavailable      the database cannot be reached or broke off: worth another attempt
    ├── TargetUnusable         the file or table cannot be written; it was not touched
    ├── NoSpace                a disk is full: worth another attempt
    ├── OutOfMemory            the worker's memory does not suffice
    ├── TimedOut               the task took longer than it may
    ├── ChecksFailed           the rows are not what the loader's checks ask for; nothing was loaded
    ├── ContractBroken         columns or types differ in a way that the schema contract freezes
    ├── TooManyBadRows         more rows than allowed cannot be read
    ├── StateContended         other runs of the task were loaded again and again meanwhile: worth another attempt
    ├── Superseded             a later attempt has come: this one may not load any more
    └── Internal               a fault of ours
    TaskStopped                not a failure: Stop came in time
    OutcomeUnknown             neither: whether the commit happened, only the receipt will tell

No message holds a secret: none is given one.
"""

from collections.abc import Sequence
from typing import ClassVar

MESSAGE_CHARACTERS_MAX = 2000
CUT = "…"
"""What a text that was longer ends with."""


class TaskStopped(Exception):
    """The order was ended by Stop before its commit."""


class OutcomeUnknown(Exception):
    """The commit was asked for, and nobody said how it ended: the worker ends, the next attempt reads the receipt."""


class TaskError(Exception):
    """Base of all that ends a task without its rows being loaded."""

    kind: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(storable(message))

    @property
    def message(self) -> str:
        """What to show to the user."""
        return str(self)


class SourceMissing(TaskError):
    """No such file."""

    kind = "source_missing"


class SourceMalformed(TaskError):
    """The file is not what it should be."""

    kind = "source_malformed"

    def __init__(self, file: str, reason: str, *, line: int | None = None) -> None:
        super().__init__(f"{file}, line {line}: {reason}" if line else f"{file}: {reason}")


class SourceUnavailable(TaskError):
    """The network or the server failed."""

    kind = "source_unavailable"
    retryable = True


class SourceRefused(TaskError):
    """The server answered that it will not."""

    kind = "source_refused"


class WrongShape(TaskError):
    """What came does not fit."""

    kind = "wrong_shape"


class PathRefused(TaskError):
    """The real path may not be used."""

    kind = "path_refused"


class AddressRefused(TaskError):
    """The address may not be reached."""

    kind = "address_refused"

    def __init__(self, host: str, refusal: str) -> None:
        super().__init__(f"{host} may not be reached: {refusal}")


class SecretMissing(TaskError):
    """The secret is in none of its places."""

    kind = "secret_missing"

    def __init__(self, name: str, places: str) -> None:
        super().__init__(f"the secret {name!r} is not there: looked at {places}")


class SecretUnreachable(TaskError):
    """It is in neither of the first two places, and the third cannot be looked at now."""

    kind = "secret_unreachable"
    retryable = True

    def __init__(self, name: str, places: str, trouble: str) -> None:
        super().__init__(
            f"the secret {name!r} is not in {places}, and of the secret store is known that {trouble}"
        )


class SecretUnusable(TaskError):
    """The secret is there, and cannot be used where it is named."""

    kind = "secret_missing"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the secret {name!r} cannot be used: {reason}")


class TargetLocked(TaskError):
    """Another process holds the file."""

    kind = "target_locked"
    retryable = True


class TargetUnavailable(TaskError):
    """The database cannot be reached, or broke off."""

    kind = "target_unavailable"
    retryable = True


class TargetUnusable(TaskError):
    """The file or the table cannot be written."""

    kind = "target_unusable"


class NoSpace(TaskError):
    """A disk is full."""

    kind = "no_space"
    retryable = True


class OutOfMemory(TaskError):
    """The worker's memory does not suffice."""

    kind = "out_of_memory"


class TimedOut(TaskError):
    """The task took longer than it may, and was ended before its commit."""

    kind = "task_timeout"
    retryable = True

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the task took longer than {seconds:g} s")


class ChecksFailed(TaskError):
    """What the loader's checks ask for is not met."""

    kind = "checks_failed"

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(f"the table is left as it was: {'; '.join(faults)}")


class ContractBroken(TaskError):
    """The schema contract does not let the table change so."""

    kind = "contract_broken"


class TooManyBadRows(TaskError):
    """More rows cannot be read than the config allows."""

    kind = "bad_rows"

    def __init__(self, count: int, allowed: int, example: str) -> None:
        super().__init__(f"{count} rows cannot be read, on_bad_rows.max is {allowed}; the first: {example}")


class StateContended(TaskError):
    """Other runs of the task moved its cursor each time."""

    kind = "target_locked"
    retryable = True

    def __init__(self, tries: int) -> None:
        super().__init__(f"other runs of the task were loaded meanwhile, {tries} times")


class Superseded(TaskError):
    """A later attempt of the run has come."""

    kind = "internal"

    def __init__(self, attempt: int, later: int) -> None:
        super().__init__(f"attempt {attempt} may not load any more: attempt {later} has begun")


class Internal(TaskError):
    """A fault of ours."""

    kind = "internal"


def storable(text: str, limit: int = MESSAGE_CHARACTERS_MAX) -> str:
    """Return the text as any store takes it: no NUL, no lone surrogate, not too long."""
    clean = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= limit else clean[: limit - 1] + CUT
