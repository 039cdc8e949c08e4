"""
Contract: how the rows' columns meet the table's, as the schema contract says.

`plan` only tells: which statements change the table, how the rows are selected into it, which rows do not get in, and
what of all that a person should know. So a preview says the same as a load does.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

from collections.abc import Callable, Mapping

from msgspec import Struct

from orc_domain.loaders.contract import SchemaContract
from orc_executor.errors import ContractBroken, WrongShape
from orc_executor.extractors.source import Columns, fits
from orc_executor.loaders.duckdb.widening import converted, loses, widened
from orc_executor.sql_names import folded, identifier

Supertype = Callable[[str, str], str | None]
"""The type that DuckDB takes two types to, None where there is none."""


_TRUTH = "BOOLEAN"


class Loss(Struct, frozen=True):
    """Values that do not get into the table."""

    condition: str
    """SQL over the rows: whether a row has such a value."""
    reason: str


class Plan(Struct, frozen=True, kw_only=True):
    """How rows get into a table."""

    statements: tuple[str, ...] = ()
    """That change the table, to be run in the transaction that loads."""
    changes: tuple[str, ...] = ()
    """The same in words, each with the table's name."""
    chosen: Mapping[str, str]
    """Column of the table to SQL over the rows, in order."""
    kept_out: tuple[Loss, ...] = ()
    """Rows that go to quarantine."""
    left_out: tuple[Loss, ...] = ()
    """Values that become null or have no column."""
    checks: tuple[tuple[str, str], ...] = ()
    """Queries over the table whose count must be 0, else the change beside them would lose something."""

    @property
    def select(self) -> str:
        """The expressions, each under its column's name."""
        return ", ".join(f"{sql} AS {identifier(name)}" for name, sql in self.chosen.items())


def as_they_are(columns: Columns) -> Plan:
    """Return the plan of a table that is made of the rows."""
    return Plan(chosen={name: identifier(name) for name in columns})


def check_new_table(name: str, contract: SchemaContract) -> None:
    """Refuse to make a table where the contract freezes tables; raises ContractBroken."""
    if contract.tables == "freeze":
        raise ContractBroken(f"there is no table {name}, and schema_contract.tables is freeze")


def plan(
    name: str,
    found: Columns,
    existing: Columns,
    contract: SchemaContract,
    *,
    supertype: Supertype,
    may_lack: bool = False,
) -> Plan:
    """
    Return how rows with the columns `found` get into a table with the columns `existing`.

    `name` is the table's, in the target's schema `main`. `may_lack` says that rows need not have every column even where
    columns are frozen. Raises ContractBroken and WrongShape naming every difference that may not be.
    """
    theirs = {folded(column): column for column in existing}
    planning = _Planning(name, contract, supertype)
    if contract.columns == "freeze" and not may_lack:
        ours = {folded(column) for column in found}
        planning.absent([column for key, column in theirs.items() if key not in ours])
    for column, type_ in found.items():
        place = theirs.get(folded(column))
        if place is None:
            planning.new(column, type_)
        else:
            planning.known(column, type_, place, existing[place])
    return planning.done()


