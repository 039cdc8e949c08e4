"""What must be true of a table before a load is committed."""

from typing import Annotated, Literal

from msgspec import Meta

from orc_domain.config import NonEmpty, Tagged

CHECKS_MAX = 100
VALUES_MAX = 10_000

Severity = Literal["fail", "warn"]
"""`fail` leaves the table as it was; `warn` loads and tells in `task.succeeded`."""
Columns = Annotated[tuple[NonEmpty, ...], Meta(min_length=1, max_length=100)]


class RowCount(Tagged, frozen=True, tag="row_count"):
    """So many rows are loaded by the run, at least and at most."""

    min: Annotated[int, Meta(ge=0)] | None = None
    """At least so many."""
    max: Annotated[int, Meta(ge=0)] | None = None
    """At most so many."""
    severity: Severity = "fail"


class NotNull(Tagged, frozen=True, tag="not_null"):
    """No row of the table has null in these columns."""

    columns: Columns
    """Each of them."""
    severity: Severity = "fail"


class Unique(Tagged, frozen=True, tag="unique"):
    """No two rows of the table have the same values in these columns together."""

    columns: Columns
    """Together."""
    severity: Severity = "fail"


class AcceptedValues(Tagged, frozen=True, tag="accepted_values"):
    """The column holds nothing but these values, null aside."""

    column: NonEmpty
    """Of the table."""
    values: Annotated[tuple[str | int | float | bool, ...], Meta(min_length=1, max_length=VALUES_MAX)]
    """All that may stand there."""
    severity: Severity = "fail"


class Freshness(Tagged, frozen=True, tag="freshness"):
    """The latest value of a date or timestamp column is not older than this when the load commits."""

    column: NonEmpty
    """A date or timestamp."""
    max_age_seconds: Annotated[float, Meta(gt=0)]
    """Between its latest value and the commit."""
    severity: Severity = "fail"


class SqlAssertion(Tagged, frozen=True, tag="sql"):
    """A SELECT over the target, whose tables it names plainly, that must return no row."""

    query: Annotated[str, Meta(min_length=1, max_length=10_000)]
    """It returns what is wrong."""
    name: NonEmpty | None = None
    """What to call it when it is not met."""
    severity: Severity = "fail"


Check = RowCount | NotNull | Unique | AcceptedValues | Freshness | SqlAssertion
Checks = Annotated[tuple[Check, ...], Meta(max_length=CHECKS_MAX)]
CHECK_TYPES = "row_count, not_null, unique, accepted_values, freshness, sql"
