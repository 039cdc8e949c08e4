"""What a loader's checks may say."""

import pytest

from orc_domain.load import parse_loader
from orc_domain.loaders.checks import CHECK_TYPES, RowCount, SqlAssertion
from orc_domain.rejection import Invalid

NUMBER = "a number of rows, 0 or more"
SELECT = "a SELECT statement"


def parse(*checks):
    """Type a DuckDB loader with these checks."""
    return parse_loader({"type": "duckdb", "db_path": "a.duckdb", "table_name": "t", "checks": list(checks)})


def test_checks_are_typed():
    """Each becomes a struct of its own, in order."""
    query = "\n with a as (select 1) select * from a"
    assert parse(
        {"type": "row_count", "min": 1, "max": 1}, {"type": "sql", "query": query, "severity": "warn"}
    ).checks == (RowCount(1, 1), SqlAssertion(query, severity="warn"))


@pytest.mark.parametrize(
    ("check", "place", "valid"),
    [
        ({"type": "row_count"}, ".min", NUMBER),
        ({"type": "row_count", "min": 2, "max": 1}, ".min", "at most 1"),
        ({"type": "unique", "columns": ["a", "A"]}, ".columns", "each column once"),
        ({"type": "not_null", "columns": ["a", "a"]}, ".columns", "each column once"),
        ({"type": "accepted_values", "column": "a", "values": ["x", "a\0b"]}, ".values[1]", "a plain text"),
        ({"type": "accepted_values", "column": "a", "values": ["\ud800"]}, ".values[0]", "a plain text"),
        (
            {"type": "accepted_values", "column": "a", "values": [float("inf")]},
            ".values[0]",
            "a smaller number",
        ),
        ({"type": "accepted_values", "column": "a", "values": [10**5000]}, ".values[0]", "a smaller number"),
        (
            {"type": "freshness", "column": "a", "max_age_seconds": float("inf")},
            ".max_age_seconds",
            "a number of seconds",
        ),
        ({"type": "sql", "query": "DELETE FROM t"}, ".query", SELECT),
        ({"type": "sql", "query": "SELECTED"}, ".query", SELECT),
        ({"type": "sql", "query": "SELECT '\0'"}, ".query", SELECT),
        ({"type": "size"}, ".type", CHECK_TYPES),
    ],
)
def test_what_is_wrong_is_named(check, place, valid):
    """A refusal points at the check and its key, and says what would be valid there."""
    with pytest.raises(Invalid) as refusal:
        parse({"type": "row_count", "min": 0}, check)
    assert (refusal.value.field, refusal.value.valid) == (f"loader_config.checks[1]{place}", valid)


@pytest.mark.parametrize(
    ("check", "place"),
    [
        ({"type": "unique", "columns": []}, ".columns"),
        ({"type": "accepted_values", "column": "a", "values": []}, ".values"),
        ({"type": "accepted_values", "column": "a", "values": [None]}, ".values[0]"),
        ({"type": "freshness", "column": "a", "max_age_seconds": 0}, ".max_age_seconds"),
        ({"type": "sql", "query": ""}, ".query"),
    ],
)
def test_nothing_is_empty(check, place):
    """A check that could never say anything is refused."""
    with pytest.raises(Invalid) as refusal:
        parse(check)
    assert refusal.value.field == f"loader_config.checks[0]{place}"
