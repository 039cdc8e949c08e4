"""Incremental extraction: where to go on, by a cursor that is committed together with the rows."""

import re
from collections.abc import Collection
from typing import Annotated

from msgspec import Meta, Struct

from orc_domain.config import NonEmpty
from orc_domain.rejection import Invalid

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
    """
    The query parameter (of a body that is an object: its field) that takes the cursor; None asks for everything and
    leaves out what was loaded.
    """
    initial: Scalar | None = None
    """Where the first run begins; None extracts everything."""
    lag: Lag | None = None
    end_param: NonEmpty | None = None
    """The parameter that takes the end of the window a backfill's run is for."""
    format: NonEmpty | None = None
    """
    How the parameters are written: a strftime format, `unix`, `unix_ms`; None writes the cursor as the API gave it,
    and the times of a window as 2026-05-13T09:00:00Z.
    """


UNIX, UNIX_MS = "unix", "unix_ms"
_DIRECTIVE = re.compile(r"%(.?)")
_DIRECTIVES = frozenset("YmdHMSfjyBbeTFDzZ%")


def check_api_incremental(incremental: ApiIncremental, params: Collection[str], field: str) -> None:
    """Judge what is said of the parameters; raises Invalid. `params` are those that are always sent."""
    if not all(incremental.cursor.split(".")):
        raise Invalid(f"{field}.cursor", "this is no field", valid="a name, dotted where it is nested")
    if incremental.param is None:
        for word in ("end_param", "format"):
            if getattr(incremental, word) is not None:
                raise Invalid(f"{field}.{word}", "it goes with param", valid="param: what takes the cursor")
    if incremental.param is not None and incremental.param == incremental.end_param:
        raise Invalid(f"{field}.end_param", "begin and end are one parameter", valid="another than param")
    for word in ("param", "end_param"):
        if getattr(incremental, word) in params:
            raise Invalid(
                f"{field}.{word}", "params has it already", valid="initial: where the first run begins"
            )
    if incremental.format is not None:
        _check_format(incremental.format, f"{field}.format")


def _check_format(text: str, field: str) -> None:
    found = _DIRECTIVE.findall(text)
    if text not in {UNIX, UNIX_MS} and not (found and _DIRECTIVES.issuperset(found) and "" not in found):
        raise Invalid(
            field,
            "this is no way to write a time",
            valid=f"{UNIX}, {UNIX_MS}, or strftime with %Y %m %d %H %M %S %f %j %y %B %b %e %F %T %D %z %Z %%",
        )
