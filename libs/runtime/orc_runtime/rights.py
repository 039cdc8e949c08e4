"""
The matrix of rights: `rights.toml`, read and checked.

From it come the configuration of NATS (`orc.embedded.nats`, `orc.rights_files`), the grants in Postgres (`grants.py`,
`roles.py`) and the page docs/rights.md.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

TABLE_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")
DATABASE_VERBS = ("CONNECT", "CREATE", "TEMPORARY")
_VERB = re.compile(r"([A-Z]+)(?: \(([a-z_, ]+)\))?(?:, |$)")


class RightsWrong(Exception):
    """The matrix says something that no server would understand."""

    def __init__(self, where: str, text: str, valid: tuple[str, ...]) -> None:
        super().__init__(f"rights.toml, {where}: {text!r} is not understood; there are {', '.join(valid)}")


class NatsUser(Struct, frozen=True, forbid_unknown_fields=True):
    """What a user of NATS may say and hear."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    publish_not: tuple[str, ...] = ()
    """Taken out of `publish`."""


class PostgresRights(Struct, frozen=True, forbid_unknown_fields=True):
    """What each role may do; whoever is not named may not."""

    database: Mapping[str, str]
    """Verbs by role."""
    tables: Mapping[str, Mapping[str, str]]
    """Verbs by role, by `schema.table`."""
    functions: Mapping[str, tuple[str, ...]]
    """Roles by `schema.function`."""
    appends: Mapping[str, tuple[str, ...]]
    """Event types by role."""


class Rights(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole matrix."""

    nats: Mapping[str, NatsUser]
    postgres: PostgresRights


@cache
def rights() -> Rights:
    """Return the matrix; raises RightsWrong, or what msgspec raises for a wrong shape."""
    text = files("orc_runtime").joinpath("rights.toml").read_text(encoding="utf-8")
    matrix = msgspec.convert(tomllib.loads(text), Rights)
    for table, holders in matrix.postgres.tables.items():
        for role, verbs in holders.items():
            table_privileges(verbs, f"{table}, {role}")
    for role, verbs in matrix.postgres.database.items():
        if unknown := set(verbs.split(", ")) - set(DATABASE_VERBS):
            raise RightsWrong(f"database, {role}", ", ".join(sorted(unknown)), DATABASE_VERBS)
    return matrix


def table_privileges(verbs: str, where: str) -> frozenset[str]:
    """Return each right by itself: `SELECT, UPDATE (a, b)` is SELECT, UPDATE (a) and UPDATE (b)."""
    privileges: set[str] = set()
    place = 0
    while place < len(verbs):
        found = _VERB.match(verbs, place)
        if found is None or found[1] not in TABLE_VERBS or found[2] == "":
            raise RightsWrong(where, verbs, TABLE_VERBS)
        columns = found[2].split(", ") if found[2] else []
        privileges |= {f"{found[1]} ({column})" for column in columns} or {found[1]}
        place = found.end()
    return frozenset(privileges)
