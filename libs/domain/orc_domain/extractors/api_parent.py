"""Resources under others: `/issues/{parent.number}/comments` is asked for once for each record of the parent."""

from typing import Annotated

from msgspec import Meta, Struct

from orc_domain.config import NonEmpty, SecretRef
from orc_domain.extractors.api_pages import Pagination

PARENT_RECORDS_MAX = 1_000_000
INCLUDES_MAX = 100


class ApiParent(Struct, frozen=True, forbid_unknown_fields=True):
    """The resource whose records say which children to ask for; it shares the child's auth, headers and limits."""

    url: Annotated[str, Meta(min_length=1, max_length=8192)]
    """Of the parent; the child's URL refers to its fields as `{parent.field}`."""
    params: dict[NonEmpty, str | int | float | bool | SecretRef] = {}
    """Query parameters of the parent; a secret as {"secret": name}."""
    records: NonEmpty | None = None
    """JSONPath (RFC 9535) of the array of records; None when the answer is the array."""
    pagination: Pagination | None = None
    """Of the parent; None is one answer."""
    include: Annotated[tuple[NonEmpty, ...], Meta(max_length=INCLUDES_MAX)] = ()
    """Fields of the parent's record that each child's record gets, as `parent_<field>`."""
    records_max: Annotated[int, Meta(ge=1, le=PARENT_RECORDS_MAX)] = 10_000
    """Parents beyond so many fail the task."""
