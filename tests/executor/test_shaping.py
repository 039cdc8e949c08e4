"""Columns as a config asks for them."""

import duckdb
import pytest

from orc_executor.errors import WrongShape
from orc_executor.extractors.shaping import file_name_sql, shape
from orc_executor.sql_names import text

SQL = "SELECT 1 AS a, 2 AS \"B\", '2026-01-01'::DATE AS at"
PATH, NAME = "/x/it's.csv", "it's.csv"
COLUMNS = {"a": "INTEGER", "B": "INTEGER", "at": "DATE"}


def rows(shaped):
    with duckdb.connect() as connection:
        result = connection.execute(shaped.sql)
        return [column[0] for column in result.description], result.fetchall()


def test_nothing_asked_changes_nothing():
    """The query stays what it is, so that it costs nothing."""
    assert shape(SQL, COLUMNS).sql == SQL


def test_columns_are_chosen_and_renamed_in_order():
    """In the order of select, under new names, whatever the case they are written in."""
    shaped = shape(SQL, COLUMNS, select=["b", "A"], rename={"b": "two"})
    assert shaped.columns == {"two": "INTEGER", "a": "INTEGER"}
    assert rows(shaped) == (["two", "a"], [(2, 1)])


def test_a_cursor_need_not_be_a_column_of_the_table():
    """It comes beside the chosen columns, with its text."""
    shaped = shape(SQL, COLUMNS, select=["a"], cursor="AT")
    assert (shaped.columns, shaped.cursor.name, shaped.cursor.type) == ({"a": "INTEGER"}, "at", "DATE")
    assert rows(shape(f"SELECT {shaped.cursor.text} AS t FROM ({shaped.sql})", {"t": "VARCHAR"}))[1] == [
        ("2026-01-01",)
    ]


@pytest.mark.parametrize(
    "asked", [{"select": ["c"]}, {"rename": {"c": "d"}}, {"cursor": "c"}, {"rename": {"a": "b"}}]
)
def test_what_cannot_be_is_named(asked):
    """A column that is not there, or a name that is taken."""
    with pytest.raises(WrongShape) as refusal:
        shape(SQL, COLUMNS, **asked)
    assert "c" in str(refusal.value)


def test_a_file_is_called_by_its_name():
    """Not by its real path."""
    sql = f"SELECT {file_name_sql('p', {PATH: NAME})} FROM (SELECT {text(PATH)} AS p)"
    with duckdb.connect() as connection:
        assert connection.execute(sql).fetchall() == [(NAME,)]
