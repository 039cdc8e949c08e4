"""
Pages: in which order an API's answers are asked for, and where they end.

Numbered pages (page_number, offset) whose total the first answer tells are fetched several at once, and handed on in
order. A chain (cursor, next_link) is fetched link by link. An API that ignores what it is asked would give the same
page for ever: one that repeats is an error, not more rows.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from math import ceil
from typing import Any

import httpx
from msgspec import Struct

from orc_domain.extractors.api import ApiExtract
from orc_domain.extractors.api_pages import Auto, Cursor, LinkHeader, NextLink, Offset, PageNumber, Single
from orc_executor.errors import Internal, WrongShape
from orc_executor.extractors.fetching import IN_FLIGHT_MAX, Answer, Fetcher, place
from orc_executor.extractors.json_records import ROOT, JsonPath, Records, compact, records, value

_FIELD = "extractor_config.pagination"


class Page(Struct, frozen=True):
    """The records of one answer."""

    number: int
    records: Records
    body: bytes
    answer: Answer


class Pages:
    """All pages of one API, in order."""

    def __init__(self, config: ApiExtract, fetcher: Fetcher) -> None:
        self._config, self._fetcher = config, fetcher
        self.total: int | None = None
        """Pages there are, once an answer told."""
        self._records = (
            ROOT if config.records is None else JsonPath.parse(config.records, "extractor_config.records")
        )

    def all(self) -> AsyncGenerator[Page, None]:
        """Yield page after page; raises TaskError naming the page."""
        match self._config.pagination:
            case None | Single():
                return self._single()
            case PageNumber() as numbered:
                return self._numbered(
                    lambda number: _page_params(numbered, number),
                    numbered.size,
                    numbered.total_pages,
                    1,
                    numbered.pages_max,
                )
            case Offset() as offset:
                return self._numbered(
                    lambda number: {
                        offset.offset_param: str((number - 1) * offset.limit),
                        offset.limit_param: str(offset.limit),
                    },
                    offset.limit, offset.total, offset.limit, offset.pages_max,
                )  # fmt: skip
            case Cursor() as cursor:
                return self._chained(_cursor_step(cursor), cursor.pages_max)
            case NextLink() as link:
                return self._chained(_link_step(link), link.pages_max)
            case LinkHeader() | Auto():
                raise Internal("this pagination is not built yet")

    async def _single(self) -> AsyncGenerator[Page, None]:
        yield await self._page(1, self._fetcher.url)

    async def _numbered(
        self,
        params: Callable[[int], dict[str, str]],
        size: int | None,
        total_path: str | None,
        per_page: int,
        pages_max: int,
    ) -> AsyncGenerator[Page, None]:
        """Yield pages 1 to the last, which an empty or short one is, or the total tells."""
        path = None if total_path is None else JsonPath.parse(total_path, _FIELD)

        def url(number: int) -> httpx.URL:
            return self._fetcher.url.copy_merge_params(params(number))

        page = await self._page(1, url(1))
        total = None if path is None else _count(page, path)
        if total is None:
            while page.records.count:
                yield page
                if size is not None and page.records.count < size:
                    return
                previous = page
                _check_room(page.number + 1, pages_max)
                page = await self._page(page.number + 1, url(page.number + 1))
                _check_differs(page, previous)
            return
        self.total = last = ceil(total / per_page)
        yield page
        _check_room(last, pages_max)
        previous = page
        async for page in self._several(range(2, last + 1), url):
            _check_differs(page, previous)
            yield page
            previous = page

    async def _several(self, numbers: range, url: Callable[[int], httpx.URL]) -> AsyncGenerator[Page, None]:
        """Yield the pages in order, a few being fetched at any time."""
        waiting = deque[asyncio.Task[Page]]()
        left = iter(numbers)
        try:
            while True:
                while len(waiting) < IN_FLIGHT_MAX and (number := next(left, None)) is not None:
                    waiting.append(asyncio.create_task(self._page(number, url(number))))
                if not waiting:
                    return
                yield await waiting[0]
                waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _chained(
        self, step: Callable[[Page], httpx.URL | None], pages_max: int
    ) -> AsyncGenerator[Page, None]:
        url: httpx.URL | None = self._fetcher.url
        seen, number = dict[int, int](), 1
        while url is not None:
            _check_room(number, pages_max)
            if (before := seen.setdefault(hash(url), number)) != number:
                raise WrongShape(f"page {number - 1} leads back to page {before}: the pages never end")
            page = await self._page(number, url)
            yield page
            url, number = step(page), number + 1

    async def _page(self, number: int, url: httpx.URL) -> Page:
        answer = await self._fetcher.get(url)
        try:
            body = compact(answer.body)
            return Page(number, records(body, self._records), body, answer)
        except WrongShape as error:
            raise WrongShape(f"{place(url)}, page {number}: {error}") from error


def _page_params(numbered: PageNumber, number: int) -> dict[str, str]:
    params = {numbered.page_param: str(numbered.start + number - 1)}
    if numbered.size_param is not None and numbered.size is not None:
        params[numbered.size_param] = str(numbered.size)
    return params


def _cursor_step(cursor: Cursor) -> Callable[[Page], httpx.URL | None]:
    path = JsonPath.parse(cursor.cursor_path, _FIELD)

    def step(page: Page) -> httpx.URL | None:
        found = _scalar(page, path)
        return None if found is None else page.answer.url.copy_merge_params({cursor.cursor_param: found})

    return step


def _link_step(link: NextLink) -> Callable[[Page], httpx.URL | None]:
    path = None if link.path is None else JsonPath.parse(link.path, _FIELD)

    def step(page: Page) -> httpx.URL | None:
        found = page.answer.next_link if path is None else _scalar(page, path)
        if not found:
            return None
        try:
            return page.answer.url.join(found)
        except httpx.InvalidURL as error:
            raise WrongShape(f"page {page.number} links to what is no URL: {error}") from error

    return step


def _scalar(page: Page, path: JsonPath) -> str | None:
    """Return a text or number at the path, None where there is none, null or an empty text; raises WrongShape."""
    found = value(page.body, path)
    if found is None or found in ("", False):
        return None
    if isinstance(found, str | int | float):
        return str(found)
    raise WrongShape(f"page {page.number}: at {path.text} is neither a text nor a number")


def _count(page: Page, path: JsonPath) -> int | None:
    found: Any = value(page.body, path)
    if isinstance(found, str) and found.isdigit():
        return int(found)
    if found is not None and (isinstance(found, bool) or not isinstance(found, int) or found < 0):
        raise WrongShape(f"page {page.number}: at {path.text} is no count")
    return found


def _check_room(number: int, pages_max: int) -> None:
    if number > pages_max:
        raise WrongShape(f"there are more than {pages_max} pages (pages_max)")


def _check_differs(page: Page, previous: Page) -> None:
    if page.records.count and page.body == previous.body:
        raise WrongShape(
            f"page {page.number} is the same as page {previous.number}: the API ignores which one is asked for"
        )
