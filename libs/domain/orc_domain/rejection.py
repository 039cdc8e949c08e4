"""
Why a command is refused.

    Rejected                 never raised itself; carries code, detail, field, valid
    ├── Invalid              the input cannot be meant (REST: 400)
    ├── NotFound             the thing does not exist (404)
    ├── Conflict             it exists, but not in a state that allows this (409)
    └── Stale                it changed since the caller looked (412)

A rejection is an answer, not a failure: nothing was appended, and the same command may be accepted later.
"""


class Rejected(Exception):
    """Base of all refusals of a decider."""

    def __init__(self, code: str, detail: str, *, field: str | None = None, valid: str | None = None) -> None:
        """Take a stable machine-readable `code`, a sentence, the field's path and what would be valid there."""
        super().__init__(detail)
        self.code, self.detail, self.field, self.valid = code, detail, field, valid


class Invalid(Rejected):
    """The input is refused as it stands, whatever the state."""

    def __init__(self, field: str, detail: str, *, valid: str | None = None, code: str = "invalid") -> None:
        super().__init__(code, detail, field=field, valid=valid)


class NotFound(Rejected):
    """No such thing."""

    def __init__(self, kind: str, identity: object) -> None:
        super().__init__(f"{kind}-not-found", f"{kind} {identity} does not exist")


class Conflict(Rejected):
    """The state does not allow it."""


class Stale(Rejected):
    """The version the caller expects is not the current one."""

    def __init__(self, kind: str, expected: int, actual: int) -> None:
        super().__init__(
            "stale", f"the {kind} is at version {actual}, not {expected}: read it again", valid=f'"{actual}"'
        )
