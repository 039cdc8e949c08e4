"""Nested rows drawn by chance, and a slow model of what tables they become."""

import json

from hypothesis import strategies as st
from msgspec import Struct

NAMES = ["a", "b", "a b", 'q"q', "it's", "select", "Ünï", "x.y", "[]"]


class Scalar(Struct, frozen=True):
    name: str


class Object(Struct, frozen=True):
    fields: tuple


class Array(Struct, frozen=True):
    element: object
    size: int | None = None


class Map(Struct, frozen=True):
    value: object


SCALARS = {
    "INTEGER": st.integers(-9, 9),
    "VARCHAR": st.sampled_from(["", "x", "it's", '"', "null", "é"]),
    "BOOLEAN": st.booleans(),
}


def types(depth=3):
    """Draw a type, so deep at most."""
    scalar = st.sampled_from(sorted(SCALARS)).map(Scalar)
    if not depth:
        return scalar
    inner = types(depth - 1)
    names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
    objects = names.flatmap(
        lambda found: st.tuples(*[inner] * len(found)).map(
            lambda kinds: Object(tuple(zip(found, kinds, strict=True)))
        )
    )
    return st.one_of(
        scalar, objects, inner.map(Array), inner.map(lambda kind: Array(kind, 2)), inner.map(Map)
    )


def values(kind):
    """Draw a value of a type, null among them."""
    match kind:
        case Scalar(name):
            some = SCALARS[name]
        case Object(fields):
            some = st.fixed_dictionaries({name: values(inner) for name, inner in fields})
        case Array(element, None):
            some = st.lists(values(element), max_size=3)
        case Array(element, size):
            some = st.lists(values(element), min_size=size, max_size=size)
        case Map(value):
            some = st.dictionaries(st.sampled_from(["k", "it's", ""]), values(value), max_size=2)
    return st.none() | some


def type_sql(kind):
    match kind:
        case Scalar(name):
            return name
        case Object(fields):
            return f"STRUCT({', '.join(f'{_quoted(name)} {type_sql(inner)}' for name, inner in fields)})"
        case Array(element, size):
            return f"{type_sql(element)}[{size or ''}]"
        case Map(value):
            return f"MAP(VARCHAR, {type_sql(value)})"


def value_sql(value, kind):
    return f"CAST({_literal(value, kind)} AS {type_sql(kind)})"


def tables_of(name, rows, columns, *, depth_max):
    """Return {table: {path of indexes: {column: value}}} of rows as dicts, child tables as deep as `depth_max`."""
    tables = {}
    for number, row in enumerate(rows):
        _enter(tables, name, (number,), [(column, kind, row[column]) for column, kind in columns], depth_max)
    return tables


def _enter(tables, table, path, parts, depth_left):
    row = tables.setdefault(table, {}).setdefault(path, {})
    for name, kind, value in parts:
        match kind:
            case Scalar():
                row[name] = value
            case Object(fields):
                inside = [(f"{name}__{key}", inner, (value or {}).get(key)) for key, inner in fields]
                _enter(tables, table, path, inside, depth_left)
            case Array(element) if depth_left:
                for index, one in enumerate(value or []):
                    parts_of_one = (
                        [(key, inner, (one or {}).get(key)) for key, inner in element.fields]
                        if isinstance(element, Object)
                        else [("value", element, one)]
                    )
                    _enter(tables, f"{table}__{name}", (*path, index), parts_of_one, depth_left - 1)
            case _:
                row[name] = None if value is None else ("json", json.dumps(value, sort_keys=True))


def _literal(value, kind):
    if value is None:
        return "NULL"
    match kind:
        case Scalar("VARCHAR"):
            return _text(value)
        case Scalar():
            return str(value)
        case Object(fields):
            return (
                "{"
                + ", ".join(f"{_text(key)}: {value_sql(value[key], inner)}" for key, inner in fields)
                + "}"
            )
        case Array(element):
            return "[" + ", ".join(value_sql(one, element) for one in value) + "]"
        case Map(inner):
            return (
                "MAP {"
                + ", ".join(f"{_text(key)}: {value_sql(one, inner)}" for key, one in value.items())
                + "}"
            )


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


def _text(value):
    return "'" + value.replace("'", "''") + "'"
