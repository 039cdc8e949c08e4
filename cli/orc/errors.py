"""
What a command can end with, each said in one line.

    CommandError        never raised itself
    ├── NotFound        no job or run answers to this name or id
    ├── BadFile         a jobs file cannot be read
    ├── BadTime         a time is none, or has no offset
    ├── HalfDowntime    a downtime has one end only
    ├── Unreachable     no gateway answers
    ├── Refused         the gateway answered with a problem
    ├── PasswordsDiffer a new password was not typed the same way twice
    ├── NotLocal        a command needs the stack's own folder or a database URL
    ├── KeyFileUnusable a file of master keys cannot be made or read
    └── DemoFailed      a step of the demo did not do what it shows
"""

from pathlib import Path


class CommandError(Exception):
    """Base of all that a command says and exits 1 for."""


class NotFound(CommandError):
    """Nothing, or more than one thing, answers to this name or id."""

    def __init__(self, noun: str, wanted: str, found: int = 0) -> None:
        super().__init__(
            f"{found} {noun}s are called {wanted}: use the id" if found else f"there is no {noun} {wanted}"
        )
        self.noun, self.wanted, self.found = noun, wanted, found


class BadFile(CommandError):
    """A jobs file cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class BadTime(CommandError):
    """A time is none, or has no offset."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(
            f"{name}: {text!r} is no time with an offset (valid: 2026-03-29T09:00+02:00, 2026-03-29T07:00Z)"
        )
        self.name, self.text = name, text


class HalfDowntime(CommandError):
    """A downtime has one end only."""

    def __init__(self) -> None:
        super().__init__("a downtime needs both its ends: --down-from and --down-to")


class NameOrBrowser(CommandError):
    """A login goes by a name or by the browser."""

    def __init__(self) -> None:
        super().__init__("give a username, or --sso to log in by the browser")


class Unreachable(CommandError):
    """No gateway answers."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"{url} does not answer ({reason}): start it with `orc up`, or name another with --url"
        )
        self.url, self.reason = url, reason


class Refused(CommandError):
    """The gateway answered with a problem (RFC 9457)."""

    def __init__(self, status: int, detail: str, field: str | None = None, valid: str | None = None) -> None:
        place = f"{field}: " if field else ""
        hint = f" (valid: {valid})" if valid else ""
        super().__init__(f"{place}{detail}{hint} [{status}]")
        self.status, self.detail, self.field, self.valid = status, detail, field, valid


class PasswordsDiffer(CommandError):
    """A new password was not typed the same way twice."""

    def __init__(self) -> None:
        super().__init__("the two passwords differ")


class NotLocal(CommandError):
    """A command reads the database itself and nothing says where it is."""

    def __init__(self, variable: str, home: Path) -> None:
        super().__init__(f"{variable} is not set and no stack has run in {home}: set it, or set ORC_HOME")
        self.variable, self.home = variable, home


class KeyFileUnusable(CommandError):
    """A file of master keys cannot be made or read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class DemoFailed(CommandError):
    """A step of the demo did not do what it is there to show."""
