"""Accounts: made, listed, changed."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from orc_runtime.principal import Role
from orc_runtime.settings import Secret

REGISTER = "orc.auth.register"
BOOTSTRAP = "orc.auth.bootstrap"
ADD_USER = "orc.auth.users.add"
LIST_USERS = "orc.auth.users.list"
CHANGE_USER = "orc.auth.users.change"
CHANGE_PASSWORD = "orc.auth.users.password"  # noqa: S105 - a subject


class RegisterUser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `REGISTER`, by whoever wants an account; answered with Account or Refused."""

    request_id: UUID
    """What REST calls the request; the events that follow carry it as their correlation id."""
    username: str
    password: Secret
    authority: Secret | None = None
    """The bearer credential the request came with, if any."""


class Bootstrap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `BOOTSTRAP`: the first admin, once; answered with Account or Refused."""

    request_id: UUID
    secret: Secret
    username: str
    password: Secret
    address: str
    """Where it is asked from, for the throttle."""


class AddUser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `ADD_USER` by an admin; answered with Account or Refused."""

    request_id: UUID
    authority: Secret | None
    username: str
    password: Secret
    role: Role


class ListUsers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `LIST_USERS` by an admin; answered with AccountList or Refused."""

    authority: Secret | None
    limit: int
    after: UUID | None = None
    """The last one of the page before."""


class ChangeUser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `CHANGE_USER` by an admin: what is None stays; answered with Account or Refused."""

    request_id: UUID
    authority: Secret | None
    user_id: UUID
    role: Role | None = None
    is_active: bool | None = None
    password: Secret | None = None
    """A new one, given to the person by other means."""


class ChangePassword(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asked on `CHANGE_PASSWORD` by whoever knows the old one; ends every session; answered with Account or Refused."""

    request_id: UUID
    authority: Secret
    old: Secret
    new: Secret
    address: str
    """Where it is asked from, for the throttle."""


class Account(Struct, frozen=True, kw_only=True, tag="account"):
    """An account as REST shows it."""

    user_id: UUID
    username: str
    """Trimmed and normalised; differs from what was asked for at most in that."""
    role: Role
    is_active: bool
    created_at: datetime
    updated_at: datetime


class AccountList(Struct, frozen=True, kw_only=True, tag="accounts"):
    """A page of them, the oldest first."""

    accounts: tuple[Account, ...]
    total: int
