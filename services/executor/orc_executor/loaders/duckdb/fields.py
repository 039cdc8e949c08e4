"""
Fields: what the columns of nested rows come apart into.

An object's fields become columns `outer__inner`, as deep as it goes; arrays are kept apart or become JSON, and so does
all else that has a structure: maps, unions, tuples. The structure is asked of DuckDB, never read out of a type's text.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import duckdb
from duckdb.sqltypes import DuckDBPyType
from msgspec import Struct

from orc_domain.extractors.files import COLUMNS_MAX
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.sql_names import folded, identifier

JOINT = "__"
"""Between the names of what is inside each other."""
OBJECT_DEPTH_MAX = 32
"""Objects deeper than this inside each other stay JSON."""
VALUE = "value"
"""The column of a table whose rows are elements of an array without names."""
JSON = "JSON"
_LISTS = frozenset({"list", "array"})
STRUCTURED = frozenset({"struct", "list", "array", "map", "union", "tuple"})


class Field(Struct, frozen=True, kw_only=True):
    """A column, or an array that may become a table."""

    name: str
    path: str
    """Where it stands in a row, for people: `customer.address.city`."""
    sql: str
    """Its value, over the rows it is a field of."""
    type: str
    element: DuckDBPyType | None = None
    """Of an array that was kept apart."""


class _Part(Struct, frozen=True):
    """A value on its way to becoming a field, or several."""

    name: str
    path: str
    sql: str
    type: DuckDBPyType

    def inner(self, *, prefix: str) -> Iterator["_Part"]:
        """Yield what an object holds."""
        # By place and not by name: a name may be empty.
        for place, (name, type_) in enumerate(self.type.children, start=1):
            value = f"struct_extract_at({self.sql}, {place})"
            yield _Part(prefix + name, f"{self.path}.{name}", value, cast(DuckDBPyType, type_))


def as_json(columns: Mapping[str, str], engine: Engine) -> list[Field]:
    """Return the columns as they are, those that have a structure as JSON."""
    return [_leaf(part) for part in _columns(columns, engine)]


def fields_of_row(columns: Mapping[str, str], engine: Engine, *, with_lists: bool) -> list[Field]:
    """Return the fields of rows with these columns; raises WrongShape when two have the same name."""
    return _distinct(
        field for part in _columns(columns, engine) for field in _fields(part, with_lists=with_lists)
    )


def fields_of_element(sql: str, type_: DuckDBPyType, path: str, *, with_lists: bool) -> list[Field]:
    """Return the fields of an array's elements, the same way."""
    element = _Part(VALUE, path, sql, type_)
    parts = element.inner(prefix="") if type_.id == "struct" else [element]
    return _distinct(field for part in parts for field in _fields(part, with_lists=with_lists))


def _columns(columns: Mapping[str, str], engine: Engine) -> list[_Part]:
    parts = []
    for name, type_ in columns.items():
        try:
            parts.append(_Part(name, name, identifier(name), engine.type_of(type_)))
        except duckdb.Error as error:
            raise WrongShape(f"{name} is {type_}, which cannot be taken apart") from error
    return parts


def _fields(part: _Part, *, with_lists: bool, depth_left: int = OBJECT_DEPTH_MAX) -> Iterator[Field]:
    if part.type.id == "struct" and depth_left:
        for inner in part.inner(prefix=part.name + JOINT):
            yield from _fields(inner, with_lists=with_lists, depth_left=depth_left - 1)
    elif part.type.id in _LISTS and with_lists:
        element = cast(DuckDBPyType, part.type.children[0][1])
        yield Field(name=part.name, path=part.path, sql=part.sql, type=str(part.type), element=element)
    else:
        yield _leaf(part)


def _leaf(part: _Part) -> Field:
    if part.type.id in STRUCTURED:
        return Field(name=part.name, path=part.path, sql=f"to_json({part.sql})", type=JSON)
    return Field(name=part.name, path=part.path, sql=part.sql, type=str(part.type))


def _distinct(fields: Iterable[Field]) -> list[Field]:
    found: dict[str, Field] = {}
    for field in fields:
        other = found.setdefault(folded(field.name), field)
        if other is not field:
            raise WrongShape(
                f"{other.path} and {field.path} would both be called {field.name}: rename one of them,"
                " or keep objects whole with nested: json"
            )
        if len(found) > COLUMNS_MAX:
            raise WrongShape(f"the objects in the rows have more than {COLUMNS_MAX} fields: use nested: json")
    return list(found.values())
