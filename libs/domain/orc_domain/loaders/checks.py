"""What must be true of a table before a load is committed."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from orc_domain.config import NonEmpty, Tagged
from orc_domain.names import folded
from orc_domain.rejection import Invalid
from orc_domain.sql_fields import SqlText

CHECKS_MAX = 100
VALUES_MAX = 10_000
NUMBER_MAX = 1e300

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
    """A SELECT over the target, whose tables it names plainly, that must return no row; one that fails is not met."""

    query: Annotated[SqlText, Meta(min_length=1, max_length=10_000)]
    """SQL; it returns what is wrong. With ORC_AUTH=required only an admin may set it."""
    name: NonEmpty | None = None
    """What to call it when it is not met."""
    severity: Severity = "fail"


Check = RowCount | NotNull | Unique | AcceptedValues | Freshness | SqlAssertion
Checks = Annotated[tuple[Check, ...], Meta(max_length=CHECKS_MAX)]
CHECK_TYPES = "row_count, not_null, unique, accepted_values, freshness, sql"

_READS = re.compile(r"\s*(SELECT|WITH)\b", re.IGNORECASE)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def check_checks(checks: Sequence[Check], field: str) -> None:
    """Judge all that the checks' text tells; raises Invalid naming the check, such as `field[1].min`."""
    for place, check in enumerate(checks):
        at = f"{field}[{place}]"
        match check:
            case RowCount():
                _check_row_count(check, at)
            case NotNull() | Unique():
                if len({folded(name) for name in check.columns}) != len(check.columns):
                    raise Invalid(f"{at}.columns", "a column stands twice", valid="each column once")
            case AcceptedValues():
                _check_values(check.values, at)
            case Freshness():
                if not math.isfinite(check.max_age_seconds):
                    raise Invalid(f"{at}.max_age_seconds", "the age is endless", valid="a number of seconds")
            case SqlAssertion():
                _check_query(check.query, at)


def _check_row_count(check: RowCount, at: str) -> None:
    if check.min is None and check.max is None:
        raise Invalid(f"{at}.min", "a row_count needs min or max", valid="a number of rows, 0 or more")
    if check.min is not None and check.max is not None and check.min > check.max:
        raise Invalid(f"{at}.min", f"{check.min} is more than max", valid=f"at most {check.max}")


def _check_values(values: Sequence[str | float], at: str) -> None:
    for number, value in enumerate(values):
        if isinstance(value, int | float) and not abs(value) <= NUMBER_MAX:
            raise Invalid(f"{at}.values[{number}]", "no column can hold the number", valid="a smaller number")
        if isinstance(value, str) and _UNSTORABLE.search(value):
            raise Invalid(
                f"{at}.values[{number}]", "no column can hold NUL or half a character", valid="a plain text"
            )


def _check_query(query: str, at: str) -> None:
    if _UNSTORABLE.search(query):
        raise Invalid(f"{at}.query", "it holds NUL or half a character", valid="a SELECT statement")
    if not _READS.match(query):
        raise Invalid(f"{at}.query", "it does not begin with SELECT or WITH", valid="a SELECT statement")
