"""What the schema contract does not let into a table: values are left out, rows go to quarantine."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from msgspec import Struct

from orc_executor.engine import Engine
from orc_executor.extractors.source import Columns
from orc_executor.frames import TaskOrder
from orc_executor.loaders.duckdb.contract import Plan
from orc_executor.loaders.quarantine import keep_rows
from orc_executor.sql_names import identifier


class LetIn(Struct, frozen=True):
    """The rows that are left."""

    relation: str
    """What stands after FROM."""
    kept_out: int
    warnings: tuple[str, ...]


def let_in(
    planned: Plan,
    relation: str,
    columns: Columns,
    *,
    table: str,
    engine: Engine,
    order: TaskOrder,
    load_id: str,
) -> LetIn:
    """Put the rows that the contract discards into quarantine, and return the others."""
    warnings, count_kept_out = list[str](), 0
    for loss in planned.left_out:
        ((count,),) = engine.run(f"SELECT count(*) FROM {relation} AS new WHERE {loss.condition}")
        if count:
            warnings.append(f"{table}: {count} times {loss.reason}: the value was left out")
    # Column by column: a name for the whole row would be taken for a column that is called so.
    row = ", ".join(f"{identifier(name)} := {identifier(name)}" for name in columns)
    condition = "false"
    for loss in planned.kept_out:
        # A row with several faults is told by the first.
        query = f"SELECT to_json(struct_pack({row})) FROM {relation} AS new WHERE {loss.condition} AND NOT ({condition})"
        count_kept_out += keep_rows(engine, order, load_id, table, query, reason=loss.reason)
        condition += f" OR {loss.condition}"
    left = f"(SELECT * FROM {relation} AS new WHERE NOT ({condition}))" if planned.kept_out else relation
    return LetIn(left, count_kept_out, tuple(warnings))
