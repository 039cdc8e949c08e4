"""
Types of a CSV file's columns, and how to notice that a sample was wrong about them.

DuckDB settles on types after some 20,000 rows. What comes later is cast: a fraction in a column of whole numbers is
rounded, `007` loses its zeros, and nobody is told. So whole numbers whose type rests on a sample are read as text and
cast in the query, and the value, written out again, is compared with its text. Dates are read in the form that the
sample had, strictly, so that no time of day is dropped.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Mapping, Sequence

from msgspec import Struct

from orc_executor import sql_names
from orc_executor.engine_errors import DOUBT
from orc_executor.extractors.casting import keeps_instant
from orc_executor.extractors.csv.dialect import Dialect
from orc_executor.paths import SourceFile

FILE_COLUMN = "_orc_file"
"""What read_csv calls the column of paths."""
_WIDTHS = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 63, "HUGEINT": 127}
_UNSIGNED_WIDTHS = {"UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32, "UBIGINT": 64, "UHUGEINT": 128}
_WHOLE = frozenset(_WIDTHS) | frozenset(_UNSIGNED_WIDTHS)
_EXACT = "DECIMAL(38, 18)"
"""Holds every whole number of up to 64 bits, and shows a fraction."""
_EXACT_BITS_MAX = 64


class Types(Struct, frozen=True, kw_only=True):
    """A type for each column, and in which form dates are written where DuckDB noticed one."""

    columns: dict[str, str]
    date_format: str | None = None
    timestamp_format: str | None = None


class Reading(Struct, frozen=True, kw_only=True):
    """What to read, and how."""

    files: Sequence[SourceFile]
    dialect: Dialect
    types: Types
    sampled: frozenset[str] = frozenset()
    """Columns whose type rests on a sample."""
    declared: frozenset[str] = frozenset()
    """Columns whose type the config or the table says."""
    options: str = ""
    """More options of read_csv."""
    with_files: bool = False
    """Whether FILE_COLUMN is wanted."""


def is_whole(type_: str) -> bool:
    """Whether a type holds whole numbers only, so that a cast would round."""
    return type_ in _WHOLE


def scan_sql(reading: Reading) -> str:
    """Return the query over the files; a value that its type does not keep raises, as a doubt where it was sampled."""
    read, chosen, compared = dict[str, str](), list[str](), list[str]()
    for place, (name, type_) in enumerate(reading.types.columns.items()):
        column = sql_names.identifier(name)
        read[name] = "VARCHAR"
        if name in reading.sampled and is_whole(type_):
            # Cast once, by itself: within the comparison's CASE it would be cast wherever it stands.
            text, value = f"text{place}", f"value{place}"
            chosen.append(f"{column} AS {text}, {column}::{type_} AS {value}")
            doubt = _doubt(text, name, type_)
            compared.append(f"CASE WHEN {differs(text, value)} THEN {doubt} ELSE {value} END AS {column}")
            continue
        if name in reading.declared and is_whole(type_):
            check, value = declared_check(column, type_, reading.dialect), reading.dialect.number(column)
        elif name in reading.declared and type_ == "TIMESTAMP" and reading.types.timestamp_format is None:
            check, value = _instant_check(column), column
        else:
            read[name], check, value = type_, "", column
        checked = _checked(column, f"({value})::{type_}", name, type_, check) if check else value
        chosen.append(f"{checked} AS value{place}")
        compared.append(f"value{place} AS {column}")
    more = [FILE_COLUMN] if reading.with_files else []
    return f"SELECT {', '.join([*compared, *more])} FROM ({_select(chosen, reading, read)})"


def tolerant_sql(reading: Reading) -> str:
    """
    Return the query that has read_csv itself put rows aside whose values do not fit.

    It rounds, so declared whole numbers are read with their fractions; one that is there raises a doubt.
    """
    read, chosen = dict[str, str](), list[str]()
    for name, type_ in reading.types.columns.items():
        column = sql_names.identifier(name)
        if name not in reading.declared or not is_whole(type_):
            read[name] = type_
            chosen.append(column)
            continue
        lowest, highest = _range(type_)
        is_exact = highest < 2**_EXACT_BITS_MAX and reading.dialect.decimal_separator == "."
        read[name] = _EXACT if is_exact else "VARCHAR"
        check = declared_check(column, type_, reading.dialect)
        value = f"({reading.dialect.number(column)})::{type_}"
        if is_exact:
            check = f"{column} IS NULL OR ({column} = trunc({column}) AND {column} BETWEEN {lowest} AND {highest})"
            value = f"{column}::{type_}"
        chosen.append(f"{_checked(f'{column}::VARCHAR', value, name, type_, check)} AS {column}")
    return _select(chosen, reading, read)


def without_misfits_sql(reading: Reading) -> str:
    """Return the query that leaves out rows whose declared whole numbers are none; others are read as ever."""
    read, chosen, checks = dict[str, str](), list[str](), list[str]()
    for name, type_ in reading.types.columns.items():
        column = sql_names.identifier(name)
        read[name] = type_
        if name in reading.declared and is_whole(type_):
            read[name] = "VARCHAR"
            checks.append(f"({declared_check(column, type_, reading.dialect, cast='TRY_CAST')})")
            column = f"TRY_CAST({reading.dialect.number(column)} AS {type_}) AS {column}"
        chosen.append(column)
    return f"{_select(chosen, reading, read)} WHERE {' AND '.join(checks)}"


def read_sql(reading: Reading, columns: Mapping[str, str]) -> str:
    """Return the read_csv of the files with just these column types."""
    paths = sql_names.texts(file.pattern for file in reading.files)
    types, dialect = reading.types, reading.dialect
    file_column = f", filename = {sql_names.text(FILE_COLUMN)}" if reading.with_files else ""
    return (
        f"read_csv({paths}, auto_detect = false, {dialect.sql}, columns = {sql_names.columns(columns)}"
        f"{dialect.formats(types.date_format, types.timestamp_format)}{file_column}{reading.options}, "
        "hive_partitioning = false)"
    )


def declared_check(column: str, type_: str, dialect: Dialect, *, cast: str = "CAST") -> str:
    """Return the condition under which a text is a whole number of a type; ways to write it other than DuckDB's are fine."""
    number = dialect.number(column)
    value = f"{cast}({number} AS {type_})"
    return (
        f"{column} IS NULL OR coalesce({value}::VARCHAR = {column}, false) "
        f"OR coalesce(TRY_CAST({number} AS DECIMAL(38, 10)) = TRY_CAST({value} AS DECIMAL(38, 10)), false)"
    )


