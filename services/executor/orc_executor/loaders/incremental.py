"""
Incremental: which rows a run takes, and where the next one begins.

    narrow     rows from the cursor, less the lag, on; those that were loaded before are recognised by their digest
    advance    the highest cursor of the rows, as the source wrote it, and the digests of those that may come again

Cursors are compared by the type of their column and kept as text, so that no precision is lost. A backfill's run has a
window instead: it takes what lies in it and leaves the cursor where it is.
"""

# ruff: noqa: S608 - every name and text of a user is quoted by sql_names

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import msgspec
from msgspec import Struct, structs

from orc_domain.extractors.incremental import Scalar
from orc_domain.run_messages import RunWindow
from orc_executor.engine import Engine
from orc_executor.errors import WrongShape
from orc_executor.extractors.cursor_times import CursorTime
from orc_executor.extractors.source import CursorColumn
from orc_executor.frames import TaskOrder
from orc_executor.sql_names import identifier, text
from orc_executor.state import TaskState

CURSOR, CURSOR_TEXT, DIGEST = "_orc_cursor", "_orc_cursor_text", "_orc_digest"
"""The columns of staged rows that hold the cursor, as value and as text, and where need be what tells a row from others."""
BOUNDARY_ROWS_MAX = 100_000
_BOUNDARY = "orc_boundary"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PER_SECOND = {"unix": 1, "unix_ms": 1000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAG = re.compile(r"(?P<number>[0-9.]+)(?P<unit>[smhdw]?)")
_TIMES = ("DATE", "TIMESTAMP", "TIME")
_ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
_WHOLE = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT)")
_ENDLESS = ("DATE", "TIMESTAMP", "DOUBLE", "FLOAT")
"""Types with an infinity, or with what is no number: no row comes after it."""


class Spec(Struct, frozen=True):
    """What a config says of where a run begins."""

    initial: Scalar | None = None
    lag: str | None = None
    format: str | None = None
    """What numbers count: `unix` or `unix_ms`, where an API says so."""


def spec_of(order: TaskOrder) -> Spec:
    """Return what the order's extractor says, of whatever kind it is."""
    return msgspec.convert(order.extractor_config.get("incremental") or {}, Spec)


