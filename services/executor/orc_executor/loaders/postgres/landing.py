"""
Landing: spooled rows come into their table, which is made, changed or only added to.

A table that is new, or only appended to, is copied into; else the rows are staged, so that others wait for the table no
longer than the move within the database takes.
"""

from collections.abc import Sequence

from orc_domain.loaders.postgres import PostgresLoad
from orc_domain.loaders.tables import KEYED
from orc_domain.run_messages import TableLoad
from orc_executor.errors import WrongShape
from orc_executor.loaders.postgres.moves import (
    DELETED,
    ROW,
    STAGE_NAME,
    TEMPORARY,
    Keyed,
    insert_all,
    insert_new,
    keep_latest,
    merge,
    stage,
)
from orc_executor.loaders.postgres.spool import Spooled
from orc_executor.loaders.postgres.tables import Table, create, matched, read_table, reshape, table_sql
from orc_executor.loaders.postgres.types import postgres_type
from orc_executor.postgres_connection import Session
from orc_executor.sql_names import folded
from orc_executor.underway import Underway


class Landing:
    """Moves what was spooled, within the session's open transaction."""

    def __init__(self, config: PostgresLoad, session: Session, spooled: Spooled, underway: Underway) -> None:
        self._config, self._session, self._spooled, self._underway = config, session, spooled, underway
        self._name = config.table_name

    def land(self) -> tuple[TableLoad, tuple[str, ...]]:
        """Return what became of the table, and which of its columns changed; raises TaskError, TaskStopped."""
        config, session, columns = self._config, self._session, self._spooled.columns
        table = read_table(session, config.schema_name, config.table_name)
        if not columns:
            return self._land_nothing(table)
        loaded = TableLoad(table=self._name, rows=self._spooled.count)
        if config.write_disposition in KEYED:
            return self._land_keyed(table), ()
        if table is None:
            create(session, self._sql, columns, ())
            self._copy(config.schema_name, self._name, list(columns))
            return loaded, ()
        if config.write_disposition == "append":
            names = matched(columns, table, name=self._name, may_lack=False)
            self._copy(config.schema_name, self._name, list(names.values()))
            return loaded, ()
        stage(session, {name: postgres_type(type_) for name, type_ in columns.items()}, is_keyed=False)
        self._copy(TEMPORARY, STAGE_NAME, list(columns))
        session.execute(f"TRUNCATE {table.sql}")
        changes = reshape(session, table, columns, self._name)
        insert_all(session, table.sql, list(columns))
        return loaded, changes

    def _land_nothing(self, table: Table | None) -> tuple[TableLoad, tuple[str, ...]]:
        """Load no rows, not even knowing columns: a table that is replaced keeps its own."""
        if table is not None and self._config.write_disposition == "replace":
            self._session.execute(f"TRUNCATE {table.sql}")
        return TableLoad(table=self._name, rows=0), ()

    def _land_keyed(self, table: Table | None) -> TableLoad:
        config, session, columns = self._config, self._session, self._spooled.columns
        assert config.primary_key is not None, "the config's rules say so"
        key = [self._spelled(name, "primary_key") for name in config.primary_key]
        order_by = None
        if config.merge.order_by is not None:
            order_by = self._spelled(config.merge.order_by, "merge.order_by")
        if table is None:
            create(session, self._sql, columns, key)
            table = read_table(session, config.schema_name, config.table_name)
            assert table is not None, "it was just made"
        names = matched(columns, table, name=self._name, may_lack=True)
        types = {theirs: table.columns[theirs].type for theirs in names.values()}
        stage(session, types, is_keyed=True)
        self._copy(TEMPORARY, STAGE_NAME, [*names.values(), ROW, DELETED])
        rows = Keyed(
            table=table,
            name=self._name,
            columns=list(types),
            key=[names[name] for name in key],
            count=self._spooled.count,
        )
        keep_latest(session, types, rows.key, names[order_by] if order_by else None)
        if config.write_disposition == "insert-only":
            return insert_new(session, rows)
        return merge(session, rows, config.merge)

    def _spelled(self, name: str, word: str) -> str:
        for column in self._spooled.columns:
            if folded(column) == folded(name):
                return column
        there = ", ".join(list(self._spooled.columns)[:20])
        raise WrongShape(f"{word} names {name}, the columns are {there}")

    def _copy(self, schema: str, table: str, columns: Sequence[str]) -> None:
        size = self._spooled.path.stat().st_size
        with self._spooled.path.open("rb") as file:

            def percent() -> float:
                return round(100 * file.tell() / size, 1) if size else 100.0

            self._session.run(
                lambda: self._session.connection.copy_to_table(
                    table,
                    schema_name=schema,
                    source=file,
                    columns=columns,
                    format="csv",
                    null="",
                    encoding="utf-8",
                ),
                percent,
            )

    @property
    def _sql(self) -> str:
        return table_sql(self._config.schema_name, self._config.table_name)
