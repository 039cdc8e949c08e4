"""
An extractor that is a plugin, as a source.

    gather    its batches, one after the other, into the scratch folder; stopped between two of them
    scans     what was spooled, with the columns that its config asks for
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from orc_domain.extract import TYPES
from orc_domain.plugin_configs import ExtractorConfig
from orc_domain.plugins import EXTRACTORS, usable
from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.engine_errors import source_error
from orc_executor.errors import TaskError, TaskStopped, WrongShape
from orc_executor.extractors.batches import Spool
from orc_executor.extractors.json.lines import json_scans
from orc_executor.extractors.shaping import shape
from orc_executor.extractors.source import NO_SCAN, Columns, Scan
from orc_executor.plugins.contexts import ExtractContext
from orc_executor.plugins.faults import told
from orc_executor.sql_names import folded
from orc_executor.state import NOTHING_LEARNED, Learned, TaskState
from orc_executor.underway import Underway


class PluginSource:
    """What a plugin yields, spooled."""

    def __init__(self, config: ExtractorConfig, underway: Underway, state: TaskState) -> None:
        self._config, self._underway, self._state = config, underway, state
        self._name = str(config.__struct_config__.tag)
        self._spool = Spool(underway.folder(), underway.order.limits.spool_bytes_max, self._name)

    def gather(self) -> None:
        """Have the plugin give all it has; raises TaskError, TaskStopped."""
        underway = self._underway
        made = usable(EXTRACTORS, TYPES)[self._name].made
        with (
            self._spool as spool,
            told(self._name, underway.reach.secrets),
            ExtractContext(underway, self._cursor()) as context,
            underway.interruptible(_wait_for_the_next_batch, lambda: context.percent),
        ):
            plugin: Any = made() if isinstance(made, type) else made
            for batch in plugin.batches(self._config, context):
                underway.check_stop()
                underway.rows += spool.add(batch)
            underway.check_stop()

    def learned(self) -> Learned:
        """Nothing but the cursor, which the rows tell."""
        return NOTHING_LEARNED

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """Yield the one scan; raises duckdb.Error, WrongShape."""
        size = self._underway.bytes or self._spool.bytes
        if (lines := self._spool.json_file) is not None:
            (scan,) = json_scans(engine, lines, size, self._before_renaming(wanted))
            yield self._shaped(scan.sql, scan.columns, size)
        elif self._spool.arrow_files:
            sql, columns = _arrow_scan(engine, self._spool.arrow_files)
            yield self._shaped(sql, columns, size)
        else:
            yield NO_SCAN

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say what was wrong with the batches."""
        del engine, scan
        files = [*self._spool.arrow_files, *filter(None, [self._spool.json_file])]
        return source_error(error, {str(file): f"the plugin {self._name}" for file in files})

    def _cursor(self) -> str | None:
        incremental = self._config.incremental
        if incremental is None:
            return None
        initial = incremental.initial
        return self._state.cursor or (None if initial is None else str(initial))

    def _before_renaming(self, wanted: Columns | None) -> Columns | None:
        """Return the table's columns under the plugin's own names."""
        old_names = {folded(new): old for old, new in (self._config.rename or {}).items()}
        return wanted and {old_names.get(folded(name), name): type_ for name, type_ in wanted.items()}

    def _shaped(self, sql: str, columns: Mapping[str, str], size: int) -> Scan:
        config = self._config
        sql, columns = _cast(sql, columns, config.columns or {})
        shaped = shape(
            sql,
            columns,
            select=config.select,
            rename=config.rename,
            cursor=config.incremental.cursor if config.incremental else None,
        )
        return Scan(sql=shaped.sql, columns=shaped.columns, bytes=size, cursor=shaped.cursor)


def _wait_for_the_next_batch() -> None:
    """Do nothing to a plugin that is at work: it ends between two batches, or is killed after the grace."""


def _arrow_scan(engine: Engine, files: list[Path]) -> tuple[str, dict[str, str]]:
    """Return a query over files that may differ in their columns, each with the type of the last file."""
    final = engine.describe(f"SELECT * FROM read_parquet({sql_names.text(str(files[-1]))})")
    paths = sql_names.texts(str(file) for file in files)
    sql = f"SELECT * FROM read_parquet({paths}, union_by_name = true, hive_partitioning = false)"
    found = engine.describe(sql)
    differing = {name: type_ for name, type_ in final.items() if found[name] != type_}
    if list(found) == list(final) and not differing:
        return sql, final
    parts = [
        f"CAST({sql_names.identifier(name)} AS {type_}) AS {sql_names.identifier(name)}"
        if name in differing
        else sql_names.identifier(name)
        for name, type_ in final.items()
    ]
    return f"SELECT {', '.join(parts)} FROM ({sql})", final


def _cast(sql: str, columns: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Return the query with columns cast to the types that a config says; raises WrongShape for one that is not there."""
    if not wanted:
        return sql, columns
    types = {folded(name): type_ for name, type_ in wanted.items()}
    there = {folded(name) for name in columns}
    absent = [name for name in wanted if folded(name) not in there]
    if absent:
        raise WrongShape(f"columns names {absent[0]}, the columns are {', '.join(list(columns)[:20])}")
    cast = {name: types.get(folded(name), type_) for name, type_ in columns.items()}
    parts = [
        f"CAST({sql_names.identifier(name)} AS {type_}) AS {sql_names.identifier(name)}"
        for name, type_ in cast.items()
    ]
    return f"SELECT {', '.join(parts)} FROM ({sql})", cast
