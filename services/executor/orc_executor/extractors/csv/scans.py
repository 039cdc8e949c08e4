"""The scans of CSV files: the query, with the columns that the config asks for, and where bad rows are found."""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from msgspec import Struct, structs

from orc_domain.extractors.csv import CsvExtract
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.csv.rejects import CLEAR, PUT_ASIDE, rejects_sql, settle
from orc_executor.extractors.csv.types import (
    FILE_COLUMN,
    Reading,
    scan_sql,
    tolerant_sql,
    without_misfits_sql,
)
from orc_executor.extractors.shaping import file_name_sql, shape
from orc_executor.extractors.source import Rejects, Scan
from orc_executor.sql_names import folded, identifier


class Asked(Struct, frozen=True):
    """What a scan is asked for beside its rows."""

    config: CsvExtract
    bytes: int
    names: dict[str, str]
    """Of the files, by path."""


def strict_scan(reading: Reading, asked: Asked, *, is_sampled: bool) -> Scan:
    """Return the scan that fails at the first bad row."""
    return _scan(scan_sql(reading), reading, asked, is_sampled=is_sampled)


def tolerant_scan(
    engine: Engine, reading: Reading, asked: Asked, *, is_sampled: bool, has_misfits: bool
) -> Scan:
    """Return the scan that puts bad rows aside; those with misfits are found already, or raise a doubt."""
    aside = structs.replace(reading, options=PUT_ASIDE)
    scan = _scan(
        without_misfits_sql(aside) if has_misfits else tolerant_sql(aside),
        reading,
        asked,
        is_sampled=is_sampled,
    )
    policy = asked.config.on_bad_rows
    rejects = Rejects(
        sql=rejects_sql(asked.names, reading.types.columns, reading.declared, has_misfits=has_misfits),
        clear=CLEAR,
        policy=policy,
        settle=lambda: settle(
            engine, reading.files, reading.dialect, most=policy.max, has_misfits=has_misfits
        ),
    )
    return structs.replace(scan, rejects=rejects)


def _scan(sql: str, reading: Reading, asked: Asked, *, is_sampled: bool) -> Scan:
    config, columns = asked.config, dict(reading.types.columns)
    always = list[str]()
    if (file_name := config.file_name_column) is not None:
        if folded(file_name) in {folded(name) for name in columns}:
            raise WrongShape(f"the files have a column {file_name} already, which file_name_column names")
        told = file_name_sql(identifier(FILE_COLUMN), asked.names)
        sql = f"SELECT * EXCLUDE ({FILE_COLUMN}), {told} AS {identifier(file_name)} FROM ({sql})"
        columns[file_name] = "VARCHAR"
        always = [file_name]
    shaped = shape(
        sql,
        columns,
        select=config.select,
        rename=config.rename,
        always=always,
        cursor=None if config.incremental is None else config.incremental.cursor,
    )
    return Scan(
        sql=shaped.sql,
        columns=shaped.columns,
        bytes=asked.bytes,
        is_sampled=is_sampled,
        cursor=shaped.cursor,
    )
