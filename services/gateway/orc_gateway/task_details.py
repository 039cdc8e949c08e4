"""What a task's result tells beside its counts, as the read tables keep it and REST shows it."""

import msgspec
from msgspec import Struct

from orc_domain.run_messages import TableLoad, TaskResult


class TaskDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fields of `TaskResult`; most tasks have none of them to tell, and no JSON."""

    tables: tuple[TableLoad, ...] = ()
    bad_rows: int = 0
    warnings: tuple[str, ...] = ()
    columns: dict[str, str] | None = None


NO_DETAILS = TaskDetails()
_decoder = msgspec.json.Decoder(TaskDetails)


def details_of(result: TaskResult) -> TaskDetails:
    """Return what a result tells beside its counts."""
    return TaskDetails(
        tables=result.tables, bad_rows=result.bad_rows, warnings=result.warnings, columns=result.columns
    )


def read_details(text: str | None) -> TaskDetails:
    """Read the column `details`, which rows of before do not have."""
    return NO_DETAILS if text is None else _decoder.decode(text)
