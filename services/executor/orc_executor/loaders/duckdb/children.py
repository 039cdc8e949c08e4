"""
Child tables: what a target knows of the tables that hold the nested rows of another.

Which there are is kept in the file, so that rows of children go with their parents even where a load brings none.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Collection

from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.loaders.duckdb.nested import Rows
from orc_executor.sql_names import folded, identifier

_CREATE = tuple(load("orc_executor", name) for name in ("target_schema", "target_children"))
_READ, _WRITE, _IS_THERE = (
    load("orc_executor", name) for name in ("children_read", "children_write", "target_has_table")
)


class Children:
    """The child tables of one table, parents before their children."""

    def __init__(self, table: str, engine: Engine) -> None:
        # In one spelling, as the next load's may be another: DuckDB takes both for the same table.
        self._table, self._engine = folded(table), engine
        self._parents: dict[str, str] = {}
        self._let_in: dict[str, str] = {}
        if self._is_there("children", schema="_orc"):
            self._parents = {
                folded(child): folded(parent) for child, parent in engine.run(_READ, [self._table])
            }

    def remember(self, child: str, parent: str) -> None:
        """Keep that a table holds nested rows of `parent`."""
        child, parent = folded(child), folded(parent)
        if child not in self._parents:
            for statement in _CREATE:
                self._engine.run(statement)
            self._engine.run(_WRITE, [self._table, child, parent])
            self._parents[child] = parent

    def empty(self, except_for: Collection[str]) -> None:
        """Delete the rows of those that a replacing load does not bring."""
        kept = {folded(table) for table in except_for}
        for child in self._parents:
            if child not in kept and self._is_there(child):
                self._engine.run(f"DELETE FROM target.main.{identifier(child)}")

    def delete_of(self, ids: str) -> None:
        """Delete the rows under parents of the table whose `_orc_id` the query `ids` gives."""
        under = {self._table: ids}
        for child in (one for one in self._parents if self._is_there(one)):
            parents = under.get(self._parents[child])
            if parents is not None:
                under[child] = (
                    f"SELECT _orc_id FROM target.main.{identifier(child)} WHERE _orc_parent_id IN ({parents})"
                )
        # From the leaves up: which rows of a child are meant is told by rows of its parent that must still be there.
        for child in reversed(under):
            if child != self._table:
                parents = under[self._parents[child]]
                self._engine.run(
                    f"DELETE FROM target.main.{identifier(child)} WHERE _orc_parent_id IN ({parents})"
                )

    def let_in(self, table: str, rows: str) -> None:
        """Say which rows of a load go into a table, as what stands after FROM, where some may be left out."""
        self._let_in[table] = rows

    def under_let_in(self, rows: Rows) -> str:
        """Return the rows of a child, as what stands after FROM, less those nested in rows that are left out."""
        above = self._let_in.get(rows.parent or "")
        if above is None:
            return f"({rows.sql})"
        return f"(SELECT * FROM ({rows.sql}) WHERE _orc_parent_id IN (SELECT _orc_id FROM {above}))"

    def _is_there(self, table: str, schema: str = "main") -> bool:
        return bool(self._engine.run(_IS_THERE, [schema, folded(table)]))
