"""
Keys of records that differ only in case: columns do not, so one of them would be lost.

DuckDB gives the second another name, `A_1`, looks for a key of that name when it reads, finds none, and says nothing.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import re
from collections.abc import Callable

from orc_executor import sql_names
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.source import Columns

_RENAMED = re.compile(r"(?P<name>.+)_\d+\Z", re.DOTALL)


def check_keys(engine: Engine, found: Columns, reading: Callable[[str], str]) -> None:
    """
    Refuse records with keys that differ only in case; raises WrongShape naming them.

    `found` are the columns that DuckDB found; `reading` gives the query that reads just some, given as read_json takes
    them.
    """
    there = dict[str, str]()
    for name in found:
        if (same := there.setdefault(name.casefold(), name)) != name:
            raise _differ_in_case(same)
    for name, type_ in found.items():
        renamed = _RENAMED.match(name)
        # A column that is null in every record is lost to nobody.
        if renamed is None or renamed["name"].casefold() not in there or type_ == '"NULL"':
            continue
        column, columns = sql_names.identifier(name), sql_names.columns({name: "JSON"})
        if not engine.run(f"SELECT 1 FROM ({reading(columns)}) WHERE {column} IS NOT NULL LIMIT 1"):
            raise _differ_in_case(renamed["name"])


def _differ_in_case(name: str) -> WrongShape:
    return WrongShape(f"two keys of the records are {name} and differ only in case")
