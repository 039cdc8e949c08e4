"""
Chained pages: each answer says where the next one is, by a cursor or a link.

An API that leads back to a question that was asked before would go on for ever: that is an error, not more rows.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx
import msgspec

from orc_executor.errors import WrongShape
from orc_executor.extractors.api.asking import with_params
from orc_executor.extractors.api.page import Page, Reader, check_room
from orc_executor.extractors.api.requests import Request
from orc_executor.extractors.json.records import JsonPath, value
from orc_executor.steps import check_step

Step = Callable[[Page], Request | None]
"""What to ask for after a page; None after the last."""


async def chained(reader: Reader, first: Request, step: Step, pages_max: int) -> AsyncGenerator[Page, None]:
    """Yield page after page; raises TaskError naming the page."""
    request: Request | None = first
    seen, number = dict[int, int](), 1
    while request is not None:
        check_room(number, pages_max)
        asked = hash((str(request.url), msgspec.json.encode(request.body)))
        if (before := seen.setdefault(asked, number)) != number:
            raise WrongShape(f"page {number - 1} leads back to page {before}: the pages never end")
        page = await reader.page(number, request)
        yield page
        request, number = None if page.answer.is_last else step(page), number + 1


def cursor_step(first: Request, path: JsonPath, param: str) -> Step:
    """Ask the first question again with the cursor that stands at the path."""

    def step(page: Page) -> Request | None:
        found = scalar(page, path)
        return None if found is None else with_params(first, {param: found})

    return step


def link_step(first: Request, path: JsonPath) -> Step:
    """Follow the link that stands at the path."""

    def step(page: Page) -> Request | None:
        found = scalar(page, path)
        return None if found is None else _linked(page, str(found), first)

    return step


def header_step(first: Request, rel: str) -> Step:
    """Follow the link of that relation in the `Link` header."""

    def step(page: Page) -> Request | None:
        found = page.answer.links.get(rel.lower())
        return _linked(page, found, first) if found else None

    return step


def scalar(page: Page, path: JsonPath) -> str | int | float | None:
    """Return the text or number at the path, None where there is none, null, false, 0 or an empty text."""
    found: Any = value(page.body, path)
    if not found and not isinstance(found, list | dict):
        return None
    if isinstance(found, str | int | float) and not isinstance(found, bool):
        return found
    raise WrongShape(f"page {page.number}: at {path.text} is neither a text nor a number")


def _linked(page: Page, link: str, first: Request) -> Request:
    try:
        url = page.answer.url.join(link)
    except httpx.InvalidURL as error:
        raise WrongShape(f"page {page.number} links to what is no URL: {error}") from error
    check_step(url, f"page {page.number}", page.answer.url)
    return Request(url, first.body)
