"""
Pages: in which order an API's answers are asked for, and where they end.

    numbered    page_number, offset: several at once, handed on in order
    chained     cursor, next_link, link_header, auto: link by link
    single      one answer
"""

from collections.abc import AsyncGenerator

from orc_domain.extractors.api_pages import (
    Auto,
    Cursor,
    LinkHeader,
    NextLink,
    Offset,
    PageNumber,
    Pagination,
    Single,
)
from orc_executor.extractors.api.auto_pages import auto_step
from orc_executor.extractors.api.chained_pages import chained, cursor_step, header_step, link_step
from orc_executor.extractors.api.numbered_pages import by_number, by_offset, numbered
from orc_executor.extractors.api.page import Ask, Page, Reader
from orc_executor.extractors.api.requests import Request
from orc_executor.extractors.json.records import JsonPath


class Pages:
    """All pages of one resource, in order."""

    def __init__(self, ask: Ask, pagination: Pagination | None, records: str | None, field: str) -> None:
        self._pagination, self._field = pagination, f"{field}.pagination"
        self._reader = Reader(ask, records, f"{field}.records")

    def all(self, first: Request, in_flight: int, *, is_safe: bool) -> AsyncGenerator[Page, None]:
        """
        Yield page after page; raises TaskError naming the page.

        No more than `in_flight` are asked for at once; `is_safe` says that a question too many does nothing.
        """
        reader, field = self._reader, self._field
        match self._pagination:
            case None | Single():
                return self._single(first)
            case PageNumber() as config:
                return numbered(reader, first, by_number(config, field), in_flight, is_safe=is_safe)
            case Offset() as config:
                return numbered(reader, first, by_offset(config, field), in_flight, is_safe=is_safe)
            case Cursor() as config:
                path = JsonPath.parse(config.cursor_path, f"{field}.cursor_path")
                step = cursor_step(first, path, config.cursor_param)
            case NextLink(path=None):
                step = header_step(first, "next")
            case NextLink(path=str() as text):
                step = link_step(first, JsonPath.parse(text, f"{field}.path"))
            case LinkHeader() as config:
                step = header_step(first, config.rel)
            case Auto():
                step = auto_step(first)
        return chained(reader, first, step, self._pagination.pages_max)

    async def _single(self, first: Request) -> AsyncGenerator[Page, None]:
        yield await self._reader.page(1, first)
