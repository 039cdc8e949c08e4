"""
Grants: the database's rights made what the matrix says.

    every schema, table, sequence and function of the owner, with who holds what on it
    held and not in the matrix → REVOKE        in the matrix and not held → GRANT        log.rights likewise

What the matrix does not name keeps no right but its owner's; what it names and the database does not have yet is
passed over. Doing it again changes nothing.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from orc_runtime.database import statement
from orc_runtime.rights import PostgresRights, table_privileges


class Owned(Struct, frozen=True):
    """One thing of the owner's."""

    kind: str
    """SCHEMA, TABLE, SEQUENCE or ROUTINE."""
    name: str
    """As the matrix has it: of a partition its table, of a column's sequence the column's table."""
    target: str
    """As SQL has it."""
    held: frozenset[tuple[str, str]]
    """Role and right, of everybody but the owner."""


async def apply_rights(connection: Any, matrix: PostgresRights) -> list[str]:
    """Grant and revoke, as the owner and in the caller's transaction; returns the statements that it took."""
    await connection.execute(statement("default_rights"))
    done = []
    for owned in await owned_things(connection):
        wanted = wanted_rights(owned.kind, owned.name, matrix)
        for role, right in sorted(owned.held - wanted):
            # A right that may be passed on is not the one that the matrix means.
            done.append(f"REVOKE {right.removesuffix(' *')} ON {owned.kind} {owned.target} FROM {role}")
        for role, right in sorted(wanted - owned.held):
            done.append(f"GRANT {right} ON {owned.kind} {owned.target} TO {role}")
    for change in done:
        await connection.execute(change)
    if await connection.fetchval(statement("log_rights_exist")):
        pairs = [(role, event) for role, events in matrix.appends.items() for event in events]
        changes = await connection.fetch(
            statement("put_log_rights"), [role for role, _ in pairs], [event for _, event in pairs]
        )
        done += [change["done"] for change in changes]
    return done


async def owned_things(connection: Any) -> list[Owned]:
    """Return all that the owner owns in this database."""
    return [
        Owned(
            row["kind"],
            row["name"],
            row["target"],
            frozenset((role, right) for role, _, right in (text.partition(" ") for text in row["held"])),
        )
        for row in await connection.fetch(statement("owned"))
    ]


def wanted_rights(kind: str, name: str, matrix: PostgresRights) -> frozenset[tuple[str, str]]:
    """Return role and right of everybody whom the matrix gives something on it."""
    match kind:
        case "TABLE":
            return frozenset(_table(name, matrix))
        case "SEQUENCE":
            return frozenset((role, "USAGE") for role, right in _table(name, matrix) if right == "INSERT")
        case "ROUTINE":
            return frozenset((role, "EXECUTE") for role in matrix.functions.get(name, ()))
    in_schema = [holders for table, holders in matrix.tables.items() if _schema(table) == name]
    callers = [roles for function, roles in matrix.functions.items() if _schema(function) == name]
    return frozenset((role, "USAGE") for roles in (*in_schema, *callers) for role in roles)


def unnamed(things: Iterable[Owned], matrix: PostgresRights) -> list[str]:
    """Return what the matrix forgot: tables and functions that the database has."""
    named = {"TABLE": matrix.tables, "SEQUENCE": matrix.tables, "ROUTINE": matrix.functions}
    return sorted({thing.name for thing in things if thing.name not in named.get(thing.kind, {thing.name})})


def _table(name: str, matrix: PostgresRights) -> Iterable[tuple[str, str]]:
    for role, verbs in matrix.tables.get(name, {}).items():
        for right in table_privileges(verbs, name):
            yield role, right


def _schema(name: str) -> str:
    return name.partition(".")[0]
