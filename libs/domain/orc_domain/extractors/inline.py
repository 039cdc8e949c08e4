"""Rows written in the job itself."""

from typing import Annotated, Any

from msgspec import Meta

from orc_domain.config import Tagged

INLINE_ROWS_MAX = 10_000


class InlineExtract(Tagged, frozen=True, tag="inline"):
    """Rows written in the job itself: for trying things out."""

    rows: Annotated[list[dict[str, Any]], Meta(max_length=INLINE_ROWS_MAX)]
    """Objects, a row each."""
