"""Why a request is denied: the error behind every Refused answer."""

from typing import Literal

from orc_runtime.access import Access
from orc_runtime.auth_messages.wire import Refused

Kind = Literal["invalid", "unauthorized", "forbidden", "not-found", "conflict", "busy", "unavailable"]


class Denied(Exception):
    """Nothing was done; carries what the asker is told."""

    def __init__(
        self,
        kind: Kind,
        code: str,
        detail: str,
        field: str | None = None,
        *,
        valid: str | None = None,
        retry_seconds: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.answer = Refused(
            kind=kind, code=code, detail=detail, field=field, valid=valid, retry_seconds=retry_seconds
        )


class Unauthorized(Denied):
    """The credential is none of ours, or no longer; or there is none and one is needed."""

    def __init__(self) -> None:
        super().__init__("unauthorized", "unauthorized", "the token is invalid or has expired")


class Forbidden(Denied):
    """Whom it speaks for may not do that."""

    def __init__(self, access: Access) -> None:
        super().__init__(
            "forbidden",
            "forbidden",
            f"this needs the role {access.role} and, of an API key, the scope {access.scope}",
        )


class BadCredentials(Denied):
    """Unknown user or wrong password: the two are not told apart."""

    def __init__(self) -> None:
        super().__init__("unauthorized", "bad-credentials", "the username or the password is wrong")


class InvalidPassword(Denied):
    """A new password that is none, or too weak; `field` is where it came in."""

    def __init__(self, detail: str, field: str = "password") -> None:
        super().__init__("invalid", "invalid-password", detail, field)


class WrongPassword(Denied):
    """Who wants to change it does not know the old one."""

    def __init__(self) -> None:
        super().__init__("forbidden", "wrong-password", "the old password is wrong", "old")


class NoPassword(Denied):
    """Whom a provider vouches for has none here."""

    def __init__(self) -> None:
        super().__init__("conflict", "no-password", "this account logs in by a provider", "password")


class BootstrapRefused(Denied):
    """A wrong secret, one that was used, or none to be used: the three are not told apart."""

    def __init__(self) -> None:
        super().__init__(
            "forbidden", "bootstrap-refused", "the bootstrap secret is wrong, or there is an admin already"
        )


class LastAdmin(Denied):
    """Nobody could administer any more."""

    def __init__(self) -> None:
        super().__init__("conflict", "last-admin", "this is the last active admin: make another one first")


class NotByKey(Denied):
    """What an API key could make itself more than it is with."""

    def __init__(self, what: str) -> None:
        super().__init__("forbidden", "not-by-key", f"an API key {what}: log in")


class NoAccount(Denied):
    """What is asked for belongs to an account, and whoever asks has none."""

    def __init__(self) -> None:
        super().__init__("unauthorized", "unauthorized", "this needs an account: log in at /auth/login")


class Missing(Denied):
    """There is no such thing, or it is not theirs to know of."""

    def __init__(self, what: str) -> None:
        super().__init__("not-found", "not-found", f"there is no such {what}")


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


class Throttled(Denied):
    """Too many wrong tries, of this account or from this address; said before the password is looked at."""

    def __init__(self, retry_seconds: int) -> None:
        super().__init__(
            "busy",
            "too-many-attempts",
            f"too many wrong passwords, try again in {retry_seconds} s",
            retry_seconds=retry_seconds,
        )


class Unavailable(Denied):
    """The database did not answer; nothing is known to have been done."""

    def __init__(self) -> None:
        super().__init__("unavailable", "unavailable", "accounts cannot be reached at the moment")
