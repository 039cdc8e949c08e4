"""
A task before a job has it: what travels between the gateway and an executor that looks at its source.

    PreviewWish → `orc.preview.<pool>` → PreviewShown | PreviewFailed | PreviewLate | PreviewBusy

Nothing is written for it, so it is no command, and nothing of it is in the log.
"""

from typing import Annotated

from msgspec import Meta, Raw, Struct

from orc_domain.config import Config

ROWS_MAX = 1_000
ROWS_DEFAULT = 20

RowsWanted = Annotated[int, Meta(ge=1, le=ROWS_MAX)]


class PreviewWish(Struct, frozen=True, kw_only=True):
    """Look at a source; its config is judged, and its templates are rendered."""

    extractor_config: Config
    loader_config: Config | None
    """None leaves out what a load would do."""
    rows_wanted: int


class PreviewColumn(Struct, frozen=True):
    """A column as it would be loaded."""

    name: str
    type: str
    """As DuckDB calls it."""


class PreviewSource(Struct, frozen=True, kw_only=True):
    """What had to be read for it."""

    rows_seen: int
    bytes: int
    """Of an API's answers; of files all their bytes, most of which are not read."""
    files: int | None = None
    requests: int | None = None
    seconds: float


class PreviewTarget(Struct, frozen=True):
    """What a load would do to its target."""

    exists: bool | None
    """Whether the table is there; null where that is not looked at."""
    would: tuple[str, ...]
    """Such as `add column note VARCHAR to table orders`; what begins with `refuse:` is why nothing would be loaded."""


class TaskPreview(Struct, frozen=True, kw_only=True):
    """The first rows of a source, and what a load would do."""

    columns: tuple[PreviewColumn, ...]
    rows: tuple[Raw, ...]
    """JSON objects, as DuckDB writes them; long values end in `…`."""
    is_complete: bool
    """Whether these are all rows; false also where that is not known."""
    source: PreviewSource
    target: PreviewTarget
    warnings: tuple[str, ...]


class PreviewShown(Struct, frozen=True, tag="shown"):
    """It could be looked at."""

    preview: TaskPreview


class PreviewFailed(Struct, frozen=True, tag="failed"):
    """The source could not be read."""

    kind: str
    """As of a task that fails."""
    message: str


class PreviewLate(Struct, frozen=True, tag="late"):
    """It took longer than it may."""

    seconds_max: float


class PreviewBusy(Struct, frozen=True, tag="busy"):
    """The executor looks at as many sources as it may at once."""


PreviewAnswer = PreviewShown | PreviewFailed | PreviewLate | PreviewBusy


def preview_subject(pool: str) -> str:
    """Return what the executors of a pool are asked on."""
    return f"orc.preview.{pool}"
