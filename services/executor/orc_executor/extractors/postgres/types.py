"""
Postgres' types as DuckDB's: how a column is asked for, how it is read from CSV, and what it is then.

Nothing is lost on the way: what DuckDB has no type for stays the text that Postgres writes, and a `numeric` that says
nothing of its digits is DECIMAL(38,9) and checked, value by value.
"""

from msgspec import Struct

from orc_executor.engine_errors import DOUBT
from orc_executor.sql_names import identifier, text

WIDEST = 38
_LOOSE_SCALE = 9
LOOSE = f"DECIMAL({WIDEST},{_LOOSE_SCALE})"
_PLAIN = {
    "bool": "BOOLEAN", "int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "oid": "UINTEGER",
    "float4": "FLOAT", "float8": "DOUBLE", "uuid": "UUID", "time": "TIME", "json": "JSON", "jsonb": "JSON",
}  # fmt: skip
"""What DuckDB reads from CSV as Postgres writes it."""
_TIMES = {"date": "DATE", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE"}
_ELEMENTS = {
    **{name: _PLAIN[name] for name in ("bool", "int2", "int4", "int8", "float4", "float8", "uuid")},
    **_TIMES, "text": "VARCHAR", "varchar": "VARCHAR", "bpchar": "VARCHAR", "name": "VARCHAR",
}  # fmt: skip
"""Of arrays that become lists; others become JSON."""


class Column(Struct, frozen=True, kw_only=True):
    """A column of the query, as Postgres describes it."""

    name: str
    type: str
    """Its name in pg_type; of an array that of its elements with `[]`."""
    kind: str = "scalar"
    """scalar, array, composite, range, …"""
    precision: int | None = None
    """Of a `numeric` whose digits are known."""
    scale: int | None = None

    @property
    def asked(self) -> str:
        """Postgres SQL for it, over the query as `asked`."""
        name = f"asked.{identifier(self.name)}"
        return f"pg_catalog.to_json({name})" if self._comes_as_json else name

    @property
    def duckdb(self) -> str:
        """What it is afterwards."""
        if self.kind == "array":
            element = _ELEMENTS.get(self.type.removesuffix("[]"))
            return f"{element}[]" if element else "JSON"
        if self.kind == "composite":
            return "JSON"
        if self.type == "numeric":
            return LOOSE if self.precision is None else f"DECIMAL({self.precision},{self.scale})"
        return {**_PLAIN, **_TIMES, "bytea": "BLOB", "interval": "INTERVAL"}.get(self.type, "VARCHAR")

    @property
    def stored(self) -> str:
        """The type to read the CSV as."""
        if self.kind == "scalar" and self.type in _PLAIN:
            return _PLAIN[self.type]
        if self.type == "numeric" and self.precision is not None:
            return self.duckdb
        return "JSON" if self._comes_as_json else "VARCHAR"

    def read(self, wanted: str | None) -> str:
        """Return DuckDB SQL for it over the CSV, as `wanted` where the config says so."""
        name = identifier(self.name)
        if wanted is not None:
            return f"CAST({self._value(name) if self.type == 'bytea' else name} AS {wanted})"
        return self._value(name)

    def _value(self, name: str) -> str:
        if self.kind == "array" and self.duckdb != "JSON":
            return f"CAST({name} AS {self.duckdb})"
        if self.kind != "scalar":
            return name
        if self.type in _TIMES:
            # Where Postgres writes 'BC' behind everything, DuckDB wants '(BC)' behind the date.
            return (
                f"CAST(CASE WHEN ends_with({name}, ' BC') THEN regexp_replace({name}, '^(\\S+)(.*) BC$', '\\1 (BC)\\2') "
                f"ELSE {name} END AS {self.duckdb})"
            )
        if self.type == "bytea":
            return f"unhex(substr({name}, 3))"
        if self.type == "interval":
            return f"CAST(replace({name}, '+', '') AS INTERVAL)"
        if self.type == "numeric" and self.precision is None:
            return self._exact(name)
        return name

    def _exact(self, name: str) -> str:
        said = text(f"{DOUBT}: column {self.name}: ")
        advice = text(f" is no {LOOSE}: say what it is in columns, VARCHAR or DOUBLE at need")
        return (
            f"CASE WHEN length(rtrim(split_part({name}, '.', 2), '0')) > {_LOOSE_SCALE} OR "
            f"({name} IS NOT NULL AND TRY_CAST({name} AS {LOOSE}) IS NULL) "
            f"THEN error({said} || {name} || {advice}) ELSE CAST({name} AS {LOOSE}) END"
        )

    @property
    def _comes_as_json(self) -> bool:
        return self.kind in {"array", "composite"}
