"""
Pagination told by the first answer, for APIs that use one of the usual words.

    Link header      rel=next
    next link        a text that is a URL or a path, at one of the usual places
    cursor           at one of the usual places, where the parameter that takes it has one usual name

Nothing is guessed from a count: an answer that tells how many pages there are, but not where, is taken as the only one.
"""

import msgspec
from msgspec import Raw

from orc_executor.extractors.api.chained_pages import Step, cursor_step, header_step, link_step
from orc_executor.extractors.api.page import Page
from orc_executor.extractors.api.requests import Request
from orc_executor.extractors.json.records import JsonPath

LINKS = (
    ("next",), ("next_url",), ("nextUrl",), ("next_link",), ("nextLink",), ("next_page_url",), ("nextPageUrl",),
    ("@odata.nextLink",),
    ("links", "next"), ("links", "next", "href"), ("_links", "next"), ("_links", "next", "href"),
    ("paging", "next"), ("paging", "next", "link"), ("pagination", "next"), ("pagination", "next_url"),
    ("pagination", "next_link"), ("meta", "next"), ("meta", "next_url"), ("info", "next"),
)  # fmt: skip
CURSORS = (
    (("next_cursor",), "cursor"), (("nextCursor",), "cursor"), (("meta", "next_cursor"), "cursor"),
    (("pagination", "next_cursor"), "cursor"), (("paging", "next_cursor"), "cursor"),
    (("response_metadata", "next_cursor"), "cursor"),
    (("next_page_token",), "page_token"), (("meta", "next_page_token"), "page_token"),
    (("pagination", "next_page_token"), "page_token"), (("nextPageToken",), "pageToken"),
)  # fmt: skip
_LINK_BEGINS = ("http://", "https://", "/", "?")
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ANY = msgspec.json.Decoder()


def auto_step(first: Request) -> Step:
    """Look at the first page, and go on from every page as it says."""
    found: Step | None = None

    def step(page: Page) -> Request | None:
        nonlocal found
        if page.number == 1:
            found = _detected(page, first)
        return None if found is None else found(page)

    return step


def _detected(page: Page, first: Request) -> Step | None:
    if "next" in page.answer.links:
        return header_step(first, "next")
    if not page.body.startswith(b"{"):
        return None
    top = _OBJECT.decode(page.body)
    for names in LINKS:
        found = _at(top, names)
        if isinstance(found, str) and found.startswith(_LINK_BEGINS):
            return link_step(first, _path(names))
    for names, param in CURSORS:
        found = _at(top, names)
        if isinstance(found, str | int) and found and not isinstance(found, bool):
            return cursor_step(first, _path(names), param)
    return None


def _at(top: dict[str, Raw], names: tuple[str, ...]) -> object:
    """Return what stands there, None where nothing does."""
    place = top.get(names[0])
    for name in names[1:]:
        if place is None or _begin(place) != b"{":
            return None
        place = _OBJECT.decode(place).get(name)
    return None if place is None or _begin(place) in (b"[", b"{") else _ANY.decode(place)


def _begin(place: Raw) -> bytes:
    return bytes(memoryview(place)[:1])


def _path(names: tuple[str, ...]) -> JsonPath:
    return JsonPath("$" + "".join(f"['{name}']" for name in names), names, is_spread=False)
