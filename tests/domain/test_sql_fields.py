"""Which texts of a config are SQL: told by a field's type, wherever it stands, a plugin's among them."""

from typing import Annotated, get_args

import pytest
from msgspec import Meta, Struct, convert, json

from orc_domain import extract, load
from orc_domain.plugin_configs import ExtractorConfig
from orc_domain.sql_fields import Sql, SqlText, sql_fields, sql_of

NAMED = ("query", "sql", "statement", "where", "expression")
"""How a field that is SQL would be called."""


class Part(Struct, frozen=True, rename="camel"):
    """A part of a plugin's config."""

    before_all: Annotated[SqlText, Meta(max_length=100)] | None = None
    name: str = ""


class Warehouse(ExtractorConfig, frozen=True, kw_only=True, tag="warehouse"):
    """A plugin's config."""

    statement: SqlText
    parts: tuple[Part, ...] = ()
    by_day: dict[str, Part] | None = None


def test_a_plugins_fields():
    """Marked ones are found inside lists and dicts, under the names that the config has, as they were given."""
    given = {
        "type": "warehouse", "statement": "SELECT '{{ due_at }}'",
        "parts": [{"name": "SELECT 1"}, {"beforeAll": "SELECT 2"}], "by_day": {"mon": {"beforeAll": "SELECT 3"}},
    }  # fmt: skip
    rendered = given | {"statement": "SELECT '2026-01-01'"}
    assert list(sql_of(convert(rendered, Warehouse), given)) == [
        Sql("statement", "SELECT '{{ due_at }}'"),
        Sql("parts[1].beforeAll", "SELECT 2"),
        Sql("by_day.mon.beforeAll", "SELECT 3"),
    ]


def test_built_in_configs():
    """The query of `sql` and of a check's `sql` are all there is."""
    found = {(kind.__name__, name) for kind in kinds() for name in sql_fields(kind)}
    assert found == {("SqlExtract", "query"), ("SqlAssertion", "query")}


def test_no_field_that_sounds_like_sql_is_forgotten():
    """Whoever adds one marks it, or calls it otherwise."""
    sounding = {(kind, name) for kind in kinds() for name in kind.__struct_fields__ if name in NAMED}
    assert sounding
    assert all(name in sql_fields(kind) for kind, name in sounding)


def kinds():
    """Return every Struct that a built-in config may hold."""
    left, found = [*get_args(extract.BuiltIn), *get_args(load.BuiltIn)], set[type[Struct]]()
    while left:
        kind = left.pop()
        if isinstance(kind, type) and issubclass(kind, Struct):
            if kind not in found:
                found.add(kind)
                left += kind.__annotations__.values()
                left += [
                    hint
                    for base in kind.__mro__[1:-1]
                    for hint in getattr(base, "__annotations__", {}).values()
                ]
            continue
        left += get_args(kind)
    return found


@pytest.mark.parametrize(
    ("parse", "given", "sql"),
    [
        (
            extract.parse_extractor,
            {"type": "sql", "connection": {"secret": "shop"}, "query": "SELECT 1"},
            [Sql("query", "SELECT 1")],
        ),
        (extract.parse_extractor, {"type": "sql", "connection": {"secret": "shop"}, "table": "t"}, []),
        (
            load.parse_loader,
            {
                "type": "duckdb", "db_path": "a", "table_name": "select 1",
                "checks": [{"type": "unique", "columns": ["a"]}, {"type": "sql", "query": "SELECT 2", "name": "n"}],
            },
            [Sql("checks[1].query", "SELECT 2")],
        ),
    ],
)  # fmt: skip
def test_sql_of_a_config(parse, given, sql):
    """With its place, and names are none."""
    assert list(sql_of(parse(given), json.decode(json.encode(given)))) == sql