def differs(text: str, value: str) -> str:
    """Return the condition under which a whole number, cast from a text, is not written as the text is."""
    # A number of one character is a digit; those are the most common, and need not be written out to be compared.
    return f"strlen({text}) > 1 AND {value}::VARCHAR <> {text}"


def _instant_check(column: str) -> str:
    """Return the condition under which a time without a zone, which is UTC, is the instant that a text says."""
    # Hardly any text has an offset, and looking for its sign costs less than reading the text twice.
    is_plain = f"(NOT contains({column}, '+') AND NOT contains(substr({column}, 12), '-'))"
    return f"{column} IS NULL OR {is_plain} OR {keeps_instant(column, f'TRY_CAST({column} AS TIMESTAMP)')}"


def _select(chosen: Sequence[str], reading: Reading, read: Mapping[str, str]) -> str:
    more = [FILE_COLUMN] if reading.with_files else []
    return f"SELECT {', '.join([*chosen, *more])} FROM {read_sql(reading, read)}"


def _checked(shown: str, value: str, name: str, type_: str, check: str) -> str:
    return f"CASE WHEN {check} THEN {value} ELSE {_doubt(shown, name, type_)} END"


def _doubt(shown: str, name: str, type_: str) -> str:
    said = f"{sql_names.text(f'{DOUBT}: column {name}: ')} || left({shown}, 100) || {sql_names.text(f' is not {type_}')}"
    return f"error({said})::{type_}"


def _range(type_: str) -> tuple[int, int]:
    if (width := _WIDTHS.get(type_)) is not None:
        return -(2**width), 2**width - 1
    return 0, 2 ** _UNSIGNED_WIDTHS[type_] - 1
