"""
Nested rows become rows of tables.

    json           what has a structure is a column of JSON
    flatten        objects are columns `outer__inner`; arrays and maps are JSON
    child_tables   objects the same; each array is a table of its own, `table__column`, and so are arrays in its rows

With child tables every row gets an id, and the row of a child its parent's, so that they can be joined, and a parent's
children replaced together with it:

    orders              id, …, _orc_id
    orders__items       sku, …, _orc_id, _orc_parent_id, _orc_list_index
    orders__items__tags value,  _orc_id, _orc_parent_id, _orc_list_index

An array that is null or empty has no rows, an element that is null has one.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from orc_domain.loaders.tables import Nested
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape, storable
from orc_executor.loaders.digests import said
from orc_executor.loaders.duckdb.fields import JOINT, Field, as_json, fields_of_element, fields_of_row
from orc_executor.sql_names import folded, identifier, text

ID, PARENT_ID, LIST_INDEX = "_orc_id", "_orc_parent_id", "_orc_list_index"
"""VARCHAR, VARCHAR and BIGINT (from 0): columns beside those of the rows."""
ROW = "_orc_row"
"""A column of the staged rows that numbers them."""
OWN = (ID, PARENT_ID, LIST_INDEX, ROW)
TABLE_DEPTH_MAX = 8
"""Arrays inside arrays deeper than this are columns of JSON."""
TABLES_MAX = 200
_ELEMENT = "_orc_element"
_NAMES_SHOWN_CHARACTERS_MAX = 500


class Rows(Struct, frozen=True):
    """What goes into one table."""

    table: str
    sql: str
    """Gives exactly `columns`, unless rows are not unfolded at all: then it is the query as it came."""
    columns: dict[str, str]
    parent: str | None = None
    """The table whose rows have the ids in `_orc_parent_id`."""


def unfold(
    table: str,
    sql: str,
    columns: Mapping[str, str],
    nested: Nested | None,
    engine: Engine,
    *,
    key: Sequence[str] | None,
    load_id: str,
) -> list[Rows]:
    """
    Return the tables that rows become, parents before their children; raises WrongShape.

    For `child_tables` the query is run once for each table, so it must give the same rows each time: let it read a
    staged table. An id is made of the values of `key`, names of columns as the table has them (`customer__id`), where
    rows with the same key are the same row, load after load: give each key once. Without `key` it is made of `load_id`
    and of the row's number, which the query must then have as `_orc_row` beside `columns`.
    """
    match nested:
        case None:
            return [Rows(table, sql, dict(columns))]
        case "json":
            return [_rows(table, sql, as_json(columns, engine))]
        case "flatten":
            return [_rows(table, sql, fields_of_row(columns, engine, with_lists=False))]
        case "child_tables":
            fields = fields_of_row(columns, engine, with_lists=True)
            _check_free(table, fields)
            base = f"SELECT *, {_root_id(table, fields, key, load_id, engine)} AS {ID} FROM ({sql})"
            return _distinct(_family(_Level(table, base, fields)))


def without_objects(sql: str, columns: Mapping[str, str], engine: Engine) -> tuple[str, dict[str, str]]:
    """
    Return a query and its columns with objects as columns `outer__inner` and arrays as they are; raises WrongShape.

    For `child_tables`, to be staged: keys are then names of columns as the table has them.
    """
    rows = _rows("", sql, fields_of_row(columns, engine, with_lists=True))
    return rows.sql, rows.columns


class _Level(Struct, frozen=True):
    """Rows on their way into a table."""

    table: str
    sql: str
    """With `_orc_id` beside what the fields are made of."""
    fields: Sequence[Field]
    parent: str | None = None
    depth: int = 0


def _family(level: _Level) -> Iterator[Rows]:
    """Yield the rows of a table and, behind them, those of its children."""
    plain = [field for field in level.fields if field.element is None]
    own = {ID: "VARCHAR"} | ({} if level.parent is None else {PARENT_ID: "VARCHAR", LIST_INDEX: "BIGINT"})
    ids = [Field(name=name, path=name, sql=name, type=type_) for name, type_ in own.items()]
    yield _rows(level.table, level.sql, [*plain, *ids], level.parent)
    for field in level.fields:
        if field.element is not None:
            yield from _family(_child(level, field))


def _child(level: _Level, array: Field) -> _Level:
    assert array.element is not None, "only arrays are kept apart"
    table, depth = level.table + JOINT + array.name, level.depth + 1
    elements = (
        f"SELECT {ID} AS {PARENT_ID}, unnest({array.sql}) AS {_ELEMENT},"
        f" CAST(generate_subscripts({array.sql}, 1) - 1 AS BIGINT) AS {LIST_INDEX} FROM ({level.sql})"
    )
    # The parent's id has always the same length, so that no two of these are the same text.
    id_ = f"md5({PARENT_ID} || CAST({LIST_INDEX} AS VARCHAR) || {text(f':{folded(table)}')})"
    fields = fields_of_element(_ELEMENT, array.element, f"{array.path}[]", with_lists=depth < TABLE_DEPTH_MAX)
    _check_free(table, fields)
    return _Level(table, f"SELECT *, {id_} AS {ID} FROM ({elements})", fields, level.table, depth)


def _root_id(
    table: str, fields: Sequence[Field], key: Sequence[str] | None, load_id: str, engine: Engine
) -> str:
    if key is None:
        return f"md5({text(f'{load_id}:')} || CAST({ROW} AS VARCHAR))"
    plain = {folded(field.name): field for field in fields if field.element is None}
    if missing := [name for name in key if folded(name) not in plain]:
        there = storable(", ".join(field.name for field in plain.values()), _NAMES_SHOWN_CHARACTERS_MAX)
        raise WrongShape(f"primary_key names {', '.join(missing)}, the columns are {there}")
    # What a key says, not how its type of today writes it: the rows under it are found again by this.
    parts = (said(field.sql, engine.type_of(field.type)) for field in (plain[folded(name)] for name in key))
    return f"md5({text(f'{folded(table)}:')} || {' || '.join(parts)})"


def _rows(table: str, sql: str, fields: Sequence[Field], parent: str | None = None) -> Rows:
    parts = ", ".join(f"{field.sql} AS {identifier(field.name)}" for field in fields)
    return Rows(table, f"SELECT {parts} FROM ({sql})", {field.name: field.type for field in fields}, parent)


def _check_free(table: str, fields: Sequence[Field]) -> None:
    for field in fields:
        if folded(field.name) in OWN:
            raise WrongShape(
                f"{table}: {field.path} would be called {field.name}, a name that child tables need"
            )


def _distinct(family: Iterator[Rows]) -> list[Rows]:
    found: dict[str, Rows] = {}
    for rows in family:
        if found.setdefault(folded(rows.table), rows) is not rows:
            raise WrongShape(f"two arrays would both be a table {rows.table}: rename one of them")
        if len(found) > TABLES_MAX:
            raise WrongShape(f"the rows would become more than {TABLES_MAX} tables: use nested: flatten")
    return list(found.values())
