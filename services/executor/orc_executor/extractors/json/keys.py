"""
Keys of records that differ in case alone: columns do not, so one of them would be lost.

DuckDB gives one of them a number, `id_1`, looks for a key of that name when it reads, finds none, and says nothing.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.source import Columns


def check_keys(engine: Engine, found: Columns, objects: str) -> None:
    """
    Refuse records with keys that differ in case alone, which no table can have beside each other; raises WrongShape.

    `found` are the columns that DuckDB found; `objects` is a query for the records, each as JSON in the column `json`.
    """
    by_name = dict[str, str]()
    for name in found:
        other = by_name.setdefault(sql_names.folded(name), name)
        if other is not name:
            raise _two_cases(other)
    for name in found:
        stem = _without_number(name)
        if stem == name or sql_names.folded(stem) not in by_name:
            continue
        has_key = f"json_type(json) = 'OBJECT' AND list_contains(json_keys(json), {sql_names.text(name)})"
        if not engine.run(f"SELECT 1 FROM ({objects}) WHERE {has_key} LIMIT 1"):
            while (shorter := _without_number(stem)) != stem:
                stem = shorter
            raise _two_cases(stem)


def _without_number(name: str) -> str:
    stem, joint, number = name.rpartition("_")
    return stem if joint and stem and number.isascii() and number.isdigit() else name


def _two_cases(name: str) -> WrongShape:
    return WrongShape(f"the records have a field {name} in two spellings that differ in case alone")
