"""A page: one answer of an API, its records cut out."""

from collections.abc import Awaitable, Callable

from msgspec import Struct

from orc_executor.errors import WrongShape
from orc_executor.extractors.api.answers import Answer, cut, place
from orc_executor.extractors.api.requests import Request
from orc_executor.extractors.json.records import ROOT, JsonPath, Records

Ask = Callable[[Request], Awaitable[Answer]]


class Page(Struct, frozen=True):
    """The records of one answer."""

    number: int
    """From 1."""
    records: Records
    body: bytes
    answer: Answer
    pages: int | None = None
    """How many there are, where this answer told."""


class Reader:
    """Asks for the pages of one resource."""

    def __init__(self, ask: Ask, path: str | None, field: str) -> None:
        self._ask = ask
        self._path = ROOT if path is None else JsonPath.parse(path, field)

    async def page(self, number: int, request: Request) -> Page:
        """Return the page; raises TaskError naming it."""
        answer = await self._ask(request)
        try:
            found = cut(answer, self._path)
            return Page(number, found.records, found.body, answer)
        except WrongShape as error:
            raise WrongShape(f"{place(request.url)}, page {number}: {error}") from error


def check_room(number: int, pages_max: int) -> None:
    """Refuse a page beyond the last that may be; raises WrongShape."""
    if number > pages_max:
        raise WrongShape(f"there are more than {pages_max} pages (pages_max)")