class Narrowing:
    """The rows of one incremental scan; `cursor` are SQL over it."""

    def __init__(
        self, cursor: CursorColumn, spec: Spec, state: TaskState, window: RunWindow | None, *, by_digest: bool
    ) -> None:
        self.cursor = self._cursor = _compared(cursor, state)
        """The scan's, by the type that orders it."""
        if state.cursor is not None and state.cursor_type is None:
            state = structs.replace(state, cursor=self._meant(state.cursor))
        self._spec, self._state, self._window = spec, state, window
        self._by_digest = by_digest and window is None
        """Whether rows that were loaded before must be recognised: a key does not do that."""

    def condition(self, digest: str) -> str:
        """
        Return SQL for the rows to take, over rows with `CURSOR`; a null cursor is taken, to be told by `advance`.

        `digest` is SQL over the same rows for what tells one from others.
        """
        value, state = identifier(CURSOR), self._state
        if self._window is not None:
            return self._within(value, self._window)
        if state.cursor is None:
            if self._spec.initial is None:
                return "true"
            return f"({value} IS NULL OR {value} >= {self._typed(self._meant(str(self._spec.initial)))})"
        reached = self._typed(state.cursor)
        fresh = f"{value} >= {self._before(reached)}"
        if self._by_digest and state.boundary:
            seen = f"(SELECT digest FROM {_BOUNDARY})"
            fresh += f" AND NOT ({value} <= {reached} AND {digest} IN {seen})"
        return f"({value} IS NULL OR ({fresh}))"

    def prepare(self, engine: Engine) -> None:
        """Put the digests of the rows that may come again where the condition looks for them."""
        engine.run(f"CREATE OR REPLACE TEMP TABLE {_BOUNDARY} (digest VARCHAR, cursor VARCHAR)")
        if self._by_digest and self._state.boundary:
            digests, cursors = zip(*self._state.boundary, strict=True)
            engine.run(
                f"INSERT INTO {_BOUNDARY} SELECT unnest($1), unnest($2)", [list(digests), list(cursors)]
            )

    def advance(self, engine: Engine, staged: str, digest: str) -> TaskState:
        """Return the state after the staged rows; raises WrongShape when a row has no cursor."""
        nulls, endless, reached = self._reached(engine, staged)
        if nulls:
            raise WrongShape(f"{nulls} rows have no value in {self._cursor.name}, the cursor of incremental")
        if endless:
            raise WrongShape(
                f"{endless} rows have infinity, or what is no number, in {self._cursor.name}, the cursor of incremental:"
                " no row could come after them"
            )
        if self._window is not None or reached is None:
            return self._state
        boundary: tuple[tuple[str, str], ...] = ()
        if self._by_digest:
            boundary = self._boundary(engine, staged, digest, reached)
        return structs.replace(self._state, cursor=reached, cursor_type=self._cursor.type, boundary=boundary)

    def _reached(self, engine: Engine, staged: str) -> tuple[int, int, str | None]:
        value, said = identifier(CURSOR), identifier(CURSOR_TEXT)
        is_endless = f"NOT isfinite({value})" if self._cursor.type.startswith(_ENDLESS) else "false"
        ((nulls, endless, highest),) = engine.run(
            f"SELECT count(*) FILTER ({value} IS NULL), count(*) FILTER ({is_endless}), arg_max({said}, {value}) FROM {staged}"
        )
        before = self._state.cursor
        if highest is None or before is None:
            return nulls, endless, highest if highest is not None else before
        # Rows of the lag alone do not move the cursor back.
        ((is_beyond,),) = engine.run(f"SELECT {self._typed(highest)} >= {self._typed(before)}")
        return nulls, endless, highest if is_beyond else before

    def _boundary(
        self, engine: Engine, staged: str, digest: str, reached: str
    ) -> tuple[tuple[str, str], ...]:
        since = self._before(self._typed(reached))
        rows: list[tuple[Any, ...]] = engine.run(
            f"SELECT {digest}, min({identifier(CURSOR_TEXT)}) FROM {staged} "
            f"WHERE {identifier(CURSOR)} >= {since} GROUP BY 1 "
            f"UNION SELECT digest, cursor FROM {_BOUNDARY} WHERE {self._cast('cursor')} >= {since} "
            f"LIMIT {BOUNDARY_ROWS_MAX + 1}"
        )
        if len(rows) > BOUNDARY_ROWS_MAX:
            raise WrongShape(
                f"more than {BOUNDARY_ROWS_MAX} rows lie within the lag before the cursor {self._cursor.name}: too many"
                " to recognise again; use write_disposition merge with a primary_key, or a shorter lag"
            )
        return tuple((one, cursor) for one, cursor in rows)

    def _typed(self, said: str) -> str:
        return self._cast(text(said))

    def _cast(self, sql: str) -> str:
        # A column that is null everywhere is of no type; whatever was reached is compared as it is written.
        type_ = "VARCHAR" if self._cursor.type == '"NULL"' else self._cursor.type
        return f"CAST({sql} AS {type_})"

    @property
    def _counts(self) -> int | None:
        """How many of the cursor's numbers are a second; None where it is no number, or what it counts is not said."""
        is_number = not self._cursor.type.startswith((*_TIMES, "VARCHAR"))
        return _PER_SECOND.get(self._spec.format or "") if is_number else None

    def _within(self, value: str, window: RunWindow) -> str:
        """Return SQL for whether a cursor lies in the window; raises WrongShape where it is no time."""
        type_, counts = self._cursor.type, self._counts
        start, end = (at.astimezone(UTC) for at in (window.start, window.end))
        if type_.startswith(_TIMES):
            return (
                f"({value} >= {self._typed(start.isoformat())} AND {value} < {self._typed(end.isoformat())})"
            )
        if counts is not None:
            first, after = (_since_epoch(at) * counts / 1_000_000 for at in (start, end))
            return f"({value} >= {first} AND {value} < {after})"
        if type_ == "VARCHAR":
            # As times, for as texts the 1st at noon may be before the 1st; what is none fails the load.
            at, zoned = f"CAST({value} AS TIMESTAMPTZ)", "::TIMESTAMPTZ"
            return f"({at} >= {text(start.isoformat())}{zoned} AND {at} < {text(end.isoformat())}{zoned})"
        raise WrongShape(
            f"a backfill's run takes the rows of a span of time, but the cursor {self._cursor.name} is {type_}, which is no time"
        )

    def _meant(self, said: str) -> str:
        """Return what somebody wrote for a cursor, in UTC where the column's times have no zone, as those are."""
        type_ = self._cursor.type
        if not type_.startswith(("DATE", "TIMESTAMP")) or type_.startswith(_ZONED):
            return said
        time = CursorTime.parse(said)
        return said if time is None else time.in_utc

    def _before(self, reached: str) -> str:
        if self._spec.lag is None:
            return reached
        lag, type_ = _LAG.fullmatch(self._spec.lag), self._cursor.type
        assert lag is not None, "the config's pattern says so"
        number = Decimal(lag["number"])
        if type_.startswith(_TIMES):
            return f"({reached} - INTERVAL '{number * _UNITS[lag['unit']]:f} seconds')"
        if _WHOLE.fullmatch(type_):
            # The difference may be less than the least number of the type.
            reached = f"CAST({reached} AS HUGEINT)"
        if lag["unit"] and self._counts is not None:
            return f"({reached} - {number * _UNITS[lag['unit']] * self._counts:f})"
        if lag["unit"] or type_ == "VARCHAR":
            raise WrongShape(
                f"incremental.lag is {self._spec.lag}, but the cursor {self._cursor.name} is {type_}, which has no time"
                " to go back; declare its type in columns, or leave lag out"
            )
        return f"({reached} - {number:f})"


def _compared(cursor: CursorColumn, state: TaskState) -> CursorColumn:
    """Return the cursor, ordered as it was before: as texts 10 comes before 9, and what lies between would be lost."""
    before = state.cursor_type
    if before is None or "VARCHAR" not in {before, cursor.type} or before == cursor.type:
        return cursor
    return structs.replace(cursor, type=before, value=f"CAST({cursor.value} AS {before})")


def _since_epoch(at: datetime) -> Decimal:
    """Return microseconds."""
    return Decimal((at - _EPOCH) // timedelta(microseconds=1))


def check_cursor(engine: Engine, cursor: CursorColumn, said: str) -> None:
    """Refuse a cursor that is no value of its column; raises WrongShape."""
    try:
        # Not the value itself: handing one with a time zone to Python takes a library that is not here.
        engine.run(f"SELECT CAST({text(said)} AS {cursor.type}) IS NULL")
    except duckdb.Error as error:
        raise WrongShape(f"the cursor {said!r} is no {cursor.type}, as column {cursor.name} is") from error
