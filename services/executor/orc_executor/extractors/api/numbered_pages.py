"""
Numbered pages: `?page=2`, `?offset=100`.

Where the first answer tells how many there are, the rest is asked for several at once. Where nothing tells, pages are
asked for ahead all the same, as the end is told by a page alone: what lies beyond it is dropped unread, a refusal
among it, so that the outcome is the one of asking page by page. Never are more asked for ahead than were there
before: a short list costs few questions too many. With POST, which may do something, none are.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from math import ceil
from typing import Any

from msgspec import Struct, structs

from orc_domain.extractors.api_pages import Offset, PageNumber
from orc_executor.errors import WrongShape
from orc_executor.extractors.api.asking import with_params
from orc_executor.extractors.api.page import Page, Reader, check_room
from orc_executor.extractors.api.requests import Request
from orc_executor.extractors.json.records import JsonPath, value


class Numbering(Struct, frozen=True):
    """How pages are numbered."""

    params: Callable[[int], dict[str, int]]
    """Of a page, counted from 1."""
    size: int | None
    """A page with fewer records is the last."""
    total: JsonPath | None
    """Of a count in the first answer."""
    per_page: int
    """How much of that count a page is."""
    pages_max: int


def by_number(config: PageNumber, field: str) -> Numbering:
    """Return the numbering of `page_number`; raises WrongShape for what is no JSONPath."""

    def params(number: int) -> dict[str, int]:
        found = {config.page_param: config.start + number - 1}
        if config.size_param is not None and config.size is not None:
            found[config.size_param] = config.size
        return found

    total = None if config.total_pages is None else JsonPath.parse(config.total_pages, f"{field}.total_pages")
    return Numbering(params, config.size, total, 1, config.pages_max)


def by_offset(config: Offset, field: str) -> Numbering:
    """Return the numbering of `offset`; raises WrongShape for what is no JSONPath."""

    def params(number: int) -> dict[str, int]:
        return {config.offset_param: (number - 1) * config.limit, config.limit_param: config.limit}

    total = None if config.total is None else JsonPath.parse(config.total, f"{field}.total")
    return Numbering(params, config.limit, total, config.limit, config.pages_max)


async def numbered(
    reader: Reader, first: Request, numbering: Numbering, in_flight: int, *, is_safe: bool
) -> AsyncGenerator[Page, None]:
    """Yield pages 1 to the last; `is_safe` says that a question too many does nothing."""

    def ask(number: int) -> asyncio.Task[Page]:
        request = with_params(first, numbering.params(number))
        return asyncio.create_task(reader.page(number, request))

    page = await ask(1)
    total = None if numbering.total is None or page.answer.is_last else _count(page, numbering.total)
    if total is not None:
        _check_whole(page, numbering, total)
        page = structs.replace(page, pages=ceil(total / numbering.per_page))
    yield page
    if _is_end(page, numbering, total):
        return
    last = numbering.pages_max + 1 if total is None else ceil(total / numbering.per_page)
    if total is not None:
        check_room(last, numbering.pages_max)
    previous = page

    def window() -> int:
        if total is not None:
            return in_flight
        return max(1, min(in_flight, previous.number)) if is_safe else 1

    async with aclosing(_in_order(range(2, last + 1), ask, window)) as pages:
        async for page in pages:
            if page.records.count:
                _check_differs(page, previous)
                check_room(page.number, numbering.pages_max)
            yield page
            if _is_end(page, numbering, total):
                return
            previous = page


async def _in_order(
    numbers: Iterable[int], ask: Callable[[int], asyncio.Task[Page]], window: Callable[[], int]
) -> AsyncGenerator[Page, None]:
    """Yield the pages in order, as many being asked for at any time as the window is wide."""
    waiting, left = deque[asyncio.Task[Page]](), iter(numbers)
    try:
        while True:
            while len(waiting) < window() and (number := next(left, None)) is not None:
                waiting.append(ask(number))
            if not waiting:
                return
            page = await waiting[0]
            waiting.popleft()
            yield page
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _is_end(page: Page, numbering: Numbering, total: int | None) -> bool:
    if page.answer.is_last:
        return True
    return total is None and page.records.count < (numbering.size or 1)


def _count(page: Page, path: JsonPath) -> int | None:
    found: Any = value(page.body, path)
    if isinstance(found, str) and found.isdecimal():
        return int(found)
    if found is not None and (isinstance(found, bool) or not isinstance(found, int) or found < 0):
        raise WrongShape(f"page {page.number}: at {path.text} is no count")
    return found


def _check_whole(page: Page, numbering: Numbering, total: int) -> None:
    """Refuse to count in steps that the API does not take: it would leave out what lies between."""
    if numbering.per_page == 1:
        return
    found, due = page.records.count, min(numbering.per_page, total)
    if found < due:
        raise WrongShape(
            f"page 1 has {found} records where limit asks for {numbering.per_page} of {total}: "
            "set limit to what the API gives"
        )


def _check_differs(page: Page, previous: Page) -> None:
    if page.body == previous.body:
        raise WrongShape(
            f"page {page.number} is the same as page {previous.number}: the API ignores which one is asked for"
        )
