"""
Source: what every extractor gives a loader.

    gather    bring near what is far away: the pages of an API into the scratch folder; no target is locked meanwhile
    learned   what to keep with the rows: which files were read, which validators an API gave
    scans     SQL that DuckDB runs itself; when a scan turns out wrong about its types, the next one knows more

Nothing passes through Python row by row.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import duckdb
from msgspec import Struct

from orc_domain.extractors.files import BadRows
from orc_executor.engine import Engine
from orc_executor.errors import TaskError, TaskStopped, WrongShape
from orc_executor.sql_names import folded
from orc_executor.state import Learned

Columns = Mapping[str, str]
"""Names to DuckDB types."""

_WIDENINGS = (
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE"),
    ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT", "DOUBLE"),
    ("UINTEGER", "BIGINT"),
    ("FLOAT", "DOUBLE"),
    ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    ("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS"),
)


class CursorColumn(Struct, frozen=True, kw_only=True):
    """Where a scan's rows say how far they are."""

    name: str
    """As the source calls it."""
    type: str
    """The DuckDB type of `value`."""
    value: str
    """SQL over the scan by which rows are ordered."""
    text: str
    """SQL over the scan for the same as the source wrote it; it may be a column that `columns` does not list."""


class Rejects(Struct, frozen=True, kw_only=True):
    """Rows that could not be read, to be had once a scan was read to its end."""

    sql: str
    """A query for file, line (or record), reason and raw text of each: VARCHAR, BIGINT, VARCHAR, VARCHAR."""
    clear: str
    """The statement that forgets them, to be run before the scan is read."""
    policy: BadRows
    settle: Callable[[], None] | None = None
    """To be called between the scan and `sql`: it finds out the lines, and raises TaskError when rows were lost unseen."""


class Scan(Struct, frozen=True, kw_only=True):
    """A query over the source."""

    sql: str
    columns: dict[str, str]
    """What the table gets, in order; the query may have more."""
    bytes: int
    """Of the source as it is stored."""
    is_sampled: bool = False
    """Whether the types may turn out wrong; then another scan follows."""
    cursor: CursorColumn | None = None
    """Of an incremental extractor."""
    rejects: Rejects | None = None
    """Where bad rows are skipped or put into quarantine."""


NO_SCAN = Scan(sql="", columns={}, bytes=0)
"""No rows, and nothing known of columns."""


class Source(Protocol):
    """Rows to be had, as DuckDB can have them."""

    def gather(self) -> None:
        """Bring the data near; raises TaskError."""

    def learned(self) -> Learned:
        """Return what to keep with the rows, once it has gathered."""

    def scans(self, engine: Engine, wanted: Columns | None) -> Iterator[Scan]:
        """
        Yield a scan, and another each time the one before was in doubt; raises TaskError.

        `wanted` are the columns of the table that is appended to: a source without types of its own is read as those.
        """

    def explain(self, engine: Engine, scan: Scan, error: duckdb.Error) -> TaskError | TaskStopped:
        """Say what went wrong with a scan, NO_SCAN before the first: which file, which line or row, why."""


def fits(found: str, wanted: str) -> bool:
    """Whether every value of one type is a value of the other, nothing lost."""
    if found in (wanted, '"NULL"') or wanted == "VARCHAR":
        return True
    return any(found in row and wanted in row and row.index(found) < row.index(wanted) for row in _WIDENINGS)


def check_fits(found: Columns, wanted: Columns, table: str) -> None:
    """Refuse rows that do not have the table's columns, by name; raises WrongShape naming the difference."""
    ours, theirs = {folded(name): name for name in found}, {folded(name): name for name in wanted}
    unknown = [ours[key] for key in ours if key not in theirs]
    absent = [theirs[key] for key in theirs if key not in ours]
    faults = []
    if unknown:
        faults.append(f"the table has no column {', '.join(unknown)}")
    if absent:
        faults.append(f"the rows have no column {', '.join(absent)}")
    faults += [
        f"column {ours[key]} is {found[ours[key]]}, in the table it is {wanted[theirs[key]]}"
        for key in ours
        if key in theirs and not fits(found[ours[key]], wanted[theirs[key]])
    ]
    if faults:
        raise WrongShape(f"the rows do not fit table {table}: {'; '.join(faults)}")
