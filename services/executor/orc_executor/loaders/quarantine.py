"""
Quarantine: rows that a load leaves out, kept beside it in the target for a person to look at.

    _orc.quarantine     load_id, run_id, task_id, table_name, file, line, reason, row, quarantined_at

They are written in the load's own transaction, so a load that fails or is repeated leaves none behind, and forgotten
after a year.
"""

# ruff: noqa: S608 - the queries are a source's or a loader's own

from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.errors import TooManyBadRows, storable
from orc_executor.extractors.source import Rejects
from orc_executor.frames import TaskOrder

ROW_CHARACTERS_MAX = 65_536
"""What is kept of a row's text."""
REASON_CHARACTERS_MAX = 2000
_EXAMPLE_CHARACTERS_MAX = 500
_SCHEMA, _TABLE, _FORGET = (
    load("orc_executor", name) for name in ("target_schema", "target_quarantine", "quarantine_forget")
)


def prepare(engine: Engine) -> None:
    """Make the table in the open transaction, unless it is there."""
    engine.run(_SCHEMA)
    engine.run(_TABLE)


def count_rejects(engine: Engine, rejects: Rejects) -> int:
    """
    Return how many rows a scan could not read; raises TooManyBadRows when it is more than the policy allows.

    For any loader, once the scan was read to its end; nothing is written.
    """
    if rejects.settle is not None:
        rejects.settle()
    ((count,),) = engine.run(f"SELECT count(*) FROM ({rejects.sql})")
    if count > rejects.policy.max:
        raise TooManyBadRows(count, rejects.policy.max, _first(engine, rejects))
    return int(count)


def keep_rejects(engine: Engine, order: TaskOrder, load_id: str, table: str, rejects: Rejects) -> int:
    """Return the same count, the rows put into quarantine where that is the policy; raises TooManyBadRows."""
    count = count_rejects(engine, rejects)
    if count and rejects.policy.mode == "quarantine":
        _insert(engine, order, load_id, table, rejects.sql)
    return count


def keep_rows(engine: Engine, order: TaskOrder, load_id: str, table: str, sql: str, *, reason: str) -> int:
    """Put rows into quarantine and return how many; the query gives one column, each row as JSON text."""
    shown = storable(reason, REASON_CHARACTERS_MAX)
    given = f'SELECT NULL, NULL, $6, "row" FROM ({sql}) AS given("row")'
    return _insert(engine, order, load_id, table, given, shown)


def _insert(engine: Engine, order: TaskOrder, load_id: str, table: str, sql: str, *more: str) -> int:
    prepare(engine)
    engine.run(_FORGET)
    ((count,),) = engine.run(
        f"INSERT INTO target._orc.quarantine SELECT $1, $2, $3, $4, file, line, left(reason, $5),"
        f' left("row", {ROW_CHARACTERS_MAX}), now() AT TIME ZONE \'UTC\' FROM ({sql}) AS rejected(file, line, reason, "row")',
        [load_id, order.run_id, order.task_id, table, REASON_CHARACTERS_MAX, *more],
    )
    return int(count)


def _first(engine: Engine, rejects: Rejects) -> str:
    ((file, line, reason),) = engine.run(
        f"SELECT file, line, left(reason, {_EXAMPLE_CHARACTERS_MAX + 1})"
        f' FROM ({rejects.sql}) AS rejected(file, line, reason, "row") ORDER BY file, line LIMIT 1'
    )
    place = f"{file}, line {line}" if line is not None else str(file)
    return f"{place}: {storable(reason, _EXAMPLE_CHARACTERS_MAX)}"
