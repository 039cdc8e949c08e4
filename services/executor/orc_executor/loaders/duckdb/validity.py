"""The columns in which scd2 says from when to when a version of a row was so."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Mapping

from orc_domain.loaders.tables import Scd2
from orc_executor.errors import WrongShape
from orc_executor.extractors.source import Columns
from orc_executor.sql_names import folded, identifier


def with_validity(query: str, columns: Columns, scd2: Scd2) -> str:
    """Return the query of a new table, the two columns added; raises WrongShape when the rows have one of them."""
    own = [scd2.valid_from_column, scd2.valid_to_column]
    taken = {folded(name) for name in columns} & {folded(name) for name in own}
    if taken:
        raise WrongShape(f"the rows have a column {', '.join(sorted(taken))} already, which scd2 names")
    added = ", ".join(f"NULL::TIMESTAMP AS {identifier(name)}" for name in own)
    return f"SELECT *, {added} FROM ({query})"


def without_validity(table: str, columns: Mapping[str, str], scd2: Scd2) -> dict[str, str]:
    """Return a table's columns less the two; raises WrongShape when it was not made for versions."""
    own = {folded(name): name for name in (scd2.valid_from_column, scd2.valid_to_column)}
    if missing := own.keys() - {folded(name) for name in columns}:
        names = ", ".join(own[name] for name in sorted(missing))
        raise WrongShape(f"table {table} has no column {names}, in which scd2 keeps what was so when")
    return {name: type_ for name, type_ in columns.items() if folded(name) not in own}
