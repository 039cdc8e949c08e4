"""Incremental extraction: where to go on, by a cursor that is committed together with the rows."""

from typing import Annotated

from msgspec import Meta, Struct

from orc_domain.config import NonEmpty

Lag = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?(s|m|h|d|w)?\Z")]
"""How far before the cursor to begin again: a number for cursors that are numbers, `2h`, `90s`, `1d` for times."""
Scalar = str | int | float


class Incremental(Struct, frozen=True, forbid_unknown_fields=True):
    """Extract only what has a cursor beyond the last run's."""

    cursor: NonEmpty
    """The column (of an API's record: the field) that only grows."""
    initial: Scalar | None = None
    """Where the first run begins; None extracts everything."""
    lag: Lag | None = None
    """Rows that come late: begin so far before the cursor; rows that were loaded before are recognised and left out."""


class ApiIncremental(Struct, frozen=True, forbid_unknown_fields=True):
    """The same of an API, which is asked for what is beyond the cursor."""

    cursor: NonEmpty
    """The record's field, dotted where it is nested: `updated_at`, `commit.author.date`."""
    param: NonEmpty | None = None
    """The query parameter that takes the cursor; None asks for everything and leaves out what was loaded."""
    initial: Scalar | None = None
    """Where the first run begins; None extracts everything."""
    lag: Lag | None = None
    end_param: NonEmpty | None = None
    """The query parameter that takes the end of the window a backfill's run is for."""
    format: NonEmpty | None = None
    """How the parameter is written: a strftime format, `unix`, `unix_ms`; None writes it as the API gave it."""
