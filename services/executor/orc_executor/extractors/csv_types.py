"""
Types of a CSV file's columns, and how to notice that a sample was wrong about them.

DuckDB settles on types after some 20,000 rows. What comes later is cast: a fraction in a column of whole numbers is
rounded, `007` loses its zeros, and nobody is told. So whole numbers whose type rests on a sample are read as text and
cast in the query, beside a check that the value is written as DuckDB would write it (measured: 6 % more processor time
than casting unseen). Dates are read in the form that the sample had, strictly, so that no time of day is dropped.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Mapping, Sequence

from msgspec import Struct

from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.engine_errors import DOUBT
from orc_executor.paths import SourceFile

_WHOLE = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)
_NUMBERS = ("BIGINT", "HUGEINT", "DOUBLE")
_DATES = ("DATE", "TIMESTAMP")


class Dialect(Struct, frozen=True):
    """What the config says of the file's form; quotes are double quotes, doubled to stand for themselves."""

    delimiter: str
    null_values: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The options of read_csv and sniff_csv."""
        return (
            f"header = true, delim = {sql_names.text(self.delimiter)}, quote = '\"', escape = '\"', "
            f"nullstr = {sql_names.texts(self.null_values)}, strict_mode = true, null_padding = false"
        )


class Types(Struct, frozen=True, kw_only=True):
    """A type for each column, and in which form dates are written where DuckDB noticed one."""

    columns: dict[str, str]
    date_format: str | None = None
    timestamp_format: str | None = None


def sniff(engine: Engine, file: SourceFile, dialect: Dialect, *, whole: bool) -> Types:
    """Let DuckDB look at the file; raises duckdb.Error."""
    sample = ", sample_size = -1" if whole else ""
    (found,) = engine.run(
        f"SELECT columns, dateformat, timestampformat FROM sniff_csv({sql_names.text(file.pattern)}, {dialect.sql}{sample})"
    )
    return Types(
        columns={column["name"]: column["type"] for column in found[0]},
        date_format=found[1],
        timestamp_format=found[2],
    )


def united(found: Sequence[Types], names: Sequence[str], nulls: Sequence[frozenset[str]] = ()) -> Types:
    """Return types that hold the values of every file; `nulls` are the columns of each that hold none."""
    same_formats = len({(types.date_format, types.timestamp_format) for types in found}) == 1
    columns = dict[str, str]()
    for place, name in enumerate(names):
        said = {
            _nth(types, place) for file, types in enumerate(found) if not nulls or name not in nulls[file]
        }
        columns[name] = _united(said or {"VARCHAR"}, same_formats=same_formats)
    if not same_formats:
        return Types(columns=columns)
    return Types(
        columns=columns, date_format=found[0].date_format, timestamp_format=found[0].timestamp_format
    )


def _nth(types: Types, place: int) -> str:
    return list(types.columns.values())[place]


def _united(types: set[str], *, same_formats: bool) -> str:
    if len(types) == 1 and (same_formats or types.isdisjoint(_DATES)):
        return types.pop()
    for row in (_NUMBERS, _DATES) if same_formats else (_NUMBERS,):
        if types <= set(row):
            return max(types, key=row.index)
    return "VARCHAR"


def scan_sql(
    files: Sequence[SourceFile],
    dialect: Dialect,
    types: Types,
    sampled: frozenset[str],
    declared: frozenset[str],
) -> str:
    """Return the query over the files; columns in `sampled` and `declared` are cast under a check."""
    read, chosen = dict[str, str](), list[str]()
    for name, type_ in types.columns.items():
        column = sql_names.identifier(name)
        check = ""
        if name in sampled:
            check = _sampled_check(column, type_)
        elif name in declared:
            check = _declared_check(column, type_)
        read[name] = "VARCHAR" if check else type_
        chosen.append(f"{_checked(column, name, type_, check)} AS {column}" if check else column)
    return f"SELECT {', '.join(chosen)} FROM {read_sql(files, dialect, types, read)}"


def misfit_sql(file: SourceFile, dialect: Dialect, columns: Mapping[str, str], name: str) -> str | None:
    """Return the query for the first row whose value is not what its declared type keeps; None where that cannot be."""
    column = sql_names.identifier(name)
    check = _declared_check(column, columns[name])
    if not check:
        return None
    texts = dict.fromkeys(columns, "VARCHAR")
    rows = read_sql([file], dialect, Types(columns=texts), texts)
    return (
        f"SELECT place, {column} FROM (SELECT row_number() OVER () AS place, {column} FROM {rows}) "
        f"WHERE NOT ({check}) LIMIT 1"
    )


def read_sql(files: Sequence[SourceFile], dialect: Dialect, types: Types, columns: Mapping[str, str]) -> str:
    """Return the read_csv of the files with just these column types."""
    paths = sql_names.texts(file.pattern for file in files)
    formats = "".join(
        f", {option} = {sql_names.text(value)}"
        for option, value in (
            ("dateformat", types.date_format),
            ("timestampformat", types.timestamp_format),
        )
        if value
    )
    return (
        f"read_csv({paths}, auto_detect = false, {dialect.sql}, columns = {sql_names.columns(columns)}{formats}, "
        "hive_partitioning = false)"
    )


def _checked(column: str, name: str, type_: str, check: str) -> str:
    said = f"{sql_names.text(f'{DOUBT}: column {name}: ')} || left({column}, 100) || {sql_names.text(f' is not {type_}')}"
    return f"CASE WHEN {check} THEN {column}::{type_} ELSE error({said})::{type_} END"


def _sampled_check(column: str, type_: str) -> str:
    """Return the condition under which text and value say the same, empty where no check is needed."""
    return f"{column}::{type_}::VARCHAR IS NOT DISTINCT FROM {column}" if type_ in _WHOLE else ""


def _declared_check(column: str, type_: str) -> str:
    """Return the same for a type that was asked for: other ways to write the value are fine."""
    if type_.upper() in _WHOLE:
        as_number = f"TRY_CAST({column} AS DECIMAL(38, 10)) = {column}::{type_}"
        return f"{column}::{type_}::VARCHAR IS NOT DISTINCT FROM {column} OR {as_number}"
    return ""
