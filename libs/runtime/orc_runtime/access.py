"""
Access: what a route asks of whoever calls it, in two words.

    a role     the least that may: viewer looks, operator changes jobs and runs, admin grants
    a scope    what an API key must hold beside it: `jobs:write`, or `jobs:*`, or `*`

Every route declares it where it is defined; one that does not keeps the gateway from starting.
"""

from typing import get_args

from msgspec import Struct

from orc_runtime.principal import Principal, Role

RANKS = {role: rank for rank, role in enumerate(get_args(Role))}

SCOPES: dict[str, str] = {
    "jobs:read": "jobs, their schedules, cursors and versions; the schema",
    "jobs:write": "make, change, pause and delete jobs; set cursors; preview tasks",
    "runs:read": "runs, their tasks and events; backfills",
    "runs:write": "run jobs, cancel and retry runs, backfill",
    "events:read": "the whole log, and live",
    "metrics:read": "Prometheus' metrics",
    "account:read": "whom one speaks for, and one's API keys",
    "account:write": "one's password, sessions and API keys",
    "users:read": "the accounts",
    "users:write": "make and change accounts, revoke others' API keys",
    "secrets:read": "names of secrets, never what they hold",
    "secrets:write": "set and delete secrets, seal them by the newest master key",
    "keys:write": "rotate the keys that sign tokens",
}
"""Every scope there is, and what it opens."""


class Access(Struct, frozen=True):
    """What a route asks for."""

    role: Role | None
    """None: it is open to all, also where a login is needed."""
    scope: str | None = None


OPEN = Access(None)

API_KEY_PREFIX = "orc_"
"""What an API key begins with, and no token does."""


def is_enough(role: Role, access: Access) -> bool:
    """Tell whether a role may what is asked for."""
    return access.role is None or RANKS[role] >= RANKS[access.role]


def covers(principal: Principal, access: Access) -> bool:
    """Tell whether what the principal's credential is limited to covers what is asked for."""
    if principal.scopes is None or access.scope is None:
        return True
    area, _, _ = access.scope.partition(":")
    return any(scope in {access.scope, f"{area}:*", "*"} for scope in principal.scopes)