class _Planning:
    """Collects what each column asks for, faults too, so that all are told together."""

    def __init__(self, name: str, contract: SchemaContract, supertype: Supertype) -> None:
        self._name, self._contract, self._supertype = name, contract, supertype
        self._table = f"target.main.{identifier(name)}"
        self._statements, self._changes, self._checks = list[str](), list[str](), list[tuple[str, str]]()
        self._chosen = dict[str, str]()
        self._kept_out, self._left_out = list[Loss](), list[Loss]()
        self._faults, self._is_frozen = list[str](), False

    def absent(self, columns: list[str]) -> None:
        if columns:
            self._refuse(f"the rows have no column {', '.join(columns)}", frozen=True)

    def new(self, column: str, type_: str) -> None:
        sql, name = identifier(column), self._name
        match self._contract.columns:
            case "evolve":
                kept = "VARCHAR" if type_ == '"NULL"' else type_
                self._statements.append(f"ALTER TABLE {self._table} ADD COLUMN {sql} {kept}")
                self._changes.append(f"{name}: added column {column} {kept}")
                self._chosen[column] = sql
            case "freeze":
                self._refuse(f"the table has no column {column}", frozen=True)
            case "discard_value":
                self._left_out.append(Loss(f"{sql} IS NOT NULL", f"there is no column {column}"))
            case "discard_row":
                self._kept_out.append(Loss(f"{sql} IS NOT NULL", f"the table has no column {column}"))

    def known(self, column: str, found: str, place: str, type_: str) -> None:
        sql = identifier(column)
        self._chosen[place] = sql if found == type_ else converted(sql, place, found, type_)
        if self._is_held(found, type_) and not (loses(found, type_) and self._discards):
            return
        reason = f"column {place} is {found}, in the table it is {type_}"
        match self._contract.data_type:
            case "evolve":
                wide = widened(type_, found, self._meet)
                if wide is None:
                    self._refuse(reason, frozen=False)
                    return
                self._chosen[place] = converted(sql, place, found, wide)
                at = identifier(place)
                change = f"{self._name}: column {place} {type_} became {wide}"
                lost = f"TRY_CAST(TRY_CAST({at} AS {wide}) AS {type_}) IS DISTINCT FROM {at}"
                self._checks.append(
                    (f"SELECT count(*) FROM {self._table} WHERE {lost}", f"column {place} as {wide}")
                )
                self._statements.append(f"ALTER TABLE {self._table} ALTER COLUMN {at} TYPE {wide}")
                self._changes.append(change)
            case "freeze":
                self._refuse(reason, frozen=True)
            case mode:
                lost = f"({sql} IS NOT NULL AND {_lossless(sql, found, type_)} IS NULL)"
                said = f"a value of column {place} does not fit {type_}"
                (self._left_out if mode == "discard_value" else self._kept_out).append(Loss(lost, said))
                self._chosen[place] = _lossless(sql, found, type_)

    @property
    def _discards(self) -> bool:
        return self._contract.data_type.startswith("discard")

    def _is_held(self, found: str, type_: str) -> bool:
        """Whether the table's type is the one that both are taken to; which comes first says in which order keys stand."""
        if fits(found, type_):
            return True
        return type_ in {self._meet(found, type_), self._meet(type_, found)}

    def _meet(self, one: str, other: str) -> str | None:
        """Return the type that two are taken to; DuckDB takes true for 1, which nobody meant who wrote either."""
        if (one == _TRUTH) != (other == _TRUTH) and "VARCHAR" not in {one, other}:
            return None
        return self._supertype(one, other)

    def done(self) -> Plan:
        if self._faults:
            broken = ContractBroken if self._is_frozen else WrongShape
            raise broken(f"the rows do not fit table {self._name}: {'; '.join(self._faults)}")
        return Plan(
            statements=tuple(self._statements),
            changes=tuple(self._changes),
            chosen=self._chosen,
            kept_out=tuple(self._kept_out),
            left_out=tuple(self._left_out),
            checks=tuple(self._checks),
        )

    def _refuse(self, fault: str, *, frozen: bool) -> None:
        self._faults.append(fault)
        self._is_frozen = self._is_frozen or frozen


def _lossless(sql: str, found: str, type_: str) -> str:
    """Return SQL for the value as the table's type, null where that would change it."""
    cast = f"TRY_CAST({sql} AS {type_})"
    return f"CASE WHEN TRY_CAST({cast} AS {found}) IS NOT DISTINCT FROM {sql} THEN {cast} END"


def changes_of(name: str, before: Columns, after: Columns) -> tuple[str, ...]:
    """Return what replacing a table changed in its columns, in words."""
    old, new = ({folded(key): (key, type_) for key, type_ in one.items()} for one in (before, after))
    said = [
        f"{name}: added column {column} {type_}" for key, (column, type_) in new.items() if key not in old
    ]
    said += [f"{name}: dropped column {column}" for key, (column, _) in old.items() if key not in new]
    said += [
        f"{name}: column {column} {old[key][1]} became {type_}"
        for key, (column, type_) in new.items()
        if key in old and old[key][1] != type_
    ]
    return tuple(said)
