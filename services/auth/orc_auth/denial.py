"""Why a request is denied: the error behind every Refused answer."""

from typing import Literal

from orc_runtime.auth_messages import Refused

Kind = Literal["invalid", "unauthorized", "forbidden", "conflict", "busy", "unavailable"]


class Denied(Exception):
    """Nothing was done; carries what the asker is told."""

    def __init__(self, kind: Kind, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.answer = Refused(kind=kind, code=code, detail=detail, field=field)


class BadCredentials(Denied):
    """Unknown user or wrong password: the two are not told apart."""

    def __init__(self) -> None:
        super().__init__("unauthorized", "bad-credentials", "the username or the password is wrong")


class UsernameTaken(Denied):
    """Somebody has that name."""

    def __init__(self, username: str) -> None:
        super().__init__("conflict", "username-taken", f"the username {username} is taken", "username")


class RegistrationClosed(Denied):
    """Only an admin makes accounts here."""

    def __init__(self) -> None:
        super().__init__("forbidden", "registration-closed", "only an admin may register users here")


class Busy(Denied):
    """Too many passwords wait to be hashed."""

    def __init__(self) -> None:
        super().__init__("busy", "busy", "too many people are logging in, try again in a moment")


class Unavailable(Denied):
    """The database did not answer; nothing is known to have been done."""

    def __init__(self) -> None:
        super().__init__("unavailable", "unavailable", "accounts cannot be reached at the moment")
