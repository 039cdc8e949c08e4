"""The rows of a scan as a loader takes them: with the column that names their run, where the config asks for one."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from msgspec import Struct

from orc_executor.errors import WrongShape
from orc_executor.extractors.source import Scan
from orc_executor.frames import TaskOrder
from orc_executor.sql_names import identifier, text


class Rows(Struct, frozen=True):
    """A query and what of it is loaded."""

    sql: str
    columns: dict[str, str]


def rows_of(scan: Scan, load_id_column: str | None, order: TaskOrder) -> Rows:
    """Return the scan's rows, tagged with their run; raises WrongShape when they have such a column already."""
    if load_id_column is None:
        return Rows(scan.sql, dict(scan.columns))
    if load_id_column.casefold() in {name.casefold() for name in scan.columns}:
        raise WrongShape(f"the rows have a column {load_id_column} already, which load_id_column names")
    return Rows(
        f"SELECT *, {text(str(order.run_id))}::UUID AS {identifier(load_id_column)} FROM ({scan.sql})",
        {**scan.columns, load_id_column: "UUID"},
    )
