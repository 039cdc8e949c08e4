"""
How an API tells where its next page is.

What is asked for goes into the query; with method POST and a body that is an object, into the body's fields.
"""

from typing import Annotated

from msgspec import Meta

from orc_domain.config import NonEmpty, Tagged

PagesMax = Annotated[int, Meta(ge=1, le=1_000_000)]
"""More pages than so many fail the task."""
PageSize = Annotated[int, Meta(ge=1, le=1_000_000)]


class PageNumber(Tagged, frozen=True, tag="page_number"):
    """`?page=1`, `?page=2`, …; ends at an empty page, at one shorter than `size`, or at `total_pages`."""

    page_param: NonEmpty = "page"
    """The query parameter of the page's number."""
    start: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 1
    """The first page's number."""
    size_param: NonEmpty | None = None
    """The query parameter of the page's size; None sends none."""
    size: PageSize | None = None
    """Records of a page; a shorter one is the last."""
    total_pages: NonEmpty | None = None
    """JSONPath of the number of pages in the answer."""
    pages_max: PagesMax = 10_000


class Offset(Tagged, frozen=True, tag="offset"):
    """`?offset=0&limit=100`, `?offset=100&limit=100`, …; ends at a page shorter than `limit`, or at `total`."""

    limit: PageSize = 100
    """Records of a page; a shorter one is the last."""
    offset_param: NonEmpty = "offset"
    """The query parameter of the offset."""
    limit_param: NonEmpty = "limit"
    """The query parameter of the limit."""
    total: NonEmpty | None = None
    """JSONPath of the number of records in the answer."""
    pages_max: PagesMax = 10_000


class Cursor(Tagged, frozen=True, tag="cursor"):
    """The answer names the next page's cursor; ends where it is absent, null, false, 0 or empty."""

    cursor_path: NonEmpty
    """JSONPath of the next cursor in the answer."""
    cursor_param: NonEmpty = "cursor"
    """What takes it."""
    pages_max: PagesMax = 10_000


class NextLink(Tagged, frozen=True, tag="next_link"):
    """The answer links to the next page: at a JSONPath, or without one in the `Link` header (RFC 8288, rel=next)."""

    path: NonEmpty | None = None
    """JSONPath of the next page's link in the answer; None looks at the `Link` header."""
    pages_max: PagesMax = 10_000


class LinkHeader(Tagged, frozen=True, tag="link_header"):
    """The next page is linked in the `Link` header (RFC 8288)."""

    rel: NonEmpty = "next"
    """Which of the header's links is the next page."""
    pages_max: PagesMax = 10_000


class Single(Tagged, frozen=True, tag="single"):
    """One answer is all there is."""


class Auto(Tagged, frozen=True, tag="auto"):
    """The first answer tells: a `Link` header, or one of the usual next links or cursors in the body; else it is single."""

    pages_max: PagesMax = 10_000


Pagination = PageNumber | Offset | Cursor | NextLink | LinkHeader | Single | Auto
