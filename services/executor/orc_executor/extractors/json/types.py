"""
Types of JSON columns that several files tell of, put together as DuckDB itself does within one.

Numbers become the number that holds both exactly, or a fraction; texts that look like times in one file only stay text; objects
get the keys of both; what is a number here and a text there stays JSON.
"""

from collections.abc import Iterable

import duckdb

from orc_executor import sql_names
from orc_executor.extractors.source import Columns

_WHOLE = ("BIGINT", "UBIGINT", "HUGEINT")
_NUMBERS = {*_WHOLE, "DOUBLE"}
_TEXTS = {"VARCHAR", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "UUID"}
_NULL = '"NULL"'


def united(tellings: Iterable[Columns]) -> dict[str, str]:
    """Return the columns of all, in the order in which they come up."""
    found = dict[str, str]()
    for columns in tellings:
        for name, type_ in columns.items():
            found[name] = _united(found.get(name, _NULL), type_)
    return found


def _united(one: str, other: str) -> str:
    if other in {one, _NULL}:
        return one
    if one == _NULL:
        return other
    if {one, other} <= _NUMBERS:
        return "DOUBLE" if "DOUBLE" in {one, other} else "HUGEINT"
    if {one, other} <= _TEXTS:
        return "VARCHAR"
    first, second = duckdb.sqltype(one), duckdb.sqltype(other)
    if first.id != second.id:
        return "JSON"
    match first.id:
        case "struct":
            fields = united([_fields(first), _fields(second)])
            inner = ", ".join(f"{sql_names.identifier(name)} {type_}" for name, type_ in fields.items())
            return f"STRUCT({inner})"
        case "list":
            return f"{_united(_fields(first)['child'], _fields(second)['child'])}[]"
        case "map":
            return f"MAP(VARCHAR, {_united(_fields(first)['value'], _fields(second)['value'])})"
    return "JSON"


def _fields(type_: duckdb.sqltypes.DuckDBPyType) -> dict[str, str]:
    return {name: str(child) for name, child in type_.children}
