"""Whole numbers whose type rests on a sample: a text that its value would not be written as is noticed."""

import duckdb
import pytest

from orc_executor.extractors.csv.types import differs

DIGITS = "0123456789"
ODD = " +-.eE_x,'"


def agree(texts, type_="BIGINT"):
    """Return the texts that are said to be as their values are written, those that are no numbers left out."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT unnest($1) AS c", [texts])
        connection.execute(f"DELETE FROM t WHERE TRY_CAST(c AS {type_}) IS NULL AND c IS NOT NULL")
        values = f"(SELECT c, c::{type_} AS v FROM t)"
        return {
            row[0]
            for row in connection.execute(
                f"SELECT c FROM {values} WHERE NOT coalesce({differs('c', 'v')}, false)"
            ).fetchall()
        }


def test_no_short_text_says_another_thing_than_its_value():
    """Every text of one to three characters, digits and all that stands in numbers otherwise."""
    alphabet = DIGITS + ODD
    texts = [a + b + c for a in alphabet for b in ("", *alphabet) for c in ("", *alphabet) if b or not c]
    assert agree(texts) == {str(number) for number in range(-99, 1000)}


@pytest.mark.parametrize(
    ("text", "is_same"),
    [("1000", True), ("0100", False), ("1e3", False), ("100.0", False), ("-120", True), ("99.6", False), (" 12", False),
     ("9223372036854775807", True), (None, True), ("1_000", False)],
)  # fmt: skip
def test_longer_texts(text, is_same):
    """By what their value is written as; null is null."""
    assert (text in agree([text])) is is_same
