"""
Which texts are DuckDB types.

A type stands in SQL unquoted, so it is let through by its form alone: a known name, its numbers, array marks.
"""

import re

from orc_domain.rejection import Invalid

NAMES = (
    "BIGINT", "BLOB", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "INTEGER", "INTERVAL", "JSON",
    "NUMERIC", "REAL", "SMALLINT", "TEXT", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE",
    "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TINYINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT", "UUID",
    "VARCHAR", "INT", "INT2", "INT4", "INT8", "BOOL", "STRING", "UHUGEINT", "FLOAT4", "FLOAT8",
)  # fmt: skip
_ARGUMENTS = r"(\( ?[0-9]{1,3} ?(, ?[0-9]{1,3} ?)?\))?"
_TYPE = re.compile(
    rf"({'|'.join(sorted(NAMES, key=len, reverse=True))}) ?{_ARGUMENTS}(\[\]){{0,3}}",
    re.IGNORECASE | re.ASCII,
)


def check_column_type(text: str, field: str) -> None:
    """Refuse what is no type; raises Invalid."""
    if not _TYPE.fullmatch(text):
        raise Invalid(
            field,
            f"{text[:64]!r} is no type",
            valid="BIGINT, DECIMAL(18,2), DOUBLE, VARCHAR, DATE, TIMESTAMP, JSON, … or one with []",
        )
