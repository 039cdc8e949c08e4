"""Cells of a preview: each value as JSON that DuckDB writes, in full precision, cut where it is long."""

from collections.abc import Sequence

import msgspec

from orc_executor.errors import CUT
from orc_executor.sql_names import identifier, text

CHARACTERS_MAX = 500
"""Of one value; what is longer is a text that ends in `…`."""


def cell_sql(name: str, type_: str) -> str:
    """Return SQL for a column's value as the text of its JSON; NULL is null."""
    value, cut = identifier(name), text(CUT)
    if type_ == "VARCHAR":
        short = f"left({value}, {CHARACTERS_MAX}) || {cut}"
        return f"CASE WHEN length({value}) > {CHARACTERS_MAX} THEN to_json({short}) ELSE to_json({value}) END::VARCHAR"
    if type_ in {"DOUBLE", "FLOAT"}:
        # JSON knows no infinity.
        return (
            f"CASE WHEN isfinite({value}) THEN to_json({value}) ELSE to_json({value}::VARCHAR) END::VARCHAR"
        )
    if type_.startswith("DECIMAL(") and not type_.endswith("]"):
        # As a number of JSON's own it would be rounded to a double.
        return f"{value}::VARCHAR"
    json = f"to_json({value})::VARCHAR"
    short = f"left({json}, {CHARACTERS_MAX}) || {cut}"
    return f"CASE WHEN length({json}) > {CHARACTERS_MAX} THEN to_json({short})::VARCHAR ELSE {json} END"


def row_json(names: Sequence[str], cells: Sequence[str | None]) -> bytes:
    """Return the JSON object of a row."""
    parts = (msgspec.json.encode(name) + b":" + _valid(cell) for name, cell in zip(names, cells, strict=True))
    return b"{" + b",".join(parts) + b"}"


def _valid(cell: str | None) -> bytes:
    if cell is None:
        return b"null"
    # An infinity deep in a list is no JSON either.
    if "NaN" in cell or "Infinity" in cell:
        try:
            msgspec.json.decode(cell, type=msgspec.Raw)
            msgspec.json.decode(cell)
        except msgspec.DecodeError:
            return msgspec.json.encode(cell)
    return cell.encode()
