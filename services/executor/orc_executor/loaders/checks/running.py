"""
Checks: what must be true of a table before its load is committed.

    count      rows of the run, by what the loader counted
    one pass   not_null, accepted_values and freshness, in one query over the table
    unique     a query each, which groups by the key
    sql        last, as a query that fails ends the transaction, and nothing after it can be looked at

All are evaluated, and what is not met is told together. Examples of values are few and cut short.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from orc_domain.loaders.checks import (
    AcceptedValues,
    Check,
    Freshness,
    NotNull,
    RowCount,
    SqlAssertion,
    Unique,
)
from orc_events.statements import load
from orc_executor.engine import Engine
from orc_executor.errors import ChecksFailed, storable
from orc_executor.loaders.checks.accepted import is_accepted
from orc_executor.loaders.checks.assertions import run_assertions
from orc_executor.sql_names import folded, identifier

EXAMPLES_MAX = 3
EXAMPLE_CHARACTERS_MAX = 64
LABEL_CHARACTERS_MAX = 128
_COLUMNS = load("orc_executor", "target_named_columns")
_INSTANTS = ("DATE", "TIMESTAMP")


def run_checks(checks: Sequence[Check], relation: str, rows_loaded: int, engine: Engine) -> list[str]:
    """
    Return what checks of severity `warn` have to say; raises ChecksFailed naming every other that is not met.

    `relation` is the table as it stands in SQL, `target.main."name"`, in the open transaction; one that is not there
    is taken as a table without rows. A failed statement has ended the transaction when it raises.
    """
    if not checks:
        return []
    look = _Look(relation, rows_loaded, engine)
    faults: dict[int, str] = {}
    for place, check in enumerate(checks):
        if (fault := look.fault(place, check)) is not None:
            faults[place] = fault
    faults |= look.measured()
    assertions = {place: check for place, check in enumerate(checks) if isinstance(check, SqlAssertion)}
    answers = run_assertions({place: check.query for place, check in assertions.items()}, engine)
    faults |= {place: answer.fault for place, answer in answers.items() if answer.fault is not None}
    broken = {place for place, answer in answers.items() if not answer.is_evaluated}
    told = {place: f"{_label(place, checks[place])}: {faults[place]}" for place in sorted(faults)}
    # What could not be evaluated has ended the transaction, so it fails the load whatever its severity.
    fatal = [fault for place, fault in told.items() if checks[place].severity == "fail" or place in broken]
    if fatal:
        raise ChecksFailed(fatal)
    return list(told.values())


class _Measure(Struct, frozen=True):
    """A check that one pass over the table answers."""

    place: int
    sql: tuple[str, ...]
    """Aggregates."""
    judge: Callable[[Sequence[Any]], str | None]
    """From their values to the fault."""


class _Look:
    """One table, looked at for all its checks."""

    def __init__(self, relation: str, rows_loaded: int, engine: Engine) -> None:
        self._relation, self._rows_loaded, self._engine = relation, rows_loaded, engine
        self._columns = {folded(row[0]): (row[0], row[1]) for row in engine.run(_COLUMNS, [folded(relation)])}
        self._measures: list[_Measure] = []

    def fault(self, place: int, check: Check) -> str | None:
        """Return the fault of a check, None where there is none or `measured` will tell."""
        match check:
            case RowCount():
                return self._row_count(check)
            case SqlAssertion():
                return None
            case NotNull() | Unique():
                names = check.columns
            case AcceptedValues() | Freshness():
                names = (check.column,)
        if not self._columns:
            return "there is no table" if isinstance(check, Freshness) else None
        if missing := [name for name in names if folded(name) not in self._columns]:
            return f"there is no column {', '.join(missing)}; the columns are {self._there()}"
        match check:
            case Unique():
                return self._unique([self._columns[folded(name)][0] for name in names])
            case NotNull():
                self._measures.append(self._not_null(place, names))
            case AcceptedValues():
                self._measures.append(self._accepted(place, check))
            case Freshness():
                return self._freshness(place, check)
        return None

    def measured(self) -> dict[int, str]:
        """Return the faults of the checks that are answered together, by place."""
        if not self._measures:
            return {}
        parts = ", ".join(part for measure in self._measures for part in measure.sql)
        values = list(self._engine.run(f"SELECT {parts} FROM {self._relation}")[0])
        faults = {}
        for measure in self._measures:
            mine, values = values[: len(measure.sql)], values[len(measure.sql) :]
            if (fault := measure.judge(mine)) is not None:
                faults[measure.place] = fault
        return faults

    def _row_count(self, check: RowCount) -> str | None:
        if check.min is not None and self._rows_loaded < check.min:
            return f"{_rows(self._rows_loaded)} loaded, at least {check.min} must be"
        if check.max is not None and self._rows_loaded > check.max:
            return f"{_rows(self._rows_loaded)} loaded, at most {check.max} may be"
        return None

    def _unique(self, names: Sequence[str]) -> str | None:
        quoted = [identifier(name) for name in names]
        groups = (
            f"SELECT {', '.join(quoted)} FROM {self._relation}"
            f" WHERE {' AND '.join(f'{name} IS NOT NULL' for name in quoted)}"
            f" GROUP BY {', '.join(quoted)} HAVING count(*) > 1"
        )
        shown = ", ".join(_shown(name) for name in quoted)
        found = self._engine.run(
            f"SELECT count(*) OVER (), {shown} FROM ({groups})"
            f" ORDER BY {', '.join(quoted)} LIMIT {EXAMPLES_MAX}"
        )
        if not found:
            return None
        examples = [
            ", ".join(f"{name} = {_cut(value)}" for name, value in zip(names, row[1:], strict=True))
            for row in found
        ]
        count = found[0][0]
        keys = "1 key stands" if count == 1 else f"{count} keys stand"
        return f"{keys} twice, such as {' and '.join(examples)}"

    def _not_null(self, place: int, names: Sequence[str]) -> _Measure:
        ours = [self._columns[folded(name)][0] for name in names]

        def judge(counts: Sequence[Any]) -> str | None:
            faults = [
                f"{name} is null in {_rows(count)}" for name, count in zip(ours, counts, strict=True) if count
            ]
            return ", ".join(faults) or None

        return _Measure(place, tuple(f"count(*) - count({identifier(name)})" for name in ours), judge)

    def _accepted(self, place: int, check: AcceptedValues) -> _Measure:
        name, type_ = self._columns[folded(check.column)]
        quoted = identifier(name)
        other = f"{quoted} IS NOT NULL AND NOT ({is_accepted(name, type_, check.values)})"

        def judge(counts: Sequence[Any]) -> str | None:
            (count,) = counts
            if not count:
                return None
            found = self._engine.run(
                f"SELECT DISTINCT {_shown(quoted)} AS shown FROM {self._relation} WHERE {other}"
                f" ORDER BY shown LIMIT {EXAMPLES_MAX}"
            )
            examples = ", ".join(_cut(value) for (value,) in found)
            return f"{_rows(count)} with another value, such as {examples}"

        return _Measure(place, (f"count(*) FILTER ({other})",), judge)

    def _freshness(self, place: int, check: Freshness) -> str | None:
        name, type_ = self._columns[folded(check.column)]
        if not type_.startswith(_INSTANTS):
            return f"{name} is {storable(type_, EXAMPLE_CHARACTERS_MAX)}, neither a date nor a timestamp"
        value = identifier(name)
        if type_ == "TIMESTAMPTZ_NS":
            value = f"CAST({value} AS TIMESTAMPTZ)"
        latest = f"max({value}) FILTER (isfinite({value}))"

        def judge(values: Sequence[Any]) -> str | None:
            seconds, shown = values
            if seconds is None:
                return "there is no value"
            age = time.time() - seconds
            if age <= check.max_age_seconds:
                return None
            return f"the latest value, {shown}, is {age:.0f} s old, at most {check.max_age_seconds:g} s is allowed"

        self._measures.append(_Measure(place, (f"epoch({latest})", f"CAST({latest} AS VARCHAR)"), judge))
        return None

    def _there(self) -> str:
        names = [name for name, _ in self._columns.values()]
        return storable(", ".join(names), 4 * LABEL_CHARACTERS_MAX)


def _label(place: int, check: Check) -> str:
    match check:
        case RowCount():
            said = "row_count"
        case NotNull() | Unique():
            said = f"{'unique' if isinstance(check, Unique) else 'not_null'}({', '.join(check.columns)})"
        case AcceptedValues() | Freshness():
            said = f"{'freshness' if isinstance(check, Freshness) else 'accepted_values'}({check.column})"
        case SqlAssertion():
            said = f"sql({check.name})" if check.name else "sql"
    return f"checks[{place}] {storable(said, LABEL_CHARACTERS_MAX)}"


def _shown(quoted: str) -> str:
    return f"left(CAST({quoted} AS VARCHAR), {EXAMPLE_CHARACTERS_MAX + 1})"


def _cut(value: str) -> str:
    return storable(value, EXAMPLE_CHARACTERS_MAX)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
